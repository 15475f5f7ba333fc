"""The checks of lecture 08: right answers pass, plausible mistakes are called by name."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from dlcv.distributed.large_batch import warmup_rate
from dlcv.distributed.memory import training_memory
from dlcv.distributed.speedrun import mirror
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", exercises_of("08"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("08"))
def test_a_function_that_still_gives_three_dots_is_not_attempted(id):
    assert check(id, lambda *anything: ...).status == "not attempted"


@pytest.mark.parametrize("id", exercises_of("08"))
def test_nonsense_gets_a_reason_and_never_an_exception(id):
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")
    if id not in {"08.data_parallel_step", "08.alternate"}:
        assert_wrong(id, lambda *anything: None, "expected one number, got NoneType")


def step(shares=None, clear=True, sign=1.0, only=None):
    """A data-parallel step with a mistake: shares(sizes) weighs the shards."""

    def take(model, shards, lr):
        sizes = [len(labels) for _, labels in shards]
        weights = (shares or (lambda sizes: [n / sum(sizes) for n in sizes]))(sizes)
        if clear:
            model.zero_grad()
        for k, ((images, labels), weight) in enumerate(zip(shards, weights, strict=True)):
            if only is None or k == only % len(shards):
                (weight * cross_entropy(model(images), labels)).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= sign * lr * parameter.grad

    return take


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda model, shards, lr: None, "the weights did not change"),
        (step(sign=-1.0), "uphill"),
        (step(clear=False), "earlier step"),
        (step(lambda sizes: [1 / len(sizes)] * len(sizes)), "[6, 1, 3] images: the shards have"),
        (step(lambda sizes: [1.0] * len(sizes)), "added, not averaged"),
        (step(lambda sizes: [1.0] * len(sizes), only=-1), "only the last shard"),
        (step(lambda sizes: [1.0] * len(sizes), only=0), "only the first shard"),
        (step(lambda sizes: sizes), "the sum over all images"),
        (step(sign=0.9), "off by up to"),
    ],
)  # fmt: skip
def test_the_step_names_the_mistake(answer, phrase):
    assert_wrong("08.data_parallel_step", answer, phrase)


def at(k_of):
    return lambda times, k: np.sort(times, axis=1)[:, k_of(times, k)].mean()


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (at(lambda times, k: min(k, times.shape[1] - 1)), "count from one"),
        (lambda times, k: times.mean(), "the mean of all times"),
        (lambda times, k: np.sort(times, axis=1)[:, :k].mean(), "the mean over the first k"),
        (lambda times, k: times[:, :k].max(axis=1).mean(), "not the k fastest of each round"),
        (lambda times, k: np.sort(times, axis=0)[:, k - 1].mean(), "within each round"),
        (lambda times, k: times.max(axis=1).mean(), "waits for all"),
        (lambda times, k: np.sort(times, axis=1)[:, k - 1], "one number, got ndarray"),
        (lambda times, k: 3.0, "k = 2: expected 3.75, got 3."),
    ],
)
def test_the_wait_names_the_mistake(answer, phrase):
    assert_wrong("08.backup_wait", answer, phrase)


def test_a_wait_that_knows_the_table_alone_fails_on_the_formula():
    def cheat(times, k):
        return find("08.backup_wait").solution(times, k) if len(times) == 2 else 1.0

    assert_wrong("08.backup_wait", cheat, "first 10 of 10: expected 2.929 to within 3 %, got 1.000")


def parts(change):
    return lambda model, images, optimiser: change(training_memory(model, images, optimiser))


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (parts(lambda m: m.total / 4), "float32 has 4 bytes"),
        (parts(lambda m: m.total / 2**20), "in MiB"),
        (parts(lambda m: m.total - m.optimiser), "the optimiser's state is missing"),
        (parts(lambda m: m.total - m.gradients), "the gradients are missing"),
        (parts(lambda m: m.total - m.activations), "the activations are missing"),
        (parts(lambda m: m.total - m.parameters), "the parameters themselves are missing"),
        (parts(lambda m: m.total - max(0, m.optimiser - m.gradients)), "Adam two"),
        (
            lambda model, images, optimiser: (
                training_memory(model.requires_grad_(True), images, optimiser).total
            ),
            "frozen weights have no gradient",
        ),
        (parts(lambda m: 7), "bytes, got 7"),
    ],
)
def test_the_memory_names_the_mistake(answer, phrase):
    assert_wrong("08.memory", answer, phrase)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda t, r, k, T: k * r if t >= T else k * r * t / T, "it begins at 0"),
        (lambda t, r, k, T: r + (k - 1) * r * min(1, (t + 1) / max(T, 1)), "t counts from 0"),
        (lambda t, r, k, T: r + (k - 1) * r * t / max(1, T), "stays at k times the rate"),
        (lambda t, r, k, T: r, "must rise"),
        (lambda t, r, k, T: k * r, "not a jump"),
        (lambda t, r, k, T: k * r if t >= T else r * k ** (t / T), "linear, not exponential"),
        (lambda t, r, k, T: 7.0, "expected 0.1, got 7"),
    ],
)  # fmt: skip
def test_the_rate_names_the_mistake(answer, phrase):
    assert_wrong("08.warmup", answer, phrase)


def test_the_packages_own_functions_pass_too():
    assert check("08.warmup", lambda t, r, k, T: warmup_rate(t, r, k * r, T)).status == "right"
    assert check("08.memory", parts(lambda m: m.total)).status == "right"


def way_round(chosen):
    return lambda images, epoch, first: torch.where(
        chosen(epoch, first)[:, None, None, None], images.flip(3), images
    )


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (way_round(lambda e, first: first), "Now the others have their turn"),
        (way_round(lambda e, first: first if e % 2 else ~first), "exactly the wrong ones"),
        (way_round(lambda e, first: torch.full_like(first, e % 2 == 1)), "treated alike"),
        (way_round(lambda e, first: first if e < 2 else ~first), "Now the others"),
        (way_round(lambda e, first: torch.tensor([True, True, False])), "expected mirrored"),
        (lambda images, e, first: images.flip(2), "neither as it was nor its mirror image"),
        (lambda images, e, first: images[first], r"shape [3, 1, 2, 4], got [2, 1, 2, 4]"),
        (lambda images, e, first: None, "got NoneType"),
    ],
)
def test_alternating_names_the_mistake(answer, phrase):
    assert_wrong("08.alternate", answer, phrase)


def test_the_packages_mirror_alternates_as_the_exercise_asks():
    images = torch.arange(3 * 2 * 4).reshape(3, 1, 2, 4)
    first = (mirror(images, 0, True, seed=4) != images).flatten(1).any(dim=1)
    for epoch in range(4):
        expected = find("08.alternate").solution(images, epoch, first)
        assert torch.equal(mirror(images, epoch, True, seed=4), expected)
