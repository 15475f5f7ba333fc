"""A multi-layer perceptron on the book's own autograd, and gradient descent to train it."""

import itertools
import math
from collections.abc import Callable, Sequence

import torch

from dlcv.scratch.autograd import Tensor

Loss = Callable[[Tensor, torch.Tensor], Tensor]

HIDDEN: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda z: z,
    "logistic": Tensor.sigmoid,
    "tanh": Tensor.tanh,
    "ReLU": Tensor.relu,
    "leaky ReLU": lambda z: z.relu() - 0.01 * (-z).relu(),
    "ELU": lambda z: z.relu() + (-(-z).relu()).exp() - 1,
}
"""What the hidden units of an MLP may compute, by name."""


class MLP:
    """Fully connected layers a^l = φ(a^(l-1) W^lᵀ + b^l), the last one without φ.

    Weights start as Gaussian noise and biases at 0. The spread of the noise keeps signals about as
    large from layer to layer: variance 2 / (D_in + D_out) (Glorot and Bengio 2010), for units of
    the ReLU family 2 / D_in (He et al. 2015). Lecture 3 says why.

    Args:
        sizes: D_0, D_1 … D_L, from the inputs to the outputs.
        activation: φ, a name in HIDDEN.
        seed: of the weights.
        dtype: floating-point type of the weights.

    Attributes:
        layers: (weights [D_out, D_in], biases [D_out]) of each layer.

    Raises:
        ValueError: fewer than two sizes, a size below 1, or an unknown activation.

    Taught in: lectures/02_backpropagation
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "tanh",
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ):
        if len(sizes) < 2 or min(sizes) < 1 or activation not in HIDDEN:
            got = f"{list(sizes)} and {activation!r}"
            raise ValueError(f"expected two or more sizes and one of {list(HIDDEN)}, got {got}")
        self.activation = HIDDEN[activation]
        draw = torch.Generator().manual_seed(seed)
        self.layers = []
        for D_in, D_out in itertools.pairwise(sizes):
            variance = 2 / D_in if activation.endswith("LU") else 2 / (D_in + D_out)
            weights = torch.randn(D_out, D_in, generator=draw, dtype=dtype) * math.sqrt(variance)
            self.layers.append((Tensor(weights), Tensor(torch.zeros(D_out, dtype=dtype))))

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and biases."""
        return [parameter for layer in self.layers for parameter in layer]

    def __call__(self, inputs: torch.Tensor) -> Tensor:
        """From inputs [N, D_0] to outputs [N, D_L]."""
        a = Tensor(inputs)
        for weights, bias in self.layers[:-1]:
            a = self.activation(a @ weights.T + bias)  # [N, D_l]
        weights, bias = self.layers[-1]
        return a @ weights.T + bias


def train(
    model: MLP,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    loss: Loss,
    *,
    lr: float,
    epochs: int,
    batch_size: int | None = None,
    seed: int = 0,
) -> list[float]:
    """Trains by mini-batch gradient descent, θ ← θ − η ∇L.

    Args:
        model: changed in place.
        inputs: [N, D_0].
        targets: [N, ...], what the loss compares with.
        loss: from outputs [n, D_L] and targets to a single number.
        lr: learning rate η > 0.
        epochs: passes over the data.
        batch_size: examples in a step; None for all at once.
        seed: of the order, a new one for each epoch.

    Returns:
        The loss of every step, before the step.

    Raises:
        ValueError: no data, inputs and targets of different number, or a setting out of range.

    Taught in: lectures/02_backpropagation
    """
    if len(inputs) == 0 or len(inputs) != len(targets):
        raise ValueError(f"expected N > 0 pairs, got {len(inputs)} and {len(targets)}")
    if not lr > 0 or epochs < 0 or (batch_size is not None and batch_size < 1):
        got = f"{lr}, {epochs} and {batch_size}"
        raise ValueError(f"expected rate > 0, epochs >= 0 and batches of 1 or more, got {got}")
    draw = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(epochs):
        order = torch.randperm(len(inputs), generator=draw).to(inputs.device)
        for batch in order.split(batch_size or len(inputs)):
            cost = loss(model(inputs[batch]), targets[batch])
            cost.backward()
            for parameter in model.parameters:
                parameter.data = parameter.data - lr * parameter.grad
            losses.append(float(cost.data))
    return losses
