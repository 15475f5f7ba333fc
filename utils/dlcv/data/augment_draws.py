"""What augmentations draw: one number for each image of a batch, from a generator of the caller."""

import torch
from torch import Tensor


def check_images(images: Tensor) -> None:
    """Raise ValueError unless these are float images [B, C, H, W]."""
    if images.dim() != 4 or not images.is_floating_point():
        got = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"expected float images [B, C, H, W], got {got}")


def draw_uniform(images: Tensor, generator: torch.Generator, low: float, high: float) -> Tensor:
    """One number in [low, high) for each image, [B].

    Raises:
        ValueError: If the images' shape is off or low > high.
    """
    check_images(images)
    if not low <= high:
        raise ValueError(f"expected a range with low <= high, got {low} to {high}")
    draws = torch.rand(len(images), generator=generator, device=images.device)
    return low + (high - low) * draws


def draw_chance(images: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """For each image whether it was chosen, bool [B, 1, 1, 1].

    Raises:
        ValueError: If the images' shape is off or the probability is outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"expected a probability in [0, 1], got {probability}")
    return (draw_uniform(images, generator, 0, 1) < probability)[:, None, None, None]
