"""Boxes: formats, overlap, suppression of duplicates, and the offsets from one box to another.

A box is (x1, y1, x2, y2) in pixels with continuous edges: x2 - x1 is its width, and a box around a
single pixel is 1 wide. Other formats exist in `box_convert` alone.
"""

import math

import torch
from torch import Tensor

FORMATS = ("xyxy", "xywh", "cxcywh")

LARGEST_LOG_SCALE = math.log(1000 / 16)
"""What `decode_boxes` cuts predicted log scales to, so that exp cannot overflow: as in torchvision,
from 16 to 1000 pixels in one step."""


def check_boxes(boxes: Tensor, name: str = "boxes") -> None:
    """Raise unless a tensor has the form of boxes.

    Raises:
        ValueError: If the shape is not [N, 4] or the numbers are no floats.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"expected {name} of shape [N, 4] in xyxy, got {list(boxes.shape)}")
    if not boxes.is_floating_point():
        raise ValueError(f"expected {name} as floats, got {boxes.dtype}")


def box_area(boxes: Tensor) -> Tensor:
    """Return width times height of each box.

    Args:
        boxes: [N, 4], xyxy in px, x1 <= x2 and y1 <= y2.

    Returns:
        [N], px².

    Raises:
        ValueError: If the shape or the type is off.

    Taught in: lectures/11_detection_foundations
    """
    check_boxes(boxes)
    width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
    return width * height


def intersection(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the area that each pair of boxes has in common.

    Args:
        boxes1: [N, 4], xyxy in px.
        boxes2: [M, 4], xyxy in px.

    Returns:
        [N, M], px².

    Taught in: lectures/11_detection_foundations
    """
    check_boxes(boxes1, "boxes1")
    check_boxes(boxes2, "boxes2")
    lt = torch.maximum(boxes1[:, None, :2], boxes2[:, :2])  # [N, M, 2]
    rb = torch.minimum(boxes1[:, None, 2:], boxes2[:, 2:])  # [N, M, 2]
    wh = (rb - lt).clamp(min=0)  # [N, M, 2]
    return wh[..., 0] * wh[..., 1]


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the intersection over union of each pair of boxes: |A and B| / |A or B|.

    Args:
        boxes1: [N, 4], xyxy in px.
        boxes2: [M, 4], xyxy in px.

    Returns:
        [N, M] in [0, 1]; 0 for a pair of boxes without area.

    Raises:
        ValueError: If the shape or the type is off.

    Reference:
        Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, sec. 4.2.

    Taught in: lectures/11_detection_foundations
    """
    inter = intersection(boxes1, boxes2)
    union = box_area(boxes1)[:, None] + box_area(boxes2) - inter
    return inter / union.where(union > 0, torch.ones_like(union))


def generalised_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return IoU minus the share of the enclosing box that neither of the two covers.

    GIoU = IoU - (|C| - |A or B|) / |C| with C the smallest box around both. Unlike IoU it has a
    gradient where two boxes do not touch.

    Args:
        boxes1: [N, 4], xyxy in px, none without area.
        boxes2: [M, 4], xyxy in px, none without area.

    Returns:
        [N, M] in (-1, 1].

    Raises:
        ValueError: If the shape or the type is off.

    Reference:
        Rezatofighi et al., Generalized Intersection over Union, CVPR 2019, algorithm 1.

    Taught in: lectures/11_detection_foundations
    """
    inter = intersection(boxes1, boxes2)
    union = box_area(boxes1)[:, None] + box_area(boxes2) - inter
    lt = torch.minimum(boxes1[:, None, :2], boxes2[:, :2])  # [N, M, 2]
    rb = torch.maximum(boxes1[:, None, 2:], boxes2[:, 2:])  # [N, M, 2]
    enclosing = (rb - lt).prod(dim=2)  # [N, M]
    return inter / union - (enclosing - union) / enclosing


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Write boxes in another format.

    Args:
        boxes: [N, 4] in in_fmt, px.
        in_fmt: "xyxy" (two corners), "xywh" (upper left corner and size) or "cxcywh" (centre and
            size).
        out_fmt: One of the same.

    Returns:
        [N, 4] in out_fmt, px.

    Raises:
        ValueError: If a format is unknown, or the shape or the type is off.

    Taught in: lectures/11_detection_foundations
    """
    check_boxes(boxes)
    if in_fmt not in FORMATS or out_fmt not in FORMATS:
        raise ValueError(f"expected formats among {', '.join(FORMATS)}, got {in_fmt}, {out_fmt}")
    first, second = boxes.split(2, dim=1)
    lt = first - second / 2 if in_fmt == "cxcywh" else first
    rb = second if in_fmt == "xyxy" else lt + second
    if out_fmt == "xyxy":
        return torch.cat([lt, rb], dim=1)
    return torch.cat([lt if out_fmt == "xywh" else (lt + rb) / 2, rb - lt], dim=1)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut boxes at the borders of their image.

    Args:
        boxes: [N, 4], xyxy in px.
        size: (height, width) of the image in px.

    Returns:
        [N, 4]; a box that lay outside has no area left.

    Taught in: lectures/12_rcnn_family
    """
    check_boxes(boxes)
    height, width = size
    limits = boxes.new_tensor([width, height, width, height])
    return boxes.clamp(min=0).minimum(limits)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best box, drop all that overlap it, and go on with the best of the rest.

    Greedy non-maximum suppression.

    Args:
        boxes: [N, 4], xyxy in px.
        scores: [N]; of equal ones, the earlier box counts as the better.
        iou_threshold: In [0, 1]; a box is dropped where its IoU with a kept one is larger.

    Returns:
        Indices of the kept boxes, int64 [K], by falling score.

    Raises:
        ValueError: If shape, type, number of scores or threshold is off.

    Taught in: lectures/11_detection_foundations
    """
    check_scores(boxes, scores, iou_threshold)
    left = scores.argsort(descending=True, stable=True)
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        overlap = box_iou(boxes[best][None], boxes[left])[0]
        left = left[overlap <= iou_threshold]
    return torch.stack(kept) if kept else left


def batched_nms(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> Tensor:
    """Suppress duplicates within each class (or image, or level) and never across.

    All boxes of a class are moved to a place of their own, where no other class can overlap them.
    The detectors call this for every picture, so torchvision's compiled NMS does the rest: it keeps
    what `nms` keeps, many times as fast.

    Args:
        boxes: [N, 4], xyxy in px.
        scores: [N].
        labels: int64 [N].
        iou_threshold: See `nms`.

    Returns:
        Indices of the kept boxes, int64 [K], by falling score over all classes.

    Raises:
        ValueError: If shape, type, number of scores or labels, or threshold is off.

    Taught in: lectures/11_detection_foundations
    """
    check_scores(boxes, scores, iou_threshold)
    if labels.shape != scores.shape:
        raise ValueError(f"expected {len(scores)} labels, got {list(labels.shape)}")
    if len(boxes) == 0:
        return labels.new_empty(0, dtype=torch.int64)
    from torchvision.ops import nms as compiled_nms  # here, as importing it changes the environment

    extent = boxes.max() - boxes.min().clamp(max=0) + 1
    apart = (boxes + (labels * extent)[:, None].to(boxes)).detach()
    dtype = torch.promote_types(torch.promote_types(apart.dtype, scores.dtype), torch.float32)
    return compiled_nms(apart.to(dtype), scores.detach().to(dtype), iou_threshold)


def check_scores(boxes: Tensor, scores: Tensor, iou_threshold: float) -> None:
    """Raise unless there is one score for each box and the threshold is an IoU."""
    check_boxes(boxes)
    if scores.shape != boxes.shape[:1]:
        raise ValueError(f"expected {len(boxes)} scores, got {list(scores.shape)}")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"expected an IoU threshold in [0, 1], got {iou_threshold}")


def encode_boxes(reference: Tensor, proposals: Tensor) -> Tensor:
    """Return how to move and stretch proposals so that they become the reference boxes.

    tx = (Gx - Px) / Pw, ty = (Gy - Py) / Ph, tw = log(Gw / Pw), th = log(Gh / Ph), with centres
    (x, y) and sizes (w, h): independent of the scale of the image.

    Args:
        reference: [N, 4], the boxes G, xyxy in px, none without area.
        proposals: [N, 4], the boxes P, xyxy in px, none without area.

    Returns:
        [N, 4], (tx, ty, tw, th).

    Raises:
        ValueError: If a shape or type is off or there are not as many boxes in both.

    Reference:
        Girshick et al., Rich Feature Hierarchies, appendix C, eq. 6 to 9.

    Taught in: lectures/12_rcnn_family
    """
    if reference.shape != proposals.shape:
        got = f"{list(reference.shape)} and {list(proposals.shape)}"
        raise ValueError(f"expected as many reference boxes as proposals, got {got}")
    G_xy, G_wh = box_convert(reference, "xyxy", "cxcywh").split(2, dim=1)
    P_xy, P_wh = box_convert(proposals, "xyxy", "cxcywh").split(2, dim=1)
    return torch.cat([(G_xy - P_xy) / P_wh, (G_wh / P_wh).log()], dim=1)


def decode_boxes(deltas: Tensor, proposals: Tensor) -> Tensor:
    """Move and stretch proposals: the inverse of `encode_boxes`.

    Args:
        deltas: [N, 4], (tx, ty, tw, th); tw and th are cut to `LARGEST_LOG_SCALE`.
        proposals: [N, 4], xyxy in px.

    Returns:
        [N, 4], xyxy in px.

    Raises:
        ValueError: If a shape or type is off or there are not as many deltas as boxes.

    Reference:
        Girshick et al., Rich Feature Hierarchies, appendix C, eq. 1 to 4.

    Taught in: lectures/12_rcnn_family
    """
    if deltas.shape != proposals.shape:
        got = f"{list(deltas.shape)} and {list(proposals.shape)}"
        raise ValueError(f"expected as many deltas as proposals, [N, 4], got {got}")
    P_xy, P_wh = box_convert(proposals, "xyxy", "cxcywh").split(2, dim=1)
    t_xy, t_wh = deltas.split(2, dim=1)
    wh = P_wh * t_wh.clamp(max=LARGEST_LOG_SCALE).exp()
    return box_convert(torch.cat([P_xy + P_wh * t_xy, wh], dim=1), "cxcywh", "xyxy")
