"""The head of Fast and Faster R-CNN: what it is shown, what it says, what it should have said."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dlcv.detection.anchors import assign
from dlcv.detection.boxes import clip_boxes, decode_boxes, encode_boxes
from dlcv.detection.roi import roi_align
from dlcv.detection.sampling import sample

BETA = 1 / 9
"""Where smooth L1 turns from a parabola into a line: the published code's, sigma = 3."""


OFFSET_SCALE = (10.0, 10.0, 5.0, 5.0)
"""The head learns offsets times these, so that they are about as large as 1: Fast R-CNN divides
them by their deviations, and the published code takes 0.1, 0.1, 0.2 and 0.2 for these."""

Pool = Callable[[Tensor, list[Tensor], int, float], Tensor]


def align(x: Tensor, regions: list[Tensor], bins: int, scale: float) -> Tensor:
    """Return RoIAlign with 2 × 2 samples in each bin and places that stand for pixels' middles."""
    return roi_align(x, regions, bins, scale, sampling_ratio=2, aligned=True)


class RegionTargets(NamedTuple):
    """What the sampled regions of a batch have to learn; R regions in all.

    Attributes:
        regions: For each image [n, 4], xyxy in px.
        labels: int64 [R], the class, or the number of classes for background.
        offsets: [P, 4], times OFFSET_SCALE, from the P regions with an object to their objects.
        objects: int64 [P], the slots of these objects, counted over B * K.
    """

    regions: list[Tensor]
    labels: Tensor
    offsets: Tensor
    objects: Tensor


class BoxHead(nn.Module):
    """Two hidden layers on a region's features, then class scores and one box for each class.

    Args:
        channels: Channels of the features.
        bins: Rows and columns of a region's features.
        classes: Number of classes K, background not counted.
        hidden: Units of the hidden layers; 4096 in the paper.

    Reference:
        Girshick, Fast R-CNN, sec. 2.1.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(self, channels: int, bins: int, classes: int, hidden: int = 128) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * bins**2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.scores = nn.Linear(hidden, classes + 1)
        self.offsets = nn.Linear(hidden, 4 * classes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """From features [R, C, bins, bins] to class logits [R, K + 1] and offsets [R, K, 4]."""
        hidden = self.body(features)
        return self.scores(hidden), self.offsets(hidden).unflatten(1, (-1, 4))


def region_targets(
    proposals: Sequence[Tensor], boxes: Tensor, labels: Tensor, classes: int, count: int = 24
) -> RegionTargets:
    """Sample proposals of each image, the true boxes among them, and say what they should learn.

    A proposal stands for the object that it overlaps most, if their IoU is at least 0.5.

    Args:
        proposals: For each image [n, 4], xyxy in px.
        boxes: [B, K, 4], xyxy in px.
        labels: int64 [B, K], -1 in empty slots.
        classes: Number of classes, which is also the label of the background.
        count: Regions drawn from an image at most, a quarter of them objects; the papers' 64 or 128
            are for some 2,000 or 300 proposals.

    Reference:
        Girshick, Fast R-CNN, sec. 2.3.

    Taught in: lectures/12_rcnn_family
    """
    scale = boxes.new_tensor(OFFSET_SCALE)
    parts = []
    for image, proposed in enumerate(proposals):
        filled = (labels[image] >= 0).nonzero()[:, 0]
        truth = boxes[image, filled]
        candidates = torch.cat([proposed, truth])
        found = assign(candidates, truth, 0.5, 0.5, rescue=False)
        positive, negative = sample(found, count, 0.25)
        slots, regions = filled[found[positive]], candidates[positive]
        background = labels.new_full((len(negative),), classes)
        parts.append(
            (
                torch.cat([regions, candidates[negative]]),
                torch.cat([labels[image, slots], background]),
                encode_boxes(boxes[image, slots], regions) * scale,
                image * labels.shape[1] + slots,
            )
        )
    regions, *rest = zip(*parts, strict=True)
    return RegionTargets(list(regions), *map(torch.cat, rest))


def head_losses(scores: Tensor, offsets: Tensor, targets: RegionTargets) -> dict[str, Tensor]:
    """Return the losses of a detection head.

    L = mean over the n regions of cross-entropy, and 1/n sum over the regions with an object of
    smooth L1 between the offsets predicted *for its class* and the wanted ones.

    Args:
        scores: Class logits [R, K + 1].
        offsets: [R, K, 4].
        targets: See `region_targets`.

    Returns:
        `label` and `box`, scalars.

    Reference:
        Girshick, Fast R-CNN, eq. 1 to 3.

    Taught in: lectures/12_rcnn_family
    """
    n = max(1, len(scores))
    label = nn.functional.cross_entropy(scores, targets.labels, reduction="sum") / n
    objects = (targets.labels < scores.shape[1] - 1).nonzero()[:, 0]
    ours = offsets[objects, targets.labels[objects]]
    box = nn.functional.smooth_l1_loss(ours, targets.offsets, reduction="sum", beta=BETA) / n
    return {"label": label, "box": box}


def class_boxes(
    regions: Tensor, scores: Tensor, offsets: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn each region into one box for each class.

    Args:
        regions: [n, 4], xyxy in px.
        scores: Class logits [n, K + 1], background last.
        offsets: [n, K, 4], times OFFSET_SCALE.
        size: (H, W) of the image in px.

    Returns:
        Boxes [n * K, 4], probabilities [n * K] and labels int64 [n * K].

    Taught in: lectures/12_rcnn_family
    """
    n, K = offsets.shape[:2]
    moves = (offsets / offsets.new_tensor(OFFSET_SCALE)).flatten(0, 1)
    boxes = clip_boxes(decode_boxes(moves, regions.repeat_interleave(K, dim=0)), size)
    labels = torch.arange(K, device=scores.device).repeat(n)
    return boxes, scores.softmax(1)[:, :K].flatten(), labels
