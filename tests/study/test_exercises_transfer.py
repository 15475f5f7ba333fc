"""The checks of lecture 07 accept right answers and name the mistake in plausible wrong ones."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.study.exercises import check
from dlcv.study.exercises.transfer import EXERCISES
from dlcv.study.exercises.transfer_checks import solve_groups, solve_probe


@pytest.mark.parametrize("id", EXERCISES)
def test_the_worked_solution_is_right(id):
    verdict = check(id, EXERCISES[id].solution)
    assert verdict.status == "right", verdict.message


@pytest.mark.parametrize("id", EXERCISES)
def test_dots_are_not_attempted(id):
    assert check(id, lambda *args: ...).status == "not attempted"
    assert check(id, ...).status == "not attempted"


def no_freezing(model, num_classes):
    model[-1] = nn.Linear(model[-1].in_features, num_classes)
    return model


def frozen_afterwards(model, num_classes):
    return no_freezing(model, num_classes).requires_grad_(False).eval()


def without_eval(model, num_classes):
    return no_freezing(model.requires_grad_(False), num_classes)


def old_classes(model, num_classes):
    return model.requires_grad_(False).eval()


def half_a_head(model, num_classes):
    model = no_freezing(model.requires_grad_(False).eval(), num_classes)
    model[-1].bias.requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (no_freezing, "borrowed parameters still require gradients, `stage1.0.weight`"),
        (frozen_afterwards, "nothing can learn"),
        (without_eval, "batch normalisation still follows"),
        (old_classes, "expected logits [12, 3]"),
        (half_a_head, "expected a whole new head"),
        (lambda model, num_classes: 3, "expected the network, got int"),
        (lambda model: model, "raised TypeError"),
    ],
)
def test_wrong_heads_are_met_with_what_is_wrong(answer, message):
    verdict = check("07.head_swap", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


def transposed(features, labels, num_classes, penalty):
    W, b = solve_probe(features, labels, num_classes, penalty)
    return W.T, b


def no_penalty(features, labels, num_classes, penalty):
    return solve_probe(features, labels, num_classes, 0.0)


def not_centred(features, labels, num_classes, penalty):
    Y = F.one_hot(labels, num_classes).to(features)
    gram = features.T @ features + penalty * torch.eye(features.shape[1]).to(features)
    return torch.linalg.solve(gram, features.T @ Y), torch.zeros(num_classes)


def mean_instead_of_sum(features, labels, num_classes, penalty):
    return solve_probe(features, labels, num_classes, penalty * len(features))


def forgotten_bias(features, labels, num_classes, penalty):
    W, b = solve_probe(features, labels, num_classes, penalty)
    return W, 0 * b


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (transposed, "transposed"),
        (no_penalty, "the penalty is missing"),
        (not_centred, "were not centred"),
        (mean_instead_of_sum, "a sum over the images here, not a mean"),
        (forgotten_bias, "W is right; the bias is not"),
        (lambda *a: solve_probe(*a)[0], "expected the pair"),
        (lambda *a: (torch.zeros(20, 5), torch.zeros(5)), "W is off by up to"),
        (lambda *a: (torch.zeros(20, 4), torch.zeros(4)), "expected W [20, 5] and b [5]"),
    ],
)
def test_wrong_probes_are_met_with_what_is_wrong(answer, message):
    verdict = check("07.linear_probe", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


def with_the_frozen_stage(model, lr, factor):
    return [{"params": list(s.parameters()), "lr": lr} for s in model]


def upside_down(model, lr, factor):
    groups = solve_groups(model, lr, factor)
    rates = [group["lr"] for group in groups][::-1]
    return [{**group, "lr": rate} for group, rate in zip(groups, rates, strict=True)]


def pool_counted(model, lr, factor):
    stages = [[p for p in s.parameters() if p.requires_grad] for s in model]
    return [
        {"params": p, "lr": lr * factor ** (len(stages) - 1 - k)} for k, p in enumerate(stages) if p
    ]


def one_rate(model, lr, factor):
    return [{**group, "lr": lr} for group in solve_groups(model, lr, factor)]


def one_group_a_parameter(model, lr, factor):
    groups = solve_groups(model, lr, factor)
    return [{"params": [p], "lr": g["lr"]} for g in groups for p in g["params"]]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (with_the_frozen_stage, "first stage is frozen"),
        (upside_down, "the wrong way round"),
        (pool_counted, "the pool has no parameters"),
        (one_rate, "expected the rates [0.02, 0.04, 0.08]"),
        (lambda *a: solve_groups(*a)[:-1], "`head.weight` is in no group"),
        (lambda *a: solve_groups(*a) + solve_groups(*a)[-1:], "in two groups"),
        (one_group_a_parameter, "expected 3 groups"),
        (lambda *a: [{"params": []}], "every group needs"),
        (lambda *a: {"lr": 0.1}, "expected a list of dicts"),
    ],
)
def test_wrong_groups_are_met_with_what_is_wrong(answer, message):
    verdict = check("07.layer_rates", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda digits, glyphs: (digits.images, digits.labels), "does not hurt reliably"),
        (lambda digits, glyphs: digits.images, "expected the pair"),
        (lambda digits, glyphs: (digits.images[:, 0], digits.labels), "[N, 1, 8, 8]"),
        (lambda digits, glyphs: (digits.images, digits.labels[:5]), "one whole number"),
        (lambda digits, glyphs: (digits.images, digits.labels * 0), "two classes or more"),
    ],
)
def test_wrong_sources_are_met_with_what_is_wrong(answer, message):
    verdict = check("07.source_that_hurts", answer)
    assert verdict.status == "wrong"
    assert message in verdict.message
