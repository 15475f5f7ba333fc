"""The MLP on our own autograd: equal to torch's, and able to learn XOR, moons and digits."""

import pytest
import torch
from torch import nn

from dlcv.data.bundled import load_digits_split
from dlcv.data.planar import plane_set
from dlcv.scratch.losses import binary_cross_entropy, cross_entropy
from dlcv.scratch.mlp import HIDDEN, MLP, train

CORNERS = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
XOR = torch.tensor([0, 1, 1, 0])
MODULES = {
    "linear": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "leaky ReLU": nn.LeakyReLU,
    "ELU": nn.ELU,
}


def two_classes(outputs, labels):
    return binary_cross_entropy(outputs.reshape(-1), labels.to(outputs.data.dtype))


def share_right(model, points, labels):
    return ((model(points).data[:, 0] > 0) == labels).double().mean().item()


def same_in_torch(model, activation):
    """torch's network with the same weights."""
    parts = []
    for weights, bias in model.layers:
        linear = nn.Linear(weights.shape[1], weights.shape[0], dtype=weights.data.dtype)
        linear.weight.data, linear.bias.data = weights.data.clone(), bias.data.clone()
        parts += [linear, MODULES[activation]()]
    return nn.Sequential(*parts[:-1])


@pytest.mark.parametrize("activation", HIDDEN)
def test_ten_steps_are_those_of_torch(activation):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(9, 5, generator=draw, dtype=torch.float64)
    y = torch.randint(3, (9,), generator=draw)
    ours = MLP([5, 7, 6, 3], activation, seed=1, dtype=torch.float64)
    theirs = same_in_torch(ours, activation)
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.2)
    expected = []
    for _ in range(10):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(theirs(x), y)
        loss.backward()
        optimiser.step()
        expected.append(loss.item())
    # The order of a full batch does not matter beyond rounding.
    assert train(ours, x, y, cross_entropy, lr=0.2, epochs=10) == pytest.approx(expected, rel=1e-9)
    for mine, other in zip(ours.parameters, theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.data, other.detach(), rtol=1e-9, atol=1e-11)


def test_xor_is_learnt_by_four_hidden_units_from_most_starts():
    learnt = 0
    for seed in range(10):
        model = MLP([2, 4, 1], "tanh", seed)
        train(model, CORNERS, XOR, two_classes, lr=0.5, epochs=500)
        learnt += share_right(model, CORNERS, XOR) == 1.0
    assert learnt >= 8


def test_two_moons_need_hidden_units():
    points, labels = plane_set("two moons", 200, noise=0.06)
    straight = MLP([2, 8, 8, 1], "linear", seed=0)
    bent = MLP([2, 8, 8, 1], "ReLU", seed=0)
    for model in (straight, bent):
        train(model, points, labels, two_classes, lr=0.3, epochs=100, batch_size=20)
    assert share_right(straight, points, labels) <= 0.95
    assert share_right(bent, points, labels) >= 0.98


def test_real_digits_are_read():
    data = load_digits_split()
    model = MLP([64, 64, 10], "ReLU", seed=0)
    train(
        model,
        data.train.images.flatten(1),
        data.train.labels,
        cross_entropy,
        lr=0.2,
        epochs=25,
        batch_size=32,
    )
    decisions = model(data.test.images.flatten(1)).data.argmax(dim=1)
    assert (decisions == data.test.labels).double().mean() >= 0.95


def test_a_linear_stack_is_one_matrix():
    model = MLP([4, 3, 5, 2], "linear", seed=0, dtype=torch.float64)
    x = torch.randn(6, 4, dtype=torch.float64)
    product = model.layers[2][0].data @ model.layers[1][0].data @ model.layers[0][0].data
    torch.testing.assert_close(model(x).data, x @ product.T)  # the biases are 0


def test_parameters_are_counted_and_seeds_repeat():
    sizes = [parameter.data.numel() for parameter in MLP([784, 128, 10]).parameters]
    assert sizes == [100_352, 128, 1280, 10]
    assert sum(sizes) == 101_770
    twins = MLP([3, 2], seed=5), MLP([3, 2], seed=5)
    assert twins[0].layers[0][0].data.equal(twins[1].layers[0][0].data)


def test_batches_cover_every_example_once_an_epoch():
    seen = []

    def loss(outputs, targets):
        seen.extend(targets.tolist())
        return outputs.mean() * 0

    train(MLP([1, 1]), torch.zeros(7, 1), torch.arange(7), loss, lr=1.0, epochs=2, batch_size=3)
    assert sorted(seen[:7]) == sorted(seen[7:]) == list(range(7))
    assert seen[:7] != seen[7:]  # a new order for each epoch


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MLP([3]), r"two or more sizes and one of .* got \[3\] and 'tanh'"),
        (lambda: MLP([3, 0]), r"got \[3, 0\]"),
        (lambda: MLP([3, 2], "step"), "got .* and 'step'"),
        (
            lambda: train(MLP([1, 1]), torch.zeros(2, 1), XOR, cross_entropy, lr=1, epochs=1),
            "expected N > 0 pairs, got 2 and 4",
        ),
        (
            lambda: train(MLP([2, 2]), CORNERS, XOR, cross_entropy, lr=0.0, epochs=1),
            "expected rate > 0, .* got 0.0, 1 and None",
        ),
        (
            lambda: train(MLP([2, 2]), CORNERS, XOR, cross_entropy, lr=1, epochs=1, batch_size=0),
            "batches of 1 or more, got 1, 1 and 0",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
