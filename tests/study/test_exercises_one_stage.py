"""The checks of lecture 13: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from dlcv.detection.yolo import yolo_losses, yolo_targets
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.one_stage_boxes import DEFAULT_MISTAKES, MATCHING_MISTAKES
from dlcv.study.exercises.one_stage_checks import FOCAL_MISTAKES, LOSS_MISTAKES, TARGET_MISTAKES
from dlcv.study.markup import to_plain


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


@pytest.mark.parametrize("id", exercises_of("13"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", exercises_of("13"))
def test_three_dots_and_nonsense(id):
    assert check(id, lambda *anything: ...).status == "not attempted"
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


def test_the_packages_and_torchvisions_functions_pass_too():
    def targets(boxes, labels, size, grid, classes):
        boxes = torch.tensor(boxes).reshape(1, -1, 4)
        return yolo_targets(boxes, torch.tensor(labels).long()[None], size, grid, classes)[0]

    def focal(logits, truth, gamma, alpha):
        return sigmoid_focal_loss(logits, truth, -1 if alpha is None else alpha, gamma)

    assert check("13.yolo_targets", targets).status == "right"
    assert check("13.focal_loss", focal).status == "right"
    loss = lambda output, truth: sum(yolo_losses(output, truth, 1).values())  # noqa: E731
    assert check("13.tiny_yolo", loss).status == "right"


MISTAKES = [
    *(("13.yolo_targets", *item) for item in TARGET_MISTAKES.items()),
    *(("13.default_boxes", *item) for item in DEFAULT_MISTAKES.items()),
    *(("13.matching", *item) for item in MATCHING_MISTAKES.items()),
    *(("13.focal_loss", *item) for item in FOCAL_MISTAKES.items()),
    *(("13.tiny_yolo", *item) for item in LOSS_MISTAKES.items()),
]


@pytest.mark.parametrize(("id", "reason", "answer"), MISTAKES)
def test_mistakes_are_called_by_name(id, reason, answer):
    assert_wrong(id, answer, to_plain(reason))


def test_other_wrong_answers():
    assert_wrong("13.yolo_targets", lambda *a: torch.zeros(7, 7, 30), "expected the shape")
    assert_wrong("13.focal_loss", lambda z, y, g, a: z.sum(), "expected the shape [4, 5]")

    def unstable(logits, targets, gamma, alpha):
        p = torch.sigmoid(torch.where(targets > 0, logits, -logits))
        loss = -((1 - p) ** gamma) * torch.log(p)
        return loss if alpha is None else loss * torch.where(targets > 0, alpha, 1 - alpha)

    assert_wrong("13.focal_loss", unstable, "infinite")
    solution = find("13.focal_loss").solution
    assert_wrong("13.focal_loss", lambda z, *rest: solution(z.detach(), *rest), "no gradient")
    tiny = find("13.tiny_yolo").solution
    assert_wrong("13.tiny_yolo", lambda o, t: tiny(o.detach(), t), "no gradient")
