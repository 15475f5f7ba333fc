"""Which detection found which object: the step between boxes and a precision–recall curve."""

from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.detection.boxes import box_area, box_iou, intersection

RULES = ("voc", "coco")


class Objects(NamedTuple):
    """The true objects of one class in one image.

    Attributes:
        boxes: [M, 4], xyxy in px.
        ignored: bool [M]: whoever finds it is neither right nor wrong (VOC's "difficult" objects,
            COCO's crowds).
        crowd: bool [M]: one box around many objects, which may be found many times.
    """

    boxes: Tensor
    ignored: Tensor
    crowd: Tensor


def overlaps(boxes: Tensor, objects: Objects) -> Tensor:
    """Return the overlap of detections [N, 4] with M objects, [N, M].

    IoU; with a crowd, the share of the *detection* that lies inside, for a single object can never
    fill the box of a crowd.

    Taught in: lectures/11_detection_foundations
    """
    if not objects.crowd.any():
        return box_iou(boxes, objects.boxes)
    inside = intersection(boxes, objects.boxes) / box_area(boxes).clamp(min=1e-12)[:, None]
    return torch.where(objects.crowd, inside, box_iou(boxes, objects.boxes))


def match(
    overlap: Tensor, objects: Objects, iou_threshold: float, rule: str = "voc"
) -> tuple[Tensor, Tensor]:
    """Go through detections from the best score down and let each find at most one object.

    Under both rules an object is found once; a second detection of it is an error. They differ in
    who looks where. In VOC a detection looks at the object that it overlaps most, and it is wrong
    if that one is taken. In COCO it takes the object that it overlaps most *among those still
    free*, those that count before those that are ignored.

    Args:
        overlap: [N, M] from `overlaps`, of detections sorted by falling score.
        objects: The M objects.
        iou_threshold: The least overlap that counts as found.
        rule: "voc" or "coco".

    Returns:
        Whether each detection is right, bool [N], and whether it counts at all, bool [N].

    Raises:
        ValueError: If the rule is unknown.

    Reference:
        Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, sec. 4.2; Lin et al.,
        Microsoft COCO, with the rules of its evaluation code.

    Taught in: lectures/11_detection_foundations
    """
    if rule not in RULES:
        raise ValueError(f"expected a rule among {', '.join(RULES)}, got {rule!r}")
    find = find_voc if rule == "voc" else find_coco
    taken = torch.zeros_like(objects.ignored)
    right = torch.zeros(len(overlap), dtype=torch.bool)
    counts = torch.ones(len(overlap), dtype=torch.bool)
    for i, row in enumerate(overlap):
        found = find(row, objects, taken, iou_threshold)
        if found is None:
            continue
        if objects.ignored[found]:
            counts[i] = False
        else:
            right[i] = not taken[found]
        taken[found] = True
    return right, counts


def find_voc(row: Tensor, objects: Objects, taken: Tensor, iou_threshold: float) -> int | None:
    """Return the object with the largest overlap, taken or not, if that is large enough."""
    if len(row) == 0 or row.max() < iou_threshold:
        return None
    return int(row.argmax())


def find_coco(row: Tensor, objects: Objects, taken: Tensor, iou_threshold: float) -> int | None:
    """Return the free object with the largest overlap; ignored ones only where no other is left.

    Of equal overlaps the last object wins, as in COCO's code.
    """
    free = (row >= min(iou_threshold, 1 - 1e-10)) & (~taken | objects.crowd)
    for candidates in (free & ~objects.ignored, free & objects.ignored):
        if candidates.any():
            best = row.where(candidates, row.new_tensor(-1.0))
            return int((best == best.max()).nonzero()[-1])
    return None
