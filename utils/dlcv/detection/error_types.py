"""What a detector gets wrong, by type, and what each type of error costs."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.detection.average_precision import mean_average_precision
from dlcv.detection.boxes import box_iou
from dlcv.detection.pipeline import Detections

RIGHT, PLACE, CLASS, BOTH, DUPLICATE, BACKGROUND = range(6)
ERRORS = {
    "localisation": PLACE,
    "class": CLASS,
    "class and place": BOTH,
    "duplicate": DUPLICATE,
    "background": BACKGROUND,
}
MISS = "miss"


class Verdicts(NamedTuple):
    """What became of the detections and the objects of one image.

    Attributes:
        kinds: int64 [N], RIGHT or the kind of error, detections by falling score.
        about: int64 [N], the object that the detection is about; -1 for background.
        found: int64 [M], the detection that found each object, or -1.
    """

    kinds: Tensor
    about: Tensor
    found: Tensor


def sort_errors(
    detections: Detections, target: dict[str, Tensor], iou: float = 0.5, near: float = 0.1
) -> Verdicts:
    """Say of each detection what it is, and of each object who found it.

    Detections are taken by falling score. One is right if it overlaps an object of its class, not
    yet found, by at least `iou`. Otherwise it is the first of these that fits: a duplicate (such an
    object, found already), a wrong class (an object of another class, by at least `iou`), badly
    placed (an object of its class, by at least `near`), both (of another class, by at least
    `near`), or background.

    Args:
        detections: `boxes` [N, 4], `scores` [N], `labels` [N] of an image, by falling score.
        target: `boxes` [M, 4] and `labels` [M].
        iou: The overlap that counts as found.
        near: The overlap below which a detection has nothing to do with an object; 0.1 in both
            papers.

    Raises:
        ValueError: If the thresholds are out of order or the scores rise.

    Reference:
        Hoiem, Chodpathumwan and Dai, Diagnosing Error in Object Detectors, ECCV 2012, sec. 2;
        Bolya, Foley, Hays and Hoffman, TIDE, ECCV 2020, sec. 2.2.

    Taught in: lectures/13_one_stage
    """
    if not 0 < near <= iou <= 1:
        raise ValueError(f"expected 0 < near <= iou <= 1, got {near} and {iou}")
    if (detections["scores"].diff() > 0).any():
        raise ValueError("expected detections by falling score, got others")
    overlap = box_iou(detections["boxes"], target["boxes"])  # [N, M]
    same = detections["labels"][:, None] == target["labels"]  # [N, M]
    found = torch.full((len(target["boxes"]),), -1)
    verdicts = [
        judge_one(row, alike, found, i, iou, near)
        for i, (row, alike) in enumerate(zip(overlap, same, strict=True))
    ]
    kinds, about = torch.tensor(verdicts, dtype=torch.int64).reshape(-1, 2).unbind(1)
    return Verdicts(kinds, about, found)


def judge_one(
    row: Tensor, same: Tensor, found: Tensor, number: int, iou: float, near: float
) -> tuple[int, int]:
    """Return the kind of one detection and the object that it is about; note it in `found`."""
    cases = (
        (RIGHT, same & (found < 0), iou),
        (DUPLICATE, same, iou),
        (CLASS, ~same, iou),
        (PLACE, same, near),
        (BOTH, ~same, near),
    )
    for kind, candidates, least in cases:
        values = row.where(candidates, row.new_tensor(-1.0))
        if len(row) and values.max() >= least:
            best = int(values.argmax())
            if kind == RIGHT:
                found[best] = number
            return kind, best
    return BACKGROUND, -1


def count_errors(
    detections: Sequence[Detections], targets: Sequence[dict[str, Tensor]], least_score: float
) -> dict[str, int]:
    """Count the detections of each kind, and the objects that nobody found.

    Objects that are difficult or a crowd need not be found, and detections about them are neither
    right nor wrong.

    Args:
        detections: One for each image.
        targets: Likewise; see `dlcv.detection.average_precision.mean_average_precision`.
        least_score: Detections below it are left out.

    Returns:
        "right", the names of `ERRORS` and "miss"; right and miss add up to the objects that have to
        be found.

    Taught in: lectures/13_one_stage
    """
    names = ["right", *ERRORS]
    counts = dict.fromkeys([*names, MISS], 0)
    for found, target in zip(detections, targets, strict=True):
        kept = found["scores"] >= least_score
        verdicts = sort_errors({name: x[kept] for name, x in found.items()}, target)
        wanted = to_find(target)
        counted = torch.cat([wanted, wanted.new_ones(1)])[verdicts.about]  # -1, background, counts
        for kind in verdicts.kinds[counted].tolist():
            counts[names[kind]] += 1
        counts[MISS] += int((verdicts.found[wanted] < 0).sum())
    return counts


def to_find(target: dict[str, Tensor]) -> Tensor:
    """Say which objects of an image have to be found, bool [M]: neither difficult nor a crowd."""
    none = torch.zeros(len(target["labels"]), dtype=torch.bool)
    return ~(target.get("difficult", none) | target.get("crowd", none))


def mend(
    detections: Detections, target: dict[str, Tensor], verdicts: Verdicts, kind: int
) -> Detections:
    """Return the detections of an image as if one kind of error did not happen.

    A badly placed box is put onto its object, a wrong class is set right; where the object is found
    already, the detection is dropped, as are duplicates, background, and boxes wrong in both.

    Args:
        detections: See `sort_errors`.
        target: Likewise.
        verdicts: What `sort_errors` says about them.
        kind: PLACE, CLASS, BOTH, DUPLICATE or BACKGROUND.

    Reference:
        Bolya et al., TIDE, ECCV 2020, sec. 2.3.

    Taught in: lectures/13_one_stage
    """
    kinds, about, found = verdicts
    boxes, labels = detections["boxes"].clone(), detections["labels"].clone()
    keep, taken = kinds != kind, found >= 0
    if kind in (PLACE, CLASS):
        for i in (kinds == kind).nonzero()[:, 0].tolist():
            keep[i] = not taken[about[i]]
            taken[about[i]] = True
            (boxes if kind == PLACE else labels)[i] = target[
                "boxes" if kind == PLACE else "labels"
            ][about[i]]
    return {"boxes": boxes[keep], "scores": detections["scores"][keep], "labels": labels[keep]}


def error_costs(
    detections: Sequence[Detections], targets: Sequence[dict[str, Tensor]]
) -> dict[str, float]:
    """Return how much mAP at IoU 0.5 each type of error costs, one mended at a time.

    A miss is an object that nobody found and that no badly placed or misnamed detection is about;
    it is mended by taking the object away. The costs do not add up to 1 - mAP: errors hide each
    other.

    Args:
        detections: One for each image, by falling score.
        targets: Likewise.

    Returns:
        The names of `ERRORS` and "miss", with the gain in mAP, in [0, 1] (rarely, slightly below).

    Taught in: lectures/13_one_stage
    """
    judged = [(d, t, sort_errors(d, t)) for d, t in zip(detections, targets, strict=True)]
    before = mean_average_precision(detections, targets)["map"]
    costs = {}
    for name, kind in ERRORS.items():
        mended = [mend(found, target, verdicts, kind) for found, target, verdicts in judged]
        costs[name] = mean_average_precision(mended, targets)["map"] - before
    fewer = []
    for _, target, (kinds, about, by) in judged:
        kept = by >= 0
        kept[about[(kinds == PLACE) | (kinds == CLASS)]] = True
        fewer.append({name: entry[kept] for name, entry in target.items()})
    costs[MISS] = mean_average_precision(detections, fewer)["map"] - before
    return costs
