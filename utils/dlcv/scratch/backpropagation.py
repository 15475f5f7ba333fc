"""Backpropagation by hand, layer by layer and for one example, as the formulas have it.

z^l = W^l a^(l-1) + b^l and a^l = φ(z^l), with a^0 = x and the output o = a^L.
"""

from collections.abc import Callable

import torch

from dlcv.scratch.activations import Activation

Layer = tuple[torch.Tensor, torch.Tensor]  # weights [D_out, D_in], biases [D_out]


def forward_pass(
    x: torch.Tensor, layers: list[Layer], activation: Activation
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Computes all layers and keeps what the backward pass will use.

    Args:
        x: one example, [D].
        layers: weights [D_out, D_in] and biases [D_out] of each.
        activation: after every layer, the last included.

    Returns:
        z^1 … z^L, and a^0 … a^L.

    Taught in: lectures/02_backpropagation
    """
    zs, activations = [], [x]
    for weights, bias in layers:
        zs.append(weights @ activations[-1] + bias)
        activations.append(activation.value(zs[-1]))
    return zs, activations


def backward_pass(
    error: torch.Tensor,
    zs: list[torch.Tensor],
    activations: list[torch.Tensor],
    layers: list[Layer],
    activation: Activation,
) -> list[Layer]:
    """Computes the gradients of all weights and biases by the recursion for δ^l = ∂E/∂z^l.

    δ^L = ∂E/∂o ⊙ φ'(z^L) and δ^l = (W^(l+1)ᵀ δ^(l+1)) ⊙ φ'(z^l); then ∂E/∂W^l = δ^l a^(l-1)ᵀ and
    ∂E/∂b^l = δ^l.

    Args:
        error: ∂E/∂o, [D_L]; o − y for E = ½‖o − y‖².
        zs: z^1 … z^L of the forward pass.
        activations: a^0 … a^L of the forward pass.
        layers: as in the forward pass.
        activation: as in the forward pass.

    Returns:
        (∂E/∂W^l, ∂E/∂b^l) for each layer, in order.

    Reference:
        Rumelhart, Hinton and Williams, Learning Representations by Back-Propagating Errors, 1986.

    Taught in: lectures/02_backpropagation
    """
    gradients = []
    for level in reversed(range(len(layers))):
        delta = error * activation.slope(zs[level])
        gradients.append((torch.outer(delta, activations[level]), delta))
        error = layers[level][0].T @ delta  # what the layer below is to blame for
    return gradients[::-1]


def numeric_gradient(
    function: Callable[[torch.Tensor], float], x: torch.Tensor, epsilon: float = 1e-5
) -> torch.Tensor:
    """Measures a gradient: (f(x + ε e_i) − f(x − ε e_i)) / 2ε for every entry i.

    Two evaluations for each entry, so it is for testing only. The error of the formula falls with
    ε², that of rounding grows with 1/ε; in float64 the best ε is about 1e-5.

    Args:
        function: from a tensor like x to a number.
        x: float64, any shape.
        epsilon: step, positive.

    Returns:
        Gradient in the shape of x.

    Raises:
        ValueError: x is not float64, in which such small differences survive.

    Taught in: lectures/02_backpropagation
    """
    if x.dtype != torch.float64 or epsilon <= 0:
        raise ValueError(f"expected float64 and a positive step, got {x.dtype} and {epsilon}")
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        values = []
        for sign in (1, -1):
            moved = x.clone()
            moved.view(-1)[i] += sign * epsilon
            values.append(float(function(moved)))
        gradient.view(-1)[i] = (values[0] - values[1]) / (2 * epsilon)
    return gradient


def relative_error(a: torch.Tensor, b: torch.Tensor) -> float:
    """‖a − b‖ / (‖a‖ + ‖b‖), from 0 (equal) to 1; 0 if both vanish.

    Raises:
        ValueError: shapes that differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"expected two tensors alike, got {list(a.shape)} and {list(b.shape)}")
    total = float(a.norm() + b.norm())
    return float((a - b).norm()) / total if total else 0.0
