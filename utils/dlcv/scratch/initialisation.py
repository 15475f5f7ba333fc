"""First weights: how wide to draw them, so that signals keep their size from layer to layer."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def fans(weight: Tensor) -> tuple[int, int]:
    """How many inputs an output adds up, and how many outputs an input goes to.

    Args:
        weight: [D_out, D_in] of a linear layer or [C_out, C_in, K_h, K_w] of a convolution, where
            each of the K_h K_w taps counts.

    Returns:
        (fan-in, fan-out).

    Raises:
        ValueError: If the weight has fewer than two dimensions.

    Taught in: lectures/03_training
    """
    if weight.dim() < 2:
        raise ValueError(f"expected weights [out, in, ...], got {list(weight.shape)}")
    taps = math.prod(weight.shape[2:])
    return weight.shape[1] * taps, weight.shape[0] * taps


def xavier_std(fan_in: int, fan_out: int | None = None) -> float:
    """√(2 / (n_in + n_out)), a compromise between forward and backward; or 1 / √n_in.

    Args:
        fan_in: n_in ≥ 1.
        fan_out: n_out ≥ 1, or None for the fan-in form, which looks at the forward pass alone.

    Raises:
        ValueError: If a fan is below 1.

    Reference:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, AISTATS 2010, equation 12.

    Taught in: lectures/03_training
    """
    fan_out = fan_in if fan_out is None else fan_out
    if min(fan_in, fan_out) < 1:
        raise ValueError(f"expected fans of at least 1, got {fan_in} and {fan_out}")
    return math.sqrt(2 / (fan_in + fan_out))


def xavier_bound(fan_in: int, fan_out: int) -> float:
    """√(6 / (n_in + n_out)): uniform numbers in [−b, b] have standard deviation b / √3.

    Args:
        fan_in: n_in ≥ 1.
        fan_out: n_out ≥ 1.

    Reference:
        Glorot and Bengio 2010, equation 16.

    Taught in: lectures/03_training
    """
    return math.sqrt(3) * xavier_std(fan_in, fan_out)


def he_std(fan_in: int) -> float:
    """√(2 / n_in): twice Xavier's variance, for the half of the signal that a ReLU cuts away.

    Args:
        fan_in: n_in ≥ 1.

    Raises:
        ValueError: If the fan is below 1.

    Reference:
        He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015, equation 10.

    Taught in: lectures/03_training
    """
    if fan_in < 1:
        raise ValueError(f"expected a fan of at least 1, got {fan_in}")
    return math.sqrt(2 / fan_in)


SCHEMES: dict[str, Callable[[int, int], float]] = {
    "zeros": lambda fan_in, fan_out: 0.0,
    "small": lambda fan_in, fan_out: 0.01,
    "large": lambda fan_in, fan_out: 1.0,
    "xavier": xavier_std,
    "he": lambda fan_in, fan_out: he_std(fan_in),
}
"""Standard deviation from (fan-in, fan-out), by name; 0.01 is AlexNet's."""


@torch.no_grad()
def initialise(model: nn.Module, scheme: str, generator: torch.Generator | None = None) -> None:
    """Draw all weights of a model's linear layers and convolutions anew; its biases become 0.

    Args:
        model: Any module.
        scheme: A key of SCHEMES.
        generator: On the CPU: the weights are then the same on every device. None for torch's own.

    Raises:
        ValueError: If the scheme is unknown.

    Taught in: lectures/03_training
    """
    if scheme not in SCHEMES:
        raise ValueError(f"expected one of {', '.join(SCHEMES)}, got {scheme!r}")
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            std = SCHEMES[scheme](*fans(layer.weight))
            layer.weight.copy_(std * torch.randn(layer.weight.shape, generator=generator))
            if layer.bias is not None:
                layer.bias.zero_()
