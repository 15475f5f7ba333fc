"""Losses on distances: pairs, triplets, and both together with a classifier."""

import torch.nn.functional as F
from torch import Tensor

from dlcv.verification.distances import (
    check_labelled,
    check_margin,
    paired_distances,
    squared_distances,
)
from dlcv.verification.mining import all_pairs, same_and_different


def contrastive_loss(x1: Tensor, x2: Tensor, same: Tensor, margin: float) -> Tensor:
    """Pull the pairs of one class together, push others apart until a margin lies between them.

    L = mean of ½ y d² + ½ (1 − y) max(0, margin − d)², with d = ‖x1 − x2‖ and y = 1 where same.

    By d the gradient is d for a pair of one class, d − margin for another pair closer than the
    margin, and 0 beyond. Where d = 0 there is no direction in which to push, and the gradient is 0.

    Args:
        x1: Embeddings [N, D].
        x2: Embeddings [N, D].
        same: [N], bool, or 1 and 0.
        margin: A distance, above 0.

    Returns:
        A single number; 0 without pairs.

    Raises:
        ValueError: If the shapes do not fit or the margin is not above 0.

    Reference:
        Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, 2006,
        eq. 4, with y turned round.

    Taught in: lectures/09_verification
    """
    if x1.ndim != 2 or x1.shape != x2.shape or same.shape != x1.shape[:1]:
        got = f"{list(x1.shape)}, {list(x2.shape)} and {list(same.shape)}"
        raise ValueError(f"expected x1 [N, D], x2 alike and same [N], got {got}")
    check_margin(margin)
    d, same = paired_distances(x1, x2), same.to(x1.dtype)  # [N]
    pull, push = d**2 / 2, (margin - d).clamp(min=0) ** 2 / 2
    return mean_or_zero(same * pull + (1 - same) * push)


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Ask that the negative be farther from the anchor than the positive, by a margin.

    L = mean of [‖a − p‖² − ‖a − n‖² + margin]₊

    The gradient of an active triplet is 2 (n − p) by a, 2 (p − a) by p and 2 (a − n) by n; that of
    any other is 0.

    Args:
        anchor: Embeddings [N, D].
        positive: Embeddings [N, D] of the anchors' classes.
        negative: Embeddings [N, D] of other classes.
        margin: A squared distance, above 0; FaceNet takes 0.2 on the unit sphere.

    Returns:
        A single number; 0 without triplets.

    Raises:
        ValueError: If the shapes do not fit or the margin is not above 0.

    Reference:
        Schroff, Kalenichenko and Philbin, FaceNet, 2015, eq. 2 (there a sum).

    Taught in: lectures/09_verification
    """
    if anchor.ndim != 2 or not anchor.shape == positive.shape == negative.shape:
        got = f"{list(anchor.shape)}, {list(positive.shape)} and {list(negative.shape)}"
        raise ValueError(f"expected three times [N, D], got {got}")
    check_margin(margin)
    near = ((anchor - positive) ** 2).sum(1)  # [N]
    far = ((anchor - negative) ** 2).sum(1)
    return mean_or_zero((near - far + margin).clamp(min=0))


def batch_all_triplet_loss(
    embeddings: Tensor, labels: Tensor, margin: float, active_only: bool = False
) -> Tensor:
    """The triplet loss over every valid triplet of a batch, from one matrix of distances.

    Valid are (a, p, n) with a ≠ p, equal labels of a and p, and another label of n.

    Args:
        embeddings: [B, D].
        labels: Whole numbers [B].
        margin: A squared distance, above 0.
        active_only: Take the mean over the triplets with a loss above 0, so that the many idle ones
            do not water it down.

    Returns:
        A single number; 0 if no triplet counts.

    Raises:
        ValueError: If labels do not fit the embeddings or the margin is not above 0.

    Reference:
        Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, 2017,
        sec. 2 (batch all), there with plain distances.

    Taught in: lectures/09_verification
    """
    check_labelled(embeddings, labels)
    check_margin(margin)
    d = squared_distances(embeddings, embeddings)  # [B, B]
    same, different = same_and_different(labels)
    losses = (d[:, :, None] - d[:, None, :] + margin).clamp(min=0)  # [B, B, B]: a, p, n
    counts = same[:, :, None] & different[:, None, :]
    if active_only:
        counts = counts & (losses > 0)
    return mean_or_zero(losses[counts])


def joint_loss(
    logits: Tensor, embeddings: Tensor, labels: Tensor, margin: float, weight: float
) -> Tensor:
    """Identification and verification together: L = L_id + weight · L_ver.

    L_id is the cross-entropy of a classifier on the embeddings, L_ver the contrastive loss over all
    pairs of the batch.

    Args:
        logits: [B, K].
        embeddings: [B, D].
        labels: Whole numbers [B] in [0, K).
        margin: A distance, above 0.
        weight: λ, at least 0.

    Returns:
        A single number, in nats where weight = 0.

    Raises:
        ValueError: If labels do not fit, or margin or weight are out of range.

    Reference:
        Sun, Chen, Wang and Tang, Deep Learning Face Representation by Joint
        Identification-Verification (DeepID2), 2014.

    Taught in: lectures/09_verification
    """
    check_labelled(embeddings, labels)
    if logits.ndim != 2 or len(logits) != len(labels) or len(labels) == 0:
        got = f"{list(logits.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected logits [B, K] and labels [B], B > 0, got {got}")
    if weight < 0:
        raise ValueError(f"expected a weight of at least 0, got {weight}")
    first, second, same = all_pairs(labels)
    verification = contrastive_loss(embeddings[first], embeddings[second], same, margin)
    return F.cross_entropy(logits, labels) + weight * verification


def mean_or_zero(losses: Tensor) -> Tensor:
    """The mean, or of nothing a 0 that still has a gradient (which is 0)."""
    return losses.sum() / max(1, losses.numel())
