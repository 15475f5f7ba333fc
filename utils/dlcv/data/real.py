"""Real data sets for classification: MNIST, Fashion-MNIST, CIFAR-10 and -100, the Oxford pets."""

import gzip
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from dlcv.data.archives import Files, read_all
from dlcv.data.known_sets import SETS
from dlcv.data.photographs import decode, read_listed, read_photographs
from dlcv.data.real_sets import open_set

PARTS = ("train", "test")
PETS_SIZE = 128  # px, a teaching value: breeds can be told apart, and all images fit in memory


class RealImages(NamedTuple):
    """Images uint8 [N, C, H, W], their labels int64 [N], and the name of each class."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]


def load_real(name: str, part: str, size: int | None = None) -> RealImages:
    """Load one part of a real data set; fetch it first if it is nowhere on this machine.

    Args:
        name: a key of READERS.
        part: "train" or "test", as the publisher divides it; of the pets, "trainval" is "train".
        size: height and width, px, of the Oxford pets, whose photographs are cut to their central
            square and then resized; 128 if not given. The others have one size each.

    Returns:
        The images as published, uint8, with labels and class names.

    Raises:
        ValueError: if there is no such data set, part or size.
        RuntimeError: if the data cannot be fetched, or a file on disk is missing or damaged. The
            message says what to do.
    """
    if name not in READERS or part not in PARTS:
        known = f"one of {', '.join(READERS)} and of {', '.join(PARTS)}"
        raise ValueError(f"expected {known}, got {name!r} and {part!r}")
    if size is not None and (name != "oxford_pets" or size < 1):
        raise ValueError(f"expected a size >= 1, for oxford_pets alone, got {size} for {name}")
    return READERS[name](open_set(name, part), part, size)


def _read_idx(files: Files, part: str, size: int | None, classes: tuple[str, ...]) -> RealImages:
    """Read the IDX files of MNIST: a header of 16 (images) or 8 (labels) bytes, then the bytes."""
    prefix = "train" if part == "train" else "t10k"
    pixels = gzip.decompress(files.read(f"{prefix}-images-idx3-ubyte.gz"))
    labels = gzip.decompress(files.read(f"{prefix}-labels-idx1-ubyte.gz"))
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy()
    return RealImages(torch.from_numpy(images), torch.tensor(list(labels[8:])), classes)


def _read_cifar(
    files: Files, part: str, size: int | None, listed: Mapping[str, Mapping[str, str]]
) -> RealImages:
    """Read the pickles of CIFAR, which `open_set` has found to be the official ones."""
    found = dict(read_all(files, listed[part]))
    *batches, meta = (pickle.loads(found[name], encoding="latin1") for name in listed[part])
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    fine = "fine_" if "fine_labels" in batches[0] else ""
    labels = torch.tensor([label for batch in batches for label in batch[f"{fine}labels"]])
    return RealImages(torch.from_numpy(images), labels, tuple(meta[f"{fine}label_names"]))


def _read_pets(files: Files, part: str, size: int | None) -> RealImages:
    """Read the photographs in the order of the list."""
    side = size or PETS_SIZE
    listed = read_listed(files, f"annotations/{'trainval' if part == 'train' else part}.txt")
    rows = [line.split() for line in listed.decode().splitlines()]
    place = {f"images/{row[0]}.jpg": i for i, row in enumerate(rows)}
    images = torch.empty(len(rows), 3, side, side, dtype=torch.uint8)
    for name, encoded in read_photographs(files, place):
        images[place[name]] = _square(name, encoded, side)
    labels = torch.tensor([int(row[1]) - 1 for row in rows])
    breeds = {int(row[1]): row[0].rsplit("_", 1)[0].replace("_", " ").title() for row in rows}
    return RealImages(images, labels, tuple(breeds[k] for k in sorted(breeds)))


def _square(name: str, encoded: bytes, side: int) -> Tensor:
    """Decode a photograph, cut its central square, resize it: uint8 [3, side, side]."""
    photo = decode(name, encoded).convert("RGB")
    square = ImageOps.fit(photo, (side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

READERS: dict[str, Callable[[Files, str, int | None], RealImages]] = {
    "mnist": partial(_read_idx, classes=tuple("0123456789")),
    "fashion_mnist": partial(_read_idx, classes=_CLOTHES),
    "cifar10": partial(_read_cifar, listed=SETS["cifar10"].unpacked),
    "cifar100": partial(_read_cifar, listed=SETS["cifar100"].unpacked),
    "oxford_pets": _read_pets,
}
"""The data sets that `load_real` knows, by name, and how to read each."""
