"""Measures of a segmentation against the worked table, scikit-learn and a count by hand."""

import math

import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import jaccard_score

from dlcv.segmentation.mean_iou import confusion_matrix, mean_iou, segmentation_scores
from dlcv.study.facts import fact

WORKED = torch.tensor([[50, 2, 3], [4, 30, 1], [6, 0, 4]])


def random_labels(seed: int, K: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and truth of two images that are not square, half of the pixels right."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(K, (2, 7, 9), generator=generator)
    guess = torch.randint(K, (2, 7, 9), generator=generator)
    return torch.where(torch.rand(2, 7, 9, generator=generator) < 0.5, truth, guess), truth


def test_the_worked_table_of_the_fact_sheet():
    scores = segmentation_scores(WORKED)
    fact("L14-PIXACC", scores.pixel_accuracy)
    fact("L14-MEANACC", scores.mean_accuracy)
    fact("L14-MIOU", scores.mean_iou)
    fact("L14-FWIOU", scores.weighted_iou)


def test_four_pixels_by_hand():
    """Truth 0 0 1 1, called 0 1 1 1: class 0 has 1 of 2, class 1 has 2 of 3."""
    mean, iou = mean_iou(torch.tensor([[0, 1], [1, 1]]), torch.tensor([[0, 0], [1, 1]]), 2)
    assert iou.tolist() == pytest.approx([1 / 2, 2 / 3])
    assert mean == pytest.approx(7 / 12)


@pytest.mark.parametrize("seed", range(5))
def test_counts_and_overlaps_equal_scikit_learns(seed):
    pred, truth = random_labels(seed)
    counts = confusion_matrix(pred, truth, 5)
    y_true, y_pred = truth.flatten().numpy(), pred.flatten().numpy()
    assert counts.tolist() == sklearn_confusion(y_true, y_pred, labels=range(5)).tolist()
    expected = jaccard_score(y_true, y_pred, average=None, labels=range(5))
    assert mean_iou(pred, truth, 5)[1].tolist() == pytest.approx(expected)
    scores = segmentation_scores(counts)
    weighted = jaccard_score(y_true, y_pred, average="weighted")
    assert scores.weighted_iou == pytest.approx(weighted)
    assert scores.pixel_accuracy == pytest.approx((y_true == y_pred).mean())


def test_mean_accuracy_is_the_mean_recall():
    from sklearn.metrics import balanced_accuracy_score

    pred, truth = random_labels(9)
    scores = segmentation_scores(confusion_matrix(pred, truth, 5))
    expected = balanced_accuracy_score(truth.flatten().numpy(), pred.flatten().numpy())
    assert scores.mean_accuracy == pytest.approx(expected)


def test_ignored_pixels_do_not_count():
    pred, truth = random_labels(3)
    ignored = truth.clone()
    ignored[:, :3] = 255
    rest = confusion_matrix(pred[:, 3:], truth[:, 3:], 5)
    assert torch.equal(confusion_matrix(pred, ignored, 5, ignore_index=255), rest)
    assert mean_iou(pred, ignored, 5, ignore_index=255)[0] == segmentation_scores(rest).mean_iou


def test_tables_of_images_add_up():
    pred, truth = random_labels(4)
    each = [confusion_matrix(p, t, 5) for p, t in zip(pred, truth, strict=True)]
    assert torch.equal(each[0] + each[1], confusion_matrix(pred, truth, 5))


def test_a_class_that_is_nowhere_has_no_overlap_and_does_not_count():
    mean, iou = mean_iou(torch.tensor([0, 2]), torch.tensor([0, 2]), 4)
    assert mean == 1
    assert [math.isnan(value) for value in iou.tolist()] == [False, True, False, True]


def test_a_class_that_is_only_predicted_counts_as_missed():
    mean, iou = mean_iou(torch.tensor([0, 1]), torch.tensor([0, 0]), 2)
    assert iou.tolist() == [0.5, 0]
    assert mean == 0.25


@pytest.mark.parametrize("seed", range(3))
def test_iou_lies_below_accuracy_and_a_perfect_answer_is_one(seed):
    pred, truth = random_labels(seed)
    scores = segmentation_scores(confusion_matrix(pred, truth, 5))
    assert scores.mean_iou <= scores.mean_accuracy
    perfect = segmentation_scores(confusion_matrix(truth, truth, 5))
    assert (perfect.pixel_accuracy, perfect.mean_iou, perfect.weighted_iou) == (1, 1, 1)


def test_uint8_maps_of_many_classes():
    """255 · 255 does not fit into eight bits."""
    labels = torch.arange(255, dtype=torch.uint8)
    assert mean_iou(labels, labels, 255)[0] == 1


def test_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match=r"as many predictions as targets, got \[2\] and \[3\]"):
        confusion_matrix(torch.zeros(2), torch.zeros(3), 2)
    with pytest.raises(ValueError, match=r"predictions in \[0, 2\), got 0 to 2"):
        confusion_matrix(torch.tensor([0, 2]), torch.tensor([0, 1]), 2)
    with pytest.raises(ValueError, match=r"targets in \[0, 2\), got 0 to 255"):
        confusion_matrix(torch.tensor([0, 1]), torch.tensor([0, 255]), 2)
    with pytest.raises(ValueError, match="at least one pixel"):
        mean_iou(torch.zeros(0), torch.zeros(0), 2)
    with pytest.raises(ValueError, match="at least one pixel"):
        mean_iou(torch.zeros(2), torch.full((2,), 255), 2, ignore_index=255)
    with pytest.raises(ValueError, match=r"expected counts \[K, K\]"):
        segmentation_scores(torch.ones(2, 3))
