"""Augmentation: new training images from old ones, on the device where they are.

Every function takes (images [B, C, H, W] in [0, 1], generator, settings), draws for each image anew
and returns images of the same shape. They fit `Batches(augment=...)`: settings through
`functools.partial`, several in a row through `compose`.

The generator is always one of the CPU. It draws a few numbers for each image, which are sent after
the images without anybody waiting (`dlcv.data.augment_draws`); what every pixel needs is hashed
where the images are. So the same generator state gives the same images on every device.
"""

import math

import torch
from torch import Tensor

from dlcv.data.augment_draws import check_images, draw_chance, draw_pixels, draw_uniform
from dlcv.data.batches import Augment
from dlcv.data.warps import (
    crop,
    flip_horizontal,
    flip_vertical,
    lens,
    rotate,
    scale,
    shear,
    shift,
    stretch,
    zoom_crop,
)

__all__ = [
    "brightness",
    "colour_jitter",
    "compose",
    "contrast",
    "crop",
    "cutout",
    "flip_horizontal",
    "flip_vertical",
    "from_bytes",
    "grey",
    "lens",
    "noise",
    "random_erasing",
    "rotate",
    "saturation",
    "scale",
    "shear",
    "shift",
    "stretch",
    "zoom_crop",
]

LUMA = (0.299, 0.587, 0.114)
"""Share of red, green and blue in what the eye takes for brightness (Rec. 601)."""


def compose(*augmentations: Augment) -> Augment:
    """One augmentation that applies several in a row.

    Taught in: lectures/03_training
    """

    def apply(images: Tensor, generator: torch.Generator) -> Tensor:
        for augmentation in augmentations:
            images = augmentation(images, generator)
        return images

    return apply


def from_bytes(images: Tensor, generator: torch.Generator) -> Tensor:
    """Bytes [B, C, H, W] as floats in [0, 1]: the first of several for images kept as uint8.

    A data set of bytes takes a quarter of the memory of one of floats. Nothing is drawn.

    Args:
        images: uint8 [B, C, H, W].
        generator: Not used.

    Raises:
        ValueError: If these are no bytes.
    """
    if images.dtype != torch.uint8:
        raise ValueError(f"expected images of uint8, got {images.dtype}")
    return images / 255


def noise(images: Tensor, generator: torch.Generator, std: float = 0.05) -> Tensor:
    """Add noise, close to Gaussian, to every value and clip to [0, 1].

    Args:
        images: [B, C, H, W] in [0, 1].
        generator: On the CPU.
        std: Standard deviation, at least 0.

    Raises:
        ValueError: If the shape is off or std is negative.

    Taught in: lectures/03_training
    """
    check_images(images)
    if not std >= 0:
        raise ValueError(f"expected std >= 0, got {std}")
    grain = draw_pixels(images, generator).noise(*images.shape[1:])
    return (images + std * grain.to(images.dtype)).clamp(0, 1)


def luma(images: Tensor) -> Tensor:
    """Grey values [B, 1, H, W] of RGB images; images of one channel stay."""
    if images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise ValueError(f"expected 1 or 3 channels, got {images.shape[1]}")
    return sum(share * band for share, band in zip(LUMA, images.split(1, dim=1), strict=True))


def grey(images: Tensor, generator: torch.Generator, probability: float = 0.2) -> Tensor:
    """Take the colours away, each image with a probability; three channels stay three.

    Args:
        images: [B, 1 or 3, H, W] in [0, 1].
        generator: On the CPU.
        probability: In [0, 1].

    Taught in: lectures/03_training
    """
    chosen = draw_chance(images, generator, probability)
    return torch.where(chosen, luma(images).expand_as(images), images)


def blend(images: Tensor, other: Tensor, generator: torch.Generator, amount: float) -> Tensor:
    """(1 − f) other + f image, clipped to [0, 1], with f from 1 − amount to 1 + amount."""
    if not 0 <= amount <= 1:
        raise ValueError(f"expected an amount in [0, 1], got {amount}")
    f = draw_uniform(images, generator, 1 - amount, 1 + amount)[:, None, None, None]
    return torch.lerp(other.expand_as(images), images, f.to(images.dtype)).clamp(0, 1)


