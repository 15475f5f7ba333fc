"""Class weights, balanced samples and recalls, against scikit-learn and by counting."""

import numpy as np
import pytest
import torch
from sklearn.metrics import recall_score
from sklearn.utils.class_weight import compute_class_weight

from dlcv.training import balanced_indices, class_weights, recalls


@pytest.fixture
def labels():
    draw = torch.Generator().manual_seed(0)
    return torch.tensor([0] * 40 + [1] * 7 + [2] * 3)[torch.randperm(50, generator=draw)]


def test_weights_by_hand_and_by_scikit_learn(labels):
    assert class_weights(torch.tensor([0] * 9 + [1]), 2).tolist() == pytest.approx([10 / 18, 5])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    assert class_weights(labels, 3).tolist() == pytest.approx(expected.tolist())


def test_the_mean_weight_over_the_examples_is_one(labels):
    assert class_weights(labels, 3)[labels].mean().item() == pytest.approx(1)


def test_the_weighted_loss_is_the_mean_over_classes_of_the_mean_loss(labels):
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(1))
    weighted = torch.nn.functional.cross_entropy(logits, labels, weight=class_weights(labels, 3))
    each = [
        torch.nn.functional.cross_entropy(logits[labels == c], labels[labels == c])
        for c in range(3)
    ]
    torch.testing.assert_close(weighted, torch.stack(each).mean())


def test_oversampling_shows_every_example_about_equally_often(labels):
    indices = balanced_indices(labels, 3, "over")
    assert torch.bincount(labels[indices]).tolist() == [40, 40, 40]
    for c, (least, most) in enumerate([(1, 1), (5, 6), (13, 14)]):
        times = torch.bincount(indices, minlength=50)[labels == c]
        assert times.min() >= least
        assert times.max() <= most


def test_undersampling_repeats_nothing(labels):
    indices = balanced_indices(labels, 3, "under")
    assert torch.bincount(labels[indices]).tolist() == [3, 3, 3]
    assert len(indices.unique()) == 9


def test_the_sample_hangs_on_the_seed_alone(labels):
    first, again, other = (balanced_indices(labels, 3, "under", seed) for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)
    assert labels[first].tolist() != sorted(labels[first].tolist())


def test_recalls_are_scikit_learns(labels):
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(2))
    expected = recall_score(labels, logits.argmax(1), average=None)
    assert recalls(logits, labels, 3).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: class_weights(torch.tensor([0, 2]), 3), r"once, got none of \[1\]"),
        (lambda: class_weights(torch.tensor([0, 3]), 3), r"in \[0, 3\)"),
        (lambda: class_weights(torch.zeros(0, dtype=torch.long), 2), r"got \[0\]"),
        (lambda: balanced_indices(torch.tensor([0, 1]), 2, "both"), "got 'both'"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
