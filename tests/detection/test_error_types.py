"""The types of errors, by hand and as books that balance."""

import pytest
import torch

from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.average_precision import mean_average_precision
from dlcv.detection.error_types import (
    BACKGROUND,
    BOTH,
    CLASS,
    DUPLICATE,
    ERRORS,
    PLACE,
    RIGHT,
    count_errors,
    error_costs,
    mend,
    sort_errors,
)
from dlcv.detection.simulated import Skill, simulate_detections

TARGET = {
    "boxes": torch.tensor([[0.0, 0, 10, 10], [50, 50, 70, 70]]),
    "labels": torch.tensor([0, 1]),
}
CASES = {  # box, label, kind, object
    "found": ([0.0, 0, 10, 10], 0, RIGHT, 0),
    "again": ([0.0, 0, 10, 9], 0, DUPLICATE, 0),
    "misnamed": ([50.0, 50, 70, 68], 0, CLASS, 1),
    "shifted": ([58.0, 50, 78, 70], 1, PLACE, 1),  # IoU 12 / 28
    "shifted and misnamed": ([58.0, 50, 78, 70], 2, BOTH, 1),
    "nothing there": ([20.0, 80, 30, 90], 1, BACKGROUND, -1),
}


def detections(cases):
    boxes, labels = zip(*((box, label) for box, label, *_ in cases), strict=True)
    scores = torch.linspace(0.9, 0.4, len(cases))
    return {"boxes": torch.tensor(boxes), "labels": torch.tensor(labels), "scores": scores}


def test_one_of_each_by_hand():
    verdicts = sort_errors(detections(CASES.values()), TARGET)
    assert verdicts.kinds.tolist() == [kind for *_, kind, _ in CASES.values()]
    assert verdicts.about.tolist() == [about for *_, about in CASES.values()]
    assert verdicts.found.tolist() == [0, -1]
    counts = count_errors([detections(CASES.values())], [TARGET], least_score=0)
    assert set(counts.values()) == {1}


def test_mending_by_hand():
    some = detections([CASES["found"], CASES["shifted"], CASES["again"]])
    verdicts = sort_errors(some, TARGET)
    placed = mend(some, TARGET, verdicts, PLACE)
    assert placed["boxes"].tolist() == [[0, 0, 10, 10], [50, 50, 70, 70], [0, 0, 10, 9]]
    assert len(mend(some, TARGET, verdicts, DUPLICATE)["boxes"]) == 2
    twice = detections([CASES["misnamed"], CASES["misnamed"]])
    named = mend(twice, TARGET, sort_errors(twice, TARGET), CLASS)
    assert named["labels"].tolist() == [1]  # the second would be a duplicate


@pytest.fixture(scope="module")
def simulated():
    scenes = render_scenes(30, seed=5, config=SceneConfig(size=64), masks=False)
    skill = Skill(noise=0.12, missed=0.15, duplicates=0.5, confused=0.15, false_alarms=2)
    targets = scenes.targets()
    found = simulate_detections(targets, (64, 64), 8, skill, seed=1)
    order = [f["scores"].argsort(descending=True) for f in found]
    found = [{k: x[o] for k, x in f.items()} for f, o in zip(found, order, strict=True)]
    return found, targets


def test_the_books_balance(simulated):
    found, targets = simulated
    counts = count_errors(found, targets, 0.0)
    assert counts["right"] + counts["miss"] == sum(len(t["labels"]) for t in targets)
    assert sum(counts.values()) - counts["miss"] == sum(len(f["scores"]) for f in found)
    assert min(counts.values()) > 0


def test_right_ones_are_those_of_the_matching_rule(simulated):
    """Raising the bar from 0.5 to 0.7 can only take away."""
    found, targets = simulated
    for f, t in zip(found, targets, strict=True):
        strict, loose = (int((sort_errors(f, t, iou).kinds == RIGHT).sum()) for iou in (0.7, 0.5))
        assert strict <= loose


def test_mending_leaves_none_of_the_kind_and_never_costs(simulated):
    found, targets = simulated
    before = mean_average_precision(found, targets)["map"]
    for name, kind in ERRORS.items():
        mended = [mend(f, t, sort_errors(f, t), kind) for f, t in zip(found, targets, strict=True)]
        assert count_errors(mended, targets, 0.0)[name] == 0, name
        assert mean_average_precision(mended, targets)["map"] >= before - 0.005
    costs = error_costs(found, targets)
    assert list(costs) == [*ERRORS, "miss"]
    assert all(cost > -0.005 for cost in costs.values())


def test_a_single_kind_of_error_is_the_only_one_that_costs():
    target = [TARGET]
    wrong = detections([CASES["found"], CASES["shifted"]])
    costs = error_costs([wrong], target)
    assert costs["localisation"] == pytest.approx(0.5)
    assert {name for name, cost in costs.items() if abs(cost) > 1e-9} == {"localisation"}


def test_nobody_has_to_find_what_is_difficult():
    """The second object, unmarked, would be a miss, and a shifted and a misnamed box about it."""
    target = TARGET | {"difficult": torch.tensor([False, True])}
    counts = count_errors([detections(CASES.values())], [target], least_score=0)
    assert {name for name, n in counts.items() if n} == {"right", "duplicate", "background"}
    twice = {name: entry.repeat(2, *[1] * (entry.ndim - 1)) for name, entry in TARGET.items()}
    twice |= {"boxes": TARGET["boxes"].repeat(2, 1) + torch.tensor([[0.0], [0], [100], [100]])}
    found = {
        "boxes": torch.cat([twice["boxes"], torch.tensor([[30.0, 30, 40, 40]])])[[1, 4, 3, 0, 2]],
        "labels": torch.tensor([1, 1, 1, 0, 0]),
        "scores": torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]),
    }
    twice["difficult"] = torch.tensor([False, True, False, False])
    costs = error_costs([found], [twice])
    assert costs["background"] == pytest.approx(0.25)  # of class 1, one half became whole
    assert costs["miss"] == 0  # there is none, and the difficult one stays difficult


def test_nothing_found_and_nothing_there():
    none = {
        "boxes": torch.zeros(0, 4),
        "scores": torch.zeros(0),
        "labels": torch.zeros(0, dtype=torch.int64),
    }
    assert sort_errors(none, TARGET).found.tolist() == [-1, -1]
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    assert sort_errors(detections(CASES.values()), empty).kinds.tolist() == [BACKGROUND] * 6
    assert error_costs([none], [TARGET])["miss"] != error_costs([none], [TARGET])["class"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sort_errors(detections(CASES.values()), TARGET, 0.5, 0.6), "near <= iou"),
        (
            lambda: sort_errors(
                {k: v.flip(0) for k, v in detections(CASES.values()).items()}, TARGET
            ),
            "by falling score",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