def brightness(images: Tensor, generator: torch.Generator, amount: float = 0.3) -> Tensor:
    """Multiply by a factor from 1 − amount to 1 + amount and clip: blend with black.

    Args:
        images: [B, C, H, W] in [0, 1].
        generator: On the CPU.
        amount: In [0, 1].

    Taught in: lectures/03_training
    """
    return blend(images, torch.zeros_like(images), generator, amount)


def contrast(images: Tensor, generator: torch.Generator, amount: float = 0.3) -> Tensor:
    """Blend with, or away from, an even grey of the image's mean; as :func:`brightness`."""
    check_images(images)
    return blend(images, luma(images).mean(dim=(2, 3), keepdim=True), generator, amount)


def saturation(images: Tensor, generator: torch.Generator, amount: float = 0.3) -> Tensor:
    """Blend with, or away from, the grey image; as :func:`brightness`."""
    check_images(images)
    return blend(images, luma(images), generator, amount)


def colour_jitter(images: Tensor, generator: torch.Generator, amount: float = 0.3) -> Tensor:
    """Brightness, contrast and saturation, in this order, each by a draw of its own.

    Args:
        images: [B, 1 or 3, H, W] in [0, 1].
        generator: On the CPU.
        amount: In [0, 1], of each of the three.

    Taught in: lectures/03_training
    """
    for change in (brightness, contrast, saturation):
        images = change(images, generator, amount)
    return images


def inside(images: Tensor, box: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Which pixels lie in the rectangle top, bottom, left, right of their image, [B, 1, H, W]."""
    top, bottom, left, right = (edge[:, None, None, None] for edge in box)
    rows = torch.arange(images.shape[2], device=images.device)[:, None]
    columns = torch.arange(images.shape[3], device=images.device)
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def random_erasing(
    images: Tensor,
    generator: torch.Generator,
    probability: float = 0.5,
    smallest: float = 0.02,
    largest: float = 0.4,
) -> Tensor:
    """Overwrite a rectangle of random size, form and place with noise.

    Area and form (height / width from 0.3 to 1/0.3) are drawn as in the paper; a side that would be
    longer than the image is cut to it, where the paper draws again.

    Args:
        images: [B, C, H, W] in [0, 1].
        generator: On the CPU.
        probability: In [0, 1]; the defaults are the paper's.
        smallest: Least share of the area.
        largest: Largest share of the area, at most 1.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        Zhong et al., Random erasing data augmentation, AAAI 2020, algorithm 1.

    Taught in: lectures/03_training
    """
    if not 0 <= smallest <= largest <= 1:
        raise ValueError(f"expected 0 <= smallest <= largest <= 1, got {smallest}, {largest}")
    chosen = draw_chance(images, generator, probability)
    H, W = images.shape[2:]
    area = H * W * draw_uniform(images, generator, smallest, largest)
    form = draw_uniform(images, generator, math.log(0.3), -math.log(0.3)).exp()
    height = (area * form).sqrt().round().clamp(1, H)
    width = (area / form).sqrt().round().clamp(1, W)
    top = (draw_uniform(images, generator, 0, 1) * (H + 1 - height)).floor()
    left = (draw_uniform(images, generator, 0, 1) * (W + 1 - width)).floor()
    erased = chosen & inside(images, (top, top + height, left, left + width))
    new = draw_pixels(images, generator).uniform(*images.shape[1:])
    return torch.where(erased, new.to(images.dtype), images)


def cutout(images: Tensor, generator: torch.Generator, size: int = 8) -> Tensor:
    """Set a square to 0 whose centre is any pixel: at the border, part of it falls outside.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        size: Side in pixels, at least 1; the paper's is 16 for 32 × 32 images of 10 classes.

    Raises:
        ValueError: If the shape or the size is off.

    Reference:
        DeVries and Taylor, Improved regularization of convolutional neural networks with cutout,
        arXiv 1708.04552, 2017.

    Taught in: lectures/03_training
    """
    if size < 1:
        raise ValueError(f"expected a size of at least 1 pixel, got {size}")
    check_images(images)
    H, W = images.shape[2:]
    top = (draw_uniform(images, generator, 0, 1) * H).floor() - size // 2
    left = (draw_uniform(images, generator, 0, 1) * W).floor() - size // 2
    return images.masked_fill(inside(images, (top, top + size, left, left + size)), 0)
