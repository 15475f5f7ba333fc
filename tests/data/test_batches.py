"""Mini-batches: everything once an epoch, in an order that only seed and epoch decide."""

import pytest
import torch
from torch import Tensor

from dlcv.data.batches import Batches

N = 23
IMAGES = torch.arange(N * 6.0).reshape(N, 1, 2, 3)
LABELS = torch.arange(N)


def add_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    return images + torch.rand(images.shape, generator=generator, device=images.device)


def labels_of(batches: Batches, epoch: int) -> list[int]:
    return torch.cat([labels for _, labels in batches.epoch(epoch)]).tolist()


def test_ten_images_in_batches_of_four_by_hand():
    batches = Batches(IMAGES[:10], LABELS[:10], 4, shuffle=False)
    assert len(batches) == 3
    assert [labels.tolist() for _, labels in batches.epoch(5)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_epoch_holds_every_image_once_with_its_own_label(batch_size):
    batches = Batches(IMAGES, LABELS, batch_size)
    for epoch in range(3):
        seen = list(batches.epoch(epoch))
        assert len(seen) == len(batches)
        for images, labels in seen:
            assert torch.equal(images, IMAGES[labels])
        assert sorted(labels_of(batches, epoch)) == list(range(N))


def test_the_order_depends_on_seed_and_epoch_alone():
    batches, twin = Batches(IMAGES, LABELS, 4, seed=7), Batches(IMAGES, LABELS, 9, seed=7)
    expected = labels_of(batches, 3)
    torch.manual_seed(99)
    labels_of(twin, 0)
    assert labels_of(twin, 3) == expected
    assert labels_of(batches, 2) != expected
    for epoch in (2, 3):  # one more for the seed is not one more for the epoch
        assert labels_of(Batches(IMAGES, LABELS, 4, seed=8), epoch) != expected


def test_neither_order_nor_augmentation_touches_the_global_generator():
    before = torch.get_rng_state()
    list(Batches(IMAGES, LABELS, 4, augment=add_noise).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_all_orders_of_three_images_come_about_equally_often():
    batches = Batches(IMAGES[:3], LABELS[:3], 3, seed=1)
    orders = [tuple(batches.order(epoch).tolist()) for epoch in range(1200)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert min(counts) > 150  # 200 expected, standard deviation 13


def test_augmentation_repeats_within_an_epoch_and_differs_between_epochs():
    batches = Batches(IMAGES, LABELS, 4, shuffle=False, augment=add_noise)
    first, again, other = ([x for x, _ in batches.epoch(e)] for e in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    noise = torch.cat(first) - IMAGES
    assert 0 <= noise.min() < noise.max() < 1


def test_labels_may_be_anything_that_an_index_tensor_picks_from():
    class Pairs:
        def __init__(self, a: Tensor, b: Tensor) -> None:
            self.a, self.b = a, b

        def __len__(self) -> int:
            return len(self.a)

        def __getitem__(self, which: Tensor) -> "Pairs":
            return Pairs(self.a[which], self.b[which])

    for images, pairs in Batches(IMAGES, Pairs(LABELS, -LABELS), 4).epoch(2):
        assert torch.equal(images, IMAGES[pairs.a])
        assert torch.equal(pairs.a, -pairs.b)


def test_plain_iteration_is_epoch_0():
    batches = Batches(IMAGES, LABELS, 4)
    assert torch.cat([labels for _, labels in batches]).tolist() == labels_of(batches, 0)


def test_one_image_is_enough_and_none_is_not():
    assert labels_of(Batches(IMAGES[:1], LABELS[:1], 8), 0) == [0]
    with pytest.raises(ValueError, match="at least one image and as many labels, got 0 images"):
        Batches(IMAGES[:0], LABELS[:0], 8)


@pytest.mark.parametrize(
    ("labels", "batch_size", "seed", "message"),
    [
        (LABELS[:5], 4, 0, "got 23 images and 5 labels"),
        (LABELS, 0, 0, "got 0 and 0"),
        (LABELS, 4, -1, "a seed >= 0, got 4 and -1"),
    ],
)
def test_what_does_not_fit_is_named(labels, batch_size, seed, message):
    with pytest.raises(ValueError, match=message):
        Batches(IMAGES, labels, batch_size, seed=seed)


@pytest.mark.cuda
def test_the_gpu_goes_through_the_images_in_the_same_order():
    cpu, gpu = Batches(IMAGES, LABELS, 4), Batches(IMAGES.cuda(), LABELS.cuda(), 4)
    assert labels_of(gpu, 3) == labels_of(cpu, 3)
    assert next(gpu.epoch(0))[0].is_cuda
