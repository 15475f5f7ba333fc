"""Photographs for localisation: one object of some classes in each, or none of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.data.real_boxes import load_boxes

VOC_ANIMALS = ("bird", "cat", "cow", "dog", "horse", "sheep")


class SingleObjects(NamedTuple):
    """N photographs with one object at most.

    Attributes:
        images: uint8 [N, 3, S, S].
        boxes: float32 [N, 4], xyxy in shares of the image; zeros where there is none.
        labels: int64 [N], the class; K where there is none.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor


def load_single_objects(
    source: str | Path, part: str, size: int, classes: Sequence[str], empty: float = 0.1
) -> SingleObjects:
    """Load the photographs that show exactly one object of K classes, and some that show none.

    Objects of other classes are no objects here. Photographs with several of the K classes are left
    out, and such where one is difficult or a crowd.

    Args:
        source: see `dlcv.data.real_boxes.load_boxes`, likewise part and size.
        part: "train", "val" and so on.
        size: height and width of the squares that the photographs become, px.
        classes: names of the K classes.
        empty: so many photographs without, for each with one; the first ones of the list.

    Raises:
        ValueError: if a class is not known, nothing is left, or `empty` is negative.
        RuntimeError: if data cannot be fetched or are damaged.

    Taught in: lectures/10_localisation
    """
    if empty < 0:
        raise ValueError(f"expected a share of empty photographs >= 0, got {empty}")
    photos = load_boxes(source, part, size)
    if unknown := [name for name in classes if name not in photos.classes]:
        raise ValueError(f"expected classes among {', '.join(photos.classes)}, got {unknown}")
    number = torch.full((len(photos.classes) + 1,), -1)  # the last one is for empty slots
    number[[photos.classes.index(name) for name in classes]] = torch.arange(len(classes))
    found = number[photos.every_label]  # [N, K slots]
    ours, learnt = (found >= 0).sum(1), (number[photos.labels] >= 0).sum(1)
    one = (ours == 1) & (learnt == 1)
    if not one.any():
        raise ValueError(f"expected photographs with one object of {list(classes)}, got none")
    without = (ours == 0).nonzero()[:, 0][: round(empty * int(one.sum()))]
    kept = torch.cat([one.nonzero()[:, 0], without])
    slot = found[kept].argmax(1)
    there = found[kept].amax(1) >= 0
    boxes = photos.boxes[kept, slot] / size * there[:, None]
    return SingleObjects(
        photos.images[kept], boxes, found[kept, slot].where(there, torch.tensor(len(classes)))
    )
