"""Update ratios and activation statistics."""

import math

import pytest
import torch
from torch import nn

from dlcv.training import activation_statistics, update_ratios


def test_ratios_by_hand():
    before = [torch.tensor([3.0, 4.0]), torch.zeros(2), torch.zeros(1)]
    after = [torch.tensor([3.0, 4.5]), torch.tensor([0.0, 1.0]), torch.zeros(1)]
    assert update_ratios(before, after) == [pytest.approx(0.1), math.inf, 0.0]


def test_the_ratio_of_an_sgd_step_is_rate_times_gradient_over_weight():
    model = nn.Linear(3, 2)
    before = [p.detach().clone() for p in model.parameters()]
    model(torch.ones(4, 3)).square().sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.01).step()
    expected = [
        (0.01 * p.grad.norm() / old.norm()).item()
        for p, old in zip(model.parameters(), before, strict=True)
    ]
    assert update_ratios(before, model.parameters()) == pytest.approx(expected, rel=1e-4)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"equal shapes, got \[2\], \[3\]"):
        update_ratios([torch.zeros(2)], [torch.zeros(3)])


def test_statistics_of_a_chain():
    model = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU())
    model[0].weight.data = torch.tensor([[1.0], [-1.0]])
    linear, relu = activation_statistics(model, torch.tensor([[1.0], [3.0]]))
    assert linear == {"mean": 0.0, "std": pytest.approx(math.sqrt(20 / 3)), "zeros": 0.0}
    assert relu["mean"] == 1.0
    assert relu["zeros"] == 0.5
