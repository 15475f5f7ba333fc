"""How good is a label for every pixel? Everything comes from one table of counts."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SegmentationScores:
    """The four usual measures of a segmentation, each in [0, 1].

    Attributes:
        pixel_accuracy: Share of pixels that are right.
        mean_accuracy: Share of right pixels of each class, averaged over the classes that occur.
        mean_iou: Overlap of each class, averaged over the classes that occur or are predicted.
        weighted_iou: The same average, every class weighted with its share of the pixels.
        iou: float64 [K], overlap of each class; nan for one that neither occurs nor is predicted.
    """

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    weighted_iou: float
    iou: Tensor


def confusion_matrix(
    pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None = None
) -> Tensor:
    r"""Count how many pixels of each class were called what.

    $$n_{ij}=\#\{\text{pixels of class } i \text{ that were called } j\}$$

    Args:
        pred: Predicted classes, whole numbers in [0, K), any shape.
        target: True classes, the same shape; `ignore_index` is allowed too.
        num_classes: Number of classes K.
        ignore_index: Pixels with this target do not count, for example VOC's 255 around objects.

    Returns:
        int64 [K, K], truth in the rows. Tables of several images may be added up.

    Raises:
        ValueError: If the shapes differ or a class is out of range.

    Taught in: lectures/14_segmentation
    """
    if pred.shape != target.shape:
        got = f"{list(pred.shape)} and {list(target.shape)}"
        raise ValueError(f"expected as many predictions as targets, got {got}")
    pred, target = pred.flatten().long(), target.flatten().long()
    if ignore_index is not None:
        counts = target != ignore_index
        pred, target = pred[counts], target[counts]
    for name, classes in (("predictions", pred), ("targets", target)):
        if len(classes) and not (classes.min() >= 0 and classes.max() < num_classes):
            got = f"{classes.min()} to {classes.max()}"
            raise ValueError(f"expected {name} in [0, {num_classes}), got {got}")
    cells = torch.bincount(target * num_classes + pred, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def segmentation_scores(confusion: Tensor) -> SegmentationScores:
    r"""Compute the four measures from the table of counts.

    With $t_i=\sum_j n_{ij}$, the pixels of class $i$:

    $$\frac{\sum_i n_{ii}}{\sum_i t_i},\qquad \frac1K\sum_i\frac{n_{ii}}{t_i},\qquad
    \frac1K\sum_i\frac{n_{ii}}{t_i+\sum_j n_{ji}-n_{ii}},\qquad
    \frac{1}{\sum_k t_k}\sum_i\frac{t_i\,n_{ii}}{t_i+\sum_j n_{ji}-n_{ii}}$$

    Args:
        confusion: Counts [K, K], truth in the rows.

    Raises:
        ValueError: If the table is not square or holds no pixel.

    Reference:
        Long, Shelhamer and Darrell, Fully Convolutional Networks for Semantic Segmentation, CVPR
        2015, Section 5. That classes without a pixel are left out of a mean is ours.

    Taught in: lectures/14_segmentation
    """
    if confusion.dim() != 2 or len(confusion) != confusion.shape[-1] or not confusion.sum() > 0:
        got = f"{list(confusion.shape)} with {int(confusion.sum())} pixels"
        raise ValueError(f"expected counts [K, K] of at least one pixel, got {got}")
    n = confusion.double()
    right, truth, called = n.diag(), n.sum(dim=1), n.sum(dim=0)
    iou = right / (truth + called - right)  # 0 / 0 = nan: the class is nowhere
    return SegmentationScores(
        pixel_accuracy=(right.sum() / n.sum()).item(),
        mean_accuracy=(right / truth).nanmean().item(),
        mean_iou=iou.nanmean().item(),
        weighted_iou=((truth * iou).nansum() / n.sum()).item(),
        iou=iou,
    )


def mean_iou(
    pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None = None
) -> tuple[float, Tensor]:
    """Return the mean overlap of predicted and true pixels, and the overlap of each class.

    Args, errors: as in `confusion_matrix`. Give all images at once (or add up their tables): a mean
    over the IoUs of single images is another number.

    Returns:
        The mean over the classes that occur or are predicted, and IoUs float64 [K] with nan for the
        others.

    Example:
        >>> mean_iou(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), num_classes=2)
        (0.5, tensor([0.5000, 0.5000], dtype=torch.float64))

    Taught in: lectures/14_segmentation
    """
    scores = segmentation_scores(confusion_matrix(pred, target, num_classes, ignore_index))
    return scores.mean_iou, scores.iou
