"""How a verifier is judged: pairs, accuracy over folds, and the ROC curve.

A score says how alike the two of a pair are, the larger the more: a cosine, or a distance with a
minus sign.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.verification.distances import check_labels
from dlcv.verification.mining import Pairs, all_pairs


class FoldAccuracy(NamedTuple):
    """Accuracy over F folds: mean, standard error, and for each fold accuracy and threshold [F]."""

    mean: float
    standard_error: float
    per_fold: Tensor
    thresholds: Tensor


class Roc(NamedTuple):
    """Rates at falling thresholds [T], from (0, 0) to (1, 1), float64."""

    false_accepts: Tensor
    true_accepts: Tensor
    thresholds: Tensor


def make_pairs(labels: Tensor, pairs: int, folds: int = 10, seed: int = 0) -> Pairs:
    """Draw pairs to be judged, in folds that share no class, half of the pairs in each the same.

    The classes are dealt out to the folds. In its fold every pair has equal chances, and none comes
    twice.

    Args:
        labels: Whole numbers [N], one for each image.
        pairs: Number of pairs M, a multiple of 2 · folds; LFW has 6,000.
        folds: Number of folds; LFW has 10.
        seed: Whole number, at least 0.

    Returns:
        The pairs, fold after fold as `verification_accuracy` takes them.

    Raises:
        ValueError: If the numbers do not fit, or a fold has too few images for its pairs.

    Reference:
        Huang et al., Labeled Faces in the Wild, 2007, sec. 3 (View 2).

    Taught in: lectures/09_verification
    """
    check_labels(labels)
    if folds < 1 or pairs < 1 or pairs % (2 * folds) or seed < 0:
        got = f"{pairs}, {folds} and {seed}"
        raise ValueError(f"expected pairs in multiples of 2 · folds and a seed >= 0, got {got}")
    generator = torch.Generator().manual_seed(seed)
    classes = labels.unique()
    classes = classes[torch.randperm(len(classes), generator=generator).to(labels.device)]
    drawn = []
    for fold in classes.tensor_split(folds):
        members = torch.isin(labels, fold).nonzero()[:, 0]
        inside = all_pairs(labels[members])
        for kind in (inside.same, ~inside.same):
            chosen = _draw(kind, pairs // (2 * folds), generator)
            drawn.append(Pairs(members[inside.first[chosen]], members[inside.second[chosen]],
                               inside.same[chosen]))  # fmt: skip
    return Pairs(*[torch.cat(column) for column in zip(*drawn, strict=True)])


def _draw(candidates: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices [count] of different entries that are true."""
    places = candidates.nonzero()[:, 0]
    if len(places) < count:
        raise ValueError(
            f"expected at least {count} pairs of each kind in a fold, got {len(places)}"
        )
    return places[torch.randperm(len(places), generator=generator)[:count].to(places.device)]


def best_threshold(scores: Tensor, same: Tensor) -> float:
    """The threshold with the most right answers, where a score of at least the threshold says same.

    It lies midway between two neighbouring scores, or at ±∞; of equally good ones it is the lowest.

    Args:
        scores: [M], M ≥ 1, finite.
        same: bool [M].

    Returns:
        The threshold.

    Raises:
        ValueError: If the shapes do not fit, there is no pair, or a score is not finite.

    Taught in: lectures/09_verification
    """
    scores, same = _checked(scores, same)
    scores, order = scores.sort()
    same = same[order].double()
    rejected_right = torch.cat([same.new_zeros(1), (1 - same).cumsum(0)])  # [M + 1]: below cut i
    accepted_right = same.sum() - torch.cat([same.new_zeros(1), same.cumsum(0)])
    edge = scores.new_full((1,), math.inf)
    low, high = torch.cat([-edge, scores]), torch.cat([scores, edge])
    right = (rejected_right + accepted_right).masked_fill(low == high, -1)  # no cut between equals
    cut = int((right == right.max()).nonzero()[0])
    return ((low[cut] + high[cut]) / 2).item()


