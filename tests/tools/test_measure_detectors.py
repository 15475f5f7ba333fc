"""How a learning rate is chosen, and how rows of the table are replaced."""

import csv

import pytest

from dlcv.detection.measured import Result
from tools import measure_detectors
from tools.measure_detectors import best_rate, write


@pytest.mark.parametrize("peak", [0.25, 1.0, 2.0, 16.0])
def test_the_search_goes_on_until_the_best_lies_inside(peak):
    tried = []

    def score(lr):
        tried.append(lr)
        return -abs(lr - peak)

    assert best_rate(score, (1.0, 2.0, 4.0)) == peak
    assert {peak / 2, peak * 2} <= set(tried)


def test_rows_of_the_same_system_and_scenes_are_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_detectors, "FILE", tmp_path / "rows.csv")
    first = Result(600, "SSD", 0, 1e-3, 9.0, 1.0, 0.0, 0.9, 0.6)
    write([first])
    write([Result(200, "SSD", 0, 1e-3, 3.0, 1.0, 0.0, 0.8, 0.5)])
    write([Result(600, "YOLO", 0, 1e-3, 8.0, 1.0, 0.0, 0.7, 0.4)])
    write([Result(600, "SSD", 0, 2e-3, 9.5, 1.0, 0.0, 0.95, 0.7)])
    rows = list(csv.DictReader((tmp_path / "rows.csv").open()))
    found = [(row["scenes"], row["system"], row["lr"]) for row in rows]
    assert found == [("200", "SSD", "0.001"), ("600", "YOLO", "0.001"), ("600", "SSD", "0.002")]
