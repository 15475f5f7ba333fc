"""Masks of objects: put into the image, compared, and judged by average precision."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcv.detection.average_precision import COCO_DETECTIONS, Found, class_ap, mean
from dlcv.detection.boxes import check_boxes
from dlcv.detection.matching import Objects


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Stretch small masks over their boxes, in an image that is 0 elsewhere.

    The middle (x + 0.5, y + 0.5) of a pixel inside the box (x1, y1, x2, y2) lies at the share
    (x + 0.5 - x1) / (x2 - x1) of the box's width; there the mask is interpolated bilinearly, with
    its own cells' middles at (j + 0.5) / m, and kept constant beyond the outermost ones.

    Args:
        masks: float [N, m, m], probabilities.
        boxes: [N, 4], xyxy in px; a box without area, or outside, leaves no trace.
        size: (H, W) of the image in px.

    Returns:
        [N, H, W]; compare with a threshold to get pixels.

    Raises:
        ValueError: If a shape or type is off or there are not as many boxes as masks.

    Reference:
        He et al., Mask R-CNN, sec. 3.1, "Inference".

    Taught in: lectures/14_segmentation
    """
    check_boxes(boxes)
    if masks.ndim != 3 or len(masks) != len(boxes):
        got = f"{list(masks.shape)} and {list(boxes.shape)}"
        raise ValueError(f"expected masks [N, m, m] and boxes [N, 4], got {got}")
    x1, y1, x2, y2 = boxes.unbind(1)
    columns = along_side(x1, x2, masks.shape[2], size[1])  # [N, W, m]
    rows = along_side(y1, y2, masks.shape[1], size[0])  # [N, H, m]
    return rows @ masks @ columns.mT


def along_side(first: Tensor, last: Tensor, cells: int, length: int) -> Tensor:
    """Say how much each cell of a mask counts at each pixel along one side of the image.

    Args:
        first: [N], where each box begins, px.
        last: [N], where it ends, px.
        cells: m, cells of the mask.
        length: Pixels of the side.

    Returns:
        [N, length, m]; a row sums to 1 inside the box and to 0 outside.
    """
    middle = torch.arange(length, device=first.device) + 0.5
    share = (middle - first[:, None]) / (last - first).clamp(min=1e-6)[:, None]  # [N, length]
    inside = (share >= 0) & (share < 1)
    place = (share * cells - 0.5).clamp(0, cells - 1)  # 0 is the middle of the first cell
    weights = (1 - (place[..., None] - torch.arange(cells, device=first.device)).abs()).clamp(min=0)
    return weights * inside[..., None]


def mask_iou(masks1: Tensor, masks2: Tensor) -> Tensor:
    """Return the intersection over union of each pair of masks, counted in pixels.

    Args:
        masks1: bool [N, H, W].
        masks2: bool [M, H, W].

    Returns:
        float32 [N, M] in [0, 1]; 0 for a pair of empty masks.

    Raises:
        ValueError: If the masks are not bool or differ in size.

    Taught in: lectures/14_segmentation
    """
    inter, area1, area2 = common_pixels(masks1, masks2)
    return inter / (area1[:, None] + area2 - inter).clamp(min=1)


def common_pixels(masks1: Tensor, masks2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the common pixels of each pair of masks [N, M], and the pixels of each [N], [M].

    Raises:
        ValueError: If the masks are not bool or differ in size.
    """
    for masks in (masks1, masks2):
        if masks.ndim != 3 or masks.dtype != torch.bool or masks.shape[1:] != masks1.shape[1:]:
            got = ", ".join(f"{m.dtype} {list(m.shape)}" for m in (masks1, masks2))
            raise ValueError(f"expected bool masks [N, H, W] and [M, H, W], got {got}")
    flat1, flat2 = masks1.flatten(1).float(), masks2.flatten(1).float()
    return flat1 @ flat2.T, flat1.sum(1), flat2.sum(1)  # exact: below 2^24 pixels


def mask_average_precision(
    predictions: Sequence[dict[str, Tensor]],
    targets: Sequence[dict[str, Tensor]],
    iou_thresholds: Sequence[float] = (0.5,),
    method: str = "area",
) -> dict[str, object]:
    """Judge masks as `mean_average_precision` judges boxes: only the overlap is another one.

    Args:
        predictions: For each image `masks` bool [N, H, W], `scores` [N] and `labels` int64 [N].
        targets: For each image `masks` bool [M, H, W], `labels` int64 [M] and, where there are
            such, `difficult` or `crowd`, bool [M]: objects that nobody has to find.
        iou_thresholds: The least overlaps that count as found.
        method: See `dlcv.detection.average_precision.average_precision`.

    Returns:
        `map`, `per_class` and `per_threshold`, as `mean_average_precision` has them.

    Raises:
        ValueError: If there are not as many predictions as targets, or masks are missing or of
            another size.

    Taught in: lectures/14_segmentation
    """
    if len(predictions) != len(targets) or not iou_thresholds:
        got = f"{len(predictions)}, {len(targets)} and {list(iou_thresholds)}"
        raise ValueError(f"expected as many predictions as targets and a threshold, got {got}")
    if not all("masks" in entry for entry in (*predictions, *targets)):
        raise ValueError("expected masks in every prediction and target, got one without")
    table = {}
    for label in torch.cat([t["labels"] for t in targets]).unique().tolist() if targets else []:
        pairs = zip(predictions, targets, strict=True)
        found = [found_masks(p, t, label, method) for p, t in pairs]
        if any((~f.objects.ignored).any() for f in found):
            table[label] = [class_ap(found, threshold, method) for threshold in iou_thresholds]
    columns = list(zip(*table.values(), strict=True)) or [()] * len(iou_thresholds)
    per_threshold = {t: mean(column) for t, column in zip(iou_thresholds, columns, strict=True)}
    per_class = {label: mean(row) for label, row in table.items()}
    return {"map": mean(per_class.values()), "per_class": per_class, "per_threshold": per_threshold}


def found_masks(
    prediction: dict[str, Tensor], target: dict[str, Tensor], label: int, method: str
) -> Found:
    """Return the masks of one class in one image by falling score, and their overlaps.

    With a crowd, the overlap is the share of the detection that lies inside.
    """
    ours, theirs = prediction["labels"] == label, target["labels"] == label
    order = prediction["scores"][ours].argsort(descending=True, stable=True)
    order = order[:COCO_DETECTIONS] if method == "coco" else order
    masks, truth = prediction["masks"][ours][order], target["masks"][theirs]
    none = torch.zeros_like(theirs)
    crowd = target.get("crowd", none)[theirs].bool()
    ignored = crowd | target.get("difficult", none)[theirs].bool()
    inter, area, _ = common_pixels(masks, truth)
    share = inter / area.clamp(min=1)[:, None]
    overlap = torch.where(crowd, share, mask_iou(masks, truth))
    objects = Objects(torch.zeros(len(truth), 4), ignored.cpu(), crowd.cpu())
    return Found(prediction["scores"][ours][order].cpu(), overlap.cpu(), objects)
