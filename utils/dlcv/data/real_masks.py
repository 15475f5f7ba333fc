"""Photographs with a class for every pixel: PASCAL VOC, COCO, or your own in either layout."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dlcv.data.photographs import load_squares
from dlcv.data.real_boxes import open_photos
from dlcv.data.voc_layout import IGNORED_PIXEL


class SegmentedPhotos(NamedTuple):
    """N photographs and the class of each pixel.

    Attributes:
        images: uint8 [N, 3, S, S], RGB, see `dlcv.data.photographs.load_squares`.
        semantic: uint8 [N, S, S], index into `classes`; 255 where nobody could say, which neither
            a loss nor a measure counts.
        classes: the names of the classes, "background" in front.
        names: the files of the photographs.
    """

    images: Tensor
    semantic: Tensor
    classes: tuple[str, ...]
    names: tuple[str, ...]


def load_masks(
    source: str | Path,
    part: str,
    size: int,
    count: int | None = None,
    classes: Sequence[str] | None = None,
) -> SegmentedPhotos:
    """Load photographs with a class for every pixel.

    A mask is scaled by taking the nearest pixel. Where the objects of COCO overlap, the smaller one
    lies in front; its crowds are ignored.

    Args:
        source: see `dlcv.data.real_boxes.load_boxes`. The VOC layout has its masks in
            `SegmentationClass/*.png`, where 0 is the background, k + 1 the k-th class and 255
            ignored, and its list in `ImageSets/Segmentation/PART.txt`.
        part: "train", "val" or "trainval", of VOC 2007 also "test"; "train" or "val" of COCO.
        size: height and width of the squares that the photographs become, px.
        count: load only the first `count` photographs of the list.
        classes: keep only these classes, in this order, and only photographs with one; the others
            count as background.

    Returns:
        The photographs and their masks.

    Raises:
        ValueError: if there is no such set, part, layout or class, or a number is out of its range.
        RuntimeError: if data cannot be fetched or are damaged. The message says what to do.
    """
    layout, photos, chosen = open_photos(source, part, count, classes, masks=True)
    images, _ = load_squares(layout.files, [photo.file for photo in photos], size)
    table = _renumbering(layout.classes, chosen)
    semantic = torch.empty(len(photos), size, size, dtype=torch.uint8)
    for i, photo in enumerate(photos):
        semantic[i] = torch.from_numpy(_renumbered(layout.semantic(photo, size), table, photo.file))
    return SegmentedPhotos(
        images, semantic, ("background", *chosen), tuple(photo.file for photo in photos)
    )


def _renumbering(known: Sequence[str], chosen: Sequence[str]) -> np.ndarray:
    """The new number of each old one; -1 for those that mean nothing."""
    table = np.full(256, -1)
    table[[0, IGNORED_PIXEL]] = 0, IGNORED_PIXEL
    for k, name in enumerate(known):
        table[k + 1] = chosen.index(name) + 1 if name in chosen else 0
    return table


def _renumbered(drawn: np.ndarray, table: np.ndarray, file: str) -> np.ndarray:
    numbers = table[drawn]
    if (numbers < 0).any():
        got = drawn[numbers < 0].max()
        raise RuntimeError(f"expected classes up to {(table >= 0).sum() - 2} in {file}, got {got}")
    return numbers.astype(np.uint8)
