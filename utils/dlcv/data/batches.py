"""A data set that lives on the device and comes in mini-batches."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcv.data.augment_draws import send

Augment = Callable[[Tensor, torch.Generator], Tensor]

SHUFFLING, AUGMENTING = 0, 1  # what the randomness of an epoch is for


class Batches:
    """Mini-batches of images and labels, in an order that depends on the seed and the epoch alone.

    Nothing is copied between memories while training: a batch is picked on the device where the
    images are. The same epoch gives the same batches however often and in whatever order one asks,
    so a training can go on in the middle of an epoch.

    Args:
        images: [N, ...], all images.
        labels: [N, ...], or anything else with N entries that an index tensor picks from.
        batch_size: Images in a batch; the last one of an epoch holds what is left.
        shuffle: Whether every epoch has an order of its own; otherwise the stored order.
        seed: Whole number, at least 0, from which the orders and the augmentations come.
        augment: Function (images of a batch, generator on the CPU) -> images, or None.

    Raises:
        ValueError: If there is no image, or labels, batch size or seed do not fit.

    Example:
        >>> train = Batches(torch.rand(10, 1, 8, 8), torch.arange(10), batch_size=4)
        >>> [len(labels) for images, labels in train.epoch(0)]
        [4, 4, 2]
    """

    def __init__(
        self,
        images: Tensor,
        labels: Any,
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        augment: Augment | None = None,
    ) -> None:
        if len(images) < 1 or len(labels) != len(images):
            got = f"{len(images)} images and {len(labels)} labels"
            raise ValueError(f"expected at least one image and as many labels, got {got}")
        if batch_size < 1 or seed < 0:
            got = f"{batch_size} and {seed}"
            raise ValueError(f"expected a batch size of at least 1 and a seed >= 0, got {got}")
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.shuffle, self.seed, self.augment = shuffle, seed, augment

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return -(-len(self.images) // self.batch_size)  # rounded up

    def __iter__(self) -> Iterator[tuple[Tensor, Any]]:
        """Go through epoch 0; a loop over epochs asks for `epoch(number)`."""
        return self.epoch(0)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Any]]:
        """Go through the batches of one epoch.

        Args:
            number: Epoch, counted from 0.

        Yields:
            (images [b, ...], labels of these images), b = batch_size or, at the end, less.
        """
        generator = self.generator(number)
        order = send(self.order(number), self.images.device)
        for indices in order.split(self.batch_size):
            images = self.images[indices]
            if self.augment is not None:
                images = self.augment(images, generator)
            yield images, self.labels[indices]

    def order(self, number: int) -> Tensor:
        """Return the order of the images in an epoch, indices [N] on the CPU, for any device."""
        N = len(self.images)
        if not self.shuffle:
            return torch.arange(N)
        generator = torch.Generator().manual_seed(self._seed_for(number, SHUFFLING))
        return torch.randperm(N, generator=generator)

    def generator(self, number: int) -> torch.Generator:
        """Return what an epoch's augmentations draw from, at its start."""
        return torch.Generator().manual_seed(self._seed_for(number, AUGMENTING))

    def _seed_for(self, number: int, purpose: int) -> int:
        """Mix seed, epoch and purpose so that neighbouring ones have nothing in common."""
        mixed = np.random.SeedSequence([self.seed, number, purpose])
        return int(mixed.generate_state(1, np.uint64)[0])
