"""The table of measured detectors: every system with the same seeds, and numbers that can be."""

import pytest

from dlcv.detection.measured import (
    SCENES,
    VALIDATION,
    mean_of,
    measured_detectors,
    measuring_scenes,
)

RESULTS = measured_detectors()


@pytest.mark.parametrize("system", RESULTS)
def test_rows_of_a_system(system):
    rows = RESULTS[system]
    assert [row.seed for row in rows] == [0, 1, 2]
    assert len({row.lr for row in rows}) == 1
    assert all(0 < row.map < row.map50 < 1 for row in rows)
    assert all(row.train_s > 0 and row.image_ms > 0 for row in rows)


def test_given_proposals_are_charged_to_those_who_take_them():
    given = {"R-CNN", "SPPnet", "Fast R-CNN", "Fast R-CNN, RoIAlign"}
    for name, rows in RESULTS.items():
        assert all((row.proposals_ms > 0) == (name in given) for row in rows)


def test_mean_over_the_seeds():
    rows = RESULTS["Faster R-CNN"]
    assert mean_of(rows, "map50") == pytest.approx(sum(row.map50 for row in rows) / 3)


def test_the_scenes_are_those_of_the_card():
    scenes = measuring_scenes((2, VALIDATION[1]))
    assert scenes.images.shape == (2, 3, SCENES.size, SCENES.size)
