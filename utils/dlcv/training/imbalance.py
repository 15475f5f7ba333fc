"""Rare classes: weights for the loss, and samples in which all classes are equally frequent."""

import torch
from torch import Tensor


def class_counts(labels: Tensor, num_classes: int) -> Tensor:
    """How often each class occurs, int64 [K].

    Args:
        labels: Classes [N], whole numbers in [0, K).
        num_classes: K.

    Raises:
        ValueError: If a class is missing or a label is out of range.
    """
    if labels.dim() != 1 or len(labels) == 0 or labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(f"expected labels [N] in [0, {num_classes}), got {list(labels.shape)}")
    counts = torch.bincount(labels, minlength=num_classes)
    if (counts == 0).any():
        missing = (counts == 0).nonzero()[:, 0].tolist()
        raise ValueError(f"expected every class at least once, got none of {missing}")
    return counts


def class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """w_c = n / (k n_c), so that all classes together weigh the same and the mean weight is 1.

    Args:
        labels: Classes [N].
        num_classes: K.

    Returns:
        float32 [K], for `torch.nn.functional.cross_entropy(..., weight=...)`.

    Raises:
        ValueError: If a class is missing.

    Taught in: lectures/03_training
    """
    counts = class_counts(labels, num_classes)
    return len(labels) / (num_classes * counts.float())


def balanced_indices(labels: Tensor, num_classes: int, how: str, seed: int = 0) -> Tensor:
    """Positions of a sample that holds each class equally often, in random order.

    Args:
        labels: Classes [N].
        num_classes: K.
        how: "over" repeats the examples of rare classes up to the count of the most frequent one,
            each about equally often; "under" leaves out examples of frequent ones.
        seed: Of the draw.

    Returns:
        int64 [K · largest or smallest count], on the labels' device.

    Raises:
        ValueError: If `how` is unknown or a class is missing.

    Taught in: lectures/03_training
    """
    if how not in ("over", "under"):
        raise ValueError(f"expected 'over' or 'under', got {how!r}")
    counts = class_counts(labels, num_classes)
    size = int(counts.max() if how == "over" else counts.min())
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for c in range(num_classes):
        members = (labels == c).nonzero()[:, 0].cpu()
        rounds = -(-size // len(members))  # rounded up
        orders = [torch.randperm(len(members), generator=generator) for _ in range(rounds)]
        parts.append(members[torch.cat(orders)[:size]])
    chosen = torch.cat(parts)
    return chosen[torch.randperm(len(chosen), generator=generator)].to(labels.device)


def recalls(logits: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The share of each class that was found, float32 [K]; their mean is the balanced accuracy.

    Args:
        logits: [N, K].
        labels: Classes [N].
        num_classes: K.

    Raises:
        ValueError: If a class is missing.

    Taught in: lectures/03_training
    """
    counts = class_counts(labels, num_classes)
    found = labels[logits.argmax(dim=1) == labels]
    return torch.bincount(found, minlength=num_classes) / counts
