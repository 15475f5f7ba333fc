"""The checks of lecture 11: right answers pass, plausible mistakes are called by name."""

import itertools

import pytest
import torch
import torchvision.ops as reference

from dlcv.detection.average_precision import average_precision
from dlcv.detection.boxes import box_iou, nms
from dlcv.detection.proposals import count_boxes
from dlcv.detection.selective_search import group
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.detection_checks import nms_with, raw_area
from dlcv.study.exercises.detection_search import GROUPING_MISTAKES, toy_regions


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", exercises_of("11"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("11"))
def test_three_dots_and_nonsense(id):
    assert check(id, lambda *anything: ...).status == "not attempted"
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


def test_the_packages_and_torchvisions_functions_pass_too():
    def my_ap(recall, precision, method):
        return average_precision(torch.tensor(recall), torch.tensor(precision), method)

    answers = [
        ("11.iou", box_iou),
        ("11.iou", reference.box_iou),
        ("11.nms", nms),
        ("11.nms", reference.nms),
        ("11.average_precision", my_ap),
        ("11.count_boxes", lambda H, W: count_boxes((H, W))),
        ("11.grouping", lambda regions, pairs, area: group(regions, pairs, area)[1]),
    ]
    for id, answer in answers:
        assert check(id, answer).status == "right", id


def overlap(one, two, clamp=True, plus=0, union=True):
    lt = torch.maximum(one[:, None, :2], two[:, :2])
    wh = torch.minimum(one[:, None, 2:], two[:, 2:]) - lt + plus
    inter = torch.prod(wh.clamp(min=0) if clamp else wh, dim=2)
    areas = [(b[:, 2] - b[:, 0] + plus) * (b[:, 3] - b[:, 1] + plus) for b in (one, two)]
    return inter / (areas[0][:, None] + areas[1] - (inter if union else 0))


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"clamp": False}, "clamp each at 0"),
        ({"plus": 1}, "too many"),
        ({"union": False}, "counts it twice"),
    ],
)
def test_mistakes_in_iou(change, phrase):
    assert_wrong("11.iou", lambda a, b: overlap(a, b, **change), phrase)


def test_other_wrong_overlaps_get_numbers():
    assert_wrong("11.iou", lambda a, b: torch.ones(6, 9), "got 1.0000")
    assert_wrong("11.iou", lambda a, b: torch.ones(9, 6), "expected a result [6, 9], got [9, 6]")


def one_round(boxes, scores, threshold):
    order = scores.argsort(descending=True)
    rest = order[1:]
    return torch.cat([order[:1], rest[box_iou(boxes[order[:1]], boxes[rest])[0] <= threshold]])


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda b, s, t: nms_with(b, s, t, order=False), "not the first box"),
        (lambda b, s, t: nms_with(b, s, t, by_all=True), "a box that is gone suppresses nobody"),
        (one_round, "one round"),
        (lambda b, s, t: nms(b, s, t).sort().values, "in another order"),
        (lambda b, s, t: list(range(len(b))), "expected the boxes"),
        (lambda b, s, t: [0.5], "expected indices"),
        (lambda b, s, t: "all", "expected the indices"),
    ],
)
def test_mistakes_in_nms(answer, phrase):
    assert_wrong("11.nms", answer, phrase)


def marks(count, divide_by):
    def answer(recall, precision, method):
        if method != {11: "voc07", 101: "coco"}[count]:
            return average_precision(torch.tensor(recall), torch.tensor(precision), method)
        values = [
            max(
                [p for r, p in zip(recall, precision, strict=True) if r >= i / (count - 1)],
                default=0,
            )
            for i in range(count)
        ]
        return sum(values) / divide_by

    return answer


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (raw_area, "raise the curve first"),
        (lambda r, p, m: find("11.average_precision").solution(r, p, "area"), "one definition"),
        (marks(11, 10), "eleven"),
        (marks(101, 100), "101"),
        (lambda r, p, m: 0.5, "toy A, voc07: expected 0.6136, got 0.5000"),
        (lambda r, p, m: [1, 2], "expected one number"),
    ],
)
def test_mistakes_in_average_precision(answer, phrase):
    assert_wrong("11.average_precision", answer, phrase)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda H, W: len(list(itertools.combinations(range(H * W), 2))), "pairs of pixels"),
        (lambda H, W: (H * W) ** 2, "ordered pairs"),
        (lambda H, W: count_boxes((H - 1, W - 1)), "one pixel wide"),
        (lambda H, W: 4 * count_boxes((H, W)), "both orders"),
        (lambda H, W: H * W, "number of pixels"),
        (lambda H, W: 7, "1×1 pixels: expected 1, got 7"),
        (lambda H, W: 1.5, "whole number"),
    ],
)
def test_mistakes_in_counting(answer, phrase):
    assert_wrong("11.count_boxes", answer, phrase)


def test_the_order_of_merging_is_fixed_and_every_mistake_gives_another():
    case = toy_regions()
    assert group(*case)[1] == [(1, 2), (0, 3), (4, 5), (6, 8), (7, 9)]
    orders = [tuple(rule(*case)) for rule in GROUPING_MISTAKES.values()]
    assert len(set(orders)) == len(orders)


@pytest.mark.parametrize(("reason", "rule"), GROUPING_MISTAKES.items())
def test_mistakes_in_grouping(reason, rule):
    assert_wrong("11.grouping", rule, reason.split(";")[0].replace("*", ""))


def test_other_wrong_orders():
    assert_wrong("11.grouping", lambda *case: [(0, 1)], "5 merges, got 1")
    assert_wrong("11.grouping", lambda *case: [1, 2, 3, 4, 5], "expected pairs of numbers")
    assert_wrong("11.grouping", lambda *case: [(0, 1)] * 5, "merge 1: expected (1, 2), got (0, 1)")
