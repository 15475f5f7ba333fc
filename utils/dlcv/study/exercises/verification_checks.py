"""Checks and solutions of the exercises on verification."""

import math

import torch
from torch import Tensor

from dlcv.study.exercises.base import attempt, expect
from dlcv.verification.losses import batch_all_triplet_loss
from dlcv.verification.margins import arcface_logits, normface_logits
from dlcv.verification.mining import all_pairs, all_triplets, semi_hard_triplets
from dlcv.verification.protocol import best_threshold, verification_accuracy


def _batch(seed: int, count: int = 14, people: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 5, generator=generator, dtype=torch.float64)
    return x / x.norm(dim=1, keepdim=True), torch.randint(people, (count,), generator=generator)


def _number(value: object, what: str) -> Tensor:
    expect(isinstance(value, Tensor), f"expected {what} as a tensor, got {type(value).__name__}.")
    expect(value.numel() == 1, f"expected one number, got shape {list(value.shape)}.")
    return value.reshape(())


# ---------------------------------------------------------------------------------- 09.batch_all
def check_batch_all(answer: object) -> None:
    """Compares with the package, and names the triplets that were counted too many."""
    for seed, margin in ((0, 0.2), (1, 1.0), (2, 0.5)):
        x, labels = _batch(seed)
        x.requires_grad_()
        got = _number(attempt(answer, x, labels, margin), "the loss").double()
        right = batch_all_triplet_loss(x, labels, margin)
        d = ((x[:, None] - x[None]) ** 2).sum(2)
        _name_batch_all(got, d, labels, margin)
        expect(
            torch.isclose(got, right, rtol=0, atol=1e-9),
            f"expected {right.item():.6f} on a batch of {len(labels)}, got {got.item():.6f}.",
        )
        expect(got.requires_grad, "the loss has no gradient: keep to operations of torch.")


def _name_batch_all(got: Tensor, d: Tensor, labels: Tensor, margin: float) -> None:
    equal = labels[:, None] == labels[None, :]
    hinge = (d[:, :, None] - d[:, None, :] + margin).clamp(min=0)
    itself = hinge[equal[:, :, None] & ~equal[:, None, :]].mean()
    a, p, n = all_triplets(labels).T
    losses = hinge[a, p, n]
    roots = (d.clamp(min=1e-30).sqrt()[a, p] - d.clamp(min=1e-30).sqrt()[a, n] + margin).clamp(
        min=0
    )
    mistakes = (
        (itself, "you let an anchor be its own positive: p must differ from a."),
        (losses.sum(), "that is the sum; the mean over all valid triplets is asked for."),
        (
            losses[losses > 0].mean(),
            "you divided by the active triplets alone; count the idle too.",
        ),
        (roots.mean(), "you used distances; this loss takes their squares."),
        ((d[a, p] - d[a, n] + margin).mean(), "nothing stops a triplet at 0: the [·]₊ is missing."),
    )
    for value, message in mistakes:
        expect(not torch.isclose(got, value, rtol=0, atol=1e-9), message)


def solve_batch_all(x, labels, margin):
    """All triplets at once, from one matrix of squared distances."""
    d = ((x[:, None] - x[None]) ** 2).sum(2)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(x), dtype=torch.bool)
    valid = positive[:, :, None] & ~same[:, None, :]
    losses = (d[:, :, None] - d[:, None, :] + margin).clamp(min=0)
    return losses[valid].mean()


# ---------------------------------------------------------------------------------- 09.semi_hard
def check_semi_hard(answer: object) -> None:
    """Every triplet must satisfy both inequalities, and none may be left out."""
    for seed, margin in ((3, 0.3), (4, 1.0), (5, 0.05)):
        x, labels = _batch(seed)
        got = attempt(answer, x, labels, margin)
        expect(isinstance(got, Tensor), f"expected a tensor [T, 3], got {type(got).__name__}.")
        expect(
            got.ndim == 2 and got.shape[1] == 3, f"expected shape [T, 3], got {list(got.shape)}."
        )
        expect(not got.is_floating_point(), "expected indices, whole numbers.")
        _inspect_triplets(got, x, labels, margin)
        right = semi_hard_triplets(x, labels, margin)
        expect(len(got.unique(dim=0)) == len(got), "some triplet is there twice.")
        expect(
            len(got) == len(right),
            f"{len(right)} triplets of this batch are semi-hard, you found {len(got)}.",
        )


