"""Checks and solutions of the exercises on sizes: how many windows fit, how far an output sees."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from numbers import Integral

import torch
from torch import nn

from dlcv.study.exercises.base import attempt, expect


def name_the_mistake(got: Sequence[int], cases: Sequence, mistakes: Mapping[str, Callable]) -> str:
    """The first known mistake that explains every one of the reader's numbers, as ": reason"."""
    reasons = (why for why, rule in mistakes.items() if [rule(*case) for case in cases] == got)
    return next((f": {why}" for why in reasons), "")


SIZE_CASES = ((32, 5, 1, 2, 1), (227, 11, 4, 0, 1), (224, 11, 4, 0, 1), (32, 3, 1, 2, 2))
SIZE_MISTAKES = {
    "padding sits on both sides, so $P$ counts twice": (
        lambda w, k, s, p, d: (w + p - d * (k - 1) - 1) // s + 1
    ),
    "the padding $P$ is missing": lambda w, k, s, p, d: (w - d * (k - 1) - 1) // s + 1,
    "the $+1$ is missing: the first window costs no step": (
        lambda w, k, s, p, d: (w + 2 * p - d * (k - 1) - 1) // s
    ),
    "the stride $S$ is missing": lambda w, k, s, p, d: w + 2 * p - d * (k - 1),
    "the dilation $d$ is missing": lambda w, k, s, p, d: (w + 2 * p - k) // s + 1,
    "a dilated kernel spans $d(K-1)+1$ pixels, not $dK$": (
        lambda w, k, s, p, d: (w + 2 * p - d * k) // s + 1
    ),
    "round *down*: a window that hangs over the edge is never computed": (
        lambda w, k, s, p, d: ceil((w + 2 * p - d * (k - 1) - 1) / s) + 1
    ),
}


def check_output_size(answer: object) -> None:
    """Compares with torch on four layers, each of which catches another mistake."""
    got = [attempt(answer, *case) for case in SIZE_CASES]
    for size in got:
        expect(isinstance(size, Integral), f"{size} is no whole number of pixels; divide by `//`.")
    reason = name_the_mistake(got, SIZE_CASES, SIZE_MISTAKES)
    for case, size in zip(SIZE_CASES, got, strict=True):
        layer = "W={}, K={}, S={}, P={}, d={}".format(*case)
        width, kernel, stride, padding, dilation = case
        layer_of_torch = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
        expected = layer_of_torch(torch.zeros(1, 1, width)).shape[-1]
        expect(size == expected, f"{layer}: expected {expected}, got {size}{reason}.")


def solve_output_size(width, kernel, stride, padding, dilation):
    """From the first window to the last there are `steps` pixels; the stride divides them."""
    span = dilation * (kernel - 1) + 1
    steps = width + 2 * padding - span
    return steps // stride + 1


# --------------------------------------------------------------------------- 04.receptive_field
Window = tuple[int, int, int, bool]  # kernel, stride, dilation, is it a pooling layer?


def _field(layers: Sequence[Window], early: bool = False) -> int:
    field, step = 1, 1
    for kernel, stride, dilation, _ in layers:
        before, step = step, step * stride
        field += dilation * (kernel - 1) * (step if early else before)
    return field


FIELD_MISTAKES = {
    "behind a stride, neighbouring outputs lie further apart, so a kernel reaches further": (
        lambda layers: 1 + sum(d * (k - 1) for k, _, d, _ in layers)
    ),
    "the kernel widths were added up; each layer adds only its $K-1$ steps": (
        lambda layers: sum(k for k, *_ in layers)
    ),
    "a layer's own stride spreads only the layers after it; update the step last": (
        lambda layers: _field(layers, early=True)
    ),
    "the dilation is missing": lambda layers: _field([(k, s, 1, p) for k, s, _, p in layers]),
    "pooling layers slide a window too": (
        lambda layers: _field([layer for layer in layers if not layer[3]])
    ),
    "before the first layer, an output sees one pixel, not none": (
        lambda layers: _field(layers) - 1
    ),
}


def check_receptive_field(answer: object) -> None:
    """Compares with the recurrence on the networks of :func:`field_models`."""
    models = field_models()
    cases = [(_windows(model),) for model in models.values()]
    got = [attempt(answer, model) for model in models.values()]
    for field in got:
        expect(isinstance(field, Integral), f"expected whole numbers of pixels, got {field}.")
    reason = name_the_mistake(got, cases, FIELD_MISTAKES)
    for name, (layers,), field in zip(models, cases, got, strict=True):
        expected = _field(layers)
        expect(field == expected, f"{name}: expected {expected} pixels, got {field}{reason}.")


def field_models() -> dict[str, nn.Sequential]:
    """The networks that the answer is tried on, one channel wide: the width does not matter."""
    alexnet = [nn.Conv2d(1, 1, 11, 4), nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, 5, padding=2)]
    alexnet += [nn.MaxPool2d(3, 2), *(nn.Conv2d(1, 1, 3, padding=1) for _ in range(3))]
    vgg = [layer for count in (2, 2, 3, 3, 3) for layer in _vgg_block(count)]
    networks = {
        "two 3x3 layers": [nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Conv2d(1, 1, 3)],
        "a 3x3 layer of dilation 2": [nn.Conv2d(1, 1, 3, dilation=2)],
        "AlexNet up to conv5": alexnet,
        "AlexNet up to pool5": [*alexnet, nn.MaxPool2d(3, 2)],
        "VGG-16 up to conv5_3": vgg[:-1],
        "VGG-16 up to pool5": vgg,
        "the main path of ResNet-18": _main_path((2, 2, 2, 2)),
        "the main path of ResNet-34": _main_path((3, 4, 6, 3)),
    }
    return {name: nn.Sequential(*layers) for name, layers in networks.items()}


def _vgg_block(count: int) -> list[nn.Module]:
    convs = [layer for _ in range(count) for layer in (nn.Conv2d(1, 1, 3, padding=1), nn.ReLU())]
    return [*convs, nn.MaxPool2d(2)]


def _main_path(counts: Sequence[int]) -> list[nn.Module]:
    layers = [nn.Conv2d(1, 1, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    for stage, count in enumerate(counts):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            layers += [nn.Conv2d(1, 1, 3, stride, 1), nn.ReLU(), nn.Conv2d(1, 1, 3, padding=1)]
    return layers


def _windows(model: nn.Sequential) -> list[Window]:
    sliding = [layer for layer in model if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    return [
        (*map(_side, (m.kernel_size, m.stride, m.dilation)), isinstance(m, nn.MaxPool2d))
        for m in sliding
    ]


def _side(size: int | tuple[int, int]) -> int:
    return size if isinstance(size, int) else size[0]


def solve_receptive_field(model):
    """Carry two numbers through the stack: the field, and the step between neighbours."""
    field, step = 1, 1
    for layer in model:
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            continue  # ReLU looks at one pixel
        settings = (layer.kernel_size, layer.stride, layer.dilation)
        kernel, stride, dilation = (v if isinstance(v, int) else v[0] for v in settings)
        field += dilation * (kernel - 1) * step
        step *= stride
    return field
