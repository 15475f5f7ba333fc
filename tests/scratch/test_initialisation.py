"""First weights: fans, spreads, and what becomes of a signal in a deep stack."""

import math

import pytest
import torch
from torch import nn

from dlcv.scratch.initialisation import (
    SCHEMES,
    fans,
    he_std,
    initialise,
    xavier_bound,
    xavier_std,
)


def test_fans_of_a_convolution_count_every_tap():
    assert fans(nn.Conv2d(3, 8, (5, 7)).weight) == (3 * 35, 8 * 35)
    assert fans(nn.Linear(4, 6).weight) == (4, 6)


@pytest.mark.parametrize("layer", [nn.Linear(7, 9), nn.Conv2d(4, 6, (3, 5))])
def test_spreads_are_torchs(layer):
    weight = layer.weight
    torch.manual_seed(0)
    expected = nn.init.kaiming_normal_(torch.empty_like(weight), nonlinearity="relu")
    torch.manual_seed(0)
    unit = torch.empty_like(weight).normal_()
    torch.testing.assert_close(expected, unit * he_std(fans(weight)[0]))
    torch.manual_seed(0)
    xavier = nn.init.xavier_normal_(torch.empty_like(weight))
    torch.testing.assert_close(xavier, unit * xavier_std(*fans(weight)))
    torch.manual_seed(0)
    uniform = nn.init.xavier_uniform_(torch.empty_like(weight))
    bound = xavier_bound(*fans(weight))
    torch.manual_seed(0)
    torch.testing.assert_close(uniform, torch.empty_like(weight).uniform_(-bound, bound))


def test_by_hand():
    assert he_std(8) == 0.5
    assert xavier_std(4) == 0.5
    assert xavier_std(4, 28) == 0.25
    assert xavier_bound(256, 128) == pytest.approx(0.125)
    assert he_std(50) ** 2 == pytest.approx(2 * xavier_std(50) ** 2)


@pytest.mark.parametrize("name", SCHEMES)
def test_initialise_draws_what_the_scheme_says(name):
    model = nn.Sequential(nn.Linear(300, 200), nn.ReLU(), nn.Conv2d(40, 30, 3, bias=False))
    initialise(model, name, torch.Generator().manual_seed(1))
    for layer in (model[0], model[2]):
        expected = SCHEMES[name](*fans(layer.weight))
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.05, abs=1e-9)
    assert not model[0].bias.any()


def test_the_same_generator_gives_the_same_weights():
    models = [nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)) for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        initialise(model, "he", torch.Generator().manual_seed(seed))
    first, second, third = (model[1].weight for model in models)
    assert first.equal(second)
    assert not first.equal(third)


@pytest.mark.parametrize(
    ("activation", "scheme", "low", "high"),
    [(nn.ReLU, "he", 0.5, 2.0), (nn.ReLU, "xavier", 0.01, 0.1), (nn.Tanh, "small", 0, 1e-6)],
)
def test_ten_layers_keep_or_lose_the_signal(activation, scheme, low, high):
    layers = [part for _ in range(10) for part in (nn.Linear(256, 256), activation())]
    model = nn.Sequential(*layers)
    draw = torch.Generator().manual_seed(0)
    initialise(model, scheme, draw)
    spread = model(torch.randn(200, 256, generator=draw)).std().item()
    assert low <= spread <= high


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"\[out, in, ...\], got \[3\]"):
        fans(torch.zeros(3))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        he_std(0)
    with pytest.raises(ValueError, match="at least 1, got 3 and 0"):
        xavier_std(3, 0)
    with pytest.raises(ValueError, match=r"zeros, small, .*got 'best'"):
        initialise(nn.Linear(2, 2), "best")
    assert math.isclose(xavier_std(1, 1), 1.0)