def _inspect_triplets(got: Tensor, x: Tensor, labels: Tensor, margin: float) -> None:
    a, p, n = got.T
    near, far = ((x[a] - x[p]) ** 2).sum(1), ((x[a] - x[n]) ** 2).sum(1)
    expect(not (a == p).any(), "an anchor is its own positive: p must differ from a.")
    expect((labels[a] == labels[p]).all(), "anchor and positive must be of one person.")
    expect((labels[a] != labels[n]).all(), "the negative must be another person than the anchor.")
    expect(
        (near < far).all(),
        "some negative is nearer than the positive: that triplet is hard, not semi-hard.",
    )
    expect(
        (far < near + margin).all(),
        "some negative is already farther than the positive by the margin: that triplet is idle. "
        "Remember that the margin is added to *squared* distances.",
    )


def solve_semi_hard(x, labels, margin):
    """The two inequalities, for all triplets at once."""
    d = ((x[:, None] - x[None]) ** 2).sum(2)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(x), dtype=torch.bool)
    gap = d[:, None, :] - d[:, :, None]  # how much farther the negative is: [a, p, n]
    chosen = positive[:, :, None] & ~same[:, None, :] & (gap > 0) & (gap < margin)
    return chosen.nonzero()


# ------------------------------------------------------------------------------------ 09.arcface
def check_arcface(answer: object) -> None:
    """Compares with the package, with NormFace at m = 0, and looks at the ends of the cosine."""
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    weight = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(5, (7,), generator=generator)
    got = _logits(attempt(answer, x, weight, labels, 0.5, 16.0))
    plain = normface_logits(x, weight, 16.0)
    right = arcface_logits(x, weight, labels, 0.5, 16.0)
    everywhere = 16 * (torch.acos(plain / 16) + 0.5).cos()
    expect(
        not torch.allclose(got, everywhere, rtol=0, atol=1e-6),
        "you widened every angle. Only that to the own class gets the margin.",
    )
    expect(not torch.allclose(got, right / 16, rtol=0, atol=1e-6), "the scale $s$ is missing.")
    expect(
        got.abs().max() <= 16 + 1e-6,
        f"a logit of {got.abs().max():.1f} at scale 16: embeddings or class vectors are not "
        "normalised, or the margin stands outside the cosine.",
    )
    own = labels[:, None] == torch.arange(5)
    opposite = 16 * (torch.acos(plain / 16) - 0.5).cos()
    expect(
        not torch.allclose(got[own], opposite[own], rtol=0, atol=1e-6),
        "you made the own angle narrower. The margin makes the task harder: add it.",
    )
    expect(
        torch.allclose(got, right, rtol=0, atol=1e-6),
        f"the largest difference from $s\\cos(\\theta_y+m)$ is {(got - right).abs().max():.4f}.",
    )
    without = _logits(attempt(answer, x, weight, labels, 0.0, 16.0))
    expect(torch.allclose(without, plain, rtol=0, atol=1e-6), "with $m=0$ it must equal NormFace.")
    _check_ends(answer)


def _logits(got: object) -> Tensor:
    expect(isinstance(got, Tensor), f"expected logits, got {type(got).__name__}.")
    expect(got.shape == (7, 5), f"expected logits [7, 5], got {list(got.shape)}.")
    return got


def _check_ends(answer: object) -> None:
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    logits = attempt(answer, x, weight, torch.tensor([0, 0]), 0.5, 16.0)
    logits.sum().backward()
    expect(
        x.grad is not None and x.grad.isfinite().all(),
        "an embedding exactly on its class vector gets a gradient that is not finite: the slope of "
        "acos (and of the root) at ±1 is infinite. Keep the cosine a little inside.",
    )


