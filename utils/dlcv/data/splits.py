"""Labelled images for classification, in three parts that never change, under one call."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.data.bundled import LabelledImages, load_digits_split
from dlcv.data.counter_random import mix64
from dlcv.data.real import READERS, RealImages, load_real
from dlcv.data.scenes import KINDS, SceneConfig, render_scenes

NAMES = ("digits", "scenes", *READERS)

_SCENE_SEED = 20
_SCENE_COUNTS = (4000, 500, 1000)  # training, validation, test
_SCENE_RADIUS = (0.20, 0.42)  # of the size: at 32 px every kind can be recognised by eye
_SCENE_NOISE = 0.08
_HELD_OUT = 10  # one training image in ten is for validation


class Split(NamedTuple):
    """Three parts with no image in common, and the name of each class."""

    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]


def load_split(name: str, size: int | None = None) -> Split:
    """Load a data set for classification, always divided in the same way.

    Args:
        name: "digits", 1,797 real digits that come with scikit-learn (`load_digits_split`);
            "scenes", the book's own world with one object in each scene, whose kind is the label;
            or a real data set that is fetched once: "mnist", "fashion_mnist", "cifar10",
            "cifar100", "oxford_pets". Its test part is the publisher's, its validation part a tenth
            of every class of the publisher's training part.
        size: height and width, px. Digits: 8, 28 or 32, by default 8. Scenes: 16 to 1024, by
            default 32. MNIST and Fashion-MNIST: 28, or 32 for a border of 2 zeros. CIFAR: 32.
            Pets: any, by default 128.

    Returns:
        Images float32 [N, C, size, size] in [0, 1] and labels int64 [N], three times, and the class
        names. 4,000, 500 and 1,000 scenes; 1,087, 355 and 355 digits.

    Raises:
        ValueError: if there is no data set of that name, or not in that size.
        RuntimeError: if a real data set cannot be fetched or is damaged.

    Taught in: lectures/03_training
    """
    if name == "digits":
        return Split(*load_digits_split(8 if size is None else size), tuple(map(str, range(10))))
    if name == "scenes":
        parts = _scenes(32 if size is None else size)
        return Split(*[LabelledImages(x / 255.0, labels.clone()) for x, labels in parts], KINDS)
    if name not in READERS:
        raise ValueError(f"expected one of {', '.join(NAMES)}, got {name!r}")
    _check_size(name, size)
    train, test = (
        load_real(name, part, size if name == "oxford_pets" else None) for part in ("train", "test")
    )
    held_out = _held_out(train.labels)
    parts = [_labelled(train, ~held_out, size), _labelled(train, held_out, size)]
    return Split(*parts, _labelled(test, torch.ones(len(test.labels)).bool(), size), train.classes)


@lru_cache(maxsize=2)
def _scenes(size: int) -> list[tuple[Tensor, Tensor]]:
    """Render scenes of one object: images uint8 [N, 3, size, size] and kinds [N], three times."""
    config = SceneConfig(size, objects=(1, 1), radius=_SCENE_RADIUS, noise=_SCENE_NOISE)
    parts, start = [], 0
    for count in _SCENE_COUNTS:
        scenes = render_scenes(count, _SCENE_SEED, start, config, masks=False)
        parts.append((scenes.images, scenes.labels[:, 0]))
        start += count
    return parts


def _check_size(name: str, size: int | None) -> None:
    sizes = {"mnist": (28, 32), "fashion_mnist": (28, 32), "cifar10": (32,), "cifar100": (32,)}
    if size is not None and size not in sizes.get(name, (size,)):
        raise ValueError(f"expected a size of {sizes[name]} for {name}, got {size}")


def _held_out(labels: Tensor) -> Tensor:
    """Which training images are for validation, bool [N]: in each class those of lowest hash."""
    rank = mix64(torch.arange(len(labels)))
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        held_out[members[rank[members].argsort()][: len(members) // _HELD_OUT]] = True
    return held_out


def _labelled(data: RealImages, chosen: Tensor, size: int | None) -> LabelledImages:
    """Some of the images, in [0, 1], with a border of zeros where they are smaller than `size`."""
    images = data.images[chosen].float() / 255.0
    border = ((size or images.shape[-1]) - images.shape[-1]) // 2
    return LabelledImages(
        torch.nn.functional.pad(images, (border,) * 4), data.labels[chosen].clone()
    )
