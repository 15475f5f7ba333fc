"""The check on RoIAlign: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
import torchvision.ops as reference

from dlcv.detection.roi import roi_align
from dlcv.study.exercises.base import NotAttempted, Wrong
from dlcv.study.exercises.mask_rcnn import EXERCISES, MISTAKES, grid

EXERCISE = EXERCISES["14.roi_align"]


def complaint(answer):
    with pytest.raises(Wrong) as caught:
        EXERCISE.check(answer)
    return str(caught.value)


def test_the_worked_solution_is_right():
    EXERCISE.check(EXERCISE.solution)
    assert "def solve_roi_align" in EXERCISE.solution_code()
    assert len(EXERCISE.hints) >= 2


@pytest.mark.parametrize("function", [roi_align, reference.roi_align])
def test_the_packages_and_torchvisions_functions_pass_too(function):
    def answer(features, box, bins, stride):
        return function(features[None], [box[None]], bins, 1 / stride, 2, aligned=True)[0]

    EXERCISE.check(answer)


def test_the_way_of_the_hints():
    EXERCISE.check(lambda *case: grid(*case).mean(dim=(2, 4)))


@pytest.mark.parametrize("why", MISTAKES)
def test_mistakes_are_called_by_name(why):
    assert why in complaint(MISTAKES[why])


def test_further_mistakes():
    def right(*case):
        return grid(*case).mean(dim=(2, 4))

    assert "transposed" in complaint(lambda *case: right(*case).mT)
    assert "expected shape [2, 2, 2], got [1, 2, 2, 2]" in complaint(lambda *c: right(*c)[None])
    assert "off by up to" in complaint(lambda *case: right(*case) + 1)
    assert "got NoneType" in complaint(lambda *case: None)
    assert "expected a function" in complaint(3)
    assert "ZeroDivisionError" in complaint(lambda *case: 1 / 0)
    with pytest.raises(NotAttempted):
        EXERCISE.check(lambda *case: ...)


def test_samples_beyond_the_border_fade_out():
    """grid_sample fills up with zeros unless it is told to use the border."""

    def answer(features, box, bins, stride):
        C, H, W = features.shape
        padded = torch.zeros(C, H + 2, W + 2, dtype=features.dtype)
        padded[:, 1:-1, 1:-1] = features
        return grid(padded, box + stride, bins, stride).mean(dim=(2, 4))

    assert "beyond the outermost middles" in complaint(answer)


def test_the_learners_copy_is_not_ours():
    def vandal(features, box, bins, stride):
        result = grid(features, box, bins, stride).mean(dim=(2, 4))
        features.zero_()
        box.zero_()
        return result

    EXERCISE.check(vandal)
