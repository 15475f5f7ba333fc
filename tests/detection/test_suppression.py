"""Soft suppression against a slow loop, and cases worked by hand."""

import math

import pytest
import torch

from dlcv.detection.boxes import box_iou, nms
from dlcv.detection.suppression import soft_nms
from dlcv.study.facts import fact


def random_case(count, seed):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator).double() * torch.tensor([60.0, 30.0])
    size = 5 + torch.rand(count, 2, generator=generator).double() * torch.tensor([40.0, 20.0])
    return torch.cat([corner, corner + size], 1), torch.rand(count, generator=generator).double()


def slow(boxes, scores, sigma, threshold):
    """The paper's pseudocode on plain lists."""
    left, scores, result = list(range(len(boxes))), scores.tolist(), []
    overlap = box_iou(boxes, boxes).tolist()
    while left := [i for i in left if scores[i] >= threshold]:
        best = max(left, key=lambda i: (scores[i], -i))
        left.remove(best)
        result.append((best, scores[best]))
        for i in left:
            scores[i] *= math.exp(-(overlap[best][i] ** 2) / sigma)
    return result


def test_the_second_box_of_the_toy():
    boxes = torch.tensor([[10.0, 10, 50, 50], [12, 12, 52, 52]]).double()
    kept, scores = soft_nms(boxes, torch.tensor([0.9, 0.8]).double(), sigma=0.5)
    assert kept.tolist() == [0, 1]
    fact("L11-SOFTNMS", scores[1].item())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_equals_the_slow_loop_and_scores_never_rise(seed, sigma):
    boxes, scores = random_case(25, seed)
    kept, soft = soft_nms(boxes, scores, sigma, 0.05)
    expected = slow(boxes, scores, sigma, 0.05)
    assert kept.tolist() == [i for i, _ in expected]
    torch.testing.assert_close(soft, torch.tensor([s for _, s in expected]).double())
    assert (soft.diff() <= 0).all()
    assert (soft <= scores[kept]).all()


def test_boxes_apart_keep_their_scores_and_order():
    boxes = torch.tensor([[0.0, 0, 5, 5], [20, 0, 25, 5], [40, 0, 45, 5]])
    scores = torch.tensor([0.2, 0.9, 0.5])
    kept, soft = soft_nms(boxes, scores)
    assert kept.tolist() == [1, 2, 0] == nms(boxes, scores, 0.5).tolist()
    assert soft.tolist() == scores[kept].tolist()


def test_the_given_scores_stay_as_they_are():
    boxes, scores = random_case(8, 1)
    before = scores.clone()
    soft_nms(boxes, scores)
    assert torch.equal(scores, before)


def test_no_box_and_one_box():
    kept, scores = soft_nms(torch.zeros(0, 4), torch.zeros(0))
    assert len(kept) == len(scores) == 0
    assert kept.dtype == torch.int64
    kept, scores = soft_nms(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([0.3]))
    assert kept.tolist() == [0]


def test_errors():
    with pytest.raises(ValueError, match="expected sigma above 0, got 0"):
        soft_nms(torch.zeros(0, 4), torch.zeros(0), sigma=0)
    with pytest.raises(ValueError, match="expected 1 scores"):
        soft_nms(torch.ones(1, 4), torch.zeros(2))
