"""Tiny sets for classification in the layouts of the real ones, written by the tests themselves."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
from photo_files import encoded, write_archive, write_folder

from dlcv.data.known_sets import SETS


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


def write_cifar(root: Path, name: str, packed: bool = False, random: int = 0) -> None:
    """Write two images a batch: all pixels of image i of a batch are i, its label too.

    Or write `random` images a batch, with random pixels, of both classes by turns.
    """
    fine = "fine_" if name == "cifar100" else ""
    rng = np.random.default_rng(0)

    def batch() -> dict:
        plain = np.repeat(np.array([[0], [1]], np.uint8), 3072, axis=1)
        pixels = rng.integers(256, size=(random, 3072), dtype=np.uint8) if random else plain
        return {"data": pixels, f"{fine}labels": [i % 2 for i in range(len(pixels))]}

    classes = {f"{fine}label_names": ["cat", "dog"]}
    listed = sorted({file for part in SETS[name].unpacked.values() for file in part})
    files = {file: pickle.dumps(classes if file.endswith("meta") else batch()) for file in listed}
    if packed:
        write_archive(root / SETS[name].archives["train"][0].path, files)
    else:
        write_folder(root, files)


def write_pets(root: Path, packed: bool = True) -> None:
    """Write two breeds; photographs are 60 × 40, black, white in columns 8 to 51."""
    lists = {"trainval": "pug_1 2 2 1\nold_cat_2 1 1 1\n", "test": "old_cat_1 1 1 1\npug_2 2 2 1\n"}
    lists = {f"annotations/{name}.txt": text.encode() for name, text in lists.items()}
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 8:52] = 255
    names = ("unlisted_9", "pug_2", "pug_1", "old_cat_1", "old_cat_2")
    # Some of the real ones are PNG in spite of the name.
    photos = {f"images/{name}.jpg": encoded(pixels, "PNG") for name in names}
    folder = root / "oxford-iiit-pet"
    if packed:
        write_archive(folder / "annotations.tar.gz", lists)
        write_archive(folder / "images.tar.gz", photos)
    else:
        write_folder(folder, lists | photos)


def write_classes(root: Path, name: str) -> None:
    """Write one of the sets for classification, as it is fetched."""
    if name == "oxford_pets":
        write_pets(root)
    elif name.startswith("cifar"):
        write_cifar(root, name, packed=True)
    else:
        write_mnist(root, {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name])
