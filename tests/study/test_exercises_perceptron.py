"""Every check of lecture 01 meets the right answer, no answer, and the plausible wrong ones."""

import pytest
import torch

from dlcv.scratch.perceptron import Perceptron, average_weights
from dlcv.scratch.separability import is_separable
from dlcv.study import check
from dlcv.study.exercises import exercises_of
from dlcv.study.exercises.perceptron_learning import (
    learn,
    overlapping_set,
    pocket,
    separable_set,
)

EXERCISES = exercises_of("01")
GATES = {"nand": (-1, -1, 1), "majority": (1, 1, 1, 0)}
NET = {"hidden": [(1, -1, -1), (-1, 1, -1)], "output": (1, 1, 1)}


def learn_wrongly(points, labels, max_passes, **slip):
    """The rule with one thing wrong, chosen by name; `learn` if none is."""
    inputs = torch.cat([points, torch.ones(len(points), 1)], dim=1).double()
    weights, updates, visits, passes = torch.zeros(3).double(), 0, 0, 0
    for _ in range(slip.get("passes", max_passes)):
        before, passes = updates, passes + 1
        for x, y in zip(inputs, labels, strict=True):
            score, visits = weights @ x, visits + 1
            amount = slip.get("amount", lambda y, score: y)(y, score)
            if slip.get("when", lambda agreement: agreement <= 0)(y * score):
                weights = weights + amount * x * slip.get("mask", 1)
                updates += 1
                if slip.get("stops"):
                    return weights, updates
        if updates == before:
            break
    counts = {"updates": updates, "visits": visits, "passes": passes, "errors": 0}
    return weights, counts[slip.get("count", "updates")]


def as_answer(**slip):
    return lambda points, labels, max_passes: learn_wrongly(points, labels, max_passes, **slip)


def plain(points, labels, max_passes):
    return Perceptron(max_passes=max_passes).fit(points, labels).weights


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("01.perceptron", learn),
        ("01.perceptron", as_answer()),
        ("01.perceptron", as_answer(amount=lambda y, score: 0.5 * y)),  # the rate is free
        ("01.perceptron", lambda *data: list(learn(*data))),
        ("01.gates", GATES),
        ("01.gates", {"nand": [-2.0, -2.0, 1.0], "majority": torch.tensor([1, 1, 1, 0.5])}),
        ("01.xor_net", NET),
        ("01.xor_net", {"hidden": [(-1, 1, 1), (1, -1, 1)], "output": (-1, -1, 1)}),
        ("01.pocket", pocket),
    ],
)
def test_right_answers(id, answer):
    verdict = check(id, answer)
    assert verdict.status == "right", verdict
    assert verdict.message == EXERCISES[id].praise


def test_the_averaged_perceptron_solves_the_pocket_exercise_as_well():
    def average(points, labels, max_passes):
        learner = Perceptron(max_passes=max_passes).fit(points, labels)
        return average_weights(learner.history, learner.survived)

    assert check("01.pocket", average).status == "right"


def test_written_solutions_are_right():
    for id, names in {
        "01.gates": ("nand", "majority"),
        "01.xor_net": ("hidden", "output"),
    }.items():
        values = {}
        exec(EXERCISES[id].solution_code(), values)
        assert check(id, {name: values[name] for name in names}).status == "right"
    for id in ("01.perceptron", "01.pocket"):
        assert check(id, EXERCISES[id].solution).status == "right"


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("01.perceptron", ...),
        ("01.perceptron", lambda points, labels, max_passes: ...),
        ("01.perceptron", lambda points, labels, max_passes: (..., ...)),
        ("01.gates", {"nand": ..., "majority": ...}),
        ("01.gates", {"nand": (-1, -1, 1), "majority": ...}),
        ("01.xor_net", {"hidden": ..., "output": ...}),
        ("01.xor_net", {"hidden": [(1, -1, -1), (-1, 1, -1)], "output": ...}),
        ("01.pocket", lambda points, labels, max_passes: ...),
    ],
)
def test_three_dots_are_not_attempted(id, answer):
    assert check(id, answer).status == "not attempted"


