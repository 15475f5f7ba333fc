"""Lecture 02, the two exercises with a whole network: 02.mlp_backward and 02.xor."""

import itertools

import torch
from torch import Tensor

from dlcv.scratch.backpropagation import relative_error
from dlcv.scratch.losses import binary_cross_entropy, one_hot, softmax
from dlcv.scratch.mlp import MLP, train
from dlcv.study.exercises.base import NotAttempted, Wrong, attempt, expect

SIZES = (5, 6, 4, 3)  # all different, so that a transposed matrix shows in its shape
LARGEST_ERROR = 1e-6

# 02.mlp_backward: the gradients of two hidden layers and an output layer


def gradients(inputs, labels, layers):
    """Returns (gradient of the weights, gradient of the biases) for each of the layers."""
    activations = [inputs]  # what the forward pass keeps
    for weights, bias in layers[:-1]:
        activations.append(torch.tanh(activations[-1] @ weights.T + bias))
    weights, bias = layers[-1]
    probs = torch.softmax(activations[-1] @ weights.T + bias, dim=1)
    delta = (probs - one_hot(labels, probs.shape[1])) / len(labels)  # at the logits, [N, K]
    result = []
    for (weights, _), a in zip(reversed(layers), reversed(activations), strict=True):
        result.append((delta.T @ a, delta.sum(dim=0)))
        delta = (delta @ weights) * (1 - a**2)  # unused after the first layer
    return result[::-1]


SLIPS = {  # what to tell the reader, by which slip leads to the very same numbers
    "these are $N$ times too large: the loss is the *mean* over the batch": {"mean": False},
    "every sign is turned round: it is $p - y$, the other way round is the direction to move in": {
        "sign": -1.0
    },
    "the error at the logits is $p - y$; yours is $p$, without the target": {"target": False},
    "the slope of $\\tanh$ is missing: $\\delta^l = (\\delta^{l+1} W^{l+1}) \\odot (1 - a^2)$": {
        "slope": lambda a: torch.ones_like(a)
    },
    "the slope of $\\tanh$ is $1 - a^2$ with $a = \\tanh(z)$; yours is $a (1 - a)$, that of the "
    "logistic function": {"slope": lambda a: a * (1 - a)},
    "the slope is $1 - \\tanh^2(z)$, and $a$ is $\\tanh(z)$ already; you apply $\\tanh$ twice": {
        "slope": lambda a: 1 - torch.tanh(a) ** 2
    },
}


def slipped(inputs, labels, layers, mean=True, sign=1.0, target=True, slope=lambda a: 1 - a**2):
    """The solution with a slip in it."""
    activations = [inputs]
    for weights, bias in layers[:-1]:
        activations.append(torch.tanh(activations[-1] @ weights.T + bias))
    probs = softmax(activations[-1] @ layers[-1][0].T + layers[-1][1])
    delta = sign * (probs - one_hot(labels, probs.shape[1]) * target)
    delta = delta / len(labels) if mean else delta
    result = []
    for (weights, _), a in zip(reversed(layers), reversed(activations), strict=True):
        result.append((delta.T @ a, delta.sum(dim=0)))
        delta = (delta @ weights) * slope(a)
    return result[::-1]


def make_case(seed: int, count: int = 7) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    """Random inputs, labels and layers in float64."""
    draw = torch.Generator().manual_seed(seed)
    new = {"generator": draw, "dtype": torch.float64}
    layers = [
        (torch.randn(b, a, **new) / 2, torch.randn(b, **new) / 2)
        for a, b in itertools.pairwise(SIZES)
    ]
    inputs = torch.randn(count, SIZES[0], **new)
    return inputs, torch.randint(SIZES[-1], (count,), generator=draw), layers


def check_mlp_backward(answer: object) -> None:
    """Against torch's autograd, from the last layer to the first, as one would write it."""
    for seed, count in ((0, 7), (1, 1), (2, 20)):
        case = make_case(seed, count)
        expected = by_torch(*case)
        got = attempt(answer, *case)
        expect(
            isinstance(got, list | tuple) and len(got) == len(expected),
            "return one pair (gradient of the weights, gradient of the biases) for each layer.",
        )
        slips = {why: slipped(*case, **slip) for why, slip in SLIPS.items()}
        for level in reversed(range(len(expected))):
            check_layer(level, got[level], expected[level], {w: s[level] for w, s in slips.items()})


