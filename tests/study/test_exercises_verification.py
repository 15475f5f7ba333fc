"""The checks of lecture 09: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises import verification_checks as solved
from dlcv.verification.margins import cosines
from dlcv.verification.mining import all_triplets, hard_triplets
from dlcv.verification.protocol import best_threshold


def assert_wrong(id, answer, phrase):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    assert phrase in verdict.message, verdict.message


@pytest.mark.parametrize("id", exercises_of("09"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("09"))
def test_dots_are_not_attempted(id):
    assert check(id, lambda *args: ...).status == "not attempted"
    assert check(id, ...).status == "not attempted"


def losses(x, labels, margin, triplets=None, power=2, hinge=True):
    a, p, n = (all_triplets(labels) if triplets is None else triplets).T
    near, far = (x[a] - x[p]).norm(dim=1) ** power, (x[a] - x[n]).norm(dim=1) ** power
    return (near - far + margin).clamp(min=0 if hinge else -torch.inf)


def with_itself(x, labels, margin):
    equal = labels[:, None] == labels[None]
    return losses(x, labels, margin, (equal[:, :, None] & ~equal[:, None]).nonzero()).mean()


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (with_itself, "its own positive"),
        (lambda x, y, m: losses(x, y, m).sum(), "that is the sum"),
        (lambda x, y, m: (v := losses(x, y, m))[v > 0].mean(), "the active triplets alone"),
        (lambda x, y, m: losses(x, y, m, power=1).mean(), "takes their squares"),
        (lambda x, y, m: losses(x, y, m, hinge=False).mean(), "is missing"),
        (lambda x, y, m: losses(x, y, m).mean().detach(), "no gradient"),
        (lambda x, y, m: losses(x, y, m), "expected one number"),
        (lambda x, y, m: 0.5, "got float"),
        (lambda x, y, m: losses(x, y, m, hard_triplets(x, y)).mean(), "expected 0."),
    ],
)
def test_wrong_batch_losses(answer, phrase):
    assert_wrong("09.batch_all", answer, phrase)


def mined(condition, power=2):
    def miner(x, labels, margin):
        t = all_triplets(labels)
        d = ((x[:, None] - x[None]) ** 2).sum(2) ** (power / 2)
        gap = d[t[:, 0], t[:, 2]] - d[t[:, 0], t[:, 1]]
        return t[condition(gap, margin)]

    return miner


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (mined(lambda gap, margin: gap < margin), "is hard, not semi-hard"),
        (mined(lambda gap, margin: gap > 0), "is idle"),
        (mined(lambda gap, margin: (gap > 0) & (gap < margin), power=1), "squared"),
        (lambda x, y, m: solved.solve_semi_hard(x, y, m)[:-1], "you found"),
        (lambda x, y, m: solved.solve_semi_hard(x, y, m).repeat(2, 1), "twice"),
        (lambda x, y, m: solved.solve_semi_hard(x, y, m)[:, [0, 2, 1]], "of one person"),
        (lambda x, y, m: solved.solve_semi_hard(x, y, m)[:, [0, 0, 2]], "its own positive"),
        (lambda x, y, m: solved.solve_semi_hard(x, y, m)[:, [0, 1, 1]], "another person"),
        (lambda x, y, m: solved.solve_semi_hard(x, y, m).T, "expected shape [T, 3]"),
        (lambda x, y, m: [], "got list"),
    ],
)
def test_wrong_miners(answer, phrase):
    assert_wrong("09.semi_hard", answer, phrase)


def head(change=lambda own, other, m: own, everywhere=False, scaled=True, unit=True):
    def logits(x, weight, labels, margin, scale):
        cos = cosines(x, weight) if unit else x @ weight.T
        safe = cos.clamp(-1 + 1e-9, 1 - 1e-9)
        own = F.one_hot(labels, len(weight)).bool() | everywhere
        return (scale if scaled else 1) * torch.where(own, change(safe, margin), cos)

    return logits


def wider(cos, margin):
    return (cos.acos() + margin).cos()


def careless(x, weight, labels, margin, scale):
    cos = F.normalize(x) @ F.normalize(weight).T
    own = F.one_hot(labels, len(weight)).bool()
    return scale * torch.where(own, wider(cos, margin), cos)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (head(wider, everywhere=True), "every angle"),
        (head(wider, scaled=False), "the scale"),
        (head(wider, unit=False), "not normalised"),
        (head(lambda cos, m: (cos.acos() - m).cos()), "add it"),
        (head(lambda cos, m: cos - m), "the largest difference"),
        (careless, "not finite"),
        (lambda x, w, y, m, s: head(wider)(x, w, y, m or 0.1, s), "must equal NormFace"),
        (lambda x, w, y, m, s: head(wider)(x, w, y, m, s).T, "expected logits [7, 5]"),
    ],
)
def test_wrong_heads(answer, phrase):
    assert_wrong("09.arcface", answer, phrase)


def one_threshold(scores, same, folds):
    return ((scores >= best_threshold(scores, same)) == same).double().mean()


def own_threshold(scores, same, folds):
    parts = torch.arange(len(scores)).tensor_split(folds)
    return sum(one_threshold(scores[part], same[part], 1) for part in parts) / folds


def fixed_threshold(scores, same, folds):
    return ((scores >= 0.5) == same).double().mean()


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (one_threshold, "Leave the fold out"),
        (own_threshold, "on the fold that it judges"),
        (fixed_threshold, "pairs in 10 folds"),
        (lambda scores, same, folds: "half", "got str"),
    ],
)
def test_wrong_evaluators(answer, phrase):
    assert_wrong("09.ten_folds", answer, phrase)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda P, K: (P * K * (K - 1), P * K * (K - 1) * (P - 1) * K), "twice"),
        (lambda P, K: (P * K * (K - 1) // 2, P * K * (K - 1) * (P - 1) * K // 2), "two triplets"),
        (lambda P, K: (P * K, 0), "you counted"),
        (lambda P, K: (P * K * (K - 1) // 2, (P * K) ** 3), "triplets, you counted"),
        (lambda P, K: P * K, "expected two numbers"),
    ],
)
def test_wrong_counts(answer, phrase):
    assert_wrong("09.batch_shape", answer, phrase)