WRONG_RULES = {
    "the prediction in place of the label": (
        as_answer(amount=lambda y, score: 1.0 if score >= 0 else -1.0),
        "adds the *prediction* (or $-y$",
    ),
    "subtracted": (as_answer(amount=lambda y, score: -y), "adds the *prediction* (or $-y$"),
    "strictly below zero": (as_answer(when=lambda agreement: agreement < 0), "never leave 0"),
    "every point": (as_answer(when=lambda agreement: True), "multiple of 4"),
    "every point, mistakes counted": (
        lambda points, labels, passes: (
            learn_wrongly(points, labels, passes, when=lambda agreement: True)[0],
            learn(points, labels, passes)[1],
        ),
        "you update on every point",
    ),
    "one update": (as_answer(stops=True), "stop after the first update"),
    "one pass": (as_answer(passes=1), "are still wrong when you stop"),
    "bias does not learn": (
        as_answer(mask=torch.tensor([1.0, 1.0, 0.0])),
        "bias stays at 0",
    ),
    "bias first": (
        lambda *data: (learn(*data)[0].roll(1), learn(*data)[1]),
        "bias comes first",
    ),
    "no bias": (lambda *data: (learn(*data)[0][:2], 1), "Append a 1"),
    "passes counted": (as_answer(count="passes"), "the number of passes"),
    "visits counted": (as_answer(count="visits"), "multiple of 4"),
    "errors counted": (as_answer(count="errors"), "not the errors left"),
    "weights only": (lambda *data: learn(*data)[0], "return two things"),
    "a list": (lambda *data: ([1, 1, -1], 1), "expected a tensor"),
    "a matrix": (lambda *data: (torch.zeros(3, 1), 1), "got [3, 1]"),
    "count is text": (lambda *data: (learn(*data)[0], "many"), "no number"),
    "another count": (lambda *data: (learn(*data)[0], 7), "by hand one counts 1 mistakes, you 7"),
    "other weights": (lambda *data: (torch.tensor([3.0, 1.0, -1.0]), 1), "by hand one gets"),
    "an error": (lambda *data: learn(*data)[0] @ torch.zeros(7), "your code raised RuntimeError"),
    "no function": (3, "expected a function"),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_wrong_rules_hear_what_is_wrong(name):
    answer, message = WRONG_RULES[name]
    verdict = check("01.perceptron", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


@pytest.mark.parametrize(
    ("nand", "majority", "message"),
    [
        ((1, 1, -1), (1, 1, 1, 0), "nand: true and false are swapped"),
        ((1, 1, 1), (1, 1, 1, 0), "nand: this is OR: for (−1, −1)"),
        ((-1, -1, -1), (1, 1, 1, 0), "nand: this is NOR"),
        ((1, -1), (1, 1, 1, 0), "nand: expected numbers of shape [3]"),
        (("a", "b", "c"), (1, 1, 1, 0), "nand: expected numbers of shape [3]"),
        ((-1, -1, 1), (1, 1, 1, 2), "majority: for (−1, −1, +1) the score is 1"),
        ((-1, -1, 1), (1, 1, 1, -3), "the score is −2, so the unit says −1, and it should say +1"),
        ((-1, -1, 1), (-1, -1, -1, 0), "majority: true and false are swapped"),
        ((-1, -1, 1), (1, 1, 1, -1.5), "majority: right if false were 0"),
        (..., (1, 1, 1, 2), "majority: for"),
    ],
)
def test_wrong_gates_hear_which_input_and_why(nand, majority, message):
    verdict = check("01.gates", {"nand": nand, "majority": majority})
    assert verdict.status == "wrong"
    assert message.replace("−", "-") in verdict.message.replace("−", "-")


@pytest.mark.parametrize(
    ("hidden", "output", "message"),
    [
        ([(1, 1, 1), (1, 1, -1)], (1, -1, -1), "a hidden unit computes OR, as in the lecture"),
        ([(-1, -1, -1), (1, 1, -1)], (-1, -1, -1), "computes AND"),
        ([(1, -1, -1), (-1, 1, -1)], (-1, -1, -1), "this is XNOR"),
        ([(1, -1, -1), (2, -2, -1)], (1, 1, 1), "draw the same line"),
        ([(1, -1, -1), (-1, 1, -1)], (1, 1, -1), "your hidden units say (-1, +1)"),
        ([(1, -1, -1)], (1, 1, 1), "hidden: expected numbers of shape [2, 3]"),
        ([(1, -1, -1), (-1, 1, -1)], (1, 1), "output: expected numbers of shape [3]"),
    ],
)
def test_wrong_networks_hear_where_they_fail(hidden, output, message):
    verdict = check("01.xor_net", {"hidden": hidden, "output": output})
    assert verdict.status == "wrong"
    assert message in verdict.message


def in_place_pocket(points, labels, max_passes):
    inputs = torch.cat([points, torch.ones(len(points), 1)], dim=1).double()
    weights, fewest = torch.zeros(3).double(), len(points) + 1
    for _ in range(max_passes):
        for x, y in zip(inputs, labels, strict=True):
            if y * (weights @ x) <= 0:
                weights += y * x
                wrong = int((labels * (inputs @ weights) <= 0).sum())
                if wrong < fewest:
                    best, fewest = weights, wrong
    return best


def worst_of_all(points, labels, max_passes):
    learner = Perceptron(max_passes=max_passes).fit(points, labels)
    inputs = torch.cat([points, torch.ones(len(points), 1)], dim=1).double()
    errors = (labels[:, None] * (inputs @ learner.history.T) <= 0).sum(dim=0)
    return learner.history[errors.argmax()]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (plain, "you return the last weights"),
        (in_place_pocket, "keep `weights.clone()`"),
        (worst_of_all, "the right way round"),
        (lambda *data: plain(*data)[:2], "Append a 1"),
        (lambda *data: list(plain(*data)), "expected a tensor"),
    ],
)
def test_wrong_pockets_hear_what_is_wrong(answer, message):
    verdict = check("01.pocket", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


def test_the_sets_are_what_the_checks_say():
    for seed in range(20):
        points, labels = separable_set(seed)
        assert is_separable(points, labels)
        assert points.shape == (40, 2)
        assert len(labels.unique()) == 2
        assert not is_separable(*overlapping_set(seed, 40))


def test_every_exercise_has_hints_and_praise():
    assert len(EXERCISES) == 4
    for exercise in EXERCISES.values():
        assert len(exercise.hints) >= 2
        assert exercise.praise.endswith(".")
