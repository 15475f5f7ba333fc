"""Real images that come inside the wheels of scikit-learn and scikit-image: no download, ever."""

from importlib.resources import files
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcv.data.counter_random import mix64

DIGIT_SIZES = (8, 28, 32)
_HELD_OUT = 5  # one digit in five is for validation, one for testing


class LabelledImages(NamedTuple):
    """Images [N, C, H, W] and their labels [N]."""

    images: Tensor
    labels: Tensor


class DigitsSplit(NamedTuple):
    """Three parts with no image in common."""

    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages


class Photo(NamedTuple):
    """Where a photograph lies, what it shows and whom to thank."""

    package: str
    file: str
    shows: str
    credit: str


PHOTOS: dict[str, Photo] = {
    "astronaut": Photo(
        "skimage", "data/astronaut.png", "Eileen Collins, astronaut", "NASA, public domain"
    ),
    "brick": Photo("skimage", "data/brick.png", "a brick wall, grey", "CC0Textures, CC0"),
    "camera": Photo("skimage", "data/camera.png", "a photographer, grey", "Lav Varshney, CC0"),
    "chelsea": Photo("skimage", "data/chelsea.png", "a cat", "Stéfan van der Walt, CC0"),
    "china": Photo(
        "sklearn", "datasets/images/china.jpg", "a Chinese temple", "danielbuechele, CC BY 2.0"
    ),
    "coffee": Photo("skimage", "data/coffee.png", "a cup of coffee", "Rachel Michetti, CC0"),
    "coins": Photo(
        "skimage", "data/coins.png", "Greek coins from Pompeii, grey", "Brooklyn Museum"
    ),
    "flower": Photo(
        "sklearn", "datasets/images/flower.jpg", "a flower", "vultilion on Flickr, CC BY 2.0"
    ),
    "grass": Photo("skimage", "data/grass.png", "grass, grey", "linolafett, CC0"),
    "gravel": Photo("skimage", "data/gravel.png", "gravel, grey", "CC0Textures, CC0"),
    "motorcycle": Photo(
        "skimage", "data/motorcycle_left.png", "a motorcycle", "Middlebury stereo benchmark 2014"
    ),
    "rocket": Photo("skimage", "data/rocket.jpg", "a rocket launch", "SpaceX, public domain"),
}
"""The photographs that `load_photo` knows, by name."""


def load_digits_split(size: int = 8) -> DigitsSplit:
    """Load scikit-learn's 1,797 real handwritten digits, always split in the same way.

    Within each class the images are ordered by a hash of their position in the data set; the first
    fifth (rounded down) is the test part, the second the validation part. The split is therefore
    stratified and hangs on no library's random numbers. Parts: 1,087 training, 355 validation,
    355 test. Thirteen people wrote the digits and the data do not say who wrote which, so the same
    hand may occur in several parts.

    Args:
        size: 8 for the images as they are; 28 for bilinear enlargement; 32 for the same with a
            border of 2 zeros, the input size of LeNet-5, which likewise framed 28 × 28 digits.

    Returns:
        Three pairs of images float32 [N, 1, size, size] in [0, 1], ink bright, and labels
        int64 [N].

    Raises:
        ValueError: if `size` is none of 8, 28, 32.

    Reference:
        Alpaydin and Kaynak, Optical recognition of handwritten digits, UCI Machine Learning
        Repository, 1998. LeCun et al., Gradient-based learning applied to document recognition,
        Proceedings of the IEEE 86, 1998, Section II.B.

    Taught in: lectures/03_training
    """
    if size not in DIGIT_SIZES:
        raise ValueError(f"expected a size of {DIGIT_SIZES}, got {size}")
    from sklearn.datasets import load_digits  # takes a second to import, and few lectures need it

    raw = load_digits()
    images = torch.from_numpy(raw.images).float().unsqueeze(1) / 16.0  # sums of 16 ink pixels
    labels = torch.from_numpy(raw.target).long()
    if size != 8:
        border = (size - 28) // 2
        images = torch.nn.functional.interpolate(images, (28, 28), mode="bilinear")
        images = torch.nn.functional.pad(images, (border,) * 4)
    parts = _part_of(labels)
    return DigitsSplit(*[LabelledImages(images[parts == p], labels[parts == p]) for p in range(3)])


def _part_of(labels: Tensor) -> Tensor:
    """Part of each image: 0 train, 1 validation, 2 test; int64 [N]."""
    rank = mix64(torch.arange(len(labels)))
    parts = torch.zeros_like(labels)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        members = members[rank[members].argsort()]
        held_out = len(members) // _HELD_OUT
        parts[members[:held_out]] = 2
        parts[members[held_out : 2 * held_out]] = 1
    return parts


def load_photo(name: str) -> Tensor:
    """Load one of the real photographs of PHOTOS.

    Args:
        name: a key of PHOTOS.

    Returns:
        float32 [3, H, W] in [0, 1], RGB; a grey photograph has three equal channels.

    Raises:
        ValueError: if there is no photograph of that name.
    """
    if name not in PHOTOS:
        raise ValueError(f"expected one of {', '.join(PHOTOS)}, got {name!r}")
    photo = PHOTOS[name]
    with (files(photo.package) / photo.file).open("rb") as stream:
        pixels = np.array(Image.open(stream).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255.0
