"""Distances between embeddings, with gradients that stay finite where two of them meet."""

import torch
from torch import Tensor


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """All squared distances ‖x_i − y_j‖² = ‖x_i‖² + ‖y_j‖² − 2 x_i·y_j, by one matrix product.

    On the unit sphere this is 2 − 2 cos. The three terms may cancel: where they leave less than
    nothing, the distance is 0.

    Args:
        x: [N, D].
        y: [M, D].

    Returns:
        [N, M], at least 0.

    Raises:
        ValueError: If x and y are no such matrices.

    Taught in: lectures/09_verification
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"expected [N, D] and [M, D], got {list(x.shape)} and {list(y.shape)}")
    lengths = (x * x).sum(1)[:, None] + (y * y).sum(1)[None, :]  # [N, M]
    return (lengths - 2 * x @ y.T).clamp(min=0)


def safe_sqrt(x: Tensor) -> Tensor:
    """Square root whose slope at 0 is 0, not infinite.

    Both branches of `where` are differentiated, and 0 · ∞ is not a number; so the root never sees
    the zeros.

    Args:
        x: Any shape, at least 0.

    Returns:
        The same shape.
    """
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1).sqrt(), 0)


def paired_distances(x1: Tensor, x2: Tensor) -> Tensor:
    """Distances d_i = ‖x1_i − x2_i‖ of pairs; the gradient of a pair at distance 0 is 0.

    Args:
        x1: [N, D].
        x2: [N, D].

    Returns:
        [N].
    """
    return safe_sqrt(((x1 - x2) ** 2).sum(1))


def check_labelled(embeddings: Tensor, labels: Tensor) -> None:
    """Raise unless there is one whole number for each embedding [B, D]."""
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        got = f"{list(embeddings.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected embeddings [B, D] and labels [B], got {got}")
    check_labels(labels)


def check_labels(labels: Tensor) -> None:
    """Raise unless labels are whole numbers [B]."""
    if labels.ndim != 1 or labels.is_floating_point() or labels.dtype == torch.bool:
        got = f"{list(labels.shape)} of {labels.dtype}"
        raise ValueError(f"expected whole numbers as labels [B], got {got}")


def check_margin(margin: float) -> None:
    """Raise unless the margin is above 0."""
    if not margin > 0:
        raise ValueError(f"expected a margin above 0, got {margin}")
