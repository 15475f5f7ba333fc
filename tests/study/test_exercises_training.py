"""Every check of lecture 03 meets the right answer, no answer, and the plausible wrong ones."""

import copy
import math

import pytest
import torch

from dlcv.scratch.dropout import dropout
from dlcv.study.exercises import check
from dlcv.study.exercises.training import EXERCISES
from dlcv.study.exercises.training_data import HALF_TURN, solve_augment, solve_dropout
from dlcv.study.exercises.training_steps import (
    loss_of,
    solve_adam,
    solve_he,
    solve_range_test,
)
from dlcv.training import lr_range_test


def library_range_test(model, batches, loss_fn):
    return lr_range_test(model, batches, loss_fn, low=1e-4).suggestion


def initialised(shape, generator):
    return torch.nn.init.kaiming_normal_(
        torch.empty(shape), nonlinearity="relu", generator=generator
    )


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("03.he", solve_he),
        ("03.he", initialised),
        ("03.adam", solve_adam),
        ("03.range_test", solve_range_test),
        ("03.range_test", library_range_test),
        ("03.dropout", solve_dropout),
        ("03.dropout", dropout),
        ("03.augment", (solve_augment, HALF_TURN)),
    ],
)
def test_right_answers(id, answer):
    verdict = check(id, answer)
    assert verdict.status == "right", verdict
    assert verdict.message == EXERCISES[id].praise


def test_the_written_augmentation_is_right():
    values = {"torch": torch, "F": torch.nn.functional}
    exec(EXERCISES["03.augment"].solution_code(), values)
    answer = (values["solve_augment"], values["my_half_turn"])
    assert check("03.augment", answer).status == "right"


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("03.he", lambda shape, generator: ...),
        ("03.adam", lambda *rest: ...),
        ("03.range_test", lambda *rest: ...),
        ("03.dropout", lambda *rest: ...),
        ("03.augment", (lambda *rest, **more: ..., ...)),
        ("03.augment", (solve_augment, ...)),
    ],
)
def test_three_dots_are_not_attempted(id, answer):
    assert check(id, answer).status == "not attempted"


def he(std):
    return lambda shape, generator: std(shape) * torch.randn(shape, generator=generator)


def masked(change):
    """Dropout with a slip: `change` gets activations, uniform numbers and the rate."""

    def answer(activations, rate, training, generator):
        if not training:
            return activations
        return change(activations, torch.rand(activations.shape, generator=generator), rate)

    return answer


def adam(change):
    """Adam with a slip: `change` gets θ, m, s, t, lr and gives the new θ."""

    def answer(theta, gradient, state, lr, beta1=0.9, beta2=0.999, epsilon=1e-8):
        m, s, t = (0, 0, 0) if state is None else state
        m, s, t = beta1 * m + (1 - beta1) * gradient, beta2 * s + (1 - beta2) * gradient**2, t + 1
        return change(theta, m, s, t, lr), (m, s, t)

    return answer


def trains_the_model(model, batches, loss_fn):
    with torch.no_grad():
        next(model.parameters()).add_(1)
    return 0.1


