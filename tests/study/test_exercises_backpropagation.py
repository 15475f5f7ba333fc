"""Every check of lecture 02 meets the right answer, no answer, and the plausible wrong ones."""

import pytest
import torch

from dlcv.scratch.autograd import Tensor
from dlcv.scratch.losses import binary_cross_entropy
from dlcv.scratch.mlp import MLP, train
from dlcv.study import exercises
from dlcv.study.exercises import check
from dlcv.study.exercises.backpropagation import EXERCISES
from dlcv.study.exercises.backpropagation_functions import (
    dead_case,
    solve_dead_units,
    solve_exp,
    solve_log,
    solve_log_softmax,
    solve_matmul,
)
from dlcv.study.exercises.backpropagation_network import (
    CORNERS,
    XOR,
    by_torch,
    gradients,
    learn_xor,
    slipped,
)

OPERATIONS = {"exp": solve_exp, "log": solve_log, "matmul": solve_matmul}


@pytest.fixture(autouse=True)
def _topic(monkeypatch):
    monkeypatch.setitem(exercises.TOPICS, "02", "backpropagation")


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("02.mlp_backward", gradients),
        ("02.mlp_backward", by_torch),
        ("02.operations", OPERATIONS),
        ("02.xor", learn_xor),
        ("02.log_softmax", solve_log_softmax),
        ("02.log_softmax", lambda x: x.log_softmax(dim=1)),
        ("02.dead_units", solve_dead_units),
        ("02.dead_units", lambda w, b, x: ((x @ w.T + b).amax(dim=0) <= 0).sum()),
    ],
)
def test_right_answers(id, answer):
    verdict = check(id, answer)
    assert verdict.status == "right", verdict
    assert verdict.message == EXERCISES[id].praise


def test_the_written_operations_are_right():
    values = {"Tensor": Tensor}
    exec(EXERCISES["02.operations"].solution_code(), values)
    answer = {name: values[f"solve_{name}"] for name in OPERATIONS}
    assert check("02.operations", answer).status == "right"


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("02.mlp_backward", ...),
        ("02.mlp_backward", lambda inputs, labels, layers: ...),
        ("02.mlp_backward", lambda inputs, labels, layers: [(..., ...)] * 3),
        ("02.operations", {"exp": ..., "log": ..., "matmul": ...}),
        ("02.operations", {"exp": solve_exp, "log": lambda x: ..., "matmul": lambda x, y: ...}),
        ("02.xor", lambda seed: ...),
        ("02.log_softmax", lambda logits: ...),
        ("02.dead_units", lambda weights, bias, inputs: ...),
    ],
)
def test_three_dots_are_not_attempted(id, answer):
    assert check(id, answer).status == "not attempted"


def slip(**kind):
    return lambda *case: slipped(*case, **kind)


def transposed(*case):
    return [(weights.T, bias) for weights, bias in gradients(*case)]


WRONG_BACKWARD = {
    "sum": (slip(mean=False), "N$ times too large"),
    "sign": (slip(sign=-1.0), "every sign is turned round"),
    "no target": (slip(target=False), "without the target"),
    "no slope": (slip(slope=torch.ones_like), "layer 2, weights: the slope of $\\tanh$ is missing"),
    "logistic slope": (slip(slope=lambda a: a * (1 - a)), "of the logistic function"),
    "tanh twice": (slip(slope=lambda a: 1 - a.tanh() ** 2), "you apply $\\tanh$ twice"),
    "another slope": (slip(slope=lambda a: 1 - a), "layer 2, weights: the relative error is"),
    "transposed": (transposed, "layer 3, weights: the gradient is transposed"),
    "bias of each example": (
        lambda x, y, w: [(a, b.expand(len(x), -1)) for a, b in gradients(x, y, w)],
        "layer 3, biases: expected shape [3], got [7, 3]. Each example has its own",
    ),
    "two layers": (lambda *case: gradients(*case)[:2], "one pair"),
    "no pairs": (lambda *case: [g[0] for g in gradients(*case)], "layer 3: expected a pair"),
    "numbers": (lambda *case: [(1.0, 2.0)] * 3, "layer 3, weights: expected a tensor, got float"),
    "an error": (lambda x, y, w: x @ w[2][0], "your code raised RuntimeError"),
}


