"""The speed run: its switches change how steps run and not what they compute."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from dlcv.classification.speed_net import SpeedNet
from dlcv.distributed import speedrun
from dlcv.distributed.speedrun import (
    Machinery,
    Recipe,
    Run,
    accuracy_of_views,
    epoch_batches,
    make_optimisers,
    mirror,
    seconds_per_step,
    views,
)
from dlcv.training.muon import Muon

SMALL = Recipe(epochs=2, batch_size=8, lr_head=1.0, lr_biases=0.1, first_epochs=1)
BY_SGD = replace(SMALL, muon=False, lr_filters=0.01, lr_head=0.01, lr_biases=0.01)
ALL_ON = Machinery()
PLAIN = Machinery(resident=False, channels_last=False, bfloat16=False)


def images(count=20, size=24):
    draw = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (count, 3, size, size), generator=draw, dtype=torch.uint8)
    return pixels, torch.arange(count) % 2


def network():
    torch.manual_seed(0)
    return SpeedNet(2, images()[0] / 255, (4, 8, 8))


def run(machinery=ALL_ON, recipe=SMALL, seed=0, data=None):
    return Run(network(), data or images(), recipe, machinery, "cpu", seed)


def rates(training):
    """The rates of the last step, as shares of the first ones: filters or head, and first bias."""
    groups = [group for optimiser in training.optimisers for group in optimiser.param_groups]
    first = training.model.first.bias
    shares = {group["params"][0] is first: group["lr"] / group["rate"] for group in groups}
    return shares[False], shares[True]


# --- the recipe ----------------------------------------------------------------------------------
def test_rates_fall_to_zero_on_straight_lines_that_of_the_first_bias_sooner():
    training = run(recipe=replace(SMALL, epochs=4, first_epochs=2))  # of two steps each
    seen = []
    while len(training.losses) < training.steps:
        training.step()
        seen.append(rates(training))
    assert [rest for rest, _ in seen] == pytest.approx([1 - step / 8 for step in range(8)])
    assert [first for _, first in seen] == pytest.approx([1, 0.75, 0.5, 0.25, 0, 0, 0, 0])


def test_alternating_shows_both_sides_in_any_two_epochs():
    pixels, _ = images(200, 4)
    seen = [mirror(pixels, epoch, True, seed=3) for epoch in range(4)]
    assert all(torch.equal(a.flip(3), b) for a, b in pairwise(seen))
    is_mirrored = (seen[0] != pixels).flatten(1).any(dim=1)
    assert 0.4 < is_mirrored.float().mean() < 0.6


def test_by_chance_half_of_the_images_stay_as_they_were():
    pixels, _ = images(400, 4)
    one, two = (mirror(pixels, epoch, False) for epoch in (0, 1))
    same = (one == two).flatten(1).all(dim=1).float().mean()
    assert 0.4 < same < 0.6
    assert torch.equal(one, mirror(pixels, 0, False))
    assert not torch.equal(one, mirror(pixels, 0, False, seed=1))


def test_a_step_of_sgd_takes_the_same_share_of_all_whatever_their_rates():
    recipe = Recipe(muon=False, lr_filters=0.5, lr_head=2, lr_biases=4, decay=0.1, momentum=0.5,
                    momentum_filters=0.7)  # fmt: skip
    model = network()
    nn.init.ones_(model.first.bias)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p) if p.requires_grad else None
    (sgd,) = make_optimisers(model, recipe)
    sgd.step()  # the first step of Nesterov: (1 + momentum) times the gradient
    for name, p in model.named_parameters():
        kept = 1 if not p.requires_grad else 1 - (1.7 if p.dim() == 4 else 1.5) * 0.1
        torch.testing.assert_close(p.detach(), kept * before[name])
    trained = sum(p.requires_grad for p in model.parameters())
    assert sum(len(group["params"]) for group in sgd.param_groups) == trained


def test_muon_moves_the_filters_and_sgd_the_rest():
    model = network()
    muon, sgd = make_optimisers(model, Recipe(lr_filters=0.3, momentum_filters=0.4))
    assert isinstance(muon, Muon)
    (group,) = muon.param_groups
    assert (group["lr"], group["momentum"], group["rate"]) == (0.3, 0.4, 0.3)
    assert [p.dim() for p in group["params"]] == [4] * 6
    others = [p for group in sgd.param_groups for p in group["params"]]
    trained = {p for p in model.parameters() if p.requires_grad}
    assert set(others) | set(group["params"]) == trained
    assert {group["lr"] for group in sgd.param_groups} == {0.67, 0.053}


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"batch_size": 0}, {"first_epochs": 0}])
def test_a_recipe_without_steps_is_refused(settings):
    with pytest.raises(ValueError, match="expected epochs, a batch size and first epochs above 0"):
        Recipe(**settings)


@pytest.mark.parametrize("name", ["lr_filters", "lr_head", "lr_biases"])
def test_a_recipe_without_a_rate_is_refused(name):
    with pytest.raises(ValueError, match="expected three rates above 0, got "):
        Recipe(**{name: 0.0})


# --- the machinery -------------------------------------------------------------------------------
def test_resident_or_not_the_batches_are_the_same():
    recipe = Recipe(epochs=1, batch_size=8)
    ways = [list(epoch_batches(images(), recipe, way, "cpu", 1, 5)) for way in (True, False)]
    assert [len(way) for way in ways] == [2, 2]  # 20 images: four wait
    for (x, y), (x2, y2) in zip(*ways, strict=True):
        assert x.dtype == torch.float32
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)


@pytest.mark.parametrize(
    "machinery",
    [Machinery(channels_last=False), Machinery(), Machinery(resident=False)],
    ids=["rows", "channels last", "by item"],
)
@pytest.mark.parametrize("recipe", [SMALL, BY_SGD], ids=["muon", "sgd"])
def test_switches_do_not_change_what_is_learnt(machinery, recipe):
    plain, other = run(PLAIN, recipe), run(machinery, recipe)
    plain.finish(), other.finish()
    assert len(plain.losses) == plain.steps == 4
    torch.testing.assert_close(
        torch.stack(other.losses), torch.stack(plain.losses), rtol=1e-3, atol=1e-4
    )


def test_the_same_seed_gives_the_same_training_and_another_another():
    first, again, other = run(), run(), run(seed=1)
    for training in (first, again, other):
        training.finish()
    assert first.losses == again.losses
    assert first.losses != other.losses


@pytest.mark.parametrize("recipe", [SMALL, BY_SGD], ids=["muon", "sgd"])
def test_it_learns_to_tell_bright_from_dark(recipe):
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(100, (64, 3, 24, 24), generator=draw, dtype=torch.uint8)
    labels = torch.arange(64) % 2
    pixels[labels == 1] += 120
    training = run(recipe=replace(recipe, epochs=4, batch_size=16), data=(pixels, labels))
    assert training.finish() > 0
    assert accuracy_of_views(training.model, (pixels, labels)) > 0.95


def test_compiling_goes_through_torch(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda model: asked.append(model) or model)
    training = run(Machinery(compiled=True))
    assert asked == [training.model]
    run(Machinery())
    assert len(asked) == 1


def test_too_few_images_are_named():
    with pytest.raises(ValueError, match="expected at least 8 images, got 7"):
        run(data=images(7))


# --- measuring -----------------------------------------------------------------------------------
def test_turns_are_taken_and_the_median_counts(monkeypatch):
    turns, now = [], [0.0]

    class Clock:
        def __init__(self, device):
            pass

        def __enter__(self):
            self.start = now[0]
            return self

        def __exit__(self, *exception):
            self.seconds = now[0] - self.start

    class Fake:
        device = "cpu"

        def __init__(self, name, costs):
            self.name, self.costs = name, iter(costs)

        def step(self):
            turns.append(self.name)
            now[0] += next(self.costs)

    monkeypatch.setattr(speedrun, "Timer", Clock)
    runs = {"a": Fake("a", [50, 1, 1, 9, 9, 2, 2]), "b": Fake("b", [50, 4, 4, 4, 4, 4, 4])}
    assert seconds_per_step(runs, steps=2, repeats=3, warm_up=1) == {"a": 2, "b": 4}
    assert "".join(turns) == "ab" + "aabb" * 3


def test_six_views_are_the_shifts_by_hand():
    row = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])[None, None]
    up_left = torch.tensor([[5.0, 4, 5], [2, 1, 2], [5, 4, 5]])[None, None]
    down_right = torch.tensor([[5.0, 6, 5], [8, 9, 8], [5, 6, 5]])[None, None]
    seen = views(row)
    assert [weight for weight, _ in seen] == [0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    wanted = [side for view in (row, up_left, down_right) for side in (view, view.flip(3))]
    for (_, view), expected in zip(seen, wanted, strict=True):
        assert torch.equal(view, expected)


def test_all_views_are_asked_or_one():
    class LeftIsBright(nn.Module):
        """Scores: how bright the first column is, and a constant."""

        def __init__(self, least):
            super().__init__()
            self.least = nn.Parameter(torch.tensor(least))

        def forward(self, x):
            left = x[..., 0].mean(dim=(1, 2))
            return torch.stack([left, self.least + 0 * left], dim=1)

    pixels = torch.zeros(1, 1, 2, 2, dtype=torch.uint8)
    pixels[..., 0] = 255  # bright left; views: left, right, right, left, right, left
    data = pixels, torch.tensor([0])
    model = LeftIsBright(0.4)  # all views: 1 of 2 for the left, 0.8 for the constant
    assert accuracy_of_views(model, data, all_views=False) == 1
    assert accuracy_of_views(model, data) == 1
    assert accuracy_of_views(LeftIsBright(0.6), data) == 0
    assert accuracy_of_views(LeftIsBright(0.6), data, all_views=False) == 1
    assert model.training
    with pytest.raises(ValueError, match="at least one image"):
        accuracy_of_views(model, (pixels[:0], data[1][:0]))


@pytest.mark.cuda
def test_no_step_waits_for_the_gpu():
    training = Run(network(), images(), SMALL, Machinery(), "cuda")
    training.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        training.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert training.losses[-1].is_cuda
