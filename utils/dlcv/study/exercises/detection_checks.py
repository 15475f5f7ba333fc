"""The checks of lecture 11: overlap, suppression, average precision."""

import itertools
from collections.abc import Callable, Sequence
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from dlcv.detection import average_precision as ap
from dlcv.detection.boxes import box_iou, nms
from dlcv.study.exercises.base import attempt, expect


def mistake(got: Sequence, cases: Sequence, mistakes: dict[str, Callable], same: Callable) -> str:
    """The mistake that would have given exactly these answers, as the end of a sentence."""
    for reason, rule in mistakes.items():
        if all(same(a, rule(*case)) for a, case in zip(got, cases, strict=True)):
            return f": {reason}"
    return ""


def random_boxes(count: int, generator: torch.Generator) -> Tensor:
    """Boxes in a picture 60 px high and 100 px wide, float64 [count, 4]."""
    corner = torch.rand(count, 2, generator=generator).double() * torch.tensor([70.0, 40.0])
    side = 2 + torch.rand(count, 2, generator=generator).double() * torch.tensor([28.0, 18.0])
    return torch.cat([corner, corner + side], dim=1)


# ------------------------------------------------------------------------------------------ 11.iou
def iou_with(one: Tensor, two: Tensor, clamp: bool = True, more: float = 0, minus: bool = True):
    """IoU with a mistake built in: no clamp, ends counted as pixels, union too large."""
    lt = torch.maximum(one[:, None, :2], two[:, :2])
    wh = torch.minimum(one[:, None, 2:], two[:, 2:]) - lt + more
    inter = (wh.clamp(min=0) if clamp else wh).prod(dim=2)
    areas = [(b[:, 2:] - b[:, :2] + more).prod(dim=1) for b in (one, two)]
    return inter / (areas[0][:, None] + areas[1] - inter * minus)


IOU_MISTAKES = {
    "boxes that do not meet have a negative width or height in common; clamp each at 0, before "
    "you multiply": lambda one, two: iou_with(one, two, clamp=False),
    "there is a `+ 1` too many; our edges are continuous, and a width is $x_2-x_1$": (
        lambda one, two: iou_with(one, two, more=1)
    ),
    "the intersection is in both areas, so their sum counts it twice": (
        lambda one, two: iou_with(one, two, minus=False)
    ),
}


def check_iou(answer: object) -> None:
    """Compares with the package on pairs that meet, hold one another, or lie apart."""
    generator = torch.Generator().manual_seed(11)
    cases = [(random_boxes(6, generator), random_boxes(9, generator)) for _ in range(20)]
    got = [attempt(answer, *case) for case in cases]
    for value in got:
        expect(isinstance(value, Tensor), f"expected a tensor [N, M], got {value!r}.")
        shape = list(value.shape)
        expect(shape == [6, 9], f"for 6 and 9 boxes: expected a result [6, 9], got {shape}.")
    reason = mistake(got, cases, IOU_MISTAKES, close)
    for value, case in zip(got, cases, strict=True):
        expected = box_iou(*case)
        off = (value.double() - expected).abs().argmax()
        expect(
            close(value, expected),
            f"expected an IoU of {expected.flatten()[off]:.4f}, "
            f"got {value.flatten()[off]:.4f}{reason}.",
        )


def close(one: object, two: Tensor) -> bool:
    """Whether two tensors agree to rounding."""
    return torch.allclose(one.double(), two.double(), rtol=0, atol=1e-5, equal_nan=True)


def solve_iou(boxes1, boxes2):
    """From corners to sides, from sides to areas; every pair at once by broadcasting."""
    lt = torch.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    rb = torch.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    inter = (rb - lt).clamp(min=0).prod(dim=2)
    area1 = (boxes1[:, 2:] - boxes1[:, :2]).prod(dim=1)
    area2 = (boxes2[:, 2:] - boxes2[:, :2]).prod(dim=1)
    return inter / (area1[:, None] + area2 - inter)


# ------------------------------------------------------------------------------------------ 11.nms
def nms_with(boxes: Tensor, scores: Tensor, threshold: float, order=True, by_all=False) -> list:
    """Suppression with a mistake built in: by position, or also by boxes that are gone."""
    ranked = scores.argsort(descending=True).tolist() if order else list(range(len(boxes)))
    overlap, kept = box_iou(boxes, boxes), []
    for place, i in enumerate(ranked):
        others = ranked[:place] if by_all else kept
        if all(overlap[i, j] <= threshold for j in others):
            kept.append(i)
    return kept


