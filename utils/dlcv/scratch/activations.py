"""The non-linear functions of units, each with its slope. All work entry by entry."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Activation(NamedTuple):
    """A function of a unit, its derivative, and between which values it lies."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    low: float
    high: float


def step(z: Tensor) -> Tensor:
    """1 where z > 0, else 0: the unit that fires or does not."""
    return (z > 0).to(z.dtype)


def logistic(z: Tensor) -> Tensor:
    """σ(z) = 1 / (1 + exp(−z)), written so that no exponential overflows.

    For z < 0 it is exp(z) / (1 + exp(z)), the same number.

    Taught in: lectures/02_backpropagation
    """
    small = (-z.abs()).exp()  # in (0, 1], whatever z is
    return torch.where(z >= 0, 1, small) / (1 + small)


def logistic_slope(z: Tensor) -> Tensor:
    """σ'(z) = σ(z) σ(−z) ≤ 1/4. The second factor is 1 − σ(z), without its cancellation."""
    return logistic(z) * logistic(-z)


def tanh_slope(z: Tensor) -> Tensor:
    """tanh'(z) = 1 − tanh²(z) = 4 σ(2z) σ(−2z) ≤ 1; the last form loses no digits for large z."""
    return 4 * logistic_slope(2 * z)


def relu(z: Tensor) -> Tensor:
    """max(0, z).

    Reference:
        Nair and Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """
    return z.clamp(min=0)


def relu_slope(z: Tensor) -> Tensor:
    """1 where z > 0, else 0. At the kink any value in [0, 1] would do; libraries take 0."""
    return step(z)


def leaky_relu(z: Tensor, slope: float = 0.01) -> Tensor:
    """z where z > 0, else slope · z.

    Args:
        z: any shape.
        slope: on the negative side; 0.01 is the paper's.

    Reference:
        Maas, Hannun and Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
    """
    return torch.where(z > 0, z, slope * z)


def leaky_relu_slope(z: Tensor, slope: float = 0.01) -> Tensor:
    """1 where z > 0, else the slope of the negative side."""
    return torch.where(z > 0, torch.ones_like(z), slope)


def elu(z: Tensor, alpha: float = 1.0) -> Tensor:
    """z where z > 0, else α (exp(z) − 1).

    Args:
        z: any shape.
        alpha: minus the value far on the left; 1 is the paper's.

    Reference:
        Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network Learning by Exponential
        Linear Units, ICLR 2016.
    """
    return torch.where(z > 0, z, alpha * z.clamp(max=0).expm1())


def elu_slope(z: Tensor, alpha: float = 1.0) -> Tensor:
    """1 where z > 0, else α exp(z)."""
    return torch.where(z > 0, 1, alpha * z.clamp(max=0).exp())


ACTIVATIONS: dict[str, Activation] = {
    "step": Activation(step, torch.zeros_like, 0, 1),
    "logistic": Activation(logistic, logistic_slope, 0, 1),
    "tanh": Activation(torch.tanh, tanh_slope, -1, 1),
    "ReLU": Activation(relu, relu_slope, 0, torch.inf),
    "leaky ReLU": Activation(leaky_relu, leaky_relu_slope, -torch.inf, torch.inf),
    "ELU": Activation(elu, elu_slope, -1, torch.inf),
}
"""The six of the gallery, by name."""