@pytest.mark.parametrize("name", WRONG_BACKWARD)
def test_wrong_backward_passes_hear_what_is_wrong(name):
    answer, message = WRONG_BACKWARD[name]
    verdict = check("02.mlp_backward", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


def unary(value, pull):
    return lambda x: Tensor(value(x.data), (x,), lambda grad: pull(grad, x.data))


def matmul(pull):
    return lambda x, y: Tensor(x.data @ y.data, (x, y), lambda g: pull(g, x.data, y.data))


@pytest.mark.parametrize(
    ("name", "function", "message"),
    [
        ("exp", unary(torch.exp, lambda g, x: (x.exp(),)), "has to be multiplied by `grad`"),
        ("exp", unary(torch.exp, lambda g, x: (g,)), "yours is 1"),
        ("exp", unary(torch.exp, lambda g, x: g * x.exp()), "`pull` returns a tuple"),
        ("exp", lambda x: x.exp(), "write exp yourself"),
        ("exp", lambda x: x.data.exp(), "return the book's `Tensor`"),
        ("exp", lambda x: Tensor(x.data.exp()), "lists the inputs"),
        ("exp", unary(torch.sin, lambda g, x: (g,)), "the value differs"),
        ("exp", unary(torch.exp, lambda g, x: (2 * g,)), "gradient 1: the values differ"),
        ("exp", unary(torch.exp, lambda g, x: (3.0,)), "expected shape [2, 3], that of the input"),
        ("log", unary(torch.log, lambda g, x: (g * x,)), "you multiply by `x`"),
        ("log", unary(torch.log, lambda g, x: (g / x.log(),)), "not one over its result"),
        ("matmul", matmul(lambda g, x, y: (x.T @ g, g @ y.T)), "in the wrong order"),
        ("matmul", matmul(lambda g, x, y: (g @ y.T,)), "expected 2 gradients, got 1"),
        ("matmul", matmul(lambda g, x, y: ((g @ y.T).T, x.T @ g)), "gradient 1: expected shape"),
        ("matmul", matmul(lambda g, x, y: (g @ y,)), "your code raised RuntimeError"),
    ],
)
def test_wrong_operations_hear_what_is_wrong(name, function, message):
    verdict = check("02.operations", OPERATIONS | {name: function})
    assert verdict.status == "wrong"
    assert message in verdict.message
    assert verdict.message.startswith(name) or "your code raised" in verdict.message


def trained(sizes=(2, 4, 1), activation="tanh", lr=0.5, epochs=500, seed=None):
    def answer(given):
        def loss(outputs, targets):
            return binary_cross_entropy(outputs.reshape(-1), targets)

        model = MLP(sizes, activation, given if seed is None else seed)
        train(model, CORNERS, XOR, loss, lr=lr, epochs=epochs)
        return model

    return answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (trained(epochs=0), "The weights are as they were at the start"),
        (trained(activation="linear", epochs=50), "Your hidden units are linear"),
        (trained(lr=0.01, epochs=20), "Train for longer"),
        (trained(sizes=(2, 2, 1), epochs=1), "expected the sizes [2, 4, 1], got [2, 2, 1]"),
        (trained(seed=3, epochs=1), "pass `seed` on to the MLP"),
        (lambda seed: 0.5, "return the trained MLP, not a float"),
    ],
)
def test_wrong_xor_networks_hear_what_is_wrong(answer, message):
    verdict = check("02.xor", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x.softmax(dim=1), "this is the softmax"),
        (lambda x: x.log_softmax(dim=0), "over the batch"),
        (lambda x: x - x.amax(dim=1, keepdim=True), "has to be subtracted as well"),
        (lambda x: x - x.exp().sum(dim=1, keepdim=True), "missing its logarithm"),
        (lambda x: (x.exp() / x.exp().sum(dim=1, keepdim=True)).log(), "exponentials overflow"),
        (lambda x: x - x.exp().sum(dim=1, keepdim=True).log(), "exponentials overflow"),
        (lambda x: x.softmax(dim=1).log(), "rounded to 0 before its logarithm"),
        (lambda x: x.log_softmax(dim=1)[0], "expected shape [2, 3], got [3]"),
        (lambda x: 2 * x, "the values differ from torch's"),
        (lambda x: 0.0, "expected a tensor, got float"),
    ],
)
def test_wrong_log_softmaxes_hear_what_is_wrong(answer, message):
    verdict = check("02.log_softmax", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


def z_of(weights, bias, inputs):
    return inputs @ weights.T + bias


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda *c: (z_of(*c) <= 0).sum(), "silent for *all* examples"),
        (lambda *c: (z_of(*c) <= 0).any(dim=0).sum(), "silent for *some* example"),
        (lambda *c: (z_of(*c) <= 0).all(dim=1).sum(), "counts examples, not units"),
        (lambda w, b, x: (x @ w.T <= 0).all(dim=0).sum(), "the bias is missing"),
        (lambda *c: (z_of(*c) > 0).any(dim=0).sum(), "units that are alive"),
        (lambda *c: (z_of(*c)[:4] <= 0).all(dim=0).sum(), "on a random layer"),
        (lambda *c: (z_of(*c) < 0).all(dim=0).sum(), "so it is dead; expected 3, got 0"),
        (lambda *c: 7, "you return 7."),
        (lambda *c: "two", "return one number, not 'two'"),
        (lambda *c: z_of(*c) <= 0, "return one number"),
    ],
)
def test_wrong_counts_hear_what_is_wrong(answer, message):
    verdict = check("02.dead_units", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


def test_slips_on_the_given_layer_can_be_told_apart():
    weights, bias, inputs = dead_case()
    z = z_of(weights, bias, inputs)
    counts = [
        (z <= 0).all(dim=0).sum(),
        (z <= 0).sum(),
        (z <= 0).any(dim=0).sum(),
        (z <= 0).all(dim=1).sum(),
        (inputs @ weights.T <= 0).all(dim=0).sum(),
        (z > 0).any(dim=0).sum(),
    ]
    right, *wrong = (int(count) for count in counts)
    assert right == 2
    assert right not in wrong, wrong
    assert len(set(wrong)) == len(wrong), wrong


def test_every_exercise_has_hints_and_praise():
    assert len(EXERCISES) == 5
    for exercise in EXERCISES.values():
        assert len(exercise.hints) >= 2
        assert exercise.praise.endswith(".")
        assert "..." not in exercise.solution_code()