def by_torch(
    inputs: Tensor, labels: Tensor, layers: list[tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """The same gradients from torch's autograd."""
    leaves = [tensor.clone().requires_grad_() for layer in layers for tensor in layer]
    a = inputs
    for weights, bias in zip(leaves[:-2:2], leaves[1:-2:2], strict=True):
        a = torch.tanh(a @ weights.T + bias)
    loss = torch.nn.functional.cross_entropy(a @ leaves[-2].T + leaves[-1], labels)
    grads = torch.autograd.grad(loss, leaves)
    return list(zip(grads[::2], grads[1::2], strict=True))


def check_layer(level: int, got: object, expected: tuple, slips: dict[str, tuple]) -> None:
    """The gradients of one layer: their shapes, then their values, then the likely slips."""
    expect(
        isinstance(got, list | tuple) and len(got) == 2,
        f"layer {level + 1}: expected a pair, weights and biases.",
    )
    if any(part is ... for part in got):
        raise NotAttempted
    for what, mine, right, k in zip(("weights", "biases"), got, expected, (0, 1), strict=True):
        name = f"layer {level + 1}, {what}"
        check_shape(name, mine, right)
        error = relative_error(mine.double(), right)
        if error > LARGEST_ERROR:
            for why, slip in slips.items():
                expect(relative_error(mine.double(), slip[k]) > LARGEST_ERROR, f"{name}: {why}.")
            raise Wrong(f"{name}: the relative error is {error:.1g}, expected at most 1e-6.")


def check_shape(name: str, mine: object, right: Tensor) -> None:
    """The shape of a gradient, which is that of the parameter."""
    expect(isinstance(mine, Tensor), f"{name}: expected a tensor, got {type(mine).__name__}.")
    expect(
        mine.shape == right.shape or mine.shape != right.shape[::-1],
        f"{name}: the gradient is transposed. Weights are $[D_{{out}}, D_{{in}}]$, so it is "
        "$\\delta^\\top a$.",
    )
    shapes = f"expected shape {list(right.shape)}, got {list(mine.shape)}"
    hint = " Each example has its own gradient; add them up." if mine.ndim > right.ndim else ""
    expect(mine.shape == right.shape, f"{name}: {shapes}.{hint}")


# 02.xor: gradient descent finds the layers that lecture 1 set by hand

CORNERS = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
XOR = torch.tensor([0.0, 1, 1, 0])
STARTS, ENOUGH = 10, 8


def learn_xor(seed):
    """Returns an MLP with four hidden units, trained on the four corners."""

    def loss(outputs, targets):
        return binary_cross_entropy(outputs.reshape(-1), targets)

    model = MLP([2, 4, 1], "tanh", seed)
    train(model, CORNERS, XOR, loss, lr=0.5, epochs=500)
    return model


def check_xor(answer: object) -> None:
    """All four corners from at least eight of ten starts, with the network that was asked for."""
    models = [attempt(answer, seed) for seed in range(STARTS)]
    for model in models:
        expect(isinstance(model, MLP), f"return the trained MLP, not a {type(model).__name__}.")
        sizes = [model.layers[0][0].shape[1], *(len(w.data) for w, _ in model.layers)]
        expect(sizes == [2, 4, 1], f"expected the sizes [2, 4, 1], got {sizes}.")
    first = [model.layers[0][0].data for model in models]
    expect(
        not first[0].equal(first[1]),
        "all your networks are the same: pass `seed` on to the MLP.",
    )
    solved = sum(is_solved(model) for model in models)
    if solved < ENOUGH:
        raise Wrong(diagnose(models, solved))


def is_solved(model: MLP) -> bool:
    """Whether the sign of the output is right at all four corners."""
    return bool(((model(CORNERS).data[:, 0] > 0) == XOR.bool()).all())


def diagnose(models: list[MLP], solved: int) -> str:
    """Why too few networks have learnt XOR."""
    start = MLP([2, 4, 1], seed=0).layers[0][0].data
    message = f"{solved} of {STARTS} starts get all four corners right, expected {ENOUGH}."
    outputs = torch.stack([model(CORNERS).data[:, 0] for model in models])
    if models[0].layers[0][0].data.equal(start):
        return message + " The weights are as they were at the start: call `train`."
    if not outputs.isfinite().all():
        return message + " Some outputs are no longer numbers: a smaller rate may help."
    additive = (outputs[:, 0] + outputs[:, 3] - outputs[:, 1] - outputs[:, 2]).abs().max()
    if additive < 1e-4:
        return message + " Your hidden units are linear, so the whole network is one line."
    return message + " Train for longer, or with another rate or activation."
