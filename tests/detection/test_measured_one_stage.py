"""What was measured for lecture 13: whole, tuned alike, and counted as the card says."""

import pytest
import torch

from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.measured.one_stage import (
    is_small,
    measured_one_stage,
    shares_a_cell,
    told_apart,
)
from dlcv.detection.yolo import yolo_targets
from tools.measure_one_stage import EXPERIMENTS, FoldedBody, judge_sharing, judge_sizes, ssd, yolo

MEASURED = measured_one_stage()
ARMS = [(name, arm) for name, rows in MEASURED.items() for arm in rows]


def test_every_experiment_is_there():
    assert {name: list(rows) for name, rows in MEASURED.items()} == {
        name: list(experiment.arms) for name, experiment in EXPERIMENTS.items()
    }


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_the_rate_is_the_best_and_lies_inside(name, arm):
    row = MEASURED[name][arm]
    rates = {float(lr): score for lr, score in row["rates"].items()}
    assert max(rates, key=rates.get) == row["lr"]
    assert min(rates) < row["lr"] < max(rates)
    assert set(EXPERIMENTS[name].rates) <= set(rates)


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_three_seeds_of_every_quantity(name, arm):
    row = dict(MEASURED[name][arm])
    assert all(seconds > 0 for seconds in row.pop("train_s"))
    row.pop("lr"), row.pop("rates")
    assert all(len(values) == 3 and 0 <= min(values) <= max(values) <= 1 for values in row.values())
    assert all(strict < loose for strict, loose in zip(row["map"], row["map50"], strict=True))


def test_objects_that_share_a_cell_are_those_whose_target_is_lost():
    scenes = render_scenes(40, seed=4, config=SceneConfig(96, objects=(4, 6)), masks=False)
    for grid in (1, 2, 3, 5):
        cells = yolo_targets(scenes.boxes, scenes.labels, 96, grid, 8)[..., 4].sum((1, 2))
        for target, kept in zip(scenes.targets(), cells.tolist(), strict=True):
            shared = shares_a_cell(target["boxes"], 96, grid)
            assert bool(shared.any()) == (kept < len(shared))
            assert len(shared) - int(shared.sum()) <= kept
    assert shares_a_cell(torch.zeros(0, 4), 96, 3).tolist() == []


def test_sharing_by_hand():
    boxes = torch.tensor([[0.0, 0, 30, 30], [10, 10, 40, 40], [60, 0, 90, 30]])
    assert shares_a_cell(boxes, 96, 3).tolist() == [True, True, False]
    assert shares_a_cell(boxes, 96, 6).tolist() == [False, False, False]


def test_small_is_below_the_limit():
    boxes = torch.tensor([[0.0, 0, 10, 39], [0, 0, 10, 41]])
    assert is_small(boxes).tolist() == [True, False]


def test_told_apart_wants_all_seeds_above_all():
    rows = {"a": {"map": [3, 4, 5]}, "b": {"map": [1, 2, 2.5]}, "c": {"map": [2, 3, 3.5]}}
    assert told_apart(rows, "map") == [("a", "b")]


@pytest.fixture(scope="module")
def scenes():
    config = SceneConfig(96, objects=(4, 6), radius=(0.06, 0.26))
    return render_scenes(30, seed=4, config=config, masks=False)


def exact(scenes):
    """Every object, found exactly."""
    return [{**t, "scores": torch.ones(len(t["labels"]))} for t in scenes.targets()]


def test_recall_by_company(scenes):
    found = exact(scenes)
    assert judge_sharing(found, scenes) == {"shared": 1, "alone": 1}
    lone = [~shares_a_cell(one["boxes"], 96, 3) for one in found]
    found = [{k: x[keep] for k, x in one.items()} for one, keep in zip(found, lone, strict=True)]
    assert judge_sharing(found, scenes) == {"shared": 0, "alone": 1}


def test_sizes_are_judged_apart(scenes):
    """Large boxes in the wrong place cost the large objects alone; small ones that are missing
    cost the small ones alone."""
    found = exact(scenes)
    assert judge_sizes(found, scenes) == {"small": 1, "large": 1}
    large = [~is_small(one["boxes"]) for one in found]
    found = [{k: x[keep] for k, x in one.items()} for one, keep in zip(found, large, strict=True)]
    assert judge_sizes(found, scenes) == {"small": 0, "large": 1}
    wrong = [{**t, "scores": torch.ones(len(t["labels"]))} for t in scenes.targets()]
    for one in wrong:
        moved = ~is_small(one["boxes"])
        one["boxes"][moved] = torch.tensor([0.0, 0, 40, 30])
    score = judge_sizes(wrong, scenes)
    assert score["large"] < 0.5
    assert score["small"] == 1


def test_the_arms_are_what_they_are_called():
    images = torch.rand(1, 3, 96, 96)
    for cells in (3, 6, 12):
        assert yolo(cells).eval()(images).shape == (1, cells, cells, 18)
    maps = FoldedBody().features(images)
    assert [m.shape[-1] for m in maps] == [48, 24, 12, 6, 3]
    assert maps[-1].shape[1] == 4 * maps[-2].shape[1]
    several, fine = (ssd(levels).eval()(images)[2] for levels in ((0, 1, 2), (0, 0, 0)))
    sizes = [
        {tuple(s) for s in (b[:, 2:] - b[:, :2]).round(decimals=2).tolist()}
        for b in (several, fine)
    ]
    assert sizes[0] == sizes[1]  # the same boxes, at other places
    assert (len(several), len(fine)) == (4 * (144 + 36 + 9), 12 * 144)
