"""Which pairs and triplets of a batch to learn from."""

from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.verification.distances import (
    check_labelled,
    check_labels,
    check_margin,
    squared_distances,
)


class Pairs(NamedTuple):
    """Pairs of indices: first [M], second [M], and whether both are of one class, bool [M]."""

    first: Tensor
    second: Tensor
    same: Tensor


def all_pairs(labels: Tensor) -> Pairs:
    """All B (B − 1) / 2 pairs i < j of a batch.

    Args:
        labels: Whole numbers [B].

    Returns:
        The pairs, ordered by i, then j.

    Raises:
        ValueError: If labels are no such numbers.

    Taught in: lectures/09_verification
    """
    check_labels(labels)
    first, second = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
    return Pairs(first, second, labels[first] == labels[second])


def same_and_different(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which entries of a batch are positives and which negatives of which, bool [B, B] each.

    Nothing is its own positive.
    """
    equal = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return equal & ~itself, ~equal


def all_triplets(labels: Tensor) -> Tensor:
    """Every valid triplet of a batch: anchor, another of its class, one of another class.

    A batch of P classes with K images each has PK (K − 1) (P − 1) K of them.

    Args:
        labels: Whole numbers [B].

    Returns:
        Indices [T, 3] of anchor, positive and negative, in rising order.

    Raises:
        ValueError: If labels are no such numbers.

    Taught in: lectures/09_verification
    """
    check_labels(labels)
    same, different = same_and_different(labels)
    return (same[:, :, None] & different[:, None, :]).nonzero()


def random_triplets(labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Some of the valid triplets, drawn with equal chances and none twice.

    Args:
        labels: Whole numbers [B].
        count: How many, at least 0; all triplets if there are no more.
        generator: Where the chance comes from, on the CPU.

    Returns:
        Indices [T, 3], T ≤ count.

    Raises:
        ValueError: If labels are no such numbers or `count` is negative.

    Taught in: lectures/09_verification
    """
    if count < 0:
        raise ValueError(f"expected a count of at least 0, got {count}")
    triplets = all_triplets(labels)
    chosen = torch.randperm(len(triplets), generator=generator)[:count]
    return triplets[chosen.to(triplets.device)]


def semi_hard_triplets(embeddings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The valid triplets in the right order whose margin is not yet kept.

    ‖a − p‖² < ‖a − n‖² < ‖a − p‖² + margin

    Args:
        embeddings: [B, D].
        labels: Whole numbers [B].
        margin: A squared distance, above 0.

    Returns:
        Indices [T, 3] of anchor, positive and negative, in rising order; T may be 0.

    Raises:
        ValueError: If labels do not fit the embeddings or the margin is not above 0.

    Reference:
        Schroff, Kalenichenko and Philbin, FaceNet, 2015, eq. 4.

    Taught in: lectures/09_verification
    """
    check_labelled(embeddings, labels)
    check_margin(margin)
    d = squared_distances(embeddings.detach(), embeddings.detach())  # [B, B]
    same, different = same_and_different(labels)
    gap = d[:, None, :] - d[:, :, None]  # [B, B, B]: a, p, n
    chosen = same[:, :, None] & different[:, None, :] & (gap > 0) & (gap < margin)
    return chosen.nonzero()


def hard_triplets(embeddings: Tensor, labels: Tensor) -> Tensor:
    """For each anchor its farthest positive and its nearest negative, the first of equal ones.

    Args:
        embeddings: [B, D].
        labels: Whole numbers [B].

    Returns:
        Indices [T, 3] of anchor, positive and negative, T ≤ B: anchors without a positive or
        without a negative have no triplet.

    Raises:
        ValueError: If labels do not fit the embeddings.

    Reference:
        Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, 2017,
        sec. 2 (batch hard).

    Taught in: lectures/09_verification
    """
    check_labelled(embeddings, labels)
    if len(labels) == 0:
        return labels.new_zeros(0, 3, dtype=torch.int64)
    d = squared_distances(embeddings.detach(), embeddings.detach())
    same, different = same_and_different(labels)
    positive = d.masked_fill(~same, -torch.inf).argmax(1)  # [B]
    negative = d.masked_fill(~different, torch.inf).argmin(1)
    anchor = (same.any(1) & different.any(1)).nonzero()[:, 0]
    return torch.stack([anchor, positive[anchor], negative[anchor]], 1)
