"""The checks of lecture 04: right answers pass, plausible mistakes are called by name."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.classification.classic import C3_INPUTS, SparseConv2d, lenet5, lenet5_1998
from dlcv.scratch.convolution import (
    conv2d_im2col,
    convolution_matrix,
    max_pool2d_backward,
    output_size,
    receptive_field,
)
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.convolution_sizes import field_models


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", exercises_of("04"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("04"))
def test_a_function_that_still_gives_three_dots_is_not_attempted(id):
    assert check(id, lambda *anything: ...).status == "not attempted"


@pytest.mark.parametrize("id", exercises_of("04"))
def test_nonsense_gets_a_reason_and_never_an_exception(id):
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


def test_the_packages_own_functions_pass_too():
    def my_im2col(images, weight, bias, stride, padding):
        return conv2d_im2col(images, weight, bias, stride, padding)

    def my_matrix(kernel, H, W):
        return convolution_matrix(kernel[None, None], (H, W))

    def my_field(model):
        sliding = [m for m in model if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
        first = [[v if isinstance(v, int) else v[0] for v in settings(m)] for m in sliding]
        return receptive_field(tuple(layer) for layer in first)

    def settings(layer):
        return layer.kernel_size, layer.stride, layer.dilation

    answers = {
        "04.output_size": output_size,
        "04.im2col": my_im2col,
        "04.matrix": my_matrix,
        "04.max_pool_backward": max_pool2d_backward,
        "04.receptive_field": my_field,
        "04.lenet_c3": lenet5_1998,
    }
    assert answers.keys() == exercises_of("04").keys()
    for id, answer in answers.items():
        assert check(id, answer).status == "right", id


# ------------------------------------------------------------------------------- 04.output_size
@pytest.mark.parametrize(
    ("rule", "phrases"),
    [
        (lambda w, k, s, p, d: (w + p - d * (k - 1) - 1) // s + 1, ["expected 32, got 30", "both"]),
        (lambda w, k, s, p, d: (w - d * (k - 1) - 1) // s + 1, ["got 28", "padding P is missing"]),
        (lambda w, k, s, p, d: (w + 2 * p - d * (k - 1) - 1) // s, ["got 31", "+1 is missing"]),
        (lambda w, k, s, p, d: w + 2 * p - d * (k - 1), ["expected 55, got 217", "stride"]),
        (lambda w, k, s, p, d: (w + 2 * p - k) // s + 1, ["got 34", "dilation d is missing"]),
        (lambda w, k, s, p, d: (w + 2 * p - d * k) // s + 1, ["got 31", "not dK"]),
        (lambda w, k, s, p, d: -(-(w + 2 * p - d * k + d - 1) // s) + 1, ["got 55", "down"]),
        (lambda w, k, s, p, d: (w + 2 * p - d * (k - 1) - 1) / s + 1, ["whole number", "//"]),
        (lambda w, k, s, p, d: 7, ["W=32, K=5, S=1, P=2, d=1: expected 32, got 7."]),
        (lambda w, k, s, p, d: torch.ones(2), ["whole number"]),
    ],
)
def test_output_size_names_the_mistake(rule, phrases):
    assert_wrong("04.output_size", rule, *phrases)


def test_output_size_takes_numpy_integers():
    rule = find("04.output_size").solution
    assert check("04.output_size", lambda *case: np.int64(rule(*case))).status == "right"


# ------------------------------------------------------------------------------------ 04.im2col
def rows_of(x, weight, bias, stride, padding):
    return F.conv2d(x, weight, bias, stride, padding).flatten(2).transpose(1, 2)


@pytest.mark.parametrize(
    ("rule", "phrase"),
    [
        (lambda x, w, b, s, p: F.conv2d(x, w, None, s, p), "the bias is missing"),
        (lambda x, w, b, s, p: F.conv2d(x, w, b, 1, p), "the stride is missing"),
        (lambda x, w, b, s, p: F.conv2d(x, w, b, s), "the padding is missing"),
        (lambda x, w, b, s, p: F.conv2d(x, w.flip(2, 3), b, s, p), "turned by 180 degrees"),
        (rows_of, "folded back into maps"),
        (lambda x, w, b, s, p: F.conv2d(x, w, b, s, p).permute(0, 2, 3, 1), "move them to axis 1"),
        (
            lambda x, w, b, s, p: rows_of(x, w, b, s, p).reshape(
                F.conv2d(x, w, b, s, p).shape
            ),  # no transpose
            "transpose before reshaping",
        ),
        (
            lambda x, w, b, s, p: F.conv2d(x, w.permute(0, 2, 3, 1).reshape(w.shape), b, s, p),
            "channel, row, column",
        ),
        (lambda x, w, b, s, p: F.conv2d(x, w, b, s, p)[:, :, 1:], "expected shape"),
        (lambda x, w, b, s, p: 1.01 * F.conv2d(x, w, b, s, p), "values are off by up to"),
        (lambda x, w, b, s, p: F.conv2d(x, w, b, s, p).tolist(), "expected a tensor, got list"),
    ],
)
def test_im2col_names_the_mistake(rule, phrase):
    assert_wrong("04.im2col", rule, phrase)


# ------------------------------------------------------------------------------------ 04.matrix
def matrix(kernel, H, W):
    return convolution_matrix(kernel[None, None], (H, W))


def matrix_with_short_rows(kernel, H, W):
    H_out, W_out = H - kernel.shape[0] + 1, W - kernel.shape[1] + 1
    C = torch.zeros(H_out * W_out, H * W)
    for r in range(H_out):
        for c in range(W_out):
            for i, row in enumerate(kernel):
                for j, value in enumerate(row):
                    C[r * W_out + c, (r + i) * W_out + c + j] = value
    return C


@pytest.mark.parametrize(
    ("rule", "phrase"),
    [
        (lambda k, H, W: matrix(k, H, W).T, "outputs belong in the rows"),
        (lambda k, H, W: matrix(k.flip(0, 1), H, W), "turned by 180 degrees"),
        (matrix_with_short_rows, "one image row down means W columns on"),
        (lambda k, H, W: matrix(k, H, W).T.reshape(-1, H * W), "values are off"),
        (lambda k, H, W: matrix(k, H + 1, W), "expected shape [4, 16], got [6, 20]"),
        (lambda k, H, W: matrix(k, H, W).numpy(), "expected a tensor, got ndarray"),
    ],
)
def test_matrix_names_the_mistake(rule, phrase):
    assert_wrong("04.matrix", rule, phrase)


# ------------------------------------------------------------------------- 04.max_pool_backward
def pool_backward(rule):
    """A backward pass that treats each window of each map by a rule of the mistaken reader's."""

    def answer(upstream, images, size, stride):
        grad = torch.zeros_like(images)
        for n, c, i, j in np.ndindex(*upstream.shape):
            r, q = i * stride, j * stride
            out = grad[n, c, r : r + size, q : q + size]
            rule(out, images[n, c, r : r + size, q : q + size], upstream[n, c, i, j])
        return grad

    return answer


