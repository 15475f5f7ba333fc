"""The frame around all exercises; each topic's checks are tested beside this file."""

import pytest

from dlcv.study import check, hints
from dlcv.study.exercises import TOPICS, exercises_of, find
from dlcv.study.exercises.base import (
    Exercise,
    Hints,
    NotAttempted,
    Verdict,
    Wrong,
    attempt,
    expect,
)

ALL = [id for lecture in TOPICS for id in exercises_of(lecture)]


@pytest.mark.parametrize("id", ALL)
def test_three_dots_are_not_an_attempt(id):
    verdict = check(id, ...)
    assert verdict.status == "not attempted"


@pytest.mark.parametrize("id", ALL)
def test_nonsense_is_wrong_with_a_reason(id):
    verdict = check(id, "nonsense")
    assert verdict.status == "wrong"
    assert len(verdict.message) > 10


@pytest.mark.parametrize("id", ALL)
def test_every_exercise_has_hints_a_solution_and_praise(id):
    exercise = find(id)
    assert len(exercise.hints) >= 2
    assert len(exercise.solution_code().splitlines()) >= 1
    assert exercise.praise.strip()
    assert hints(id).exercise_id == id


def test_an_unknown_exercise_is_an_error():
    with pytest.raises(ValueError, match=r"got '01\.nothing'"):
        check("01.nothing", 1)
    with pytest.raises(ValueError, match="expected a lecture among 00, 01"):
        check("99.nothing", 1)


def test_attempt_passes_on_the_readers_result():
    assert attempt(lambda a, b: a + b, 1, b=2) == 3


def test_attempt_sees_the_three_dots():
    with pytest.raises(NotAttempted):
        attempt(lambda: ...)


def test_attempt_quotes_the_readers_error():
    with pytest.raises(Wrong, match="your code raised ZeroDivisionError: division by zero"):
        attempt(lambda: 1 / 0)
    with pytest.raises(Wrong, match="expected a function, got int"):
        attempt(3)


def test_expect_is_silent_on_what_holds():
    expect(True, "never seen")
    with pytest.raises(Wrong, match="seen"):
        expect(False, "seen")


def test_a_verdict_survives_any_text_in_the_readers_error():
    verdict = Verdict("01.x", "wrong", r"your code raised KeyError: '$\foo <b>'")
    assert "&lt;b&gt;" in verdict._repr_html_()


def test_a_solution_may_be_code_for_a_value():
    exercise = Exercise("Answer", print, ("a", "b"), "\n    answer = 42\n", "Yes.")
    assert exercise.solution_code() == "answer = 42\n"
    fallback = Hints("01.answer", exercise).fallback_html()
    assert "<li>a</li>" in fallback
    assert "Worked solution" in fallback
