"""Check and solution of the exercise on overlapping discs."""

import torch
from torch import Tensor

from dlcv.study.exercises.base import attempt, expect

SCENES = {  # discs (x, y, radius) in px, later ones in front
    "one disc": ([(6.0, 4.5, 2.6)], (9, 12)),
    "two that overlap": ([(5.0, 5.0, 4.0), (9.0, 6.0, 3.0)], (12, 14)),
    "three, one behind two": ([(8.0, 8.0, 6.0), (3.0, 8.0, 3.0), (12.0, 9.0, 3.5)], (16, 16)),
    "one cut by the edge": ([(1.0, 7.0, 4.0), (4.5, 4.0, 3.0)], (10, 11)),
}


def check_scene(answer: object) -> None:
    """Compares masks and boxes on four scenes; the mistakes are looked for one by one."""
    for case, (discs, size) in SCENES.items():
        result = attempt(answer, discs, size)
        is_pair = isinstance(result, tuple) and len(result) == 2
        expect(is_pair, f"{case}: expected (masks, boxes), got {type(result).__name__}.")
        masks, boxes = result
        _check_masks(masks, discs, size, case)
        _check_boxes(boxes, discs, size, case)


def _check_masks(masks: object, discs: list, size: tuple[int, int], case: str) -> None:
    expect(isinstance(masks, Tensor), f"{case}: expected masks, got {type(masks).__name__}.")
    want, got = [len(discs), *size], list(masks.shape)
    turned = ": height comes first, then width" if got == [want[0], *want[:0:-1]] else ""
    expect(got == want, f"{case}: expected masks {want}, got {got}{turned}.")
    expect(masks.dtype == torch.bool, f"{case}: expected bool masks, got {masks.dtype}.")
    expected, _ = solve_scene(discs, size)
    whole = _whole(discs, size)
    if torch.equal(masks, expected):
        return
    disjoint = masks.sum(0).max() <= 1
    expect(not torch.equal(masks, whole), f"{case}: masks share pixels; take away what is covered.")
    expect(disjoint, f"{case}: a pixel belongs to two masks.")
    backwards, _ = solve_scene(discs[::-1], size)
    in_front = "the discs lie in the wrong order; the last one is in front"
    expect(not torch.equal(masks, backwards.flip(0)), f"{case}: {in_front}.")
    corner, _ = solve_scene([(x + 0.5, y + 0.5, r) for x, y, r in discs], size)
    centre = "a pixel's centre lies at $j+0.5$, $i+0.5$"
    expect(not torch.equal(masks, corner), f"{case}: {centre}.")
    wrong = int((masks != expected).sum())
    expect(False, f"{case}: {wrong} entries of the masks are wrong.")


def _check_boxes(boxes: object, discs: list, size: tuple[int, int], case: str) -> None:
    expect(isinstance(boxes, Tensor), f"{case}: expected boxes, got {type(boxes).__name__}.")
    _, expected = solve_scene(discs, size)
    shape = f"expected boxes {list(expected.shape)}, got {list(boxes.shape)}"
    expect(boxes.shape == expected.shape, f"{case}: {shape}.")
    boxes = boxes.float()
    if torch.equal(boxes, expected):
        return
    x1, y1, x2, y2 = expected.unbind(1)
    rivals = {
        "the last pixel has a right edge of its own: add 1 to its column and row": (
            torch.stack([x1, y1, x2 - 1, y2 - 1], 1)
        ),
        "x comes before y": torch.stack([y1, x1, y2, x2], 1),
        "width and height are given; expected right and bottom": (
            torch.stack([x1, y1, x2 - x1, y2 - y1], 1)
        ),
        "a box goes around what is *visible*, not around the whole disc": (
            _tight(_whole(discs, size))
        ),
    }
    for why, rival in rivals.items():
        expect(not torch.equal(boxes, rival), f"{case}: {why}.")
    worst = (boxes - expected).abs().max().item()
    expect(False, f"{case}: the masks are right, the boxes are off by up to {worst:g} px.")


def _whole(discs: list, size: tuple[int, int]) -> Tensor:
    """The discs as if none covered another."""
    return torch.cat([solve_scene([disc], size)[0] for disc in discs])


def _tight(masks: Tensor) -> Tensor:
    pixels = [mask.nonzero() for mask in masks]  # (row, column) of each visible pixel
    return torch.stack(
        [torch.cat([p.amin(0).flip(0), p.amax(0).flip(0) + 1]) for p in pixels]
    ).float()


def solve_scene(discs, size):
    """From the front to the back; a pixel belongs to the first disc that holds it."""
    H, W = size
    y, x = torch.arange(H)[:, None] + 0.5, torch.arange(W)[None, :] + 0.5
    taken = torch.zeros(H, W, dtype=torch.bool)
    masks, boxes = [], []
    for cx, cy, radius in reversed(discs):
        mask = ((x - cx) ** 2 + (y - cy) ** 2 < radius**2) & ~taken
        taken = taken | mask
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        masks.append(mask)
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return torch.stack(masks).flip(0), torch.tensor(boxes).float().flip(0)
