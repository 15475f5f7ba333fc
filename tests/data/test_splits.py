"""Splits for classification: three disjoint parts, always the same."""

import hashlib

import pytest
import torch
from photo_files import accept
from real_files import write_cifar, write_mnist, write_pets
from sklearn.linear_model import RidgeClassifier

from dlcv.data.bundled import load_digits_split
from dlcv.data.scenes import KINDS
from dlcv.data.splits import NAMES, load_split


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("size", [None, 8, 28, 32])
def test_the_digits_are_those_of_the_bundled_split(size):
    split = load_split("digits", size)
    for part, expected in zip(split[:3], load_digits_split(size or 8), strict=True):
        assert torch.equal(part.images, expected.images)
        assert torch.equal(part.labels, expected.labels)
    assert split.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def test_the_scenes_have_the_documented_form():
    split = load_split("scenes")
    assert split.classes == KINDS
    assert [len(part.labels) for part in split[:3]] == [4000, 500, 1000]
    for images, labels in split[:3]:
        assert images.shape == (len(labels), 3, 32, 32)
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert 0.0 <= images.min() < 0.05
        assert 0.95 < images.max() <= 1.0
        assert labels.bincount().min() > 0.08 * len(labels)  # an eighth each, give or take


def test_the_scenes_are_all_different_and_always_the_same():
    """The hash is that of the test part when the book was written."""
    split = load_split("scenes")
    whole = torch.cat([part.images for part in split[:3]]).flatten(1)
    assert len({row.numpy().tobytes() for row in whole}) == 5500
    data = (split.test.images * 255).round().to(torch.uint8).numpy().tobytes()
    data += bytes(split.test.labels.tolist())
    assert hashlib.sha256(data).hexdigest()[:16] == "fa2d4d92925fe255"


def test_a_change_of_what_was_loaded_does_not_reach_the_next_reader():
    load_split("scenes").test.images.zero_()
    load_split("scenes").test.labels.zero_()
    again = load_split("scenes").test
    assert again.images.max() > 0.95
    assert again.labels.max() == 7


def test_the_kind_in_a_scene_is_not_a_matter_of_a_weighted_sum_of_pixels():
    """A linear classifier stays far below what a small network reaches (about 0.9)."""
    split = load_split("scenes")
    linear = RidgeClassifier(1000.0).fit(split.train.images.flatten(1), split.train.labels)
    assert linear.score(split.test.images.flatten(1), split.test.labels) < 0.5


@pytest.mark.parametrize("size", [None, 28, 32])
def test_a_tenth_of_each_class_of_the_training_images_is_for_validation(root, monkeypatch, size):
    """40 numbered images, 20 a class: 2 of each class are held out, none is lost or doubled."""
    write_mnist(root)
    accept(monkeypatch, "mnist", root)
    split = load_split("mnist", size)
    border = 2 if size == 32 else 0
    numbers = [(part.images[:, 0, border, border] * 255).round().int() for part in split[:3]]
    assert [len(part) for part in numbers] == [36, 4, 5]
    assert sorted(torch.cat(numbers[:2]).tolist()) == list(range(40))
    assert numbers[2].tolist() == list(range(5))
    assert split.validation.labels.bincount().tolist() == [2, 2]
    for number, (images, labels) in zip(numbers, split[:3], strict=True):
        assert torch.equal(labels, number.long() % 2)
        assert images.shape[1:] == (1, size or 28, size or 28)
        images[:, 0, border, border] = 0
        assert images.abs().sum() == 0
    again = load_split("mnist", size)
    assert torch.equal((again.validation.images.amax((1, 2, 3)) * 255).round().int(), numbers[1])


def test_colour_images_and_pets_come_in_the_same_form(root, monkeypatch):
    write_cifar(root, "cifar10")
    write_pets(root)
    for name, size in (("cifar10", 32), ("oxford_pets", 20)):
        accept(monkeypatch, name, root)
        split = load_split(name, size)
        assert split.train.images.shape[1:] == (3, size, size)
        assert split.train.images.dtype == torch.float32
        assert split.train.images.max() <= 1.0
        assert len(split.classes) == 2
    assert load_split("cifar10").test.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("imagenet", None, r"digits, scenes, mnist.*got 'imagenet'"),
        ("digits", 16, r"\(8, 28, 32\), got 16"),
        ("digits", 0, r"\(8, 28, 32\), got 0"),
        ("scenes", 8, r"16 to 1024 px, got 8"),
        ("scenes", 0, r"16 to 1024 px, got 0"),
        ("mnist", 20, r"\(28, 32\) for mnist, got 20"),
        ("cifar10", 28, r"\(32,\) for cifar10, got 28"),
    ],
)
def test_an_unknown_name_or_size_is_an_error(name, size, message):
    with pytest.raises(ValueError, match=message):
        load_split(name, size)


def test_the_names_are_those_of_the_documentation():
    assert all(f'"{name}"' in load_split.__doc__ for name in NAMES)
