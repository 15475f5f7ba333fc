"""The appendix's table of systems says what the lectures reached when they ran for this site."""

import re

import pytest

from benchmarks.systems import reached, read_results, read_table
from dlcv.study.results import LECTURE_OF
from tools.executions import ROOT

TABLE = read_table((ROOT / "book" / "appendix.md").read_text("utf-8"))
STALE = "the appendix is out of date: run make systems"
OTHER_CPU = 0.1  # of the value: trainings differ a little from machine to machine


def value_of(text: str) -> float:
    return float(re.search(r": (-?[\d.]+(?:e[+-]?\d+)?)(?: \(|$)", text)[1])


@pytest.mark.parametrize("lecture", sorted({LECTURE_OF[system] for system in TABLE}))
def test_the_table_says_what_a_lecture_reached(lecture):
    results = read_results(lecture) or {}
    for system in (name for name in TABLE if LECTURE_OF[name] == lecture):
        noted, shown = reached(results.get(system)), TABLE[system]
        assert (noted[0] == "–") == (shown.reached == "–"), STALE
        assert (noted[1] == "–") == (shown.seconds == "–"), STALE
        if noted[0] == "–":
            continue
        assert noted[0].rpartition(":")[0] == shown.reached.rpartition(":")[0], STALE
        assert value_of(shown.reached) == pytest.approx(value_of(noted[0]), rel=OTHER_CPU), STALE


def test_every_noted_result_has_a_line():
    for lecture in set(LECTURE_OF.values()):
        for system in read_results(lecture) or {}:
            assert LECTURE_OF[system] == lecture
            assert system in TABLE, STALE
