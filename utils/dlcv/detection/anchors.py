"""Boxes that wait for objects: a grid of anchors, and which object each of them stands for."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcv.detection.boxes import box_iou

BACKGROUND, IGNORED = -1, -2


def make_anchors(
    feature_size: tuple[int, int],
    stride: int,
    scales_px: Sequence[float],
    ratios: Sequence[float] = (1.0,),
    device: torch.device | str = "cpu",
) -> Tensor:
    """Lay anchors of several sizes and shapes around every place of a feature map.

    With scale s and ratio r an anchor is s / sqrt(r) wide and s sqrt(r) high; its area is s².
    A place (i, j) of the map has its centre at ((j + 0.5) stride, (i + 0.5) stride).

    Args:
        feature_size: (H, W) of the feature map.
        stride: Pixels of the image from one place to the next.
        scales_px: Roots of the anchors' areas, px.
        ratios: Heights over widths; 0.5, 1 and 2 in Faster R-CNN.
        device: Where the anchors are made.

    Returns:
        [H * W * k, 4], xyxy in px, k = len(scales_px) * len(ratios); the k anchors of a place stand
        together, all ratios of the first scale first, and places follow row by row.

    Raises:
        ValueError: If a size, a stride, a scale or a ratio is not positive.

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, sec. 3.1.1.

    Taught in: lectures/12_rcnn_family
    """
    if min(*feature_size, stride, *scales_px, *ratios) <= 0:
        got = f"{feature_size}, {stride}, {list(scales_px)}, {list(ratios)}"
        raise ValueError(f"expected sizes, stride, scales and ratios above 0, got {got}")
    H, W = feature_size
    scale, ratio = torch.meshgrid(
        torch.tensor(scales_px, dtype=torch.float32, device=device),
        torch.tensor(ratios, dtype=torch.float32, device=device),
        indexing="ij",
    )
    half = torch.stack([scale / ratio.sqrt(), scale * ratio.sqrt()], dim=-1).reshape(-1, 2) / 2
    x = (torch.arange(W, device=device) + 0.5) * stride
    y = (torch.arange(H, device=device) + 0.5) * stride
    centres = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)  # [H, W, 2], (x, y)
    centres = centres.reshape(-1, 1, 2)
    return torch.cat([centres - half, centres + half], dim=-1).reshape(-1, 4)


def assign(
    anchors: Tensor,
    boxes: Tensor,
    positive: float = 0.7,
    negative: float = 0.3,
    rescue: bool = True,
) -> Tensor:
    """Say for each anchor (or proposal) which object it stands for.

    An anchor stands for the object that it overlaps most, where their IoU is at least `positive`;
    it is background below `negative`, and ignored between. With rescue, the anchors that overlap an
    object most of all stand for one even below `positive`, so that no object is left out.

    Args:
        anchors: [A, 4], xyxy in px.
        boxes: [M, 4], the objects, xyxy in px.
        positive: IoU from which an anchor is an object; the defaults are Faster R-CNN's.
        negative: IoU below which it is background; at most `positive`.
        rescue: Whether every object gets the anchors that fit it best.

    Returns:
        int64 [A]: the index of an object, or BACKGROUND, or IGNORED.

    Raises:
        ValueError: If the thresholds are out of order, or a shape or type is off.

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, sec. 3.1.2.

    Taught in: lectures/12_rcnn_family
    """
    if not 0 <= negative <= positive <= 1:
        raise ValueError(f"expected 0 <= negative <= positive <= 1, got {negative}, {positive}")
    if len(boxes) == 0:
        return torch.full((len(anchors),), BACKGROUND, device=anchors.device)
    iou = box_iou(anchors, boxes)  # [A, M]
    best, nearest = iou.max(dim=1)
    found = torch.where(best >= positive, nearest, IGNORED)
    found = torch.where(best < negative, BACKGROUND, found)
    if rescue:
        top = iou.amax(dim=0).clamp(min=1e-9)  # an object that no anchor touches rescues none
        found = torch.where((iou >= top).any(dim=1), nearest, found)
    return found
