"""Tiny data sets in the layouts of the real ones, written by the tests themselves."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlcv.data import real


def write_mnist(root: Path, name: str = "MNIST", train: int = 40, test: int = 5) -> None:
    """Write `train` and `test` digits, the i-th of class i modulo 2 and with its first pixel i."""
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for prefix, count in (("train", train), ("t10k", test)):
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0] = np.arange(count)
        labels = bytes(i % 2 for i in range(count))
        head = struct.pack(">4i", 2051, count, 28, 28)
        (raw / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + images.tobytes()))
        head = struct.pack(">2i", 2049, count)
        (raw / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + labels))


def write_cifar(root: Path, name: str) -> None:
    """Write two images a batch: all pixels of image i of a batch are i, its label too."""
    cifar = real.SOURCES[name].torchvision_class()
    folder = root / real.SOURCES[name].folder
    folder.mkdir(parents=True)
    key = "fine_labels" if name == "cifar100" else "labels"
    for batch, _ in cifar.train_list + cifar.test_list:
        data = np.repeat(np.array([[0], [1]], np.uint8), 3072, axis=1)
        (folder / batch).write_bytes(pickle.dumps({"data": data, key: [0, 1]}))
    names = {cifar.meta["key"]: ["cat", "dog"]}
    (folder / cifar.meta["filename"]).write_bytes(pickle.dumps(names))


def write_pets(root: Path) -> None:
    """Write two breeds; photographs are 60 × 40, black, white in columns 8 to 51."""
    folder = root / "oxford-iiit-pet"
    folder.mkdir(parents=True)
    lists = {"trainval": "pug_1 2 2 1\nold_cat_2 1 1 1\n", "test": "old_cat_1 1 1 1\npug_2 2 2 1\n"}
    lists = {f"annotations/{name}.txt": text.encode() for name, text in lists.items()}
    _write_archive(folder / "annotations.tar.gz", lists)
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 8:52] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "PNG"
    )  # some of the real ones are PNG in spite of the name
    names = ("old_cat_1", "old_cat_2", "pug_1", "pug_2", "unlisted_9")
    photos = {f"images/{name}.jpg": buffer.getvalue() for name in names}
    _write_archive(folder / "images.tar.gz", photos)


def _write_archive(path: Path, contents: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def accept(monkeypatch: pytest.MonkeyPatch, name: str, root: Path) -> None:
    """Let the files that lie below `root` now be the official ones of a data set."""
    source = real.SOURCES[name]
    paths = {file: root / source.folder / file for file in files_of(name)}
    md5 = {file: hashlib.md5(path.read_bytes()).hexdigest() for file, path in paths.items()}
    monkeypatch.setitem(real.SOURCES, name, replace(source, checksums=lambda _: md5))


def files_of(name: str) -> list[str]:
    """The files that a data set consists of, by their paths in its folder."""
    source = real.SOURCES[name]
    return list(source.checksums(source.torchvision_class()))
