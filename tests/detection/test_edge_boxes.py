"""Edge groups and their score: by hand, against loops, and on a picture with one object."""

import pytest
import torch

from dlcv.detection.boxes import box_iou
from dlcv.detection.edge_boxes import EdgeGroups, edge_box_scores, edge_groups, propose_edge_boxes
from dlcv.detection.proposals import random_boxes


def square():
    image = torch.full((3, 40, 50), 0.2)
    image[:, 10:30, 15:35] = 0.8
    return image


def test_a_score_by_hand():
    """Strengths 2 and 3 inside, 5 crosses the border: (2 + 3) / (2 (10 + 6)^1.5)."""
    groups = EdgeGroups(
        torch.tensor([[1.0, 1, 3, 2], [0, 0, 10, 6], [8, 2, 12, 4]]), torch.tensor([2.0, 3, 5])
    )
    score = edge_box_scores(torch.tensor([[0.0, 0, 10, 6]]), groups)
    assert score.item() == pytest.approx(5 / (2 * 16**1.5))


def test_scores_equal_a_loop():
    boxes = random_boxes((40, 60), 30, seed=1)
    groups = EdgeGroups(random_boxes((20, 30), 12, seed=2), torch.arange(12.0))
    expected = []
    for x1, y1, x2, y2 in boxes.tolist():
        inside = sum(
            m
            for (a, b, c, d), m in zip(
                groups.boxes.tolist(), groups.strengths.tolist(), strict=True
            )
            if x1 <= a and y1 <= b and c <= x2 and d <= y2
        )
        expected.append(inside / (2 * (x2 - x1 + y2 - y1) ** 1.5))
    torch.testing.assert_close(edge_box_scores(boxes, groups), torch.tensor(expected))


def test_groups_of_a_square_lie_on_its_border():
    groups = edge_groups(square())
    assert len(groups.boxes) >= 4
    around = torch.tensor([13.0, 8, 37, 32])
    assert (groups.boxes[:, :2] >= around[:2]).all()
    assert (groups.boxes[:, 2:] <= around[2:]).all()
    assert (groups.strengths > 0).all()
    sides = (groups.boxes[:, 2:] - groups.boxes[:, :2]).amin(dim=1)
    assert (sides[groups.strengths > groups.strengths.max() / 2] <= 2).all()  # thin


def test_the_square_is_among_the_first_of_many_windows():
    found = propose_edge_boxes(square())
    overlap = box_iou(found, torch.tensor([[15.0, 10, 35, 30]]))[:, 0]
    assert overlap[: len(found) // 10].max() > 0.6
    assert (box_iou(found, found).fill_diagonal_(0) <= 0.7).all()


def test_nothing_to_see_and_errors():
    groups = edge_groups(torch.zeros(3, 9, 9))
    assert groups.boxes.shape == (0, 4)
    assert edge_box_scores(torch.tensor([[0.0, 0, 3, 3]]), groups).tolist() == [0]
    with pytest.raises(ValueError, match=r"\[C, H, W\]"):
        edge_groups(torch.zeros(9, 9))
    with pytest.raises(ValueError, match=r"\[N, 4\]"):
        edge_box_scores(torch.zeros(4), groups)
