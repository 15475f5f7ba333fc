"""The recipe: settings that make sense, the optimiser they name, the rate over time."""

import math

import pytest
import torch
from torch import nn

from dlcv.training.recipe import TrainConfig, lr_factor, make_optimiser


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "epochs >= 0 and a learning rate > 0, got -1 and 0.1"),
        ({"lr": 0}, "got 1 and 0"),
        ({"lr": math.nan}, "got 1 and nan"),
        ({"optimiser": "lion"}, "'adamw'.*, got 'lion'"),
        ({"schedule": "linear"}, "'cosine'.*, got 'linear'"),
        ({"schedule": "step"}, r"got 'step' and \(\)"),
        ({"lr_drops": (3,)}, r"got 'constant' and \(3,\)"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**{"epochs": 1, "lr": 0.1} | settings)


def rates(config: TrainConfig, steps_per_epoch: int) -> list[float]:
    total = config.epochs * steps_per_epoch
    return [config.lr * lr_factor(step, steps_per_epoch, config) for step in range(total)]


def test_a_constant_rate_stays():
    assert rates(TrainConfig(epochs=2, lr=0.3), 3) == [0.3] * 6


def test_steps_divide_by_ten_from_the_start_of_the_epochs_named():
    config = TrainConfig(epochs=4, lr=1.0, schedule="step", lr_drops=(1, 3))
    assert rates(config, 2) == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_the_cosine_is_halved_in_the_middle_and_ends_at_zero():
    config = TrainConfig(epochs=4, lr=2.0, schedule="cosine")
    assert rates(config, 2)[0] == 2
    assert rates(config, 2)[4] == pytest.approx(1)
    assert lr_factor(8, 2, config) == pytest.approx(0)
    assert rates(config, 2) == sorted(rates(config, 2), reverse=True)


def test_the_cosine_equals_torch():
    config = TrainConfig(epochs=5, lr=0.7, schedule="cosine")
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.7)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=20)
    expected = []
    for _ in range(20):
        expected += schedule.get_last_lr()
        optimiser.step()
        schedule.step()
    assert rates(config, 4) == pytest.approx(expected, rel=1e-9)


def test_a_warm_up_rises_in_equal_steps_to_the_full_rate():
    config = TrainConfig(epochs=2, lr=1.0, warmup_steps=4)
    assert rates(config, 3) == [0.25, 0.5, 0.75, 1, 1, 1]
    cosine = TrainConfig(epochs=2, lr=1.0, warmup_steps=4, schedule="cosine")
    assert rates(cosine, 4)[:5] == [0.25, 0.5, 0.75, 1, 1]
    assert lr_factor(8, 4, cosine) == pytest.approx(0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)],
)
def test_the_optimiser_named_with_its_settings_and_without_frozen_parameters(name, kind):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    model[0].requires_grad_(False)
    config = TrainConfig(epochs=1, lr=0.2, optimiser=name, momentum=0.8, weight_decay=0.01)
    optimiser = make_optimiser(model, config)
    assert type(optimiser) is kind
    (group,) = optimiser.param_groups
    assert [p.shape for p in group["params"]] == [(4, 3), (4,)]
    assert (group["lr"], group["weight_decay"]) == (0.2, 0.01)
    assert group.get("momentum") == (0.8 if name == "sgd" else None)
