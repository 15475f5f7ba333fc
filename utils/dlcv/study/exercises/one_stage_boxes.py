"""The checks of lecture 13 on default boxes and their matching."""

import torch
from torch import Tensor

from dlcv.detection.boxes import box_convert
from dlcv.detection.ssd import BoxMap, default_boxes, linear_scales
from dlcv.study.exercises.base import attempt, expect
from dlcv.study.exercises.detection_checks import mistake
from dlcv.study.exercises.one_stage_checks import expect_tensor, same_tensor

SSD300 = (
    (38, 19, 10, 5, 3, 1),
    tuple(linear_scales(6)),
    ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
)
SMALL = ((2, 1), (0.2, 0.5, 0.9), ((2,), (2, 3)))


def defaults_with(
    sides, scales, ratios, centre=0.5, extra=True, standing=True, root=True, swap=False
):
    """Default boxes with a mistake built in."""
    rows = []
    for k, side in enumerate(sides):
        s = scales[k]
        shapes = [(s, s)] + ([((s * scales[k + 1]) ** 0.5,) * 2] if extra else [])
        for a in ratios[k]:
            r = a**0.5 if root else a
            shapes += [(s * r, s / r)] + ([(s / r, s * r)] if standing else [])
        for i in range(side):
            for j in range(side):
                x, y = (j + centre) / side, (i + centre) / side
                rows += [(y, x, *wh) if swap else (x, y, *wh) for wh in shapes]
    return torch.tensor(rows)


DEFAULT_MISTAKES = {
    "a box stands in the *middle* of its place, at $(j+0.5)/side$": (
        lambda *case: defaults_with(*case, centre=0.0)
    ),
    "the second square, of side $\\sqrt{s_ks_{k+1}}$, is missing": (
        lambda *case: defaults_with(*case, extra=False)
    ),
    "each ratio gives two boxes, a lying and a standing one": (
        lambda *case: defaults_with(*case, standing=False)
    ),
    "the sides are $s\\sqrt a$ and $s/\\sqrt a$, so that the area stays $s^2$": (
        lambda *case: defaults_with(*case, root=False)
    ),
    "$x$ and $y$ are exchanged: places follow row by row, $x$ runs fastest": (
        lambda *case: defaults_with(*case, swap=True)
    ),
}


def check_defaults(answer: object) -> None:
    """8,732 boxes, the first and the last, and all others."""
    cases = [SMALL, SSD300]
    got = [attempt(answer, *case) for case in cases]
    reason = mistake(got, cases, DEFAULT_MISTAKES, same_tensor)
    for (sides, scales, ratios), value in zip(cases, got, strict=True):
        maps = [BoxMap(scales[k], scales[k + 1], ratios[k]) for k in range(len(sides))]
        shares = default_boxes([(n, n) for n in sides], maps, (1, 1))
        expected = box_convert(shares, "xyxy", "cxcywh")
        expect(isinstance(value, Tensor), f"expected a tensor [A, 4], got {value!r}.")
        count = len(expected)
        expect(
            len(value) == count,
            f"maps of {sides}: expected {count} boxes, got {len(value)}{reason}.",
        )
        expect_tensor(value, [count, 4])
        for name, at in (("first", 0), ("last", -1)):
            here, there = ([round(x, 4) for x in v[at].tolist()] for v in (value, expected))
            expect(
                torch.allclose(value[at].float(), expected[at], atol=1e-4),
                f"maps of {sides}: the {name} box: expected {there}, got {here}{reason}.",
            )
        wrong = ((value.float() - expected).abs() > 1e-4).any(dim=1)
        at = int(wrong.nonzero()[0]) if wrong.any() else -1
        expect(at < 0, f"maps of {sides}: box {at} is another{reason}.")


def solve_defaults(sides, scales, ratios):
    """Shapes of a map first, then every place with every shape."""
    rows = []
    for k, side in enumerate(sides):
        s, between = scales[k], (scales[k] * scales[k + 1]) ** 0.5
        shapes = [(s, s), (between, between)]
        for a in ratios[k]:
            shapes += [(s * a**0.5, s / a**0.5), (s / a**0.5, s * a**0.5)]
        for i in range(side):
            for j in range(side):
                rows += [((j + 0.5) / side, (i + 0.5) / side, w, h) for w, h in shapes]
    return torch.tensor(rows)


# -------------------------------------------------------------------------------------- 13.matching
MATCHING_CASES = [
    (torch.tensor([[0.9, 0.1], [0.6, 0.2], [0.0, 0.3], [0.2, 0.55]]), 0.5),
    (torch.tensor([[0.8, 0.7], [0.4, 0.6], [0.1, 0.2]]), 0.5),  # both want box 0
    (torch.tensor([[0.3, 0.45], [0.2, 0.4], [0.0, 0.0]]), 0.5),  # both want box 0, below 0.5
    (torch.zeros(3, 0), 0.5),
]


def matching_with(iou, threshold, own=True, rest=True, greedy=True):
    """Matching with a mistake built in."""
    found = torch.full((len(iou),), -1)
    if iou.shape[1] == 0:
        return found
    best, nearest = iou.max(dim=1)
    if rest:
        found = torch.where(best > threshold, nearest, found)
    left = iou.clone()
    for m in range(iou.shape[1] if own else 0):
        box, obj = (
            divmod(int(left.argmax()), iou.shape[1]) if greedy else (int(iou[:, m].argmax()), m)
        )
        found[box] = obj
        left[box], left[:, obj] = -1, -1
    return found


MATCHING_MISTAKES = {
    "an object that overlaps no box by more than the threshold is left out": (
        lambda *case: matching_with(*case, own=False)
    ),
    "other boxes above the threshold stand for an object too": (
        lambda *case: matching_with(*case, rest=False)
    ),
    "two objects want the same box, and one is left without; take the best pair first, then the "
    "best of the boxes and objects that are left": (
        lambda *case: matching_with(*case, greedy=False)
    ),
}


def check_matching(answer: object) -> None:
    """Four cases, among them two objects that want the same box, and no object at all."""
    got = [attempt(answer, iou.clone(), threshold) for iou, threshold in MATCHING_CASES]
    for (iou, _), value in zip(MATCHING_CASES, got, strict=True):
        expect_tensor(value, [len(iou)])
    reason = mistake(got, MATCHING_CASES, MATCHING_MISTAKES, same_tensor)
    for (iou, threshold), value in zip(MATCHING_CASES, got, strict=True):
        expected = matching_with(iou, threshold).tolist()
        missing = sorted(set(range(iou.shape[1])) - set(value.tolist()))
        rows = iou.tolist()
        expect(not missing, f"IoU {rows}: object {missing} has no box{reason}.")
        expect(
            value.tolist() == expected,
            f"IoU {rows}: expected {expected}, got {value.tolist()}{reason}.",
        )


def solve_matching(iou, threshold):
    """First all above the threshold, then a box of its own for each object."""
    A, M = iou.shape
    found = torch.full((A,), -1)
    if M == 0:
        return found
    best, nearest = iou.max(dim=1)
    found = torch.where(best > threshold, nearest, found)
    left = iou.clone()
    for _ in range(M):
        box, obj = divmod(int(left.argmax()), M)
        found[box] = obj
        left[box], left[:, obj] = -1, -1  # both are taken
    return found
