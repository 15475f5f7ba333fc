"""Losses and the functions below them, in forms that no large number breaks.

Every function takes a torch tensor or one of the book's own (`dlcv.scratch.arrays.Tensor`), whose
methods have the same names, and returns the same kind.
"""

from typing import TypeVar

import torch

from dlcv.scratch.arrays import Tensor

Array = TypeVar("Array", torch.Tensor, Tensor)


def log_sum_exp(logits: Array) -> Array:
    """log Σ_k exp(x_k) = m + log Σ_k exp(x_k − m), where m is the largest x_k of the row.

    The largest exponential is exp(0) = 1, so that nothing overflows, and the sum is at least 1, so
    that its logarithm is finite.

    Args:
        logits: [N, K], K ≥ 1.

    Returns:
        [N, 1].

    Taught in: lectures/02_backpropagation
    """
    largest = logits.detach().amax(dim=1, keepdim=True)
    return (logits - largest).exp().sum(dim=1, keepdim=True).log() + largest


def log_softmax(logits: Array) -> Array:
    """log p_k = x_k − log Σ_j exp(x_j), without ever computing p.

    Args:
        logits: [N, K].

    Returns:
        [N, K], at most 0.

    Taught in: lectures/02_backpropagation
    """
    return logits - log_sum_exp(logits)


def softmax(logits: Array) -> Array:
    """p_k = exp(x_k) / Σ_j exp(x_j): each row becomes a distribution, its order kept.

    Args:
        logits: [N, K].

    Returns:
        [N, K], in [0, 1], rows that sum to 1.

    Taught in: lectures/02_backpropagation
    """
    return log_softmax(logits).exp()


def cross_entropy(logits: Array, labels: torch.Tensor) -> Array:
    """Mean of −log p_y over a batch; its gradient is (p − onehot(y)) / N.

    Args:
        logits: [N, K], N ≥ 1.
        labels: classes [N], whole numbers in [0, K).

    Returns:
        A single number, in nats.

    Raises:
        ValueError: labels that do not belong to the logits, or an empty batch.

    Taught in: lectures/02_backpropagation
    """
    check_labels(logits, labels)
    rows = torch.arange(len(labels), device=labels.device)
    return -log_softmax(logits)[rows, labels].mean()


def binary_cross_entropy(logits: Array, targets: torch.Tensor) -> Array:
    """Mean of log(1 + exp(z)) − y z: the cross-entropy of σ(z) for one unit and two classes.

    log(1 + exp(z)) is `log_sum_exp` of the logits 0 and z: m + log(exp(−m) + exp(z − m)) with the
    constant m = max(0, z). (The common max(z, 0) + log(1 + exp(−|z|)) has kinks at 0 that cancel
    in the value; with slopes of 0 at the kinks they would not cancel in the gradient.)

    Args:
        logits: [N], N ≥ 1.
        targets: [N], 0 or 1.

    Returns:
        A single number, in nats.

    Raises:
        ValueError: shapes that differ, or an empty batch.
    """
    if tuple(logits.shape) != tuple(targets.shape) or len(targets) == 0:
        got = f"{list(logits.shape)} and {list(targets.shape)}"
        raise ValueError(f"expected logits [N] and as many targets, N > 0, got {got}")
    larger = logits.detach().clamp(min=0)
    softplus = ((logits - larger).exp() + (-larger).exp()).log() + larger
    return (softplus - logits * targets).mean()


def squared_error(outputs: Array, targets: torch.Tensor) -> Array:
    """Mean over the batch of ½ ‖o − y‖²; its gradient is (o − y) / N.

    Args:
        outputs: [N, K], N ≥ 1.
        targets: [N, K].

    Returns:
        A single number.

    Raises:
        ValueError: shapes that differ, or an empty batch.

    Taught in: lectures/02_backpropagation
    """
    if tuple(outputs.shape) != tuple(targets.shape) or len(targets) == 0:
        got = f"{list(outputs.shape)} and {list(targets.shape)}"
        raise ValueError(f"expected outputs [N, K] and targets alike, N > 0, got {got}")
    return ((outputs - targets) ** 2).sum() / (2 * len(targets))


def one_hot(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Row i is 0 but for a 1 in column labels[i].

    Args:
        labels: whole numbers [N] in [0, count).
        count: number of classes K.

    Returns:
        [N, K], float32.
    """
    return (labels[:, None] == torch.arange(count, device=labels.device)).float()


def check_labels(logits: Array, labels: torch.Tensor) -> None:
    """Raises unless there is one class of the right range for each row."""
    if len(logits.shape) != 2 or tuple(labels.shape) != tuple(logits.shape[:1]) or not len(labels):
        got = f"{list(logits.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected logits [N, K] and labels [N], N > 0, got {got}")
    if labels.is_floating_point() or labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"expected whole numbers from 0 to {logits.shape[1] - 1}, got {labels}")
