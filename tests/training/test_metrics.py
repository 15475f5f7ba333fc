"""Top-k error and the two accuracies: by hand, against scikit-learn, and at the edges."""

import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, top_k_accuracy_score

from dlcv.training.metrics import macro_accuracy, micro_accuracy, top_k, topk_error


def test_three_images_by_hand():
    """The labels come first, second and last among four classes: 2 of 3 missed, 1 of 3, 1, 0."""
    scores = torch.tensor([[0.7, 0.2, 0.1, 0.0], [0.4, 0.5, 0.1, 0.0], [0.4, 0.3, 0.2, 0.1]])
    labels = torch.tensor([0, 0, 3])
    errors = [topk_error(scores, labels, k) for k in (1, 2, 3, 4)]
    assert errors == pytest.approx([2 / 3, 1 / 3, 1 / 3, 0.0])


def test_of_equal_scores_the_lower_class_comes_first():
    scores = torch.tensor([[1.0, 3.0, 3.0, 3.0, 2.0]])
    assert top_k(scores, 3).tolist() == [[1, 2, 3]]
    assert topk_error(torch.zeros(3, 3), torch.tensor([0, 1, 2]), k=1) == pytest.approx(2 / 3)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_error_is_what_scikit_learn_computes(k):
    generator = torch.Generator().manual_seed(k)
    scores = torch.randn(300, 12, generator=generator)
    labels = torch.randint(12, (300,), generator=generator)
    expected = 1 - top_k_accuracy_score(labels, scores, k=k, labels=range(12))
    assert topk_error(scores, labels, k) == pytest.approx(expected)


def test_the_error_never_rises_with_k_and_ends_at_zero():
    scores = torch.randn(50, 7, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(50) % 7
    errors = [topk_error(scores, labels, k) for k in range(1, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 0


def test_the_accuracies_by_hand():
    """Nine of class 0, all right, one of class 1, wrong: 9 of 10 images, 1 of 2 classes."""
    labels = torch.tensor([0] * 9 + [1])
    always_0 = torch.zeros(10, dtype=torch.int64)
    assert micro_accuracy(always_0, labels) == pytest.approx(0.9)
    assert macro_accuracy(always_0, labels) == 0.5


def test_the_accuracies_are_what_scikit_learn_computes():
    generator = torch.Generator().manual_seed(3)
    labels = (torch.rand(200, generator=generator) ** 3 * 6).long()
    predicted = torch.where(torch.rand(200, generator=generator) < 0.7, labels, 0)
    assert micro_accuracy(predicted, labels) == pytest.approx(accuracy_score(labels, predicted))
    expected = balanced_accuracy_score(labels, predicted)
    assert macro_accuracy(predicted, labels) == pytest.approx(expected)


def test_one_image_of_one_class():
    one = torch.zeros(1, dtype=torch.int64)
    assert topk_error(torch.zeros(1, 1), one, k=1) == 0.0
    assert micro_accuracy(one, one) == macro_accuracy(one, one) == 1.0


@pytest.mark.parametrize(
    ("shape", "count", "k", "message"),
    [
        ((3, 4), 2, 1, r"expected scores \[N, K\] and labels \[N\] .*got \[3, 4\] and \[2\]"),
        ((0, 4), 0, 1, r"with N > 0, got \[0, 4\]"),
        ((3, 4), 3, 0, r"k of 1 to K, got \[3, 4\], 0"),
        ((3, 4), 3, 5, r"k of 1 to K, got \[3, 4\], 5"),
        ((3,), 3, 1, r"expected scores \[N, K\]"),
    ],
)
def test_what_does_not_fit_is_an_error(shape, count, k, message):
    with pytest.raises(ValueError, match=message):
        topk_error(torch.zeros(shape), torch.zeros(count, dtype=torch.int64), k)


@pytest.mark.parametrize("function", [micro_accuracy, macro_accuracy])
def test_lengths_that_differ_and_nothing_are_errors(function):
    for predicted, labels in ((3, 2), (0, 0)):
        with pytest.raises(ValueError, match=r"expected predictions and labels \[N\]"):
            function(torch.zeros(predicted).long(), torch.zeros(labels).long())
