"""Batches of P classes with K images each: what is in them, and that nothing comes twice."""

import pytest
import torch

from dlcv.data.balanced_batches import BalancedBatches

N = 61
LABELS = torch.cat(
    [torch.full((n,), name) for name, n in ((7, 9), (3, 4), (5, 20), (0, 14), (9, 14))]
)
LABELS = LABELS[torch.randperm(N, generator=torch.Generator().manual_seed(0))]
IMAGES = torch.arange(N * 2.0).reshape(N, 2)


def test_three_classes_of_four_by_hand():
    """Two rounds; in each, one batch of two classes, and one class sits out."""
    labels = torch.tensor([4, 4, 4, 4, 6, 6, 6, 6, 8, 8, 8, 8])
    batches = BalancedBatches(IMAGES[:12], labels, classes=2, per_class=2)
    assert len(batches) == 2
    for _, names in batches.epoch(0):
        assert names[0] == names[1] != names[2] == names[3]


@pytest.mark.parametrize(("P", "K"), [(1, 1), (2, 4), (5, 2), (3, 3), (5, 4)])
def test_a_batch_holds_k_images_of_each_of_p_classes(P, K):
    batches = BalancedBatches(IMAGES, LABELS, P, K, seed=2)
    for epoch in range(3):
        seen = list(batches.epoch(epoch))
        assert len(seen) == len(batches) >= 1
        for images, labels in seen:
            assert torch.equal(LABELS[(images[:, 0] / 2).long()], labels)
            names, counts = labels.unique(return_counts=True)
            assert (len(names), set(counts.tolist())) == (P, {K})
        order = batches.order(epoch)
        assert len(order.unique()) == len(order) == P * K * len(batches)


def test_the_length_by_hand():
    """Groups of 4: two, one, five, three, three. Rounds of 5, 4, 3, 1, 1 classes, two at a time."""
    assert len(BalancedBatches(IMAGES, LABELS, 2, 4)) == 2 + 2 + 1


def test_what_sat_out_has_its_turn_in_other_epochs():
    batches = BalancedBatches(IMAGES, LABELS, 5, 4)
    assert len(batches) == 1
    seen = torch.cat([batches.order(epoch) for epoch in range(60)])
    assert len(seen.unique()) == N


def test_the_order_depends_on_seed_and_epoch_alone():
    batches, twin, other = (BalancedBatches(IMAGES, LABELS, 2, 4, seed=s) for s in (1, 1, 2))
    state = torch.get_rng_state()
    twin.order(0)
    assert torch.equal(batches.order(3), twin.order(3))
    assert not torch.equal(batches.order(3), batches.order(2))
    assert not torch.equal(batches.order(3), other.order(3))
    assert torch.equal(torch.get_rng_state(), state)


def test_images_are_augmented():
    def shift(images, generator):
        return images + torch.rand(images.shape, generator=generator)

    plain, shifted = (BalancedBatches(IMAGES, LABELS, 2, 4, augment=f) for f in (None, shift))
    for (a, labels), (b, same) in zip(plain.epoch(1), shifted.epoch(1), strict=True):
        assert torch.equal(labels, same)
        assert 0 <= (b - a).min() < (b - a).max() <= 1


@pytest.mark.parametrize(
    ("P", "K", "message"),
    [
        (6, 2, "expected 6 classes, each of 2 or more, got 5 classes, the smallest of 4"),
        (2, 5, "expected 2 classes, each of 5 or more, got 5 classes, the smallest of 4"),
        (0, 2, "expected at least 1 class and 1 image of each, got 0 and 2"),
        (2, 0, "expected at least 1 class and 1 image of each, got 2 and 0"),
    ],
)
def test_what_cannot_be_balanced(P, K, message):
    with pytest.raises(ValueError, match=message):
        BalancedBatches(IMAGES, LABELS, P, K)


def test_images_and_labels_must_belong_together():
    with pytest.raises(ValueError, match="expected at least one image and as many labels, got"):
        BalancedBatches(IMAGES, LABELS[:5], 1, 1)
    with pytest.raises(ValueError, match="got 0 images and 0 labels"):
        BalancedBatches(IMAGES[:0], LABELS[:0], 1, 1)
