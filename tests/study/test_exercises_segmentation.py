"""The checks of lecture 14: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.segmentation.fcn import convolutionalise
from dlcv.segmentation.upsampling import Enlarge, bilinear_kernel
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.segmentation_checks import solve_bilinear, solve_conversion, solve_fuse


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", exercises_of("14"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("14"))
def test_three_dots_and_nonsense(id):
    assert check(id, lambda *anything: ...).status == "not attempted"
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


def test_the_packages_functions_pass_too():
    assert check("14.bilinear", bilinear_kernel).status == "right"
    assert check("14.conversion", convolutionalise).status == "right"

    def fuse(a, b, c, _):
        K = a.shape[1]
        return Enlarge(K, 8).double()(Enlarge(K, 2).double()(Enlarge(K, 2).double()(a) + b) + c)

    assert check("14.fuse", fuse).status == "right"


def measures(n, mean_axis=1, union=True, weights="truth"):
    right, truth, called = n.diag(), n.sum(1), n.sum(0)
    iou = right / (truth + called - (right if union else 0))
    share = {"truth": truth, "called": called, "plain": torch.full((len(n),), n.sum() / len(n))}
    weighted = (share[weights] * iou).sum() / n.sum()
    return right.sum() / n.sum(), (right / n.sum(mean_axis)).mean(), iou.mean(), weighted


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"mean_axis": 0}, "divide by the sums of rows"),
        ({"union": False}, "a union counts them once"),
        ({"weights": "called"}, "not how often they were called"),
        ({"weights": "plain"}, "this is the plain mean"),
    ],
)
def test_mistakes_in_the_measures(change, phrase):
    assert_wrong("14.metrics", lambda n: measures(n, **change), phrase)


def test_other_wrong_measures():
    assert_wrong("14.metrics", lambda n: (1, 1, 1), "expected four numbers")
    assert_wrong("14.metrics", lambda n: (0.5,) * 4, "pixel accuracy: got 0.5000")

    def recall_as_iou(n):
        acc, mean, _, weighted = measures(n)
        return acc, mean, mean, weighted

    assert_wrong("14.metrics", recall_as_iou, "belong to the union too")


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda f: bilinear_kernel(f) / f**2, "do not divide by it"),
        (lambda f: bilinear_kernel(f).diagonal().sqrt(), "one row of taps is not enough"),
        (lambda f: torch.ones(2 * f - f % 2, 2 * f - f % 2), "the values are off"),
        (lambda f: solve_bilinear(2 * f)[:f], "expected shape"),
    ],
)
def test_mistakes_in_the_bilinear_kernel(answer, phrase):
    assert_wrong("14.bilinear", answer, phrase)


def converted(layer, C, size, order=None, bias=True):
    conv = solve_conversion(layer, C, size)
    with torch.no_grad():
        if order == "turned":
            conv.weight.copy_(conv.weight.transpose(2, 3).clone())
        if order == "last":
            rows = layer.weight.reshape(-1, size, size, C).permute(0, 3, 1, 2)
            conv.weight.copy_(rows)
        if not bias:
            conv.bias.zero_()
    return conv


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"bias": False}, "the bias is missing"),
        ({"order": "turned"}, "turned or transposed"),
        ({"order": "last"}, "channels last"),
    ],
)
def test_mistakes_in_the_conversion(change, phrase):
    assert_wrong("14.conversion", lambda *a: converted(*a, **change), phrase)


def test_a_layer_that_only_knows_its_training_size():
    class Flat(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x.flatten(1))[..., None, None]

    assert_wrong("14.conversion", lambda layer, C, size: Flat(layer), "RuntimeError")
    assert_wrong(
        "14.conversion",
        lambda layer, C, size: nn.Sequential(
            solve_conversion(layer, C, size), nn.AdaptiveAvgPool2d(1)
        ),
        "expected maps [1, 5, 3, 4], got [1, 5, 1, 1]",
    )


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda a, b, c, k: solve_fuse(0 * a, b, c, k), "stride 32 were left out"),
        (lambda a, b, c, k: solve_fuse(a, 0 * b, c, k), "stride 16 were left out"),
        (lambda a, b, c, k: solve_fuse(a, b, 0 * c, k), "stride 8 were left out"),
        (lambda a, b, c, k: solve_fuse(a, b, c, k)[:, :, ::4, ::4], "expected shape"),
        (lambda a, b, c, k: solve_fuse(a, b, c, lambda f: k(f) / f**2), "the values are off"),
    ],
)
def test_mistakes_in_fusing(answer, phrase):
    assert_wrong("14.fuse", answer, phrase)


def test_a_sum_that_was_not_enlarged_and_channels_that_were_mixed():
    def doubled(x, k):
        weight = k(2).to(x.dtype).expand(x.shape[1], 1, -1, -1)
        return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=x.shape[1])

    assert_wrong(
        "14.fuse",
        lambda a, b, c, k: doubled(doubled(a, k) + b, k) + c,
        "must still be enlarged eight times",
    )

    def mixed(a, b, c, k):
        return solve_fuse(*(s.sum(1, keepdim=True).expand_as(s) for s in (a, b, c)), k)

    assert_wrong("14.fuse", mixed, "the channels were mixed")
