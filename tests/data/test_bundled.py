"""Real digits and photographs that come inside the wheels."""

import hashlib
import socket

import pytest
import torch
from sklearn.datasets import load_digits, load_sample_image
from torch.nn.functional import interpolate

from dlcv.data.bundled import PHOTOS, load_digits_split, load_photo


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a bundled file must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_parts_have_the_documented_sizes_and_forms():
    split = load_digits_split()
    assert [len(part.labels) for part in split] == [1087, 355, 355]
    for images, labels in split:
        assert images.shape == (len(labels), 1, 8, 8)
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert (images.min(), images.max()) == (0.0, 1.0)


def test_parts_together_are_the_whole_data_set_once():
    """Each of the 1,797 originals is found in exactly one part, with its label."""
    raw = load_digits()
    originals = sorted(
        (bytes(image.astype("uint8").ravel()), label)
        for image, label in zip(raw.images, raw.target.tolist(), strict=True)
    )
    found = sorted(
        (bytes((image * 16).to(torch.uint8).flatten().tolist()), label)
        for images, labels in load_digits_split()
        for image, label in zip(images, labels.tolist(), strict=True)
    )
    assert found == originals


def test_parts_are_stratified():
    train, validation, test = (part.labels.bincount() for part in load_digits_split())
    whole = train + validation + test
    assert torch.equal(test, whole // 5)
    assert torch.equal(validation, whole // 5)


def test_the_split_is_always_the_same():
    """The hash of the test part as it was when the book was written."""
    test = load_digits_split().test
    data = (test.images * 16).to(torch.uint8).numpy().tobytes() + bytes(test.labels.tolist())
    assert hashlib.sha256(data).hexdigest()[:16] == "3df752d88a710862"


def test_the_larger_sizes_are_bilinear_and_framed():
    small = load_digits_split().validation.images
    middle, large = (load_digits_split(size).validation.images for size in (28, 32))
    assert torch.equal(middle, interpolate(small, (28, 28), mode="bilinear", align_corners=False))
    assert torch.equal(large[..., 2:30, 2:30], middle)
    frame = large.clone()
    frame[..., 2:30, 2:30] = 0
    assert frame.abs().sum() == 0


@pytest.mark.parametrize("size", [0, 16, 64])
def test_another_size_is_an_error(size):
    with pytest.raises(ValueError, match=rf"expected a size of \(8, 28, 32\), got {size}"):
        load_digits_split(size)


@pytest.mark.parametrize("name", PHOTOS)
def test_every_photograph_loads(name):
    photo = load_photo(name)
    assert photo.dtype == torch.float32
    assert photo.ndim == 3
    assert photo.shape[0] == 3
    assert min(photo.shape[1:]) >= 300
    assert 0.0 <= photo.min() < 0.3
    assert 0.7 < photo.max() <= 1.0
    assert torch.equal(photo[0], photo[2]) == PHOTOS[name].shows.endswith("grey")


def test_a_photograph_equals_what_scikit_learn_loads():
    china = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    assert torch.equal(load_photo("china"), china / 255.0)
    assert load_photo("china").shape == (3, 427, 640)


def test_an_unknown_photograph_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"astronaut.*rocket, got 'lena'"):
        load_photo("lena")
