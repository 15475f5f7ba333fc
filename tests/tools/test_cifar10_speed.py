"""The race on CIFAR-10: its arithmetic, its reference, and a small training through all of it."""

import shlex
import sys

import pytest
import torch

from benchmarks import cifar10_speed
from benchmarks.cifar10_speed import Outcome, Recipe, report, run_reference, take_turns, train_once
from dlcv.classification.speed_net import SpeedNet
from dlcv.distributed.speedrun import Machinery, race_data


def says(text):
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(f'print({text!r})')}"


def test_both_sides_and_their_ratio_by_hand():
    ours = [Outcome(8.0, 0.95), Outcome(6.0, 0.94), Outcome(7.0, 0.93)]
    text = report({"ours": ours, "reference": [Outcome(2.0, 0.93)] * 3}).splitlines()
    assert text[0] == "ours: 7.00 s to 94%; 3 seeds, 7.00 s, accuracy 94.00% (93.00% to 95.00%)"
    assert text[1].startswith("reference: 94% not reached; 3 seeds, 2.00 s, accuracy 93.00%")
    assert text[2] == "ours takes 3.50 times as long as the reference"
    assert len(report({"ours": ours}).splitlines()) == 1


def test_the_sides_take_turns():
    asked = []

    def side(name):
        return lambda seed: asked.append(f"{name}{seed}") or Outcome(1.0, 0.5)

    outcomes = take_turns({"a": side("a"), "b": side("b")}, 3)
    assert asked == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [len(runs) for runs in outcomes.values()] == [3, 3]


def test_the_last_line_of_the_reference_counts():
    assert run_reference(says("epoch 3 0.5\n3.29 s, accuracy 0.9401\n")) == Outcome(3.29, 0.9401)


@pytest.mark.parametrize("text", ["", "done", "3.29", "3.29 94.01", "1 2 0.5"])
def test_a_reference_that_says_something_else_is_named(text):
    with pytest.raises(ValueError, match="expected seconds and accuracy in the reference's last"):
        run_reference(says(text))


def test_a_small_training_goes_through_it():
    data = race_data("scenes")
    assert data[0][0].shape == (768, 3, 24, 24)
    assert len(data[1][1]) == 400
    recipe = Recipe(epochs=1, batch_size=64, lr=0.5)
    outcome, again = (train_once(data, recipe, Machinery(), True, 0) for _ in range(2))
    assert outcome.seconds > 0
    assert outcome.accuracy > 0.16  # chance is 0.125
    assert outcome.accuracy == again.accuracy


def test_warming_up_leaves_no_trace():
    torch.manual_seed(0)
    model = SpeedNet(2, (4, 8, 8))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = torch.randint(256, (16, 3, 24, 24), dtype=torch.uint8), torch.arange(16) % 2
    recipe = Recipe(epochs=1, batch_size=8, lr=1.0)
    cifar10_speed.warm_up(model, data, recipe, Machinery(), torch.device("cpu"))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_there_is_no_other_race():
    with pytest.raises(ValueError, match="expected 'cifar10' or 'scenes', got 'mnist'"):
        race_data("mnist")
