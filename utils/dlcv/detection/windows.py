"""Proposals as training examples: what each of them shows, warped crops, and biased batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.data.real_boxes import BoxedPhotos
from dlcv.data.scenes import Scenes
from dlcv.detection.boxes import box_convert, box_iou

FINE_TUNE_IOU = 0.5  # R-CNN, sec. 2.3: from here on a window shows the object


class Windows(NamedTuple):
    """R proposals of many images, the true boxes among them, and what they show.

    Attributes:
        image: int64 [R], which image a window is of.
        boxes: [R, 4], xyxy in px.
        overlaps: [R, K], the largest IoU with an object of each class.
        objects: [R, 4], the object that the window overlaps most, xyxy in px.
        labels: int64 [R], the class of this object.
        exact: bool [R], whether the window is a true box.
    """

    image: Tensor
    boxes: Tensor
    overlaps: Tensor
    objects: Tensor
    labels: Tensor
    exact: Tensor

    def classes(self) -> Tensor:
        """Return what each window is called in fine-tuning, int64 [R]; K for background."""
        K = self.overlaps.shape[1]
        background = self.overlaps.amax(dim=1) < FINE_TUNE_IOU
        return self.labels.masked_fill(background, K)


def describe_windows(
    proposals: Sequence[Tensor], scenes: Scenes | BoxedPhotos, classes: int
) -> Windows:
    """Compare the proposals of each scene with its objects, and add the objects' own boxes.

    Args:
        proposals: For each scene [n, 4], xyxy in px.
        scenes: Scenes or photographs. In one without an object every window is background.
        classes: Number of classes K.

    Raises:
        ValueError: If there are not as many lists of proposals as scenes.

    Taught in: lectures/12_rcnn_family
    """
    if len(proposals) != len(scenes):
        raise ValueError(f"expected proposals of {len(scenes)} scenes, got {len(proposals)}")
    rows = []
    for i, (boxes, there) in enumerate(zip(proposals, scenes.labels >= 0, strict=True)):
        truth, labels = scenes.boxes[i, there], scenes.labels[i, there]
        windows = torch.cat([boxes, truth])
        if len(truth) == 0:  # a box without an area, which nothing overlaps
            truth, labels = truth.new_zeros(1, 4), labels.new_zeros(1)
        iou = box_iou(windows, truth)  # [R, M]
        one_hot = torch.nn.functional.one_hot(labels, classes)  # [M, K]
        nearest = iou.argmax(dim=1)
        exact = torch.arange(len(windows), device=windows.device) >= len(boxes)
        overlaps = (iou[:, :, None] * one_hot).amax(dim=1)
        image = torch.full((len(windows),), i, device=windows.device)
        rows.append((image, windows, overlaps, truth[nearest], labels[nearest], exact))
    return Windows(*map(torch.cat, zip(*rows, strict=True)))


def warp_regions(
    images: Tensor, image: Tensor, boxes: Tensor, size: int, context: float = 0.0
) -> Tensor:
    """Cut regions out of images and stretch each to a square, whatever its shape.

    With context, each box is first made larger by `context` of its *warped* size on every side.
    What lies outside the image is filled with grey. Samples are interpolated bilinearly.

    Args:
        images: float [B, C, H, W] in [0, 1].
        image: int64 [R], the image of each region.
        boxes: [R, 4], xyxy in px, none without area.
        size: Side of the squares, px.
        context: Border as a share of `size`, in [0, 0.5); R-CNN has 16 of 227 px, 0.07.

    Returns:
        [R, C, size, size].

    Raises:
        ValueError: If the context or the size is off.

    Reference:
        Girshick et al., Rich Feature Hierarchies, appendix A (warping with context).

    Taught in: lectures/12_rcnn_family
    """
    if size < 1 or not 0 <= context < 0.5:
        got = f"{size} and {context}"
        raise ValueError(f"expected a size of at least 1 and a context in [0, 0.5), got {got}")
    H, W = images.shape[-2:]
    centre, extent = box_convert(boxes, "xyxy", "cxcywh").split(2, dim=1)
    extent = extent / (1 - 2 * context)  # the box itself keeps (1 - 2 context) of the square
    step = (torch.arange(size, device=boxes.device) + 0.5) / size - 0.5  # the middles of pixels
    grid = torch.stack(torch.meshgrid(step, step, indexing="ij")[::-1], dim=-1)  # [S, S, 2]
    warped = images.new_empty(len(boxes), images.shape[1], size, size)
    side = centre.new_tensor([W, H])
    used, counts = image.unique(return_counts=True)
    parts = image.argsort(stable=True).split(counts.tolist())
    for i, mine in zip(used.tolist(), parts, strict=True):  # the points of all need much memory
        points = centre[mine, None, None] + extent[mine, None, None] * grid  # [r, S, S, 2], px
        points = points / side * 2 - 1  # as grid_sample counts
        found = torch.nn.functional.grid_sample(
            images[i, None] - 0.5, points.flatten(0, 1)[None], align_corners=False
        )  # [1, C, r S, S]
        warped[mine] = found[0].unflatten(1, (-1, size)).transpose(0, 1) + 0.5
    return warped


@dataclass(frozen=True)
class Crops:
    """Warped windows, cut out when they are asked for: those of a few hundred photographs together
    take more memory than most GPUs have.

    Attributes:
        images: uint8 [N, 3, H, W].
        windows: R windows on them.
        size: See `warp_regions`, likewise context.
        context: Border as a share of `size`.

    Taught in: lectures/12_rcnn_family
    """

    images: Tensor
    windows: Windows
    size: int
    context: float

    def __len__(self) -> int:
        """Number of windows R."""
        return len(self.windows.image)

    def __getitem__(self, which: slice | Tensor) -> Tensor:
        """Cut out some windows: float [r, 3, size, size] in [0, 1], by a slice or indices [r]."""
        used, image = self.windows.image[which].unique(return_inverse=True)
        images = self.images[used] / 255
        return warp_regions(images, image, self.windows.boxes[which], self.size, self.context)

    def split(self, batch_size: int) -> Iterator[Tensor]:
        """Cut out all windows in their order, `batch_size` at a time."""
        return (self[i : i + batch_size] for i in range(0, len(self), batch_size))


class BiasedBatches:
    """Batches of windows with far more objects than there are: R-CNN's 32 among 128.

    Args:
        inputs: What the network sees of each of R windows: its features [R, ...], or `Crops`.
        classes: int64 [R] from `Windows.classes`.
        background: The class that means background.
        steps: Batches in an epoch.
        positives: Windows with an object in a batch; the paper's.
        negatives: Windows of background in a batch; the paper's.
        seed: Whole number from which the draws come.

    Raises:
        ValueError: If there is no window with an object, or none of background.

    Reference:
        Girshick et al., Rich Feature Hierarchies, sec. 2.3.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(
        self,
        inputs: Tensor | Crops,
        classes: Tensor,
        background: int,
        steps: int,
        positives: int = 32,
        negatives: int = 96,
        seed: int = 0,
    ) -> None:
        self.inputs, self.classes, self.steps, self.seed = inputs, classes, steps, seed
        self.pools = [
            (classes != background).nonzero()[:, 0],
            (classes == background).nonzero()[:, 0],
        ]
        self.counts = (positives, negatives)
        if min(map(len, self.pools)) == 0:
            got = " and ".join(str(len(pool)) for pool in self.pools)
            raise ValueError(f"expected windows with objects and without, got {got}")

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return self.steps

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Draw the batches of one epoch, with replacement: (inputs [b, ...], classes [b])."""
        generator = torch.Generator().manual_seed(1000 * self.seed + number)
        for _ in range(self.steps):
            drawn = [
                pool[torch.randint(len(pool), (count,), generator=generator)]
                for pool, count in zip(self.pools, self.counts, strict=True)
            ]
            chosen = torch.cat(drawn)
            yield self.inputs[chosen], self.classes[chosen]
