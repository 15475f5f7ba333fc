"""Real data sets: fetched once through torchvision, verified by checksum on every load.

They lie outside the project, in the folder that the environment variable DLCV_DATA names, laid out
as torchvision lays them out, or else in a cache folder of the user.
"""

import gzip
import io
import pickle
import socket
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from dlcv.data.fetching import PATIENCE_S, checksum_of, data_folder, reason

PARTS = ("train", "test")
PETS_SIZE = 128  # px, a teaching value: breeds can be told apart, and all images fit in memory


class RealImages(NamedTuple):
    """Images uint8 [N, C, H, W], their labels int64 [N], and the name of each class."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where a data set comes from and what it consists of.

    Args:
        dataset: the name of torchvision's class, which knows the addresses and the checksums.
        folder: where torchvision puts it, below the folder of all data sets.
        download_mb: what a download weighs, 10^6 bytes.
        homepage: who publishes it.
        licence: under which terms, as stated there.
        checksums: function (class) -> the md5 of every file that is read, by its path in `folder`.
        read: function (class, folder, part, size) -> RealImages.
    """

    dataset: str
    folder: str
    download_mb: int
    homepage: str
    licence: str
    checksums: Callable[[Any], dict[str, str]]
    read: Callable[[Any, Path, str, int | None], RealImages]

    def torchvision_class(self) -> Any:
        """The class; torchvision takes seconds to import, and only real data need it."""
        from torchvision import datasets

        return getattr(datasets, self.dataset)


def load_real(name: str, part: str, size: int | None = None) -> RealImages:
    """Load one part of a real data set; fetch the set first if it is nowhere on this machine.

    Args:
        name: a key of SOURCES.
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
    if name not in SOURCES or part not in PARTS:
        known = f"one of {', '.join(SOURCES)} and of {', '.join(PARTS)}"
        raise ValueError(f"expected {known}, got {name!r} and {part!r}")
    if size is not None and (name != "oxford_pets" or size < 1):
        raise ValueError(f"expected a size >= 1, for oxford_pets alone, got {size} for {name}")
    source = SOURCES[name]
    folder = data_folder() / source.folder
    if not folder.exists():
        _fetch(name, source)
    _verify(name, source, folder)
    return source.read(source.torchvision_class(), folder, part, size)


def _fetch(name: str, source: Source) -> None:
    """Download into a temporary folder and, once whole, move it into place."""
    root = data_folder()
    print(
        f"Fetching {name}, about {source.download_mb} MB, into {root}. "
        f"Its home: {source.homepage}; licence: {source.licence}."
    )
    try:
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".fetching-", dir=root) as temporary, _patience():
            source.torchvision_class()(temporary, download=True)
            (Path(temporary) / source.folder).rename(root / source.folder)
    except (OSError, RuntimeError, HTTPException) as error:
        raise RuntimeError(
            f"{name} could not be fetched into {root} ({reason(error)}): go online and run this "
            "again, or set DLCV_DATA to a folder that holds it, or stay at the quick scale "
            "(DLCV_SCALE=quick), which needs no download"
        ) from error


@contextmanager
def _patience() -> Iterator[None]:
    """Within, a connection that stays silent for long is given up."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _verify(name: str, source: Source, folder: Path) -> None:
    for file, md5 in source.checksums(source.torchvision_class()).items():
        path = folder / file
        fault = "is missing" if not path.is_file() else "is damaged: its checksum is wrong"
        if not path.is_file() or checksum_of(path, md5) != md5:
            raise RuntimeError(
                f"{path} {fault}; delete the folder {folder} and load {name} again, which fetches "
                f"{source.download_mb} MB"
            )


