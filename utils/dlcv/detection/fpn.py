"""Feature pyramid network: maps of several resolutions, all of them with deep features."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlcv.detection.box_head import Pool, align
from dlcv.detection.boxes import box_area
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.region_proposals import RegionConfig

CANONICAL_PX, CANONICAL_LEVEL = 224, 4  # the paper's: a box of ImageNet's size goes to P4

SMALL_PICTURES_PX = 48
"""The same for pictures of about 100 px, a teaching value: a box of 48 px goes to P4."""

PYRAMID_CONFIG = RegionConfig(scales_px=((22,), (32,), (44,)), before_nms=100)
"""One scale for each of P2, P3 and P4, as in the paper, which has 32 px at P2 and doubles."""


class FeaturePyramid(nn.Module):
    """Give a backbone's fine maps what its coarse maps know.

    From the coarsest map down: P_k = conv3×3(M_k) with M_k = conv1×1(C_k) + twice enlarged M_(k+1).

    It has the form of a backbone itself, with `features`, `channels` and `strides`, so a detector
    can take it in place of one.

    Args:
        backbone: Anything with `features(images) -> maps`, `channels` and `strides`.
        levels: Which of its maps are used, from fine to coarse; the default is strides 4, 8, 16.
        channels: Channels of each map of the pyramid; 256 in the paper.

    Attributes:
        channels: The same number for every map.
        strides: Pixels of the image between places, for each map.

    Raises:
        ValueError: If there is no level or they are not from fine to coarse.

    Reference:
        Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017, sec. 3.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(
        self, backbone: nn.Module, levels: Sequence[int] = (1, 2, 3), channels: int = 32
    ) -> None:
        super().__init__()
        if len(levels) == 0 or sorted(set(levels)) != list(levels):
            raise ValueError(f"expected levels from fine to coarse, got {list(levels)}")
        self.backbone, self.levels = backbone, tuple(levels)
        self.strides = tuple(backbone.strides[level] for level in levels)
        self.channels = (channels,) * len(levels)
        widths = [backbone.channels[level] for level in levels]
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in levels)
        for conv in (*self.lateral, *self.smooth):
            nn.init.kaiming_uniform_(conv.weight, a=1)  # keeps the variance where no ReLU follows
            nn.init.zeros_(conv.bias)

    def features(self, images: Tensor) -> list[Tensor]:
        """From images float [B, 3, H, W] in [0, 1] to the pyramid's maps, from fine to coarse."""
        maps = self.backbone.features(images)
        return self.merge([maps[level] for level in self.levels])

    def merge(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Walk down from the coarsest map and add each finer one.

        Args:
            maps: [B, C_k, H_k, W_k], from fine to coarse.

        Returns:
            [B, channels, H_k, W_k] for each of them.
        """
        merged: list[Tensor] = []
        for x, lateral in zip(reversed(maps), reversed(self.lateral), strict=True):
            x = lateral(x)
            if merged:
                x = x + nn.functional.interpolate(merged[-1], size=x.shape[-2:])  # nearest
            merged.append(x)
        return [conv(x) for conv, x in zip(self.smooth, reversed(merged), strict=True)]


def pyramid_level(
    boxes: Tensor,
    lowest: int,
    highest: int,
    canonical_px: float = CANONICAL_PX,
    canonical_level: int = CANONICAL_LEVEL,
) -> Tensor:
    """Say from which level of a pyramid a region takes its features.

    k = floor(4 + log2(sqrt(w h) / 224)), cut to the levels that there are: twice the side, one
    level up, where the stride doubles too.

    Args:
        boxes: [N, 4], xyxy in px.
        lowest: The finest level, whose stride is 2^lowest.
        highest: The coarsest level.
        canonical_px: Side of a box that goes to canonical_level; the paper's 224.
        canonical_level: The paper's 4.

    Returns:
        int64 [N], in [lowest, highest].

    Raises:
        ValueError: If the levels are out of order, or a shape or type is off.

    Reference:
        Lin et al., Feature Pyramid Networks, eq. 1.

    Taught in: lectures/12_rcnn_family
    """
    if lowest > highest:
        raise ValueError(f"expected lowest <= highest, got {lowest}, {highest}")
    side = box_area(boxes).sqrt()
    k = (canonical_level + (side / canonical_px).log2() + 1e-6).floor()  # 1e-6 for rounding errors
    return k.clamp(lowest, highest).long()


class PyramidRCNN(FasterRCNN):
    """Faster R-CNN on a feature pyramid: small regions look at fine maps, large at coarse ones.

    The region proposal network runs over all maps with the same weights, and so does the head.

    Args:
        pyramid: A `FeaturePyramid`, or anything like a backbone whose maps have the same channels
            and strides that double.
        classes: Number of classes K, background not counted.
        config: See `RegionConfig`; it names the anchors' scales for each of the maps.
        canonical_px: See `pyramid_level`.
        hidden: Units of the head's hidden layers.
        pool: Likewise, see `FasterRCNN`.

    Reference:
        Lin et al., Feature Pyramid Networks, sec. 4.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(
        self,
        pyramid: nn.Module,
        classes: int,
        config: RegionConfig = PYRAMID_CONFIG,
        canonical_px: float = SMALL_PICTURES_PX,
        hidden: int = 128,
        pool: Pool = align,
    ) -> None:
        super().__init__(pyramid, classes, config, range(len(pyramid.strides)), hidden, pool)
        self.canonical_px = canonical_px
        self.lowest = int(math.log2(pyramid.strides[0]))

    def pool(self, maps: Sequence[Tensor], regions: list[Tensor], bins: int) -> Tensor:
        """Return the features [R, C, bins, bins] of regions, each from the map of its level."""
        highest = self.lowest + len(maps) - 1
        levels = [
            pyramid_level(boxes, self.lowest, highest, self.canonical_px) for boxes in regions
        ]
        level = torch.cat(levels)
        pooled = maps[0].new_empty(len(level), maps[0].shape[1], bins, bins)
        for k, (x, stride) in enumerate(zip(maps, self.strides, strict=True), start=self.lowest):
            ours = [boxes[of == k] for boxes, of in zip(regions, levels, strict=True)]
            pooled[level == k] = self.pool_one(x, ours, bins, 1 / stride)
        return pooled
