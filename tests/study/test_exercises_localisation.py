"""The checks of lecture 10: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import box_iou

from dlcv.detection.overfeat import fc_to_conv
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.localisation_training import solve_pose, solve_two_heads
from dlcv.study.exercises.localisation_windows import (
    solve_batch_iou,
    solve_fc_to_conv,
    solve_sliding_window,
)


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", exercises_of("10"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("10"))
def test_a_function_that_still_gives_three_dots_is_not_attempted(id):
    assert check(id, lambda *anything: ...).status == "not attempted"


@pytest.mark.parametrize("id", exercises_of("10"))
def test_nonsense_gets_a_reason_and_never_an_exception(id):
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


def test_other_ways_pass_too():
    def slices(one, two):
        return torch.stack([box_iou(a, b) for a, b in zip(one, two, strict=True)])

    assert check("10.batch_iou", slices).status == "right"
    answer = check("10.fc_to_conv", lambda layer, shape: fc_to_conv(layer, shape[0], shape[1:]))
    assert answer.status == "right"


# ---------------------------------------------------------------------------------- 10.batch_iou
def without_clamp(one, two):
    a, b = one[:, :, None], two[:, None]
    extent = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (a, b)]
    return extent.prod(dim=-1) / (areas[0] + areas[1] - extent.prod(dim=-1))


def sum_of_areas(one, two):
    a, b = one[:, :, None], two[:, None]
    areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (a, b)]
    iou = solve_batch_iou(one, two)
    inter = iou * (areas[0] + areas[1]) / (1 + iou)
    return inter / (areas[0] + areas[1])


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (without_clamp, "clamp(min=0)"),
        (sum_of_areas, "counts twice"),
        (lambda a, b: solve_batch_iou(b, a), "swapped"),
        (lambda a, b: solve_batch_iou(a, b)[0], "expected shape"),
        (lambda a, b: 0.9 * solve_batch_iou(a, b), "off by up to"),
    ],
)
def test_mistakes_of_overlap_are_named(answer, phrase):
    assert_wrong("10.batch_iou", answer, phrase)


# --------------------------------------------------------------------------------- 10.fc_to_conv
def channels_last(layer, shape):
    C, H, W = shape
    conv = solve_fc_to_conv(layer, shape)
    with torch.no_grad():
        conv.weight.copy_(layer.weight.reshape(-1, H, W, C).permute(0, 3, 1, 2))
    return conv


def swapped_sides(layer, shape):
    C, H, W = shape
    conv = solve_fc_to_conv(layer, shape)
    with torch.no_grad():
        conv.weight.copy_(layer.weight.reshape(-1, C, W, H).transpose(2, 3))
    return conv


def no_bias(layer, shape):
    conv = solve_fc_to_conv(layer, shape)
    conv.bias = None
    return conv


class Flattens(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, maps):
        return self.layer(maps.flatten(1))[..., None, None]


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (channels_last, "channel first"),
        (swapped_sides, "height and width"),
        (no_bias, "the bias is missing"),
        (lambda layer, shape: Flattens(layer), "RuntimeError"),
        (lambda layer, shape: layer, "RuntimeError"),
        (lambda layer, shape: layer.weight, "expected a layer, got Parameter"),
    ],
)
def test_mistakes_of_the_layer_are_named(answer, phrase):
    assert_wrong("10.fc_to_conv", answer, phrase)


# ----------------------------------------------------------------------------- 10.sliding_window
def swapped_map(image, score, window, stride):
    scores, box = solve_sliding_window(image, score, window, stride)
    return scores.T, box


def one_too_few(image, score, window, stride):
    scores, box = solve_sliding_window(image, score, window, stride)
    return (scores[:-1, :-1] if len(scores) > 1 else scores), box


def runs_over(image, score, window, stride):
    H, W = image.shape[1:]
    rows = range(0, H, stride)
    cells = [
        [score(image[:, y : y + window, x : x + window]) for x in range(0, W, stride)] for y in rows
    ]
    scores = torch.tensor(cells)
    y, x = (stride * at for at in divmod(int(scores.argmax()), scores.shape[1]))
    return scores, (x, y, x + window, y + window)


def y_first(image, score, window, stride):
    scores, (x1, y1, x2, y2) = solve_sliding_window(image, score, window, stride)
    return scores, (y1, x1, y2, x2)


def first_window(image, score, window, stride):
    scores, _ = solve_sliding_window(image, score, window, stride)
    return scores, (0, 0, window, window)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (swapped_map, "swapped"),
        (one_too_few, "last row and column"),
        (runs_over, "leaves the picture"),
        (y_first, "given as y, x"),
        (first_window, "expected the best window at (16, 0, 20, 4)"),
        (lambda *a: solve_sliding_window(*a)[0], "the map and the box"),
    ],
)
def test_mistakes_of_the_window_are_named(answer, phrase):
    assert_wrong("10.sliding_window", answer, phrase)


# ------------------------------------------------------------------------------------ trainings
def pooled_heads(maps, labels, boxes):
    middle = boxes.mean(dim=0)
    learnt = solve_two_heads(maps, labels, boxes)
    return lambda new: (learnt(new)[0], middle.expand(len(new), 4))


def in_pixels(maps, labels, boxes):
    learnt = solve_two_heads(maps, labels, boxes)
    return lambda new: (learnt(new)[0], 64 * learnt(new)[1])


def boxes_alone(maps, labels, boxes):
    learnt = solve_two_heads(maps, labels, boxes)
    return lambda new: (F.one_hot(torch.zeros(len(new)).long(), 3).float(), learnt(new)[1])


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (pooled_heads, "mean IoU"),
        (in_pixels, "in shares of it"),
        (boxes_alone, "of the classes are right"),
        (lambda *a: lambda maps: maps, "expected logits and boxes"),
        (lambda *a: lambda maps: (maps[:, :3, 0, 0], maps[:, 0, 0]), None),
        (lambda *a: lambda maps: (maps[:, :2, 0, 0], maps[:, 0, 0]), "logits: expected shape"),
    ],
)
def test_mistakes_of_the_heads_are_named(answer, phrase):
    assert_wrong("10.two_heads", answer, *filter(None, [phrase]))


def relative(maps, joints, boxes):
    learnt = solve_pose(maps, joints, boxes)
    unit = torch.tensor([-0.5, -0.5, 0.5, 0.5])
    return lambda new, new_boxes: learnt(new, unit.expand(len(new), 4))


def flipped(maps, joints, boxes):
    learnt = solve_pose(maps, joints, boxes)
    return lambda new, new_boxes: learnt(new, new_boxes).flip(2)


def mean_fish(maps, joints, boxes):
    return lambda new, new_boxes: joints.mean(dim=0).expand(len(new), 5, 2)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (relative, "go back to px"),
        (flipped, "x and y are swapped"),
        (mean_fish, "it should be above 0.8"),
        (lambda *a: lambda maps, boxes: boxes, "joints: expected shape"),
        (lambda *a: 5, "expected a function back"),
    ],
)
def test_mistakes_of_the_pose_are_named(answer, phrase):
    assert_wrong("10.pose", answer, phrase)