def verification_accuracy(scores: Tensor, same: Tensor, folds: int = 10) -> FoldAccuracy:
    """The share of right answers, each fold judged by the threshold that suits the others best.

    A threshold chosen on the pairs that it is judged by would flatter the verifier.

    Args:
        scores: [M], the larger the more alike.
        same: bool [M].
        folds: Number of folds, from 2 to M: consecutive pairs, equally many where M allows.

    Returns:
        Mean accuracy and its standard error, and for each fold accuracy and threshold.

    Raises:
        ValueError: If the shapes do not fit, there are not so many folds, or a score is not finite.

    Reference:
        Huang et al., Labeled Faces in the Wild, 2007, sec. 3 (View 2).

    Taught in: lectures/09_verification
    """
    scores, same = _checked(scores, same)
    if not 2 <= folds <= len(scores):
        raise ValueError(f"expected from 2 to {len(scores)} folds, got {folds}")
    accuracies, thresholds = [], []
    for fold in torch.arange(len(scores), device=scores.device).tensor_split(folds):
        others = torch.ones_like(same)
        others[fold] = False
        threshold = best_threshold(scores[others], same[others])
        answers = scores[fold] >= threshold
        accuracies.append((answers == same[fold]).double().mean().item())
        thresholds.append(threshold)
    per_fold = torch.tensor(accuracies, dtype=torch.float64)
    standard_error = per_fold.std().item() / math.sqrt(folds)
    found = torch.tensor(thresholds, dtype=torch.float64)
    return FoldAccuracy(per_fold.mean().item(), standard_error, per_fold, found)


def roc(scores: Tensor, same: Tensor) -> Roc:
    """The rates of false and true accepts at every threshold.

    Args:
        scores: [M], the larger the more alike.
        same: bool [M], with pairs of both kinds.

    Returns:
        The curve; its first threshold is ∞, each further one a score that occurs.

    Raises:
        ValueError: If the shapes do not fit, a score is not finite, or a kind of pair is missing.

    Taught in: lectures/09_verification
    """
    scores, same = _checked(scores, same)
    if same.all() or not same.any():
        raise ValueError(f"expected pairs of both kinds, got {len(same)} of one")
    scores, order = scores.sort(descending=True)
    same = same[order].double()
    last = torch.cat([scores[1:] < scores[:-1], same.new_ones(1).bool()])  # of equal scores
    start = same.new_zeros(1)
    true = torch.cat([start, same.cumsum(0)[last] / same.sum()])
    false = torch.cat([start, (1 - same).cumsum(0)[last] / (1 - same).sum()])
    return Roc(false, true, torch.cat([start + math.inf, scores[last]]))


def area_under(curve: Roc) -> float:
    """Area under a ROC curve, by trapezia: the chance that a same pair scores above another.

    Equal scores count half.

    Args:
        curve: From `roc`.

    Returns:
        The area, in [0, 1]; 0.5 is chance.

    Taught in: lectures/09_verification
    """
    return torch.trapezoid(curve.true_accepts, curve.false_accepts).item()


def true_accepts_at(curve: Roc, false_accepts: float) -> float:
    """TAR at FAR: the largest rate of true accepts whose false accepts stay within a limit.

    Args:
        curve: From `roc`. With M pairs of different classes no rate between 0 and 1/M is resolved.
        false_accepts: The limit, in [0, 1].

    Returns:
        The rate, in [0, 1].

    Raises:
        ValueError: If the limit is no rate.

    Taught in: lectures/09_verification
    """
    if not 0 <= false_accepts <= 1:
        raise ValueError(f"expected a rate in [0, 1], got {false_accepts}")
    return curve.true_accepts[curve.false_accepts <= false_accepts].max().item()


def _checked(scores: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
    """Scores in float64 and same as bool, if they are finite and belong together."""
    if scores.ndim != 1 or scores.shape != same.shape or len(scores) == 0:
        got = f"{list(scores.shape)} and {list(same.shape)}"
        raise ValueError(f"expected scores [M] and same [M], M > 0, got {got}")
    if not scores.isfinite().all():
        raise ValueError(f"expected finite scores, got {scores[~scores.isfinite()][0].item()}")
    return scores.detach().double(), same.bool()
