"""Faster R-CNN: one network proposes regions and says what is in them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlcv.detection.anchors import make_anchors
from dlcv.detection.box_head import (
    BoxHead,
    Pool,
    RegionTargets,
    align,
    class_boxes,
    head_losses,
    region_targets,
)
from dlcv.detection.pipeline import Detections, thin_out
from dlcv.detection.region_proposals import (
    RegionConfig,
    RegionProposalNetwork,
    anchor_targets,
    propose,
    rpn_losses,
)


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
        channels: Channels of the maps used.
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
        self.channels, anchors = widths.pop(), per_place.pop() * len(self.config.ratios)
        self.rpn = RegionProposalNetwork(self.channels, anchors)
        self.head = BoxHead(self.channels, self.config.bins, classes, hidden)

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
        return losses | self.head_step(maps, proposals, boxes, labels)[0]

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
    ) -> tuple[dict[str, Tensor], RegionTargets]:
        """Return the losses of the head on given proposals, and what it had to learn."""
        count = self.config.regions_sampled
        targets = region_targets(proposals, boxes, labels, self.classes, count)
        scores, offsets = self.head(self.pool(maps, targets.regions, self.config.bins))
        return head_losses(scores, offsets, targets), targets

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
        return self.detect_on(maps, size, score_threshold, iou_threshold)

    def detect_on(
        self,
        maps: Sequence[Tensor],
        size: tuple[int, int],
        score_threshold: float,
        iou_threshold: float,
    ) -> list[Detections]:
        """Find objects, given the maps of images of a size (H, W) in px; see `detect`."""
        proposals = propose(*self.rpn(maps), self.anchors(maps), size, self.config)
        scores, offsets = self.head(self.pool(maps, proposals, self.config.bins))
        counts = [len(p) for p in proposals]
        parts = zip(proposals, scores.split(counts), offsets.split(counts), strict=True)
        return [
            thin_out(*class_boxes(*part, size), score_threshold, iou_threshold) for part in parts
        ]
