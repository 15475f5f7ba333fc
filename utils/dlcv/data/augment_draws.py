"""What augmentations draw: numbers for each image of a batch, from a generator on the CPU.

A generator on a GPU has a sequence of its own. Drawn on the CPU, a batch gets the same numbers
wherever its images are; they are few, and travel from pinned memory while both sides go on working.
Where every pixel needs a number, they are hashed on the images' device (`CounterRandom`).
"""

import torch
from torch import Tensor

from dlcv.data.counter_random import CounterRandom


def check_images(images: Tensor) -> None:
    """Raise ValueError unless these are float images [B, C, H, W]."""
    if images.dim() != 4 or not images.is_floating_point():
        got = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"expected float images [B, C, H, W], got {got}")


def check_generator(generator: torch.Generator) -> None:
    """Raise ValueError unless the generator is one of the CPU."""
    if generator.device.type != "cpu":
        raise ValueError(f"expected a generator on the CPU, got one on {generator.device}")


def send(draws: Tensor, device: torch.device) -> Tensor:
    """Bring a tensor from the CPU to a device; nobody waits for a CUDA device to be done."""
    if device.type == "cuda":
        draws = draws.pin_memory()
    return draws.to(device, non_blocking=True)


def draw_uniform(images: Tensor, generator: torch.Generator, low: float, high: float) -> Tensor:
    """One number in [low, high) for each image, [B], on the images' device.

    Raises:
        ValueError: If the images' shape or the generator's device is off, or low > high.
    """
    check_images(images)
    check_generator(generator)
    if not low <= high:
        raise ValueError(f"expected a range with low <= high, got {low} to {high}")
    draws = torch.rand(len(images), generator=generator, device="cpu")
    return low + (high - low) * send(draws, images.device)


def draw_integers(images: Tensor, generator: torch.Generator, high: int) -> Tensor:
    """One whole number from 0 to high - 1 for each image, int64 [B], on the images' device.

    Raises:
        ValueError: If the images' shape or the generator's device is off, or high < 1.
    """
    check_images(images)
    check_generator(generator)
    if high < 1:
        raise ValueError(f"expected high >= 1, got {high}")
    draws = torch.randint(high, (len(images),), generator=generator, device="cpu")
    return send(draws, images.device)


def draw_chance(images: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """For each image whether it was chosen, bool [B, 1, 1, 1].

    Raises:
        ValueError: If the images' shape is off or the probability is outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"expected a probability in [0, 1], got {probability}")
    return (draw_uniform(images, generator, 0, 1) < probability)[:, None, None, None]


def draw_pixels(images: Tensor, generator: torch.Generator) -> CounterRandom:
    """Draw one seed, from which any number of values for each image is hashed on its device."""
    check_images(images)
    check_generator(generator)
    seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
    return CounterRandom(seed, 0, len(images), images.device)
