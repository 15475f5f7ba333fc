"""Measures of a classifier: top-k error, and accuracy counted by image or by class."""

import torch
from torch import Tensor


def top_k(scores: Tensor, k: int) -> Tensor:
    """Return the k classes of highest score, best first; of equal scores, the lower class first.

    Args:
        scores: [N, K].
        k: 1 to K.

    Returns:
        int64 [N, k].

    Raises:
        ValueError: If there is no axis of classes or k is out of range.

    Taught in: lectures/00_orientation
    """
    if scores.ndim != 2 or not 1 <= k <= scores.shape[1]:
        raise ValueError(f"expected scores [N, K] and k of 1 to K, got {list(scores.shape)}, {k}")
    order = scores.argsort(dim=1, descending=True, stable=True)  # stable: ties keep their order
    return order[:, :k]


def topk_error(scores: Tensor, labels: Tensor, k: int = 5) -> float:
    r"""Return the share of images whose label is not among the k best scores.

    $$\frac1N\sum_{i=1}^N \mathbb 1[y_i\notin\mathrm{top}_k(s_i)]$$

    Args:
        scores: [N, K], the higher the better: logits, probabilities, anything.
        labels: Classes int64 [N], in [0, K).
        k: How many guesses are allowed, 1 to K.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: If the shapes do not belong together, there is no image, or k is out of range.

    Reference:
        Russakovsky et al., ImageNet large scale visual recognition challenge, IJCV 115, 2015,
        Section 4.1; the rule for ties is ours.

    Taught in: lectures/00_orientation
    """
    if labels.shape != scores.shape[:1] or len(labels) == 0:
        got = f"{list(scores.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected scores [N, K] and labels [N] with N > 0, got {got}")
    found = (top_k(scores, k) == labels[:, None]).any(dim=1)  # [N]
    return (~found).float().mean().item()


def micro_accuracy(predicted: Tensor, labels: Tensor) -> float:
    r"""Return the share of right answers, every *image* counting alike.

    $$\frac1N\sum_{i=1}^N \mathbb 1[\hat y_i = y_i]$$

    Args:
        predicted: Classes int64 [N].
        labels: Classes int64 [N].

    Raises:
        ValueError: If the lengths differ or there is no image.

    Taught in: lectures/00_orientation
    """
    _check(predicted, labels)
    return (predicted == labels).float().mean().item()


def macro_accuracy(predicted: Tensor, labels: Tensor) -> float:
    r"""Return the mean of the classes' own accuracies, every *class* counting alike.

    $$\frac1K\sum_{k=1}^K\frac{\sum_i \mathbb 1[\hat y_i=y_i=k]}{\sum_i \mathbb 1[y_i=k]}$$

    over the K classes that occur among the labels.

    Args:
        predicted: Classes int64 [N].
        labels: Classes int64 [N].

    Raises:
        ValueError: If the lengths differ or there is no image.

    Taught in: lectures/00_orientation
    """
    _check(predicted, labels)
    right = (predicted == labels).double()
    return torch.stack([right[labels == k].mean() for k in labels.unique()]).mean().item()


def _check(predicted: Tensor, labels: Tensor) -> None:
    if predicted.ndim != 1 or predicted.shape != labels.shape or len(labels) == 0:
        got = f"{list(predicted.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected predictions and labels [N] with N > 0, got {got}")
