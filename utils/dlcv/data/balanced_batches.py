"""Mini-batches of P classes with K images each: every image finds positives in its batch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from dlcv.data.batches import SHUFFLING, Augment, Batches


class BalancedBatches(Batches):
    """Batches of P different classes with K images each, none twice in an epoch.

    In every epoch the images of each class are dealt, in an order of their own, into groups of K.
    The first groups of all classes are then shuffled and put together P at a time, then the second
    groups, and so on. What fills no group or no batch waits for another epoch.

    Args:
        images: [N, ...], all images.
        labels: Whole numbers [N], at least K of each class.
        classes: P, at least 1 and no more than there are.
        per_class: K, at least 1.
        seed: Whole number, at least 0, from which the orders and the augmentations come.
        augment: Function (images of a batch, generator on the CPU) -> images, or None.

    Raises:
        ValueError: If a class has too few images, there are too few classes, or the rest does not
            fit (see `Batches`).

    Reference:
        Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, 2017,
        sec. 2 (PK batches).

    Taught in: lectures/09_verification

    Example:
        >>> labels = torch.arange(3).repeat_interleave(4)
        >>> batches = BalancedBatches(torch.rand(12, 1, 8, 8), labels, classes=2, per_class=2)
        >>> [len(labels.unique()) for images, labels in batches.epoch(0)]
        [2, 2]
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        classes: int,
        per_class: int,
        *,
        seed: int = 0,
        augment: Augment | None = None,
    ) -> None:
        if classes < 1 or per_class < 1:
            got = f"{classes} and {per_class}"
            raise ValueError(f"expected at least 1 class and 1 image of each, got {got}")
        super().__init__(images, labels, classes * per_class, seed=seed, augment=augment)
        self.classes, self.per_class = classes, per_class
        names, self._own, counts = labels.cpu().unique(return_inverse=True, return_counts=True)
        if len(names) < classes or counts.min() < per_class:
            got = f"{len(names)} classes, the smallest of {counts.min()}"
            raise ValueError(f"expected {classes} classes, each of {per_class} or more, got {got}")
        self._groups = counts // per_class  # [classes in all]

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return sum(len(taking_part) // self.classes for taking_part in self._rounds())

    def order(self, number: int) -> Tensor:
        """Return the images of an epoch in their order, indices on the CPU, PK for each batch."""
        generator = torch.Generator().manual_seed(self._seed_for(number, SHUFFLING))
        shuffled = torch.randperm(len(self._own), generator=generator)
        by_class = shuffled[self._own[shuffled].argsort(stable=True)]
        sizes = torch.bincount(self._own)
        first = sizes.cumsum(0) - sizes  # where each class begins in by_class
        member, order = torch.arange(self.per_class), []
        for number_of_round, taking_part in enumerate(self._rounds()):
            mixed = taking_part[torch.randperm(len(taking_part), generator=generator)]
            mixed = mixed[: len(mixed) // self.classes * self.classes]
            places = first[mixed, None] + number_of_round * self.per_class + member  # [., K]
            order.append(by_class[places].flatten())
        return torch.cat(order)

    def _rounds(self) -> Iterator[Tensor]:
        """For each round the classes that still have a group."""
        for number in range(int(self._groups.max())):
            yield (self._groups > number).nonzero()[:, 0]
