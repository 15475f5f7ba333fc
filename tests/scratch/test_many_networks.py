"""Networks trained side by side are the networks that torch would train one by one."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.scratch.many_networks import (
    ManyMLPs,
    accuracies,
    initial_weights,
    losses_of,
    orders,
    shaken,
    train_many,
)

SIZES = (5, 7, 6, 3)


def toy(count=40):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 5, dtype=torch.float64, generator=generator)
    return images, images[:, :3].argmax(dim=1)


def single(seed, activation="ReLU", norm="none", order="before"):
    """One of the networks, built of torch's own layers."""
    bends = {"ReLU": nn.ReLU, "logistic": nn.Sigmoid}
    norms = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
    layers = []
    for i, weight in enumerate(initial_weights(SIZES, seed, activation)):
        linear = nn.Linear(*weight.T.shape)
        linear.weight.data, linear.bias.data = weight, torch.zeros(len(weight))
        layers.append(linear)
        if i < len(SIZES) - 2:
            pair = [norms[norm](len(weight)), bends[activation]()]
            layers += pair if order == "before" else pair[::-1]
    return nn.Sequential(*layers).double()


def train_single(network, images, labels, rate, seed, epochs, batch_size):
    for epoch in range(epochs):
        for batch in orders([seed], epoch, len(images))[0].split(batch_size):
            if len(batch) < 2:
                continue
            loss = F.cross_entropy(network(images[batch]), labels[batch])
            network.zero_grad()
            loss.backward()
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter -= rate * parameter.grad


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("activation", ["ReLU", "logistic"])
def test_each_network_is_trained_as_if_it_were_alone(activation, norm, order):
    (images, labels), seeds, rates = toy(), [0, 1, 0], [0.1, 0.2, 0.4]
    many = ManyMLPs(SIZES, seeds, activation, norm, order).double()
    train_many(many, (images, labels), (images, labels), rates, epochs=2, batch_size=13)
    many.eval()
    for r, (seed, rate) in enumerate(zip(seeds, rates, strict=True)):
        alone = single(seed, activation, norm, order)
        train_single(alone, images, labels, rate, seed, epochs=2, batch_size=13)
        expected = alone.eval()(images)
        torch.testing.assert_close(many(images)[r], expected, rtol=1e-9, atol=1e-11)


def test_the_history_is_told_after_each_epoch():
    data = toy()
    many = ManyMLPs(SIZES, [0, 1], norm="batch").double()
    steps = []
    history = train_many(many, data, data, [0.1, 0.3], 3, batch_size=10, on_step=steps.append)
    assert steps == list(range(12))
    assert history.loss.shape == history.accuracy.shape == (2, 3)
    assert torch.equal(history.accuracy[:, -1], accuracies(many, *data))
    assert (history.loss[:, 0] > history.loss[:, -1]).all()


def test_a_network_that_diverges_leaves_the_others_alone():
    data = toy()
    alone, both = ManyMLPs(SIZES, [0]).double(), ManyMLPs(SIZES, [0, 1]).double()
    expected = train_many(alone, data, data, [0.1], 3)
    history = train_many(both, data, data, [0.1, 1e30], 3)
    assert not history.loss[1, -1].isfinite()
    torch.testing.assert_close(history.loss[0], expected.loss[0])


def test_equal_seeds_start_alike_and_others_do_not():
    many = ManyMLPs(SIZES, [3, 4, 3])
    first = many.weights[0]
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[1])
    assert torch.equal(orders([3, 4, 3], 0, 9)[0], orders([3], 0, 9)[0])


def test_weights_have_the_spread_of_their_activation():
    """Before a ReLU the variance is 2 / 400, before the outputs 2 / (400 + 300)."""
    first, last = initial_weights((400, 400, 300), 0, "ReLU")
    assert first.var().item() == pytest.approx(2 / 400, rel=0.03)
    assert last.var().item() == pytest.approx(2 / 700, rel=0.03)
    assert initial_weights((400, 300, 2), 0, "logistic")[0].var().item() == pytest.approx(
        2 / 700, rel=0.03
    )


def test_noise_moves_mean_and_spread_of_a_unit_and_rests_in_evaluation():
    torch.manual_seed(0)
    y = torch.randn(2, 50, 4000)
    moved = shaken(y, 0.5)
    assert moved.mean(dim=2).abs().max().item() == pytest.approx(0.5, abs=0.07)
    assert moved.mean().item() == pytest.approx(0, abs=0.12)
    assert torch.equal(shaken(y, 0.0), y)
    images, _ = toy()
    many = ManyMLPs(SIZES, [0], norm="batch", noise=0.5).double()
    assert not torch.equal(many(images), many(images))
    many.eval()
    assert torch.equal(many(images), many(images))


def test_losses_take_common_and_own_batches():
    images, labels = toy(6)
    many = ManyMLPs(SIZES, [0, 1]).double()
    common = losses_of(many, images, labels)
    own = losses_of(many, images.expand(2, -1, -1), labels.expand(2, -1))
    torch.testing.assert_close(common, own)
    expected = F.cross_entropy(single(1)(images), labels)
    torch.testing.assert_close(common[1], expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": (5,)}, r"expected two sizes or more, a seed and noise >= 0, got \[5\]"),
        ({"seeds": []}, "a seed"),
        ({"noise": -1}, "noise >= 0"),
        ({"activation": "tanh"}, "got .*'tanh'"),
        ({"norm": "group"}, "got .*'group'"),
        ({"order": "both"}, "got .*'both'"),
    ],
)
def test_wrong_designs_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        ManyMLPs(**{"sizes": SIZES, "seeds": [0], **change})


@pytest.mark.parametrize(("rates", "size"), [([0.1], 8), ([0.1, 0.0], 8), ([0.1, 0.1], 1)])
def test_wrong_settings_of_a_training_are_named(rates, size):
    with pytest.raises(ValueError, match="expected 2 rates > 0 and a batch size >= 2"):
        train_many(ManyMLPs(SIZES, [0, 1]).double(), toy(), toy(), rates, 1, size)


@pytest.mark.cuda
def test_the_cpu_and_the_gpu_agree():
    images, labels = toy()
    here = ManyMLPs(SIZES, [0, 1], norm="batch").double()
    there = ManyMLPs(SIZES, [0, 1], norm="batch").double().cuda()
    a = train_many(here, (images, labels), (images, labels), [0.1, 0.2], 2)
    data = images.cuda(), labels.cuda()
    b = train_many(there, data, data, [0.1, 0.2], 2)
    torch.testing.assert_close(a.loss, b.loss)
