"""Faster R-CNN: one network proposes regions and says what is in them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dlcv.detection.anchors import assign, make_anchors
from dlcv.detection.boxes import clip_boxes, decode_boxes, encode_boxes
from dlcv.detection.pipeline import Detections, thin_out
from dlcv.detection.region_proposals import (
    BETA,
    RegionConfig,
    RegionProposalNetwork,
    anchor_targets,
    propose,
    rpn_losses,
    sample,
)
from dlcv.detection.roi import roi_align

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
    proposals: Sequence[Tensor], boxes: Tensor, labels: Tensor, classes: int, config: RegionConfig
) -> RegionTargets:
    """Sample proposals of each image, the true boxes among them, and say what they should learn.

    A proposal stands for the object that it overlaps most, if their IoU is at least 0.5.

    Args:
        proposals: For each image [n, 4], xyxy in px.
        boxes: [B, K, 4], xyxy in px.
        labels: int64 [B, K], -1 in empty slots.
        classes: Number of classes, which is also the label of the background.
        config: See `RegionConfig`.

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
        positive, negative = sample(found, config.regions_sampled, 0.25)
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


class FasterRCNN(nn.Module):
    """A backbone, a region proposal network on its maps, and a head on the proposals' features.

    Args:
        backbone: Anything with `features(images) -> maps`, `channels` and `strides`.
        classes: Number of classes K, background not counted.
        config: See `RegionConfig`; it names the anchors' scales for each of the maps.
        levels: Which maps of the backbone are used; all must have the same channels.
        hidden: Units of the head's hidden layers.
        pool: Function (map, regions, bins, scale) -> features: `align` or `roi_pool`.

    Attributes:
        strides: Pixels of the image between places, for each of the maps used.

    Raises:
        ValueError: If the maps differ in channels, or there are not as many sets of scales.

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, NIPS 2015; with RoIAlign from He et al., Mask
        R-CNN, ICCV 2017.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(
        self,
        backbone: nn.Module,
        classes: int,
        config: RegionConfig | None = None,
        levels: Sequence[int] = (2,),
        hidden: int = 128,
        pool: Pool = align,
    ) -> None:
        super().__init__()
        self.backbone, self.classes, self.levels, self.pool_one = backbone, classes, levels, pool
        self.config = config or RegionConfig()
        self.strides = [backbone.strides[level] for level in levels]
        widths = {backbone.channels[level] for level in levels}
        if len(widths) != 1 or len(self.config.scales_px) != len(levels):
            got = f"channels {sorted(widths)} and {len(self.config.scales_px)} sets of scales"
            raise ValueError(f"expected {len(levels)} maps alike and scales for each, got {got}")
        per_place = {len(scales) for scales in self.config.scales_px}
        if len(per_place) != 1:
            raise ValueError(f"expected as many scales for each map, got {self.config.scales_px}")
        width, anchors = widths.pop(), per_place.pop() * len(self.config.ratios)
        self.rpn = RegionProposalNetwork(width, anchors)
        self.head = BoxHead(width, self.config.bins, classes, hidden)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the maps used, of images float [B, 3, H, W] in [0, 1]."""
        maps = self.backbone.features(images)
        return [maps[level] for level in self.levels]

    def anchors(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the anchors of all maps [A, 4], xyxy in px."""
        config = self.config
        grids = [
            make_anchors(x.shape[-2:], stride, scales, config.ratios, x.device)
            for x, stride, scales in zip(maps, self.strides, config.scales_px, strict=True)
        ]
        return torch.cat(grids)

    def pool(self, maps: Sequence[Tensor], regions: list[Tensor], bins: int) -> Tensor:
        """Return the features [R, C, bins, bins] of regions, given as [n, 4] for each image."""
        return self.pool_one(maps[0], regions, bins, 1 / self.strides[0])

    def losses(self, images: Tensor, boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of both parts, trained together.

        Args:
            images: float [B, 3, H, W] in [0, 1].
            boxes: [B, K, 4], xyxy in px.
            labels: int64 [B, K], -1 in empty slots.

        Returns:
            `objectness`, `rpn_box`, `label` and `box`, scalars.
        """
        maps = self.features(images)
        losses, proposals = self.rpn_step(maps, images.shape[-2:], boxes, labels)
        return losses | self.head_step(maps, proposals, boxes, labels)

    def rpn_step(
        self, maps: Sequence[Tensor], size: tuple[int, int], boxes: Tensor, labels: Tensor
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Return the losses of the region proposal network, and its proposals."""
        anchors, (logits, offsets) = self.anchors(maps), self.rpn(maps)
        targets = anchor_targets(anchors, boxes, labels, self.config)
        proposals = propose(logits, offsets, anchors, size, self.config)
        return rpn_losses(logits, offsets, targets), proposals

    def head_step(
        self, maps: Sequence[Tensor], proposals: list[Tensor], boxes: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """Return the losses of the head on given proposals."""
        targets = region_targets(proposals, boxes, labels, self.classes, self.config)
        scores, offsets = self.head(self.pool(maps, targets.regions, self.config.bins))
        return head_losses(scores, offsets, targets)

    def propose(self, images: Tensor) -> list[Tensor]:
        """Return the proposals [n, 4] of each image, xyxy in px, the best first."""
        maps = self.features(images)
        return propose(*self.rpn(maps), self.anchors(maps), images.shape[-2:], self.config)

    @torch.no_grad()
    def detect(
        self, images: Tensor, score_threshold: float = 0.05, iou_threshold: float = 0.5
    ) -> list[Detections]:
        """Find objects; call it in evaluation mode.

        Args:
            images: float [B, 3, H, W] in [0, 1].
            score_threshold: See `dlcv.detection.pipeline.thin_out`, likewise iou_threshold.
            iou_threshold: IoU above which the worse of two detections of a class is dropped.

        Returns:
            The detections of each image.
        """
        maps, size = self.features(images), images.shape[-2:]
        proposals = propose(*self.rpn(maps), self.anchors(maps), size, self.config)
        scores, offsets = self.head(self.pool(maps, proposals, self.config.bins))
        counts = [len(p) for p in proposals]
        parts = zip(proposals, scores.split(counts), offsets.split(counts), strict=True)
        return [
            thin_out(*class_boxes(*part, size), score_threshold, iou_threshold) for part in parts
        ]


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