def shifted_alike(images, generator, d=1, std=0.05):
    i, j = torch.randint(2 * d + 1, (2,), generator=generator).tolist()
    padded = torch.nn.functional.pad(images, (d, d, d, d))
    moved = padded[..., i : i + images.shape[2], j : j + images.shape[3]]
    return (moved + std * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def rolled(images, generator, d=1, std=0.05):
    steps = (torch.randint(2 * d + 1, (len(images), 2), generator=generator) - d).tolist()
    moved = [image.roll(step, (1, 2)) for image, step in zip(images, steps, strict=True)]
    return (torch.stack(moved) + std * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def one_side(images, generator, d=1, std=0.05):
    padded = torch.nn.functional.pad(images, (d, d, d, d))
    starts = torch.randint(2 * d, (len(images), 2), generator=generator).tolist()
    H, W = images.shape[2:]
    pairs = zip(padded, starts, strict=True)
    moved = torch.stack([image[:, i : i + H, j : j + W] for image, (i, j) in pairs])
    return (moved + std * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def unclipped(images, generator, d=1, std=0.05):
    return solve_augment(images, generator, d, 0.0) + std * torch.randn(
        images.shape, generator=generator
    )


def unseeded(images, generator, d=1, std=0.05):
    return (solve_augment(images, generator, d, 0.0) + std * torch.randn(images.shape)).clamp(0, 1)


def variance(images, generator, d=1, std=0.05):
    return solve_augment(images, generator, d, std**2)


WRONG = [
    ("03.he", he(lambda shape: math.prod(shape[1:]) ** -0.5), "twice the variance"),
    ("03.he", he(lambda shape: 2 / math.prod(shape[1:])), "That is the *variance*"),
    ("03.he", he(lambda shape: (2 / shape[0]) ** 0.5), "You divide by the fan-out"),
    ("03.he", he(lambda shape: (2 / shape[1]) ** 0.5), "Each of the $K_h K_w$ taps"),
    ("03.he", he(lambda shape: 1.0), "plain standard normal"),
    ("03.he", he(lambda shape: 0.3), "spread 0.3"),
    ("03.he", lambda shape, g: torch.randn(shape), "same generator must give the same"),
    ("03.he", lambda shape, g: torch.rand(shape, generator=g), "the mean must be 0"),
    ("03.he", lambda shape, g: torch.zeros(shape[::-1]), "expected shape [700, 300]"),
    ("03.he", lambda shape, g: 0.1, "expected a tensor, got float"),
    ("03.adam", adam(lambda th, m, s, t, lr: th - lr * m / (s.sqrt() + 1e-8)), "bias correction"),
    (
        "03.adam",
        adam(lambda th, m, s, t, lr: th - lr * (m / 0.1) / ((s / 0.001).sqrt() + 1e-8)),
        "yours stays 1",
    ),
    (
        "03.adam",
        adam(
            lambda th, m, s, t, lr: (
                th + lr * (m / (1 - 0.9**t)) / ((s / (1 - 0.999**t)).sqrt() + 1e-8)
            )
        ),
        "uphill",
    ),
    (
        "03.adam",
        adam(lambda th, m, s, t, lr: th - lr * (m / (1 - 0.9**t)) / (s / (1 - 0.999**t) + 1e-8)),
        "the root is missing",
    ),
    ("03.adam", lambda th, g, state, lr, **more: (th - lr * g, state), "away from torch's Adam"),
    (
        "03.adam",
        lambda th, g, state, lr, beta1=0, beta2=0, epsilon=0: solve_adam(th, g, state, lr),
        "use the arguments",
    ),
    ("03.adam", lambda th, g, state, lr, **more: th, "return a pair"),
    ("03.adam", lambda th, g, state, lr, **more: (1.0, state), "must be the new weights"),
    ("03.range_test", trains_the_model, "the model has changed"),
    ("03.range_test", lambda *rest: 1e-4, "too low; a sweep says"),
    ("03.range_test", lambda *rest: 5.0, "too high; a sweep says"),
    ("03.range_test", lambda *rest: 0.6, "pixels up to 16: 0.6 is too high"),
    ("03.range_test", lambda *rest: float("nan"), "one rate above 0"),
    ("03.range_test", lambda *rest: [0.1, 0.2], "one rate above 0"),
    ("03.dropout", masked(lambda a, u, p: a * (u < p) / (1 - p)), "You keep where you should drop"),
    ("03.dropout", masked(lambda a, u, p: a * (u >= p)), "divide what is left by $1-p$"),
    ("03.dropout", masked(lambda a, u, p: a * (u >= p) / p), "you divide by $p$"),
    ("03.dropout", masked(lambda a, u, p: a * (u >= p) * (1 - p)), "you multiply by $1-p$"),
    ("03.dropout", masked(lambda a, u, p: a * (u[:, :1] >= p) / (1 - p)), "whole rows or columns"),
    ("03.dropout", masked(lambda a, u, p: a[u >= p] / (1 - p)), "dropout keeps the shape"),
    ("03.dropout", masked(lambda a, u, p: a.abs() * (u >= p) / (1 - p)), "negative ones too"),
    ("03.dropout", lambda a, p, training, g: dropout(a, p, training), "gave two masks"),
    ("03.dropout", lambda a, p, training, g: dropout(a, p, True, g), "nothing may change"),
    ("03.augment", solve_augment, "hand over a pair"),
    ("03.augment", (shifted_alike, HALF_TURN), "shifted alike"),
    ("03.augment", (rolled, HALF_TURN), "`roll` wraps round"),
    ("03.augment", (one_side, HALF_TURN), "4 different shifts in 400 draws, expected all 9"),
    ("03.augment", (unclipped, HALF_TURN), "clip to [0, 1] after the noise"),
    ("03.augment", (unseeded, HALF_TURN), "draw shifts *and* noise from it"),
    ("03.augment", (variance, HALF_TURN), "expected std = 0.05"),
    ("03.augment", (lambda i, g, **more: i.clone(), HALF_TURN), "another generator"),
    ("03.augment", (lambda i, g, **more: i[..., 1:], HALF_TURN), "windows of the old size"),
    ("03.augment", (solve_augment, HALF_TURN | {6: 6}), "a 6 turned by 180° is a 9"),
    ("03.augment", (solve_augment, HALF_TURN | {2: 5}), "a 2 turned by 180° is a 2"),
    ("03.augment", (solve_augment, HALF_TURN | {7: 7}), "a 7 turned by 180° is no digit"),
    ("03.augment", (solve_augment, {0: 0}), "the table lacks [1, 2"),
    ("03.augment", (solve_augment, [0, 1]), "the table is a dict"),
]


@pytest.mark.parametrize(("id", "answer", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_answers_hear_what_is_wrong(id, answer, message):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    assert message in verdict.message


def test_a_range_test_that_returns_the_lowest_place_itself_is_on_the_edge():
    def lowest(model, batches, loss_fn):
        found = lr_range_test(copy.deepcopy(model), batches, loss_of)
        return found.rates[-1]  # where it broke

    assert "on the edge" in check("03.range_test", lowest).message
