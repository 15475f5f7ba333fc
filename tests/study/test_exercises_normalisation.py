"""The checks of lecture 05: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.scratch.normalisation import batch_norm_backward, fold_batch_norm, normalise
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.normalisation_layers import MyBatchNorm2d, solve_fold


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", exercises_of("05"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("05"))
def test_a_function_that_still_gives_three_dots_is_not_attempted(id):
    assert check(id, lambda *anything: ...).status == "not attempted"


@pytest.mark.parametrize("id", exercises_of("05"))
def test_nonsense_gets_a_reason_and_never_an_exception(id):
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


def test_the_packages_own_functions_and_torchs_layers_pass_too():
    assert check("05.backward", batch_norm_backward).status == "right"
    assert check("05.batch_norm_2d", nn.BatchNorm2d).status == "right"
    assert check("05.group_norm", lambda x, g, eps: F.group_norm(x, g, eps=eps)).status == "right"

    def my_fold(conv, norm):
        learnt, kept = (norm.weight, norm.bias), (norm.running_mean, norm.running_var)
        folded = solve_fold(conv, norm)  # for its settings
        weight, bias = fold_batch_norm(conv.weight, conv.bias, *learnt, *kept, norm.eps)
        folded.weight.data, folded.bias.data = weight.data, bias.data
        return folded

    assert check("05.fold", my_fold).status == "right"


# ---------------------------------------------------------------------------------- 05.backward
def backward(dx=None, dgamma=None, dbeta=None):
    """A backward pass with one gradient replaced."""

    def answer(g, x, gamma, eps):
        right = batch_norm_backward(g, x, gamma, eps)
        std = (x.var(dim=0, correction=0) + eps).sqrt()
        x_hat = (x - x.mean(dim=0)) / std
        rules = (dx, dgamma, dbeta)
        pairs = zip(rules, right, strict=True)
        return tuple(r if f is None else f(r, g, x, gamma, x_hat, std) for f, r in pairs)

    return answer


@pytest.mark.parametrize(
    ("rules", "phrase"),
    [
        ({"dx": lambda r, g, x, c, h, s: c * g / s}, "treated as constants"),
        ({"dx": lambda r, g, x, c, h, s: c / s * (g - g.mean(0))}, "through the variance"),
        ({"dx": lambda r, g, x, c, h, s: c / s * (g - h * (g * h).mean(0))}, "through the mean"),
        ({"dx": lambda r, g, x, c, h, s: r / c}, "\\gamma is missing"),
        ({"dx": lambda r, g, x, c, h, s: r * len(x)}, "batch size m is missing"),
        ({"dx": lambda r, g, x, c, h, s: r * s}, "root of the variance is missing"),
        ({"dx": lambda r, g, x, c, h, s: r + 0.1}, "values are off by up to 0.1"),
        ({"dx": lambda r, g, x, c, h, s: r[0]}, "expected shape [6, 3], got [3]"),
        ({"dgamma": lambda r, g, x, c, h, s: (g * x).sum(0)}, "meets \\hat x, not x"),
        ({"dgamma": lambda r, g, x, c, h, s: r * 2}, "gradient of \\gamma"),
        ({"dbeta": lambda r, g, x, c, h, s: g.mean(0)}, "a sum, not a mean"),
    ],
)
def test_backward_names_the_mistake(rules, phrase):
    assert_wrong("05.backward", backward(**rules), phrase)


def test_backward_with_the_unbiased_variance_is_named():
    def answer(g, x, gamma, eps):
        s, m = (x.var(dim=0) + eps).sqrt(), len(x)
        h = (x - x.mean(dim=0)) / s
        dx = gamma / (m * s) * (m * g - g.sum(dim=0) - h * (g * h).sum(dim=0))
        return dx, (g * h).sum(dim=0), g.sum(dim=0)

    assert_wrong("05.backward", answer, "biased variance")


def test_backward_wants_three_gradients():
    assert_wrong("05.backward", lambda g, x, gamma, eps: g, "expected three gradients, got Tensor")


# ----------------------------------------------------------------------------- 05.batch_norm_2d
class Mistaken(MyBatchNorm2d):
    """The solution with one thing changed by a subclass."""

    correction, running_correction, axes, affine, swap = 0, 1, (0, 2, 3), True, False

    def forward(self, x):
        mean, var = self.running_mean[:, None, None], self.running_var[:, None, None]
        if self.training:
            mean = x.mean(dim=self.axes, keepdim=True)
            var = x.var(dim=self.axes, keepdim=True, correction=self.correction)
            self.follow(x)
        x_hat = (x - mean) / (var + self.eps).sqrt()
        return (
            self.weight[:, None, None] * x_hat + self.bias[:, None, None] if self.affine else x_hat
        )

    def follow(self, x):
        rho = 1 - self.momentum if self.swap else self.momentum
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(dim=(0, 2, 3)), rho)
            self.running_var.lerp_(x.var(dim=(0, 2, 3), correction=self.running_correction), rho)


class ImageCount(Mistaken):
    def follow(self, x):
        var = x.var(dim=(0, 2, 3), correction=0) * len(x) / (len(x) - 1)
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(dim=(0, 2, 3)), self.momentum)
            self.running_var.lerp_(var, self.momentum)


class AlwaysBatch(Mistaken):
    def forward(self, x):
        mode, self.training = self.training, True
        y = super().forward(x)
        self.training = mode
        return y


class RunsOn(Mistaken):
    def forward(self, x):
        y = super().forward(x)
        if not self.training:
            self.follow(x)
        return y


def mistaken(**changes):
    return type("Changed", (Mistaken,), changes)


@pytest.mark.parametrize(
    ("module", "phrase"),
    [
        (mistaken(correction=1), "*biased*"),
        (mistaken(axes=(0,)), "every place has its own mean"),
        (mistaken(axes=(2, 3)), "that is instance norm"),
        (mistaken(affine=False), "scale and shift are missing"),
        (mistaken(running_correction=0), "unbiased"),
        (mistaken(swap=True), "weighs the new one"),
        (mistaken(follow=lambda self, x: None), "did not move"),
        (ImageCount, "NHW, not the number of images"),
        (AlwaysBatch, "must use the running values"),
        (RunsOn, "they must stay"),
        (lambda channels: nn.Identity(), "have a parameter `weight`".replace("`", "")),
    ],
)
def test_batch_norm_2d_names_the_mistake(module, phrase):
    assert_wrong("05.batch_norm_2d", module, phrase.replace("*", ""))


# -------------------------------------------------------------------------------------- 05.fold
def folding(weight_factor, bias_rule):
    def answer(conv, norm):
        folded = solve_fold(conv, norm)
        root = (norm.running_var + norm.eps).sqrt()
        factor = weight_factor(norm, root)
        b = torch.zeros_like(norm.bias) if conv.bias is None else conv.bias
        folded.weight.data = (conv.weight * factor[:, None, None, None]).detach()
        folded.bias.data = bias_rule(norm, factor, b).detach()
        return folded

    return answer


def usual(norm, root):
    return norm.weight / root


def right_bias(norm, factor, b):
    return norm.bias + factor * (b - norm.running_mean)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda conv, norm: conv, "the convolution alone"),
        (folding(lambda n, r: n.weight / n.running_var.sqrt(), right_bias), "\\epsilon is missing"),
        (folding(lambda n, r: n.weight / r**2, right_bias), "not by the variance"),
        (folding(usual, lambda n, f, b: n.bias + f * b), "running mean is missing"),
        (folding(usual, lambda n, f, b: n.bias + f * b - n.running_mean), "by the same factor"),
        (folding(usual, lambda n, f, b: n.bias + b - f * n.running_mean), "by the factor too"),
        (folding(usual, lambda n, f, b: n.bias - f * n.running_mean), "bias is lost"),
        (lambda conv, norm: nn.Sequential(conv, norm), "expected an nn.Conv2d, got Sequential"),
        (folding(usual, lambda n, f, b: right_bias(n, f, b) + 1), "values are off"),
    ],
)
def test_fold_names_the_mistake(answer, phrase):
    assert_wrong("05.fold", answer, phrase)


def test_fold_must_not_change_what_came_in():
    def answer(conv, norm):
        folded = solve_fold(conv, norm)
        conv.weight.data *= 2
        return folded

    assert_wrong("05.fold", answer, "was changed")


# -------------------------------------------------------------------------------- 05.group_norm
def grouped(axes, swap=False, flat=True, correction=0):
    def answer(x, groups, eps):
        N, C, H, W = x.shape
        parts = (C // groups, groups) if swap else (groups, C // groups)
        values = x.reshape(N, *parts, H, W)
        mean = values.mean(dim=axes, keepdim=True)
        var = values.var(dim=axes, keepdim=True, correction=correction)
        y = (values - mean) / (var + eps).sqrt()
        return y.reshape(x.shape) if flat else y

    return answer


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (grouped((0, 2, 3, 4)), "also run over the batch"),
        (grouped((1, 3, 4), swap=True), "in a row"),
        (grouped((2, 3, 4), swap=True), "the number of groups"),
        (grouped((2,)), "every place has its own mean"),
        (grouped((2, 3, 4), correction=1), "biased variance"),
        (grouped((2, 3, 4), flat=False), "must become"),
        (lambda x, g, eps: normalise(x, (1, 2, 3), eps), "this is layer norm"),
        (lambda x, g, eps: normalise(x, (2, 3), eps), "this is instance norm"),
        (lambda x, g, eps: x, "values are off"),
    ],
)
def test_group_norm_names_the_mistake(answer, phrase):
    assert_wrong("05.group_norm", answer, phrase)
