"""A linear support vector machine, and the search for the few negatives that matter to it."""

from typing import NamedTuple

import torch
from torch import Tensor

BIAS_INPUT = 10.0
"""A constant that is appended to every feature vector; its weight is the bias. The larger it is,
the less the penalty on the weights holds the bias back; 10 is R-CNN's."""


def with_bias(features: Tensor) -> Tensor:
    """Append the constant input: [N, D] to [N, D + 1]."""
    return torch.cat([features, torch.full_like(features[:, :1], BIAS_INPUT)], dim=1)


def svm_loss(weight: Tensor, features: Tensor, signs: Tensor, C: float) -> Tensor:
    """Return 1/2 |w|² + C sum of max(0, 1 - y w·x)².

    Args:
        weight: [D].
        features: [N, D].
        signs: [N], y, 1 or -1.
        C: What a violated margin costs.

    Taught in: lectures/12_rcnn_family
    """
    violation = (1 - signs * (features @ weight)).clamp(min=0)
    return weight.square().sum() / 2 + C * violation.square().sum()


def fit_svm(features: Tensor, positive: Tensor, C: float, tolerance: float = 1e-8) -> Tensor:
    """Minimise `svm_loss` by Newton's method.

    Where the set of violated margins stands fixed, the loss is a parabola, so each step is a ridge
    regression on the examples that violate theirs. All others do not count.

    Args:
        features: float64 [N, D]; see `with_bias`.
        positive: bool [N].
        C: What a violated margin costs; above 0.
        tolerance: Norm of the gradient, as a share of the first one, at which to stop.

    Returns:
        Weights w, float64 [D]; the score of x is w·x.

    Raises:
        ValueError: If the shapes do not fit, C is not positive, or one side is missing.

    Reference:
        Chapelle, Training a Support Vector Machine in the Primal, Neural Computation 2007.

    Taught in: lectures/12_rcnn_family
    """
    if features.ndim != 2 or positive.shape != features.shape[:1] or C <= 0:
        got = f"{list(features.shape)}, {list(positive.shape)} and {C}"
        raise ValueError(f"expected features [N, D], positive [N] and C above 0, got {got}")
    if positive.all() or not positive.any():
        raise ValueError("expected positive and negative examples, got one side alone")
    signs = torch.where(positive, 1.0, -1.0).to(features)
    weight, limit = features.new_zeros(features.shape[1]), None
    for _ in range(100):
        margin = 1 - signs * (features @ weight)
        near, side = features[margin > 0], (signs * margin)[margin > 0]
        gradient = weight - 2 * C * near.T @ side
        limit = limit or tolerance * gradient.norm().item()
        if gradient.norm() <= limit:
            break
        curvature = torch.eye(len(weight)).to(features) + 2 * C * near.T @ near
        step = torch.linalg.solve(curvature, gradient)
        now = svm_loss(weight, features, signs, C)
        while svm_loss(weight - step, features, signs, C) > now and step.norm() > 1e-12:
            step = step / 2
        weight = weight - step
    return weight


class Mined(NamedTuple):
    """A machine and how it was found.

    Attributes:
        weight: [D].
        cached: How many negatives it was trained on, after each round.
        hard: How many of all negatives violated their margin and were not among them.
    """

    weight: Tensor
    cached: list[int]
    hard: list[int]


def mine_hard_negatives(
    positives: Tensor, negatives: Tensor, C: float, first: int = 200, seed: int = 0
) -> Mined:
    """Train on a few negatives, look for those that are got wrong, add them, and train again.

    A negative beyond its margin, w·x <= -1, does not count in the loss. When no other negative
    violates its margin, the machine is the one that all of them together would have given.

    Args:
        positives: float64 [P, D]; see `with_bias`.
        negatives: float64 [N, D].
        C: See `fit_svm`.
        first: Negatives to begin with, drawn at random.
        seed: Of this draw.

    Raises:
        ValueError: If one side is missing or C is not positive.

    Reference:
        Girshick et al., Rich Feature Hierarchies, sec. 2.3; Felzenszwalb et al., Object Detection
        with Discriminatively Trained Part Based Models, TPAMI 2010, sec. 4.4.

    Taught in: lectures/12_rcnn_family
    """
    order = torch.randperm(len(negatives), generator=torch.Generator().manual_seed(seed))
    cached = torch.zeros(len(negatives), dtype=torch.bool, device=negatives.device)
    cached[order[:first]] = True
    sizes, found = [], []
    while True:
        examples = torch.cat([positives, negatives[cached]])
        is_positive = torch.arange(len(examples), device=examples.device) < len(positives)
        weight = fit_svm(examples, is_positive, C)
        hard = (negatives @ weight > -1) & ~cached
        sizes.append(int(cached.sum()))
        found.append(int(hard.sum()))
        if not hard.any():
            return Mined(weight, sizes, found)
        cached = cached | hard