def overwrite(out, window, g):
    out[window == window.max()] = g


@pytest.mark.parametrize(
    ("rule", "phrase"),
    [
        (lambda out, w, g: out.add_(g / w.numel()), "shared out; that is average pooling"),
        (lambda out, w, g: out[0, 0].add_(g), "not to its first pixel"),
        (lambda out, w, g: out.add_(g), "only the maximum moved the output"),
        (lambda out, w, g: out.add_(g * w * (w == w.max())), "the winner's derivative is 1"),
        (overwrite, "overlapping windows: a pixel that wins two windows gets the sum"),
        (lambda out, w, g: None, "values are off by up to"),
    ],
)
def test_max_pool_backward_names_the_mistake(rule, phrase):
    assert_wrong("04.max_pool_backward", pool_backward(rule), phrase)


def test_max_pool_backward_wants_the_shape_of_the_image():
    assert_wrong("04.max_pool_backward", lambda g, x, size, stride: g, "expected shape", "got")


# --------------------------------------------------------------------------- 04.receptive_field
def windows(model, pools=True):
    kinds = (nn.Conv2d, nn.MaxPool2d) if pools else nn.Conv2d
    for layer in model:
        if isinstance(layer, kinds):
            settings = (layer.kernel_size, layer.stride, layer.dilation)
            yield [v if isinstance(v, int) else v[0] for v in settings]


