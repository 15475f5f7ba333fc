"""The range test: what it records, where it stops, and that it leaves no trace."""

import copy
import math

import pytest
import torch
from torch import nn

from dlcv.data.batches import Batches
from dlcv.training import classification_loss, lr_range_test
from dlcv.training.lr_range import smooth, suggest_rate


def parabola(model, batch):
    return 0.5 * (model.weight**2).sum() * batch


@pytest.fixture
def point():
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(4.0)
    return model


def test_the_rates_climb_by_equal_factors_and_the_losses_are_those_of_sgd(point):
    found = lr_range_test(point, [1.0], parabola, low=0.01, high=0.16, steps=5)
    assert found.rates == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16])
    weight, losses = 4.0, []
    for rate in found.rates:
        losses.append(weight**2 / 2)
        weight *= 1 - rate
    assert found.losses == pytest.approx(losses)


def test_it_stops_at_three_times_the_first_loss(point):
    found = lr_range_test(point, [1.0], parabola, low=0.1, high=1000, steps=60)
    assert found.losses[-1] > 3 * found.losses[0] >= max(found.losses[:-1])
    assert 2 < found.rates[-1] < 100  # beyond 2 a step goes further up than it came from
    assert found.suggestion <= 0.5 * found.rates[-1]


def test_a_loss_that_is_no_number_ends_it(point):
    batches = [1.0, 1.0, float("nan"), 1.0]
    found = lr_range_test(point, batches, parabola, low=0.01, high=0.1, steps=10)
    assert len(found.losses) == 3
    assert math.isnan(found.losses[-1])
    assert found.suggestion == pytest.approx(0.5 * found.rates[1])


def test_the_model_its_modes_and_its_gradients_stay():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    model[1].eval()
    images, labels = torch.randn(20, 4), torch.arange(20) % 3
    classification_loss(model, (images, labels)).backward()
    before = copy.deepcopy(model.state_dict())
    gradients = [p.grad.clone() for p in model.parameters()]
    found = lr_range_test(model, Batches(images, labels, 5), classification_loss, steps=30)
    assert len(found.losses) > 4  # over several epochs of four batches
    assert all(before[name].equal(value) for name, value in model.state_dict().items())
    assert all(g.equal(p.grad) for g, p in zip(gradients, model.parameters(), strict=True))
    assert [m.training for m in model] == [True, False, True, True]


def test_smoothing_by_hand():
    assert smooth([2.0, 4.0], keep=0.5) == pytest.approx([2.0, (0.5 * 1 + 0.5 * 4) / 0.75])
    assert smooth([3.0] * 5) == pytest.approx([3.0] * 5)


def test_the_suggestion_keeps_a_distance_from_the_lowest_point():
    rates = [10.0**k for k in range(-4, 3)]
    losses = [2.3, 2.2, 1.5, 0.5, 0.4, 9.0, math.inf]
    assert suggest_rate(rates, losses, share=0.5) in (0.05, 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 0.0}, "0 < low < high and steps >= 2, got 0.0"),
        ({"low": 1.0, "high": 0.1}, "got 1.0, 0.1"),
        ({"steps": 1}, "10.0, 1"),
    ],
)
def test_bad_settings_are_named(point, settings, message):
    with pytest.raises(ValueError, match=message):
        lr_range_test(point, [1.0], parabola, **settings)


def test_no_batch_and_no_finite_loss_are_named(point):
    with pytest.raises(ValueError, match="at least one batch, got none"):
        lr_range_test(point, [], parabola)
    with pytest.raises(ValueError, match="a finite loss"):
        suggest_rate([0.1], [math.nan])