def solve_arcface(x, weight, labels, margin, scale):
    """Widen the own angle, with the cosine kept just inside (-1, 1)."""
    cos = torch.nn.functional.normalize(x) @ torch.nn.functional.normalize(weight).T
    inside = cos.clamp(-1 + 1e-9, 1 - 1e-9)
    widened = (inside.acos() + margin).cos()
    own = torch.nn.functional.one_hot(labels, len(weight)).bool()
    return scale * torch.where(own, widened, cos)


# ---------------------------------------------------------------------------------- 09.ten_folds
def check_ten_folds(answer: object) -> None:
    """Random scores first, then a constructed set."""
    generator = torch.Generator().manual_seed(7)
    for size, folds in ((60, 10), (40, 4)):
        same = torch.randint(2, (size,), generator=generator).bool()
        noise = torch.randn(size, generator=generator, dtype=torch.float64)
        _compare_folds(answer, noise + same * 0.8, same, folds)
    scores = torch.tensor([0.9, 0.1, 0.8, 0.2, 0.3, 0.05, 0.35, 0.02], dtype=torch.float64)
    same = torch.tensor([1, 0, 1, 0, 1, 0, 1, 0], dtype=torch.bool)
    _compare_folds(answer, scores, same, 2)


def _compare_folds(answer: object, scores: Tensor, same: Tensor, folds: int) -> None:
    got = attempt(answer, scores, same, folds)
    expect(isinstance(got, (int, float, Tensor)), f"expected a number, got {type(got).__name__}.")
    got, right = float(got), verification_accuracy(scores, same, folds).mean
    cheating = ((scores >= best_threshold(scores, same)) == same).double().mean().item()
    own = []
    for fold in torch.arange(len(scores)).tensor_split(folds):
        limit = best_threshold(scores[fold], same[fold])
        own.append(((scores[fold] >= limit) == same[fold]).double().mean().item())
    expect(
        math.isclose(right, cheating) or not math.isclose(got, cheating),
        "one threshold for all pairs, chosen on the pairs it is judged by. Leave the fold out.",
    )
    expect(
        math.isclose(right, sum(own) / folds) or not math.isclose(got, sum(own) / folds),
        "you chose the threshold on the fold that it judges. Choose it on the other folds.",
    )
    expect(
        math.isclose(got, right, abs_tol=1e-9),
        f"expected {right:.4f} on {len(scores)} pairs in {folds} folds, got {got:.4f}.",
    )


def solve_ten_folds(scores, same, folds):
    """Leave each fold out, choose on the rest, judge on the fold."""
    right = []
    for fold in torch.arange(len(scores)).tensor_split(folds):
        rest = torch.ones(len(scores), dtype=torch.bool)
        rest[fold] = False
        threshold = best_threshold(scores[rest], same[rest])
        right.append(((scores[fold] >= threshold) == same[fold]).double().mean().item())
    return sum(right) / folds


# --------------------------------------------------------------------------------- 09.batch_shape
def check_batch_shape(answer: object) -> None:
    """Counts by hand against lists of all pairs and triplets."""
    for P, K in ((2, 2), (8, 4), (12, 8), (48, 2), (1, 5), (5, 1)):
        labels = torch.arange(P).repeat_interleave(K)
        got = attempt(answer, P, K)
        expect(
            isinstance(got, (tuple, list)) and len(got) == 2,
            "expected two numbers: positive pairs, triplets.",
        )
        positives = int(all_pairs(labels).same.sum())
        triplets = P * K * (K - 1) * (P - 1) * K
        where = f"$P={P}$, $K={K}$"
        expect(
            positives == 0 or got[0] != 2 * positives,
            "you counted each positive pair twice, as (i, j) and as (j, i).",
        )
        expect(
            got[0] == positives, f"{where} has {positives} positive pairs, you counted {got[0]}."
        )
        expect(
            triplets == 0 or 2 * got[1] != triplets,
            "either of a pair can be the anchor: (a, p, n) and (p, a, n) are two triplets.",
        )
        expect(got[1] == triplets, f"{where} has {triplets} triplets, you counted {got[1]}.")


def solve_batch_shape(P, K):
    """P people, K images each."""
    positives = P * K * (K - 1) // 2
    triplets = P * K * (K - 1) * (P - 1) * K  # anchor, positive, negative
    return positives, triplets
