"""The make-believe detector does as much wrong as it is told to."""

import pytest
import torch

from dlcv.detection.average_precision import mean_average_precision
from dlcv.detection.proposals import random_boxes
from dlcv.detection.simulated import Skill, simulate_detections

PERFECT = {"noise": 0, "missed": 0, "duplicates": 0, "confused": 0, "false_alarms": 0}


@pytest.fixture
def targets():
    return [
        {"boxes": random_boxes((50, 70), 5, seed), "labels": torch.arange(5) % 3}
        for seed in range(40)
    ]


def test_without_errors_it_is_perfect(targets):
    found = simulate_detections(targets, (50, 70), 3, Skill(**PERFECT))
    for one, target in zip(found, targets, strict=True):
        assert torch.equal(one["boxes"], target["boxes"])
        assert torch.equal(one["labels"], target["labels"])
    assert mean_average_precision(found, targets, (0.95,))["map"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"missed": 0.4}, 120),
        ({"duplicates": 2}, 600),
        ({"false_alarms": 3}, 320),
        ({"missed": 1}, 0),
    ],
)
def test_amounts_are_as_asked_for(targets, change, expected):
    found = simulate_detections(targets, (50, 70), 3, Skill(**PERFECT | change))
    assert sum(len(one["boxes"]) for one in found) == pytest.approx(expected, abs=45)
    if expected == 0:
        assert found[0]["boxes"].shape == (0, 4)


def test_noise_is_a_share_of_the_side():
    targets = [
        {"boxes": torch.tensor([[100.0, 100, 200, 150]] * 2000), "labels": torch.zeros(2000).long()}
    ]
    found = simulate_detections(targets, (300, 400), 1, Skill(**PERFECT | {"noise": 0.1}))
    spread = (found[0]["boxes"] - targets[0]["boxes"]).std(dim=0)
    assert spread.tolist() == pytest.approx([10, 5, 10, 5], rel=0.1)


def test_every_error_costs_precision(targets):
    def judged(**change):
        found = simulate_detections(targets, (50, 70), 3, Skill(**PERFECT | change))
        return mean_average_precision(found, targets)["map"]

    errors = ({"noise": 0.2}, {"missed": 0.3}, {"duplicates": 1}, {"confused": 0.3})
    assert all(judged(**error) < 0.95 for error in errors)


def test_draws_hang_on_the_seed_alone(targets):
    one, two, other = (simulate_detections(targets, (50, 70), 3, seed=s) for s in (1, 1, 2))
    assert all(torch.equal(a["boxes"], b["boxes"]) for a, b in zip(one, two, strict=True))
    assert any(len(a["boxes"]) != len(b["boxes"]) for a, b in zip(one, other, strict=True))
    assert simulate_detections([], (50, 70), 3) == []


@pytest.mark.parametrize("change", [{"noise": -1}, {"missed": 1.5}, {"confused": -0.1}])
def test_impossible_skills_are_errors(change):
    with pytest.raises(ValueError, match=r"expected amounts >= 0 and shares in \[0, 1\]"):
        Skill(**change)
