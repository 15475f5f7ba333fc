"""The checks of lecture 15: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
from torch import nn

from dlcv.captioning import bleu as scores
from dlcv.captioning.captioner import Captioner, grid_features, teacher_forcing_loss
from dlcv.captioning.gates import lstm_step
from dlcv.captioning.vocabulary import Vocabulary
from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.captioning_cells import solve_hello, solve_lstm
from dlcv.study.exercises.captioning_sentences import solve_beam
from dlcv.training import TrainConfig, fit

FUNCTIONS = [id for id in exercises_of("15") if id != "15.captioner"]


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", FUNCTIONS)
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


def test_the_worked_captioner_is_right():
    names = [Captioner, grid_features, teacher_forcing_loss, Vocabulary, backbone, Batches]
    names += [SceneConfig, render_scenes, TrainConfig, fit]
    space = {one.__name__: one for one in names} | {"torch": torch}
    exec(find("15.captioner").solution, space)
    assert check("15.captioner", space["my_describe"]).status == "right"


@pytest.mark.parametrize("id", exercises_of("15"))
def test_three_dots_and_nonsense(id):
    assert check(id, lambda *anything: ...).status == "not attempted"
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


# ------------------------------------------------------------------------------ 15.bptt
def bptt(grad, states, W, slope=True, future=1.0, before=0, turn=False):
    grad_W, carried = torch.zeros_like(W), torch.zeros_like(states[:, 0])
    for t in reversed(range(grad.shape[1])):
        delta = (grad[:, t] + future * carried) * (1 - slope * states[:, t + 1] ** 2)
        grad_W += delta.T @ states[:, t + before]
        carried = delta @ (W.T if turn else W)
    return grad_W


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"slope": False}, "the slope of tanh"),
        ({"future": 0.0}, "what the future sends back is missing"),
        ({"before": 1}, "the state before the step"),
        ({"turn": True}, "goes through @ W"),
        ({"future": 0.5}, "off by up to"),
    ],
)
def test_mistakes_in_bptt(change, phrase):
    assert_wrong("15.bptt", lambda *args: bptt(*args, **change), phrase)


def test_other_mistakes_in_bptt():
    assert_wrong("15.bptt", lambda *args: bptt(*args).T, "transposed")
    assert_wrong("15.bptt", lambda *args: bptt(*args) / 4, "do not average")
    assert_wrong("15.bptt", lambda *args: torch.zeros(3), "expected shape [3, 3], got [3]")


# ------------------------------------------------------------------------------ 15.lstm
def shown_old(x, h, c, U, W, b):
    i, f, g, o = (x @ U.T + h @ W.T + b).chunk(4, dim=1)
    new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), new


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda *a: solve_lstm(*a)[::-1], "wrong way round"),
        (lambda *a: solve_lstm(*a[:-1], 0 * a[-1]), "the bias is missing"),
        (lambda x, h, c, *a: solve_lstm(x, 0 * h, c, *a), "is missing"),
        (lambda x, h, c, *a: solve_lstm(x, h, 0 * c, *a), "the cell before is forgotten"),
        (shown_old, "c is right, h is not"),
        (lambda x, h, c, *a: (h, c), "neither h nor c"),
        (lambda *a: solve_lstm(*a)[0], "expected a pair"),
    ],
)
def test_mistakes_in_the_lstm(answer, phrase):
    assert_wrong("15.lstm", answer, phrase)


@pytest.mark.parametrize(
    ("order", "phrase"), [("ifog", "as i, f, o, g"), ("figo", "as f, i, g, o")]
)
def test_gates_in_another_order(order, phrase):
    def answer(x, h, c, *weights):
        rows = torch.cat([torch.arange(3) + 3 * "ifgo".index(gate) for gate in order])
        return lstm_step(x, h, c, *(weight[rows] for weight in weights))

    assert_wrong("15.lstm", answer, phrase)


# ------------------------------------------------------------------------------ 15.hello
def test_mistakes_in_hello():
    U, W, V, b = solve_hello()
    assert_wrong("15.hello", lambda: (U, 0 * W, V, b), "after h-e-l-l it says")
    assert_wrong("15.hello", lambda: (U, W, V / 8, b), "train it below 0.01")
    assert_wrong("15.hello", lambda: (U, W, V.T, b), "of shapes")
    assert_wrong("15.hello", lambda: (U, W, V), "expected four tensors")
    follows = torch.tensor([[0.0, 0, 0, 0], [9, 0, 0, 0], [0, 9, 9, 0], [0, 0, 0, 0]])
    blind = (20 * torch.eye(4), torch.zeros(4, 4), follows, torch.zeros(4))
    assert_wrong("15.hello", lambda: blind, "tell the two l apart")


# ------------------------------------------------------------------------------ 15.clipped
def test_mistakes_in_clipped_counts():
    def unclipped(words, right, n):
        known = {piece for reference in right for piece in scores.ngrams(reference, n)}
        return sum(count for p, count in scores.ngrams(words, n).items() if p in known)

    def summed(words, right, n):
        return sum(scores.clipped_matches(words, [one], n) for one in right)

    assert_wrong("15.clipped", unclipped, "at most as often as in one reference")
    assert_wrong("15.clipped", summed, "not the sum")
    assert_wrong("15.clipped", lambda w, r, n: 4, "expected 2, got 4")
    assert_wrong("15.clipped", lambda w, r, n: 2 / 7, "expected a whole number")


# ------------------------------------------------------------------------------ 15.beam
@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda table, width, longest: solve_beam(table, 1, longest), "greedy choice"),
        (lambda *a: (1, *solve_beam(*a)), "leave out the start"),
        (lambda *a: tuple(w for w in solve_beam(*a) if w), "stops before the end"),
        (lambda *a: (*solve_beam(*a), 0), "goes on after its end"),
        (lambda *a: (2, 2, 2, 2), "the best of all sentences"),
        (lambda table, width, longest: solve_beam(table, 64, longest), "width 1: expected"),
        (lambda *a: 3, "expected words, got 3"),
    ],
)
def test_mistakes_in_beam_search(answer, phrase):
    assert_wrong("15.beam", answer, phrase)


# ------------------------------------------------------------------------------ 15.captioner
def test_mistakes_in_the_captioner():
    assert_wrong("15.captioner", lambda images: ["a red fish"] * 300, "all 300 scenes got the same")
    assert_wrong("15.captioner", lambda images: ["a red fish"] * 3, "expected 300 captions, got 3")
    assert_wrong("15.captioner", lambda images: images, "expected a list of texts, got Tensor")
    half = ["a red fish", "a red"] * 150
    assert_wrong("15.captioner", lambda images: half, "of 300 captions are right", "grammar 150")


def test_torchs_cell_passes_too():
    def answer(x, h, c, U, W, b):
        cell = nn.LSTMCell(2, 3, dtype=torch.float64)
        for parameter, value in zip(cell.parameters(), (U, W, b, 0 * b), strict=True):
            parameter.data.copy_(value)
        return tuple(value.detach() for value in cell(x, (h, c)))

    assert check("15.lstm", answer).status == "right"
