"""Average precision in its three definitions, and its mean over classes and thresholds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dlcv.detection.boxes import check_boxes
from dlcv.detection.matching import Objects, match, overlaps

METHODS = ("voc07", "area", "coco")
COCO_DETECTIONS = 100  # at most so many of a class count in an image


class Found(NamedTuple):
    """The detections of one class in one image, by falling score, and their overlap [N, M]."""

    scores: Tensor
    overlap: Tensor
    objects: Objects


def precision_recall(scores: Tensor, right: Tensor, objects: int) -> tuple[Tensor, Tensor]:
    """Return recall and precision of the best 1, 2, ..., N detections.

    Args:
        scores: [N].
        right: bool [N], whether a detection found an object that no better one had found.
        objects: Number of objects to be found, at least 1.

    Returns:
        Recall [N] and precision [N], float64, in the order of falling score.

    Raises:
        ValueError: If the shapes differ or there is nothing to be found.

    Taught in: lectures/11_detection_foundations
    """
    if scores.shape != right.shape or scores.ndim != 1:
        got = f"{list(scores.shape)} and {list(right.shape)}"
        raise ValueError(f"expected scores [N] and right [N], got {got}")
    if objects < 1:
        raise ValueError(f"expected at least one object to be found, got {objects}")
    order = scores.argsort(descending=True, stable=True)
    true_positives = right[order].double().cumsum(0)
    detections = torch.arange(1, len(scores) + 1, dtype=torch.float64)
    return true_positives / objects, true_positives / detections


def average_precision(recall: Tensor, precision: Tensor, method: str = "area") -> float:
    """Sum up a precision–recall curve in one number.

    All three first let no precision be lower than one further right, p(r) = max over r' >= r. Then
    "voc07" takes the mean of p at 0, 0.1, ..., 1, "coco" at 0, 0.01, ..., 1, and "area" the area
    under p. Beyond the largest recall that was reached p is 0.

    Args:
        recall: [N], rising, in [0, 1].
        precision: [N] in [0, 1].
        method: "voc07" (VOC 2007), "area" (VOC from 2010 on) or "coco".

    Returns:
        The average precision, in [0, 1]; 0 without detections.

    Raises:
        ValueError: If the method is unknown, the shapes differ, or recall falls.

    Reference:
        Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, sec. 4.2, and A
        Retrospective, sec. 2.4; Lin et al., Microsoft COCO, with its evaluation code.

    Taught in: lectures/11_detection_foundations
    """
    if method not in METHODS:
        raise ValueError(f"expected a method among {', '.join(METHODS)}, got {method!r}")
    if recall.shape != precision.shape or recall.ndim != 1:
        got = f"{list(recall.shape)} and {list(precision.shape)}"
        raise ValueError(f"expected recall [N] and precision [N], got {got}")
    if (recall.diff() < 0).any():
        raise ValueError("expected recall that never falls, got one that does")
    recall, precision = recall.double(), precision.double()
    envelope = precision.flip(0).cummax(0).values.flip(0) if len(precision) else precision
    envelope = torch.cat([envelope, envelope.new_zeros(1)])  # [N + 1], 0 beyond the end
    if method == "area":
        return (recall.diff(prepend=recall.new_zeros(1)) * envelope[:-1]).sum().item()
    # 7/100 and 7 * 0.01 differ in their last bit, and each definition has its own.
    places = np.arange(11) / 10 if method == "voc07" else np.linspace(0, 1, 101)
    return envelope[torch.searchsorted(recall, torch.from_numpy(places))].mean().item()


def mean_average_precision(
    predictions: Sequence[dict[str, Tensor]],
    targets: Sequence[dict[str, Tensor]],
    iou_thresholds: Sequence[float] = (0.5,),
    method: str = "area",
) -> dict[str, object]:
    """Judge a detector by its average precision for each class and IoU threshold.

    Args:
        predictions: For each image a dict with `boxes` [N, 4] (xyxy in px), `scores` [N] and
            `labels` int64 [N].
        targets: For each image a dict with `boxes` [M, 4], `labels` int64 [M] and, where there are
            such, `difficult` or `crowd`, bool [M]: objects that nobody has to find.
        iou_thresholds: The least overlaps that count as found; COCO's are 0.5, 0.55, ..., 0.95.
        method: See `average_precision`. "coco" also matches by COCO's rule and counts the best 100
            detections of a class in an image; the other two match by VOC's.

    Returns:
        `map`, the mean over everything; `per_class`, the mean over thresholds by label; and
        `per_threshold`, the mean over classes by threshold. Classes without an object to be found
        are left out; if there is none at all, `map` is nan.

    Raises:
        ValueError: If there are not as many predictions as targets, or an entry is missing or has
            the wrong shape.

    Taught in: lectures/11_detection_foundations
    """
    if len(predictions) != len(targets) or not iou_thresholds:
        got = f"{len(predictions)}, {len(targets)} and {list(iou_thresholds)}"
        raise ValueError(f"expected as many predictions as targets and a threshold, got {got}")
    for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        check_entries(prediction, ("scores", "labels"), f"predictions[{i}]")
        check_entries(target, ("labels",), f"targets[{i}]")
    labels = torch.cat([t["labels"] for t in targets]).unique().tolist() if targets else []
    images = [
        (p, t, {*p["labels"].tolist(), *t["labels"].tolist()})
        for p, t in zip(predictions, targets, strict=True)
    ]
    table = {}
    for label in labels:  # an image without anything of a class says nothing about it
        found = [found_of(p, t, label, method) for p, t, present in images if label in present]
        if any((~f.objects.ignored).any() for f in found):
            table[label] = [class_ap(found, t, method) for t in iou_thresholds]
    columns = list(zip(*table.values(), strict=True)) or [()] * len(iou_thresholds)
    per_threshold = {t: mean(column) for t, column in zip(iou_thresholds, columns, strict=True)}
    per_class = {label: mean(row) for label, row in table.items()}
    return {"map": mean(per_class.values()), "per_class": per_class, "per_threshold": per_threshold}


def check_entries(entry: dict[str, Tensor], names: tuple[str, ...], where: str) -> None:
    """Raise unless there are boxes and, for each of them, one of every other entry."""
    missing = [name for name in ("boxes", *names) if name not in entry]
    if missing:
        raise ValueError(f"expected {where} with {', '.join(missing)}, got {', '.join(entry)}")
    check_boxes(entry["boxes"], f"{where} boxes")
    for name in names:
        if entry[name].shape != entry["boxes"].shape[:1]:
            got = list(entry[name].shape)
            raise ValueError(f"expected {len(entry['boxes'])} {name} in {where}, got {got}")


def found_of(
    prediction: dict[str, Tensor], target: dict[str, Tensor], label: int, method: str
) -> Found:
    """Return what there is of one class in one image: detections by falling score, and objects."""
    ours, theirs = prediction["labels"] == label, target["labels"] == label
    order = prediction["scores"][ours].argsort(descending=True, stable=True)
    order = order[:COCO_DETECTIONS] if method == "coco" else order
    none = torch.zeros(len(theirs), dtype=torch.bool, device=theirs.device)
    crowd = target.get("crowd", none)[theirs].bool()
    ignored = crowd | target.get("difficult", none)[theirs].bool()
    objects = Objects(target["boxes"][theirs].cpu(), ignored.cpu(), crowd.cpu())
    overlap = overlaps(prediction["boxes"][ours][order].cpu(), objects)
    return Found(prediction["scores"][ours][order].cpu(), overlap, objects)


def class_ap(found: Sequence[Found], iou_threshold: float, method: str) -> float:
    """Return the average precision of one class over all images, at one threshold."""
    rule = "coco" if method == "coco" else "voc"
    matches = [match(f.overlap, f.objects, iou_threshold, rule) for f in found]
    right, counts = (torch.cat(column) for column in zip(*matches, strict=True))
    scores = torch.cat([f.scores for f in found])
    objects = sum(int((~f.objects.ignored).sum()) for f in found)
    recall, precision = precision_recall(scores[counts], right[counts], objects)
    return average_precision(recall, precision, method)


def mean(values: object) -> float:
    """Return the mean, or nan of nothing."""
    values = list(values)
    return sum(values) / len(values) if values else math.nan