def _read_mnist(mnist: Any, folder: Path, part: str, size: int | None) -> RealImages:
    """Read the IDX files of MNIST: a header of 16 (images) or 8 (labels) bytes, then the bytes."""
    prefix = "train" if part == "train" else "t10k"
    pixels = gzip.decompress((folder / f"raw/{prefix}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"raw/{prefix}-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy()
    classes = [name.split(" - ")[0] for name in mnist.classes]  # "7 - seven", but "Ankle boot"
    return RealImages(torch.from_numpy(images), torch.tensor(list(labels[8:])), tuple(classes))


def _read_cifar(cifar: Any, folder: Path, part: str, size: int | None) -> RealImages:
    """Read the pickled batches of CIFAR, which `_verify` has found to be the official ones."""
    names = [name for name, _ in (cifar.train_list if part == "train" else cifar.test_list)]
    batches = [pickle.loads((folder / name).read_bytes(), encoding="latin1") for name in names]
    meta = pickle.loads((folder / cifar.meta["filename"]).read_bytes(), encoding="latin1")
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    key = "fine_labels" if "fine_labels" in batches[0] else "labels"
    labels = torch.tensor([label for batch in batches for label in batch[key]])
    return RealImages(torch.from_numpy(images), labels, tuple(meta[cifar.meta["key"]]))


def _read_pets(pets: Any, folder: Path, part: str, size: int | None) -> RealImages:
    """Read the photographs straight from the verified archive, in the order of the list."""
    side = size or PETS_SIZE
    with tarfile.open(folder / "annotations.tar.gz") as archive:
        listed = archive.extractfile(f"annotations/{'trainval' if part == 'train' else part}.txt")
        rows = [line.split() for line in listed.read().decode().splitlines()]
    place = {f"{row[0]}.jpg": i for i, row in enumerate(rows)}
    images = torch.empty(len(rows), 3, side, side, dtype=torch.uint8)
    with tarfile.open(folder / "images.tar.gz", "r|gz") as archive:  # one pass, front to back
        for member in archive:
            i = place.get(PurePath(member.name).name)
            if i is not None:
                images[i] = _square(archive.extractfile(member).read(), side)
    labels = torch.tensor([int(row[1]) - 1 for row in rows])
    breeds = {int(row[1]): row[0].rsplit("_", 1)[0].replace("_", " ").title() for row in rows}
    return RealImages(images, labels, tuple(breeds[k] for k in sorted(breeds)))


def _square(encoded: bytes, side: int) -> Tensor:
    """Decode a photograph, cut its central square, resize it: uint8 [3, side, side]."""
    with Image.open(io.BytesIO(encoded)) as photo:
        square = ImageOps.fit(photo.convert("RGB"), (side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


def _idx_files(mnist: Any) -> dict[str, str]:
    return {f"raw/{file}": md5 for file, md5 in mnist.resources}


def _batch_files(cifar: Any) -> dict[str, str]:
    meta = (cifar.meta["filename"], cifar.meta["md5"])
    return dict([*cifar.train_list, *cifar.test_list, meta])


def _archives(pets: Any) -> dict[str, str]:
    return {PurePath(url).name: md5 for url, md5 in pets._RESOURCES}


_CIFAR_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
_CIFAR_LICENCE = "none stated; cite Krizhevsky 2009"

SOURCES: dict[str, Source] = {
    "mnist": Source(
        "MNIST",
        "MNIST",
        12,
        "http://yann.lecun.com/exdb/mnist",
        "none stated; cite LeCun et al. 1998",
        _idx_files,
        _read_mnist,
    ),
    "fashion_mnist": Source(
        "FashionMNIST",
        "FashionMNIST",
        31,
        "https://github.com/zalandoresearch/fashion-mnist",
        "MIT",
        _idx_files,
        _read_mnist,
    ),
    "cifar10": Source(
        "CIFAR10",
        "cifar-10-batches-py",
        171,
        _CIFAR_HOME,
        _CIFAR_LICENCE,
        _batch_files,
        _read_cifar,
    ),
    "cifar100": Source(
        "CIFAR100", "cifar-100-python", 169, _CIFAR_HOME, _CIFAR_LICENCE, _batch_files, _read_cifar
    ),
    "oxford_pets": Source(
        "OxfordIIITPet",
        "oxford-iiit-pet",
        811,
        "https://www.robots.ox.ac.uk/~vgg/data/pets",
        "CC BY-SA 4.0; a note packed with the labels says for research only",
        _archives,
        _read_pets,
    ),
}
"""The data sets that `load_real` knows, by name."""
