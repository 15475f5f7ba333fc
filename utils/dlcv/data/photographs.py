"""Photographs of any shape as squares of one size: decoded side by side, one tensor for all."""

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from dlcv.data.archives import Files, read_all

_AT_ONCE = 64  # photographs whose bytes are in memory while they are decoded


def load_squares(
    files: Files, names: Sequence[str], size: int, crop: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Load photographs and stretch or shrink each to a square.

    Both axes are scaled, each by its own factor, so all of the photograph is seen and a box stays a
    box. Stretching two boxes alike does not change their IoU: what is measured on squares holds for
    the photographs.

    Args:
        files: where to read them.
        names: N names, all different.
        size: S, height and width afterwards, px.
        crop: share of either side, in (0, 1], that is kept around the centre before scaling.

    Returns:
        Images uint8 [N, 3, S, S], RGB, in the order of the names, and the height and width of each
        photograph before, float32 [N, 2], px.

    Raises:
        ValueError: if the size or the crop is out of its range.
        RuntimeError: if a photograph is missing or cannot be decoded.
    """
    if size < 1 or not 0 < crop <= 1:
        raise ValueError(f"expected a size >= 1 px and a crop in (0, 1], got {size} and {crop}")
    images = torch.empty(len(names), 3, size, size, dtype=torch.uint8)
    sides = torch.empty(len(names), 2)
    place = {name: i for i, name in enumerate(names)}
    with ThreadPoolExecutor() as pool:
        for batch in _batches(read_photographs(files, names)):
            for name, image, shape in pool.map(partial(_square, size=size, crop=crop), batch):
                images[place[name]], sides[place[name]] = image, torch.tensor(shape).float()
    return images, sides


def decode(name: str, encoded: bytes) -> Image.Image:
    """Decode an image.

    Raises:
        RuntimeError: if that is impossible.
    """
    try:
        image = Image.open(io.BytesIO(encoded))
        image.load()
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise RuntimeError(f"{name} cannot be decoded: {error}") from error
    return image


def read_listed(files: Files, name: str) -> bytes:
    """Read a file that a data set lists.

    Raises:
        RuntimeError: if it is missing.
    """
    try:
        return files.read(name)
    except FileNotFoundError as error:
        raise RuntimeError(f"the data set lists {name}, but it is missing: {error}") from error


def read_photographs(files: Files, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Read photographs that a data set lists, in the fastest order: pairs of name and bytes.

    Raises:
        RuntimeError: if one is missing.
    """
    try:
        yield from read_all(files, names)
    except FileNotFoundError as error:
        raise RuntimeError(f"the data set lists a photograph that is missing: {error}") from error


def _batches(entries: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    while batch := list(islice(entries, _AT_ONCE)):
        yield batch


def _square(entry: tuple[str, bytes], size: int, crop: float) -> tuple[str, Tensor, tuple]:
    """Decode and scale: name, uint8 [3, size, size], and (height, width) before."""
    name, encoded = entry
    photo = decode(name, encoded).convert("RGB")
    W, H = photo.size
    dx, dy = (1 - crop) / 2 * W, (1 - crop) / 2 * H
    box = (dx, dy, W - dx, H - dy)
    square = photo.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return name, torch.from_numpy(np.array(square)).permute(2, 0, 1), (H, W)
