"""What lecture 13 compares and has no time to train: YOLO's grid, SSD's maps, RetinaNet's loss."""

import json
from importlib.resources import files

import torch
from torch import Tensor

from dlcv.detection.boxes import box_convert

FILE = files("dlcv.detection.measured") / "one_stage.json"
LIMIT_PX = 20.0  # geometric mean of a box's sides: below it an object of 96 px scenes is small


def measured_one_stage() -> dict[str, dict[str, dict[str, object]]]:
    """Read what `tools/measure_one_stage.py` measured; the data card `one_stage.md` says how.

    Returns:
        For each experiment ("grid", "maps", "loss") and arm: `lr`, the learning rate; `rates`, the
        mean average precision on validation scenes for each rate that was tried; and lists over
        three seeds, on test scenes: `map50`, `map`, `train_s` (CPU seconds), and, by experiment,
        the recall of objects that are `alone` in a cell of 3×3 and of those that are not
        (`shared`), or the mean average precision at IoU 0.5 of `small` and `large` objects.

    Taught in: lectures/13_one_stage
    """
    return json.loads(FILE.read_text(encoding="utf-8"))


def is_small(boxes: Tensor, limit_px: float = LIMIT_PX) -> Tensor:
    """Say which boxes [N, 4], xyxy in px, have sides with a geometric mean below the limit."""
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt() < limit_px


def shares_a_cell(boxes: Tensor, size: int, grid: int) -> Tensor:
    """Say which objects of a picture have their centre in a cell with another object's.

    Args:
        boxes: [N, 4], xyxy in px.
        size: Height and width of the picture, px.
        grid: Cells in a row and in a column.

    Returns:
        bool [N].

    Taught in: lectures/13_one_stage
    """
    centres = box_convert(boxes, "xyxy", "cxcywh")[:, :2]
    column, row = (centres * grid / size).long().clamp(0, grid - 1).unbind(1)
    cell = row * grid + column
    return torch.eq(cell, cell[:, None]).sum(dim=1) > 1


def told_apart(rows: dict[str, dict[str, object]], quantity: str) -> list[tuple[str, str]]:
    """Return the pairs of arms (better, worse) where every seed of one is above all of the other.

    Args:
        rows: One experiment of `measured_one_stage`.
        quantity: A list over the seeds, such as "map50".

    Taught in: lectures/13_one_stage
    """
    return [(a, b) for a in rows for b in rows if min(rows[a][quantity]) > max(rows[b][quantity])]
