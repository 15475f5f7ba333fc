"""Small loss surfaces over two weights, on which one can watch an optimiser walk."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Surface(NamedTuple):
    """A loss over two weights.

    Attributes:
        loss: Function of x₁ and x₂, in torch operations.
        reach: The square −reach ≤ x₁, x₂ ≤ reach is worth looking at.
        start: A good place to start from.
        lowest: The places of the global minimum.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    reach: float
    start: tuple[float, float]
    lowest: tuple[tuple[float, float], ...]


def bowl(x: Tensor, y: Tensor) -> Tensor:
    """½ (x² + y²): every direction is alike."""
    return (x**2 + y**2) / 2


def valley(x: Tensor, y: Tensor) -> Tensor:
    """½ (x² + 25 y²): the slope across is 25 times the slope along."""
    return (x**2 + 25 * y**2) / 2


def tilted_valley(x: Tensor, y: Tensor) -> Tensor:
    """The same valley, turned by 45°: no weight by itself runs along it."""
    return valley((x + y) / math.sqrt(2), (y - x) / math.sqrt(2))


def saddle(x: Tensor, y: Tensor) -> Tensor:
    """½ x² − ½ y² + ¼ y⁴: flat at the origin, two minima of −1/4 at y = ±1."""
    return (x**2 - y**2) / 2 + y**4 / 4


def banana(x: Tensor, y: Tensor) -> Tensor:
    """(1 − x)² / 10 + (y − x²)²: a bent valley with a nearly flat floor.

    Reference:
        Rosenbrock, An automatic method for finding the greatest or least value of a function,
        The Computer Journal 3, 1960; there 100 (y − x²)² + (1 − x)².
    """
    return (1 - x) ** 2 / 10 + (y - x**2) ** 2


def ripples(x: Tensor, y: Tensor) -> Tensor:
    """0.2 (x² + y²) + 1 − ½ cos 4x − ½ cos 4y: one best minimum among many."""
    return 0.2 * (x**2 + y**2) + 1 - (torch.cos(4 * x) + torch.cos(4 * y)) / 2


SURFACES = {
    "round bowl": Surface(bowl, 2.0, (-1.5, 1.2), ((0.0, 0.0),)),
    "long valley": Surface(valley, 2.0, (-1.8, 0.7), ((0.0, 0.0),)),
    "tilted valley": Surface(tilted_valley, 2.0, (-1.8, -0.8), ((0.0, 0.0),)),
    "saddle": Surface(saddle, 2.0, (-1.5, 0.01), ((0.0, 1.0), (0.0, -1.0))),
    "banana": Surface(banana, 2.0, (-1.2, 1.0), ((1.0, 1.0),)),
    "several minima": Surface(ripples, 2.5, (-2.2, 1.9), ((0.0, 0.0),)),
}
"""The surfaces by name."""


def gradient(surface: Surface, place: Tensor) -> Tensor:
    """The gradient of a surface's loss at a place [2].

    Raises:
        ValueError: If the place is no pair.

    Taught in: lectures/03_training
    """
    if place.shape != (2,):
        raise ValueError(f"expected a place [2], got {list(place.shape)}")
    leaf = place.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(surface.loss(leaf[0], leaf[1]), leaf)
    return slope


def descend(surface: Surface, optimiser_class: type, steps: int, **settings: float) -> Tensor:
    """The path of an optimiser from the surface's start, float64 [steps + 1, 2].

    Args:
        surface: Where to walk.
        optimiser_class: One of `dlcv.scratch.optimisers`, made with (tensors, **settings).
        steps: How many.
        settings: The optimiser's, such as lr.

    Taught in: lectures/03_training
    """
    place = torch.tensor(surface.start, dtype=torch.float64)
    optimiser = optimiser_class([place], **settings)
    path = [place.clone()]
    for _ in range(steps):
        optimiser.step([gradient(surface, place)])
        path.append(place.clone())
    return torch.stack(path)
