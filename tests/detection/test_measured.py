"""The table of measured detectors: every system with the same seeds, and numbers that can be."""

import pytest

from dlcv.detection.measured import (
    FEW,
    MANY,
    SCENES,
    VALIDATION,
    mean_of,
    measured_detectors,
    measuring_scenes,
)

RESULTS = measured_detectors(FEW[0])
WITH_MORE = measured_detectors(MANY[0])


@pytest.mark.parametrize("results", [RESULTS, WITH_MORE], ids=["few", "many"])
@pytest.mark.parametrize("system", RESULTS)
def test_rows_of_a_system(results, system):
    rows = results[system]
    assert [row.seed for row in rows] == [0, 1, 2]
    assert len({row.lr for row in rows}) == 1
    assert all(0 < row.map < row.map50 < 1 for row in rows)
    assert all(row.train_s > 0 and row.image_ms > 0 for row in rows)


def test_given_proposals_are_charged_to_those_who_take_them():
    given = {"R-CNN", "SPPnet", "Fast R-CNN", "Fast R-CNN, RoIAlign"}
    for name, rows in [*RESULTS.items(), *WITH_MORE.items()]:
        assert all((row.proposals_ms > 0) == (name in given) for row in rows)


def test_both_numbers_of_scenes_have_the_same_systems():
    assert list(RESULTS) == list(WITH_MORE)
    assert {row.scenes for rows in WITH_MORE.values() for row in rows} == {MANY[0]}


def test_other_numbers_of_scenes_were_not_measured():
    with pytest.raises(ValueError, match="expected 200 or 600 scenes, got 300"):
        measured_detectors(300)


def test_the_few_scenes_are_the_first_of_the_many():
    few, many = measuring_scenes((2, FEW[1])), measuring_scenes((3, MANY[1]))
    assert few.images.equal(many.images[:2])


def test_mean_over_the_seeds():
    rows = RESULTS["Faster R-CNN"]
    assert mean_of(rows, "map50") == pytest.approx(sum(row.map50 for row in rows) / 3)


def test_the_scenes_are_those_of_the_card():
    scenes = measuring_scenes((2, VALIDATION[1]))
    assert scenes.images.shape == (2, 3, SCENES.size, SCENES.size)
