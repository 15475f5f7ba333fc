"""The line in which a lecture notes what a system reached: printed, and read back."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dlcv.study import record_result
from dlcv.study.results import LECTURE_OF, Result, parse_results

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("LeNet-5", 0.975, "accuracy"), "Result: LeNet-5, accuracy: 0.975"),
        (("BLEU", 1.0, "BLEU-4, corpus", 0.5), "Result: BLEU, BLEU-4, corpus: 1, 0.5 s"),
        (
            ("Fast R-CNN", [0.9, 0.92, 0.91], "mAP at IoU 0.5", 12.34),
            "Result: Fast R-CNN, mAP at IoU 0.5: 0.91 (0.9 to 0.92, 3 runs), 12.3 s",
        ),
    ],
)
def test_a_result_is_one_line(capsys, arguments, line):
    record_result(*arguments)
    assert capsys.readouterr().out == line + "\n"


def test_the_lines_are_found_among_others(capsys):
    record_result("Fast R-CNN", (0.9, 0.92, 0.91), "mAP at IoU 0.5", 12.34)
    record_result("U-Net", 0.8, "mean IoU")
    printed = f"Result: all, is good\nbefore\n{capsys.readouterr().out}after, 3 s\n"
    assert parse_results(printed) == [
        Result("Fast R-CNN", "mAP at IoU 0.5", 0.91, 0.9, 0.92, 3, 12.3),
        Result("U-Net", "mean IoU", 0.8, 0.8, 0.8),
    ]
    assert parse_results("") == []


@given(
    st.sampled_from(list(LECTURE_OF)),
    st.sampled_from(["accuracy", "mAP at IoU 0.5", "error: top 5", "loss (nats)"]),
    st.lists(st.integers(-999, 9999).map(lambda n: n / 1000), min_size=3, max_size=3).map(sorted),
    st.integers(1, 5),
    st.none() | st.integers(1, 999).map(float),
)
def test_what_is_printed_is_read_back(system, metric, numbers, runs, seconds):
    least, value, most = numbers if runs > 1 else [numbers[0]] * 3
    result = Result(system, metric, value, least, most, runs, seconds)
    assert parse_results(str(result)) == [result]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Fast RCNN", 0.9, "mAP"), "expected a system such as Fast R-CNN"),
        (("U-Net", float("nan"), "mean IoU"), "finite numbers, got 'mean IoU', nan, None"),
        (("U-Net", 0.9, " "), "expected the metric's name"),
        (("U-Net", [], "mean IoU"), "expected the metric's name and finite numbers"),
        (("U-Net", 0.9, "mean IoU", float("inf")), "finite numbers"),
    ],
)
def test_wrong_results_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        record_result(*arguments)


def test_every_system_belongs_to_a_lecture_of_the_course():
    parts = yaml.safe_load((ROOT / "book" / "course.yml").read_text())
    names = [lecture["name"] for part in parts for lecture in part["lectures"]]
    assert set(LECTURE_OF.values()) <= set(names)
    places = [names.index(lecture) for lecture in LECTURE_OF.values()]
    assert places == sorted(places)
    assert not any(", " in system for system in LECTURE_OF)
