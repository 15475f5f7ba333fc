"""Proposals: counted by brute force, compared with slow references, and by hand."""

import itertools

import numpy as np
import pytest
import torch
from scipy import integrate

from dlcv.data.photo_boxes import PHOTO_BOXES, load_photo_objects
from dlcv.detection.boxes import box_iou
from dlcv.detection.proposals import (
    average_recall,
    best_overlaps,
    count_boxes,
    distinct,
    random_boxes,
    recall_against_count,
    sliding_windows,
)
from dlcv.study.facts import fact


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (4, 1), (0, 7)])
def test_boxes_counted_one_by_one(size):
    H, W = size
    across = list(itertools.combinations(range(W + 1), 2))
    down = list(itertools.combinations(range(H + 1), 2))
    assert count_boxes(size) == len(list(itertools.product(across, down)))


def test_boxes_of_the_fact_sheet():
    fact("L11-BOXES", count_boxes((300, 500)))
    assert count_boxes((2, 2)) == 9
    with pytest.raises(ValueError, match="at least 0"):
        count_boxes((-1, 3))


def test_windows_by_hand():
    """4 by 6 px, squares of side 2, half overlapping: 3 rows of 5."""
    windows = sliding_windows((4, 6), [2], [1.0], overlap=0.5)
    assert len(windows) == 15
    assert windows[0].tolist() == [0, 0, 2, 2]
    assert windows[1].tolist() == [1, 0, 3, 2]
    assert windows[-1].tolist() == [4, 2, 6, 4]


def test_windows_lie_inside_and_have_their_shapes():
    windows = sliding_windows((50, 80), [16, 30], [0.5, 1, 2], overlap=0.6)
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, 2:] <= torch.tensor([80.0, 50.0]) + 1e-4).all()
    w, h = (windows[:, 2:] - windows[:, :2]).unbind(1)
    assert {round(x, 3) for x in (h / w).tolist()} == {0.5, 1.0, 2.0}
    assert {round(x, 2) for x in (w * h).sqrt().tolist()} == {16.0, 30.0}
    finer = sliding_windows((50, 80), [16, 30], [0.5, 1, 2], overlap=0.8)
    assert len(finer) > 2 * len(windows)


def test_windows_that_do_not_fit_and_errors():
    assert sliding_windows((10, 10), [20]).shape == (0, 4)
    assert len(sliding_windows((10, 10), [10], [1.0])) == 1
    for scales, ratios, overlap in (([0], [1], 0.5), ([3], [-1], 0.5), ([3], [1], 1)):
        with pytest.raises(ValueError, match="expected scales and ratios above 0"):
            sliding_windows((10, 10), scales, ratios, overlap)


def test_random_boxes_are_uniform_over_all_boxes():
    """Nine boxes in 2 by 2 px: each drawn about as often."""
    boxes = random_boxes((2, 2), 9000, seed=3)
    _, counts = boxes.unique(dim=0, return_counts=True)
    assert len(counts) == count_boxes((2, 2))
    assert counts.min() > 850
    assert counts.max() < 1150
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert torch.equal(boxes, random_boxes((2, 2), 9000, seed=3))
    assert random_boxes((5, 5), 0).shape == (0, 4)
    with pytest.raises(ValueError, match="at least 1 px"):
        random_boxes((0, 5), 3)


def test_recall_by_hand():
    objects = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    proposals = torch.tensor([[0.0, 0, 10, 4], [0, 0, 10, 8], [20, 0, 30, 10]])
    assert best_overlaps(proposals, objects).tolist() == pytest.approx([0.8, 1.0])
    assert recall_against_count([proposals], [objects], [0, 1, 2, 3]) == [0, 0, 0.5, 1]
    assert recall_against_count([proposals], [objects], [3], iou_threshold=0.9) == [0.5]
    assert average_recall(torch.tensor([0.8, 1.0])) == pytest.approx(0.8)  # 2 (0.3 + 0.5) / 2


def test_average_recall_is_the_integral():
    overlaps = torch.rand(30, generator=torch.Generator().manual_seed(1)).double()
    thresholds = np.linspace(0.5, 1, 20_001)
    recall = (overlaps.numpy()[:, None] >= thresholds).mean(axis=0)
    assert average_recall(overlaps) == pytest.approx(
        2 * integrate.trapezoid(recall, thresholds), abs=1e-4
    )


def test_recall_equals_a_slow_loop_and_never_falls():
    proposals = [random_boxes((40, 60), 50, seed) for seed in range(3)]
    objects = [random_boxes((40, 60), 4, seed + 10) for seed in range(3)]
    counts = [1, 5, 20, 50]
    expected = []
    for n in counts:
        hits = [
            any(box_iou(p[None], o[None]).item() >= 0.4 for p in boxes[:n])
            for boxes, those in zip(proposals, objects, strict=True)
            for o in those
        ]
        expected.append(sum(hits) / len(hits))
    found = recall_against_count(proposals, objects, counts, 0.4)
    assert found == pytest.approx(expected)
    assert found == sorted(found)


def test_nothing_proposed_and_nothing_there():
    objects = torch.tensor([[0.0, 0, 1, 1]])
    assert best_overlaps(torch.zeros(0, 4), objects).tolist() == [0]
    assert best_overlaps(objects, torch.zeros(0, 4)).shape == (0,)
    with pytest.raises(ValueError, match="1 and 1 images, 0 objects"):
        recall_against_count([objects], [torch.zeros(0, 4)], [1])
    with pytest.raises(ValueError, match="at least one object"):
        average_recall(torch.zeros(0))


def test_distinct_keeps_first_places():
    boxes = torch.tensor([[0.0, 0, 2, 2], [1, 1, 2, 2], [0, 0, 2, 2], [-1, 0, 2, 9]])
    assert distinct(boxes, (2, 2)).tolist() == [[0, 0, 2, 2], [1, 1, 2, 2]]
    assert distinct(boxes[:0], (2, 2)).shape == (0, 4)


@pytest.mark.parametrize("name", PHOTO_BOXES)
def test_objects_of_photographs_lie_inside(name):
    image, boxes, names = load_photo_objects(name, 120)
    assert max(image.shape[1:]) == 120
    assert 0 <= image.min() <= image.max() <= 1
    assert len(boxes) == len(names)
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert (boxes >= 0).all()
    assert (boxes[:, 2:] <= torch.tensor(image.shape[:0:-1]) + 1e-3).all()


def test_a_photograph_without_boxes_is_an_error():
    with pytest.raises(ValueError, match="expected one of astronaut"):
        load_photo_objects("brick", 100)