def by_best_alone(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """One round only: what overlaps the very best box goes, and nothing else."""
    ranked = scores.argsort(descending=True)
    rest = ranked[1:]
    return [ranked[0].item(), *rest[box_iou(boxes[ranked[:1]], boxes[rest])[0] <= threshold]]


NMS_MISTAKES = {
    "the best *score* comes first, not the first box": (
        lambda b, s, t: nms_with(b, s, t, order=False)
    ),
    "a box that is gone suppresses nobody; compare with those that were kept": (
        lambda b, s, t: nms_with(b, s, t, by_all=True)
    ),
    "that was one round; go on with the best of the rest": by_best_alone,
    "the right boxes, in another order; the best score comes first": (
        lambda b, s, t: sorted(nms_with(b, s, t))
    ),
}


def check_nms(answer: object) -> None:
    """Compares with the package on a hundred random cases."""
    generator = torch.Generator().manual_seed(12)
    thresholds = itertools.cycle((0.1, 0.3, 0.5, 0.7))
    cases = [
        (
            random_boxes(20, generator),
            torch.rand(20, generator=generator).double(),
            next(thresholds),
        )
        for _ in range(100)
    ]
    got = [as_list(attempt(answer, *case)) for case in cases]
    reason = mistake(got, cases, NMS_MISTAKES, lambda a, b: a == [int(i) for i in b])
    for kept, case in zip(got, cases, strict=True):
        expected = nms(*case).tolist()
        expect(kept == expected, f"expected the boxes {expected}, got {kept}{reason}.")


def as_list(value: object) -> list[int]:
    """Indices, given as a tensor or a list."""
    plain = value.tolist() if isinstance(value, Tensor | np.ndarray) else value
    expect(isinstance(plain, list), f"expected the indices of the kept boxes, got {value!r}.")
    items = [int(i) if isinstance(i, Integral | Tensor) else i for i in plain]
    expect(all(isinstance(i, int) for i in items), f"expected indices, got {items}.")
    return items


def solve_nms(boxes, scores, iou_threshold):
    """The best of what is left is kept; what overlaps it too much leaves."""
    left = scores.argsort(descending=True).tolist()
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        overlap = box_iou(boxes[best][None], boxes)[0]
        left = [i for i in left if overlap[i] <= iou_threshold]
    return kept


# ------------------------------------------------------------------------------------------- 11.ap
TOYS = {"A": ("10110", 4), "B": ("1101001", 5), "C": ("011", 3), "D": ("111", 3), "E": ("1001", 2)}


def toy_curve(name: str) -> tuple[list[float], list[float]]:
    """Recall and precision of a toy of the fact sheet, as lists."""
    hits, objects = TOYS[name]
    right = torch.tensor([hit == "1" for hit in hits])
    curve = ap.precision_recall(torch.arange(len(hits), 0, -1.0), right, objects)
    return tuple(values.tolist() for values in curve)


def raw_area(recall: list, precision: list, method: str) -> float:
    """The area, or the mean at the marks, under the curve as it is, without raising it."""
    if method == "area":
        before = [0, *recall[:-1]]
        steps = zip(recall, before, precision, strict=True)
        return sum((r - last) * p for r, last, p in steps)
    marks = 10 if method == "voc07" else 100
    pairs = list(zip(recall, precision, strict=True))
    firsts = [next((p for r, p in pairs if r >= i / marks), 0) for i in range(marks + 1)]
    return sum(firsts) / (marks + 1)


def over(marks: int) -> Callable:
    """The mean at the marks, divided by one too few."""
    method = {10: "voc07", 100: "coco"}[marks]

    def value(recall: list, precision: list, name: str) -> float:
        right = package_ap(recall, precision, name)
        return right * (marks + 1) / marks if name == method else right

    return value


def package_ap(recall: list, precision: list, method: str) -> float:
    """The package's answer."""
    return ap.average_precision(torch.tensor(recall), torch.tensor(precision), method)


AP_MISTAKES = {
    "raise the curve first: at recall $t$ take the *largest* precision at any recall $\\ge t$": (
        raw_area
    ),
    "one definition was used for all three methods": (
        lambda r, p, method: package_ap(r, p, "area")
    ),
    "from 0 to 1 in steps of 0.1 there are *eleven* marks": over(10),
    "from 0 to 1 in steps of 0.01 there are *101* marks": over(100),
}


def check_average_precision(answer: object) -> None:
    """Compares with the toys of the fact sheet, by each of the three definitions."""
    cases = [(*toy_curve(name), method) for name in TOYS for method in ap.METHODS]
    got = [attempt(answer, *case) for case in cases]
    for value in got:
        expect(isinstance(value, Real | Tensor), f"expected one number, got {value!r}.")
    reason = mistake(got, cases, AP_MISTAKES, lambda a, b: abs(float(a) - b) < 1e-6)
    names = [f"toy {name}, {method}" for name in TOYS for method in ap.METHODS]
    for name, value, case in zip(names, got, cases, strict=True):
        expected = package_ap(*case)
        expect(
            abs(float(value) - expected) < 1e-6,
            f"{name}: expected {expected:.4f}, got {float(value):.4f}{reason}.",
        )


def solve_average_precision(recall, precision, method):
    """Raise the curve, then sum its stairs, or read it at the marks."""
    raised = [max(precision[i:]) for i in range(len(precision))]
    if method == "area":
        before = [0, *recall[:-1]]
        return sum((r - last) * p for r, last, p in zip(recall, before, raised, strict=True))
    marks = 10 if method == "voc07" else 100
    total = 0
    for i in range(marks + 1):
        total += next((p for r, p in zip(recall, raised, strict=True) if r >= i / marks), 0)
    return total / (marks + 1)
