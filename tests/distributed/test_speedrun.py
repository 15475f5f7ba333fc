"""The speed run: its switches change how steps run and not what they compute."""

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
    make_optimiser,
    mirror,
    seconds_per_step,
    triangle,
)

SMALL = Recipe(epochs=2, batch_size=8, lr=0.2, bias_factor=4.0)
ALL_ON = Machinery()
PLAIN = Machinery(resident=False, channels_last=False, bfloat16=False)


def images(count=20, size=24):
    draw = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (count, 3, size, size), generator=draw, dtype=torch.uint8)
    return pixels, torch.arange(count) % 2


def run(machinery=ALL_ON, recipe=SMALL, seed=0, data=None):
    torch.manual_seed(0)
    return Run(SpeedNet(2, (4, 8, 8)), data or images(), recipe, machinery, "cpu", seed)


# --- the recipe ----------------------------------------------------------------------------------
def test_the_rate_rises_to_1_and_falls_on_straight_lines():
    recipe = Recipe(rate_ends=(0.2, 0.0), peak=0.25)
    shares = [triangle(step, 8, recipe) for step in range(8)]
    assert shares == pytest.approx([0.2, 0.6, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    default = [triangle(step, 1000, Recipe()) for step in range(1000)]
    assert max(default) == pytest.approx(1, abs=1e-3)
    assert default[-1] == pytest.approx(0.07, abs=2e-3)


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


def test_a_step_at_the_highest_rate_takes_the_same_share_of_weights_and_biases():
    layer = nn.Linear(2, 3)
    optimiser = make_optimiser(layer, Recipe(lr=0.5, decay=0.1, bias_factor=8, momentum=0.5))
    before = [p.detach().clone() for p in layer.parameters()]
    for p in layer.parameters():
        p.grad = torch.zeros_like(p)
    optimiser.step()  # the first step of Nesterov: (1 + momentum) times the gradient
    for old, new in zip(before, layer.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old * (1 - 1.5 * 0.1))
    rates = {p.dim(): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    assert rates == {2: 0.5, 1: 4.0}


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"batch_size": 0}, {"lr": 0.0}])
def test_a_recipe_without_steps_is_refused(settings):
    with pytest.raises(ValueError, match="expected epochs, a batch size and a rate above 0"):
        Recipe(**settings)
    with pytest.raises(ValueError, match=r"expected a peak in \(0, 1\), got 1"):
        Recipe(peak=1)


# --- the machinery -------------------------------------------------------------------------------
def test_resident_or_not_the_batches_are_the_same():
    recipe = Recipe(epochs=1, batch_size=8, lr=1.0)
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
def test_switches_do_not_change_what_is_learnt(machinery):
    plain, other = run(PLAIN), run(machinery)
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


def test_it_learns_to_tell_bright_from_dark():
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(100, (64, 3, 24, 24), generator=draw, dtype=torch.uint8)
    labels = torch.arange(64) % 2
    pixels[labels == 1] += 120
    training = run(recipe=Recipe(epochs=4, batch_size=16, lr=0.2, bias_factor=4.0),
                   data=(pixels, labels))  # fmt: skip
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


def test_both_views_are_asked():
    class LeftIsBright(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor([1.0, 1.0]))

        def forward(self, x):
            left = x[..., 0].mean(dim=(1, 2))
            return torch.stack([left, 0.4 + 0 * left], dim=1) * self.scale

    pixels = torch.zeros(2, 1, 1, 2, dtype=torch.uint8)
    pixels[0, ..., 0], pixels[1, ..., 1] = 255, 255  # bright left, bright right
    data = pixels, torch.tensor([0, 1])
    model = LeftIsBright()
    assert accuracy_of_views(model, data, mirrored=False) == 1
    assert accuracy_of_views(model, (pixels, torch.tensor([0, 0]))) == 1  # 1 + 0 > 2 · 0.4
    assert model.training
    with pytest.raises(ValueError, match="at least one image"):
        accuracy_of_views(model, (pixels[:0], data[1][:0]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="asks CUDA to complain")
def test_no_step_waits_for_the_gpu():
    torch.manual_seed(0)
    training = Run(SpeedNet(2, (4, 8, 8)), images(), SMALL, Machinery(), "cuda")
    training.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        training.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert training.losses[-1].is_cuda