def field(model, early=False, dilated=True, pools=True):
    size, step = 1, 1
    for kernel, stride, dilation in windows(model, pools):
        step *= stride if early else 1
        size += (dilation if dilated else 1) * (kernel - 1) * step
        step *= 1 if early else stride
    return size


@pytest.mark.parametrize(
    ("rule", "phrases"),
    [
        (
            lambda model: 1 + sum(d * (k - 1) for k, _, d in windows(model)),
            ["AlexNet up to conv5", "expected 163", "lie further apart"],
        ),
        (
            lambda model: sum(k for k, _, _ in windows(model)),
            ["two 3x3 layers: expected 5 pixels, got 6", "adds only its K-1 steps"],
        ),
        (lambda model: field(model, early=True), ["update the step last"]),
        (
            lambda model: field(model, dilated=False),
            ["a 3x3 layer of dilation 2: expected 5 pixels, got 3", "dilation is missing"],
        ),
        (lambda model: field(model, pools=False), ["pooling layers slide a window too"]),
        (lambda model: field(model) - 1, ["expected 5 pixels, got 4", "sees one pixel"]),
        (lambda model: 99, ["two 3x3 layers: expected 5 pixels, got 99."]),
        (lambda model: float(field(model)), ["whole numbers of pixels, got 5.0"]),
    ],
)
def test_receptive_field_names_the_mistake(rule, phrases):
    assert_wrong("04.receptive_field", rule, *phrases)


def test_the_networks_of_the_exercise_have_the_fields_of_the_fact_sheet():
    assert [field(model) for model in field_models().values()] == [
        5,
        5,
        163,
        195,
        196,
        212,
        435,
        899,
    ]


# ----------------------------------------------------------------------------------- 04.lenet_c3
class MaskedC3(nn.Conv2d):
    """All 96 connections, with those that the table does not name set to zero."""

    def __init__(self):
        super().__init__(6, 16, 5)
        self.mask = torch.zeros(16, 6, 1, 1)
        for c, row in enumerate(C3_INPUTS):
            self.mask[c, list(row)] = 1

    def forward(self, maps):
        return F.conv2d(maps, self.weight * self.mask, self.bias)


def original_with(**layers):
    def build():
        model = lenet5_1998()
        for name, layer in layers.items():
            setattr(model, name, layer)
        return model

    return build


def only_c3_replaced():
    model = lenet5()
    model.c3 = SparseConv2d(C3_INPUTS, 5)
    return model


class Constant(nn.Module):
    def forward(self, maps):
        return torch.zeros(len(maps), 16, 10, 10)


def swapped_table():
    return SparseConv2d((C3_INPUTS[0], C3_INPUTS[2], C3_INPUTS[1], *C3_INPUTS[3:]), 5)


@pytest.mark.parametrize(
    ("build", "phrase"),
    [
        (lenet5, "map 0 should read the maps (0, 1, 2) of S2, it reads (0, 1, 2, 3, 4, 5)"),
        (original_with(c3=swapped_table()), "map 1 should read the maps (1, 2, 3)"),
        (original_with(c3=MaskedC3()), "got 60,900: weights that a mask sets to zero still count"),
        (original_with(output=nn.Linear(84, 10)), "got 60,850: the output has 850 weights"),
        (original_with(s2=nn.AvgPool2d(2), s4=nn.AvgPool2d(2)), "got 59,956: S2 and S4"),
        (only_c3_replaced, "got 60,806: C3 is right"),
        (original_with(c3=nn.Conv2d(6, 16, 3)), "expected [4, 16, 10, 10], got [4, 16, 12, 12]"),
        (original_with(c3=nn.Conv2d(5, 16, 5)), "your code raised RuntimeError"),
        (original_with(c3=Constant()), "does not depend on the input"),
        (original_with(f6=nn.Flatten()), "expected 60,000 trainable parameters, got 49,836."),
        (lambda: nn.Sequential(nn.Linear(1, 1)), "call its third layer c3"),
        (lambda: 60_000, "expected a module, got int"),
    ],
)
def test_lenet_c3_names_the_mistake(build, phrase):
    assert_wrong("04.lenet_c3", build, phrase)


def test_lenet_c3_asks_for_ten_scores():
    def build():
        model = lenet5_1998()
        model.output = nn.Identity()
        return model

    assert_wrong("04.lenet_c3", build, "expected scores [2, 10], got [2, 84]")
