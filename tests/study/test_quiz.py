import pytest

from dlcv.study import Numeric, Quiz, right, wrong

NO, YES = wrong("One", "too few"), right("Two", "enough")


def test_a_quiz_keeps_its_options_in_order():
    quiz = Quiz("01.layers", "How many *layers*?", NO, YES)
    assert quiz.question == "How many <em>layers</em>?"
    assert [option["right"] for option in quiz.options] == [False, True]


def test_the_fallback_names_only_the_right_answers():
    fallback = Quiz("01.layers", "How many?", NO, YES).fallback_html()
    answers = fallback.split("<summary>Answer</summary>")[1]
    assert "Two" in answers
    assert "One" not in answers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([YES], "at least two options in quiz 01.layers, got 1"),
        ([NO, NO], "expected a right answer"),
        ([NO, right("Two", " ")], "expected a reason for every option"),
    ],
)
def test_a_malformed_quiz_is_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        Quiz("01.layers", "How many?", *options)


@pytest.mark.parametrize("id", ["layers", "1.layers", "01.", "01.Two Layers", "01/layers"])
def test_ids_have_one_form(id):
    with pytest.raises(ValueError, match="expected an id such as"):
        Quiz(id, "How many?", NO, YES)


def test_a_number_is_asked_with_its_near_misses():
    quiz = Numeric("04.width", "How wide?", answer=55, why="exact", near={54: "224, not 227"})
    assert quiz.answer == 55.0
    assert quiz.near == [{"value": 54.0, "why": "224, not 227"}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"why": ""}, "expected a reason"),
        ({"tolerance": -1.0}, "tolerance >= 0 in quiz 04.width, got -1"),
        ({"near": {55.4: "rounded"}, "tolerance": 0.5}, "expected wrong numbers"),
    ],
)
def test_a_malformed_number_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        Numeric("04.width", "How wide?", **{"answer": 55, "why": "exact", **arguments})
