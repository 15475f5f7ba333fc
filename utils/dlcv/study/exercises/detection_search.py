"""The checks of lecture 11 on where to look: counting boxes, and the order of merging."""

from numbers import Integral

import numpy as np

from dlcv.detection.proposals import count_boxes
from dlcv.detection.selective_search import Region, group, merge, similarity
from dlcv.study.exercises.base import attempt, expect
from dlcv.study.exercises.detection_checks import mistake

# ---------------------------------------------------------------------------------------- 11.count
COUNT_CASES = [(1, 1), (2, 2), (1, 4), (3, 2), (4, 5), (6, 3)]
COUNT_MISTAKES = {
    "that counts pairs of pixels; two different pairs of corners can give the same box": (
        lambda H, W: H * W * (H * W - 1) // 2
    ),
    "that counts ordered pairs of pixels": lambda H, W: (H * W) ** 2,
    "a box may be one pixel wide; edges lie *between* pixels, on $W+1$ lines": (
        lambda H, W: H * (H - 1) // 2 * W * (W - 1) // 2
    ),
    "every box was counted with its edges in both orders; ask for $x_1<x_2$ and $y_1<y_2$": (
        lambda H, W: 4 * count_boxes((H, W))
    ),
    "that is the number of pixels, the boxes of size 1×1": lambda H, W: H * W,
}


def check_count(answer: object) -> None:
    """Compares with the closed form on small pictures."""
    got = [attempt(answer, *case) for case in COUNT_CASES]
    for value in got:
        expect(isinstance(value, Integral), f"expected a whole number of boxes, got {value!r}.")
    reason = mistake(got, COUNT_CASES, COUNT_MISTAKES, lambda a, b: a == b)
    for (H, W), value in zip(COUNT_CASES, got, strict=True):
        expected = count_boxes((H, W))
        expect(value == expected, f"{H}×{W} pixels: expected {expected}, got {value}{reason}.")


def solve_count(H, W):
    """Write down every box, and count them."""
    boxes = [
        (x1, y1, x2, y2)
        for x1 in range(W + 1)
        for x2 in range(x1 + 1, W + 1)
        for y1 in range(H + 1)
        for y2 in range(y1 + 1, H + 1)
    ]
    return len(boxes)


# ------------------------------------------------------------------------------------- 11.grouping
def toy_regions() -> tuple[list[Region], list[tuple[int, int]], int]:
    """Six regions of a picture 12 px wide and 8 px high, which pairs touch, and its area."""
    boxes = [(0, 0, 4, 4), (4, 0, 8, 4), (8, 0, 12, 4), (0, 4, 4, 8), (4, 4, 8, 8), (8, 4, 12, 8)]
    colours = [(1.0, 0.0, 0.0), (0.6, 0.1, 0.3), (0.6, 0.0, 0.4)]
    colours += [(0.8, 0.0, 0.2), (0.7, 0.3, 0.0), (0.8, 0.0, 0.2)]
    regions = [
        Region(16, box, np.array(colour), np.array([1.0]))
        for box, colour in zip(boxes, colours, strict=True)
    ]
    return regions, [(0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5)], 96


def stale_order(regions, pairs, area):
    """Similarities of the first regions alone, never computed anew."""
    owner = list(range(len(regions)))
    scored = sorted(pairs, key=lambda pair: -similarity(regions[pair[0]], regions[pair[1]], area))
    merges = []
    for i, j in scored:
        a, b = owner[i], owner[j]
        if a != b:
            new = len(regions) + len(merges)
            owner = [new if o in (a, b) else o for o in owner]
            merges.append((min(a, b), max(a, b)))
    return merges


GROUPING_MISTAKES = {
    "after a merge, the new region must be compared anew with its neighbours": stale_order,
    "that looks at colour alone; size and fill count too": (
        lambda regions, pairs, area: group(regions, pairs, area, (1, 0, 0, 0))[1]
    ),
    "the colours are missing; they count as much as size and fill": (
        lambda regions, pairs, area: group(regions, pairs, area, (0, 0, 1, 1))[1]
    ),
    "the *most* similar pair is merged first": (
        lambda regions, pairs, area: group(regions, pairs, area, (-1, -1, -1, -1))[1]
    ),
}


def check_grouping(answer: object) -> None:
    """The fixed order on the six-region toy."""
    case = toy_regions()
    got = attempt(answer, *case)
    expect(isinstance(got, list | tuple), f"expected a list of five pairs, got {got!r}.")
    expect(len(got) == 5, f"six regions become one in 5 merges, got {len(got)}.")
    expect(all(is_pair(pair) for pair in got), f"expected pairs of numbers (i, j), got {got}.")
    merges = [tuple(sorted(pair)) for pair in got]
    reason = mistake([merges], [case], GROUPING_MISTAKES, lambda a, b: a == b)
    expected = group(*case)[1]
    for place, (ours, theirs) in enumerate(zip(expected, merges, strict=True), start=1):
        expect(ours == theirs, f"merge {place}: expected {ours}, got {theirs}{reason}.")


def is_pair(pair: object) -> bool:
    """Whether this is a pair of whole numbers."""
    return (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(isinstance(k, Integral) for k in pair)
    )


def solve_grouping(regions, pairs, area):
    """Merge the most similar pair; its neighbours become neighbours of the new region."""
    regions, merges = list(regions), []
    pairs = set(pairs)
    while pairs:
        i, j = max(sorted(pairs), key=lambda p: similarity(regions[p[0]], regions[p[1]], area))
        merges.append((i, j))
        regions.append(merge(regions[i], regions[j]))
        touched = {pair for pair in pairs if i in pair or j in pair}
        around = {k for pair in touched for k in pair} - {i, j}
        pairs = (pairs - touched) | {(k, len(regions) - 1) for k in around}
    return merges
