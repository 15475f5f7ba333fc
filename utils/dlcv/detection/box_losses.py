"""Losses between a predicted box and the true one, pair by pair, and what each of them rewards."""

from collections.abc import Callable

import torch
from torch import Tensor

from dlcv.detection.boxes import check_boxes

BoxLoss = Callable[[Tensor, Tensor], Tensor]


def check_pairs(predicted: Tensor, true: Tensor) -> None:
    """Raise unless there are as many predicted boxes as true ones, and at least one.

    Raises:
        ValueError: If a shape or type is off or there is no pair.
    """
    check_boxes(predicted, "predicted")
    check_boxes(true, "true")
    if len(predicted) != len(true) or len(true) == 0:
        got = f"{len(predicted)} and {len(true)}"
        raise ValueError(f"expected as many predicted boxes as true ones, at least one, got {got}")


def ordered(boxes: Tensor) -> Tensor:
    """Return boxes with x1 <= x2 and y1 <= y2: a network may predict a right edge left of a left.

    Args:
        boxes: [N, 4], two opposite corners.

    Returns:
        [N, 4], xyxy.
    """
    first, second = boxes[:, :2], boxes[:, 2:]
    return torch.cat([torch.minimum(first, second), torch.maximum(first, second)], dim=1)


def paired_iou(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the IoU of each predicted box with the true box beside it.

    Args:
        predicted: [N, 4], xyxy; corners in the wrong order are put right.
        true: [N, 4], xyxy, none without area.

    Returns:
        [N] in [0, 1].

    Raises:
        ValueError: If a shape or type is off.

    Taught in: lectures/10_localisation
    """
    check_pairs(predicted, true)
    predicted = ordered(predicted)
    lt = torch.maximum(predicted[:, :2], true[:, :2])
    rb = torch.minimum(predicted[:, 2:], true[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(dim=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (predicted, true)]
    return inter / (areas[0] + areas[1] - inter)


def paired_giou(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the generalised IoU of each predicted box with the true box beside it.

    IoU - (|C| - |A or B|) / |C|, with C the smallest box around both.

    Args:
        predicted: [N, 4], xyxy; corners in the wrong order are put right.
        true: [N, 4], xyxy, none without area.

    Returns:
        [N] in (-1, 1].

    Raises:
        ValueError: If a shape or type is off.

    Reference:
        Rezatofighi et al., Generalized Intersection over Union, CVPR 2019, algorithm 2.

    Taught in: lectures/10_localisation
    """
    check_pairs(predicted, true)
    predicted = ordered(predicted)
    lt = torch.maximum(predicted[:, :2], true[:, :2])
    rb = torch.minimum(predicted[:, 2:], true[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(dim=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (predicted, true)]
    union = areas[0] + areas[1] - inter
    outer_lt = torch.minimum(predicted[:, :2], true[:, :2])
    outer_rb = torch.maximum(predicted[:, 2:], true[:, 2:])
    enclosing = (outer_rb - outer_lt).prod(dim=1)
    return inter / union - (enclosing - union) / enclosing


def squared_l2_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the squared distance ||b - b'||², summed over the four numbers, mean over boxes.

    Args:
        predicted: [N, 4].
        true: [N, 4], in the same format and unit.

    Returns:
        Scalar >= 0, in the unit squared.

    Raises:
        ValueError: If a shape or type is off.

    Taught in: lectures/10_localisation
    """
    check_pairs(predicted, true)
    return (predicted - true).square().sum(dim=1).mean()


def l2_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the distance ||b - b'|| itself, mean over boxes: a gradient of constant length.

    Args:
        predicted: [N, 4].
        true: [N, 4], in the same format and unit.

    Returns:
        Scalar >= 0, in the unit. Where the two are equal the gradient is 0.

    Raises:
        ValueError: If a shape or type is off.

    Taught in: lectures/10_localisation
    """
    check_pairs(predicted, true)
    return torch.linalg.vector_norm(predicted - true, dim=1).mean()


def smooth_l1_loss(predicted: Tensor, true: Tensor, beta: float = 1.0) -> Tensor:
    """Return the smooth L1 distance, summed over the four numbers, mean over boxes.

    x² / (2 beta) where |x| < beta, else |x| - beta / 2: a parabola near 0, straight beyond it.

    Args:
        predicted: [N, 4].
        true: [N, 4], in the same format and unit.
        beta: Where the parabola ends, in the unit of the boxes, > 0; 1 is Fast R-CNN's.

    Returns:
        Scalar >= 0.

    Raises:
        ValueError: If a shape or type is off or beta is not positive.

    Reference:
        Girshick, Fast R-CNN, ICCV 2015, eq. 3.

    Taught in: lectures/10_localisation
    """
    check_pairs(predicted, true)
    if not beta > 0:
        raise ValueError(f"expected beta > 0, got {beta}")
    error = (predicted - true).abs()
    near, far = error.square() / (2 * beta), error - beta / 2
    return torch.where(error < beta, near, far).sum(dim=1).mean()


def iou_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Return 1 - IoU, mean over boxes; its gradient is 0 where the boxes do not meet.

    Args:
        predicted: [N, 4], xyxy; corners in the wrong order are put right.
        true: [N, 4], xyxy, none without area.

    Returns:
        Scalar in [0, 1].

    Raises:
        ValueError: If a shape or type is off.

    Reference:
        Yu et al., UnitBox, ACM Multimedia 2016, which takes -log IoU instead.

    Taught in: lectures/10_localisation
    """
    return (1 - paired_iou(predicted, true)).mean()


def giou_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Return 1 - GIoU, mean over boxes; it has a gradient where the boxes do not meet, too.

    Args:
        predicted: [N, 4], xyxy; corners in the wrong order are put right.
        true: [N, 4], xyxy, none without area.

    Returns:
        Scalar in [0, 2).

    Raises:
        ValueError: If a shape or type is off.

    Reference:
        Rezatofighi et al., Generalized Intersection over Union, CVPR 2019.

    Taught in: lectures/10_localisation
    """
    return (1 - paired_giou(predicted, true)).mean()
