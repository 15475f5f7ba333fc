"""The recursion for δ: the worked network, against torch, and the numeric gradient check."""

import itertools

import pytest
import torch

from dlcv.scratch.activations import ACTIVATIONS
from dlcv.scratch.backpropagation import (
    backward_pass,
    forward_pass,
    numeric_gradient,
    relative_error,
)

WORKED = [
    (torch.tensor([[1.0, -1], [-1, 1]]).double(), torch.tensor([-0.5, 0.5]).double()),
    (torch.tensor([[1.0, 2]]).double(), torch.tensor([0.0]).double()),
]


def random_layers(sizes, seed=0):
    draw = torch.Generator().manual_seed(seed)
    new = {"generator": draw, "dtype": torch.float64}
    return [(torch.randn(b, a, **new), torch.randn(b, **new)) for a, b in itertools.pairwise(sizes)]


def test_the_worked_network():
    # x = (1, 0): z¹ = (0.5, −0.5), a¹ = (0.6225, 0.3775), z² = 0.6225 + 2·0.3775 = 1.3775,
    # o = 0.7986. δ² = o · o(1 − o) = 0.1284; δ¹ = (1, 2)·0.1284·0.235 = (0.0302, 0.0604).
    x = torch.tensor([1.0, 0.0]).double()
    zs, activations = forward_pass(x, WORKED, ACTIVATIONS["logistic"])
    assert activations[-1].item() == pytest.approx(0.7986, abs=1e-5)
    first, last = backward_pass(
        activations[-1] - 0, zs, activations, WORKED, ACTIVATIONS["logistic"]
    )
    assert last[0][0, 0].item() == pytest.approx(0.07995, abs=1e-5)
    assert first[0][1, 0].item() == pytest.approx(0.06037, abs=1e-5)
    assert first[0][0, 1].item() == 0.0  # its input is 0
    assert first[1].equal(first[0][:, 0])  # the input x₁ is 1, like that of a bias


@pytest.mark.parametrize("name", ["logistic", "tanh", "ReLU", "leaky ReLU", "ELU"])
@pytest.mark.parametrize("sizes", [(3, 1), (4, 3, 2), (2, 5, 4, 6, 3)])
def test_gradients_agree_with_torch_and_with_differences(name, sizes):
    activation = ACTIVATIONS[name]
    layers = random_layers(sizes, seed=len(sizes))
    x = torch.linspace(-1, 1, sizes[0]).double()
    target = torch.linspace(0, 1, sizes[-1]).double()
    leaves = [tensor.clone().requires_grad_() for layer in layers for tensor in layer]
    pairs = list(zip(leaves[::2], leaves[1::2], strict=True))
    _, a = forward_pass(x, pairs, activation)
    expected = torch.autograd.grad(((a[-1] - target) ** 2).sum() / 2, leaves)

    zs, activations = forward_pass(x, layers, activation)
    ours = backward_pass(activations[-1] - target, zs, activations, layers, activation)
    for got, wanted in zip([t for pair in ours for t in pair], expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)

    def error(weights):
        _, a = forward_pass(x, [(weights, layers[0][1]), *layers[1:]], activation)
        return ((a[-1] - target) ** 2).sum() / 2

    assert relative_error(ours[0][0], numeric_gradient(error, layers[0][0])) < 1e-7


def test_numeric_gradient_of_a_square_is_exact_up_to_rounding():
    x = torch.tensor([[1.0, -2.0, 3.0]]).double()
    got = numeric_gradient(lambda t: (t**2).sum(), x)
    torch.testing.assert_close(got, 2 * x, rtol=1e-9, atol=1e-9)
    assert x.tolist() == [[1.0, -2.0, 3.0]]  # untouched
    assert numeric_gradient(lambda t: t.sum(), torch.zeros(0).double()).shape == (0,)


def test_the_gradient_check_finds_a_wrong_sign():
    x = torch.tensor([0.3, 0.7]).double()
    measured = numeric_gradient(lambda t: (t**3).sum(), x)
    assert relative_error(3 * x**2, measured) < 1e-9
    assert relative_error(-3 * x**2, measured) == pytest.approx(1.0)
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: numeric_gradient(torch.sum, torch.zeros(2)), "float64 and a positive step, got"),
        (lambda: numeric_gradient(torch.sum, torch.zeros(2).double(), 0.0), "positive step"),
        (lambda: relative_error(torch.zeros(2), torch.zeros(3)), r"alike, got \[2\] and \[3\]"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
