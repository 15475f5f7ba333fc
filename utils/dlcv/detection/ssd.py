"""SSD: default boxes on several maps, matched with the objects; nearly all of them background."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss

from dlcv.detection.anchors import BACKGROUND
from dlcv.detection.boxes import box_convert, box_iou, clip_boxes, decode_boxes, encode_boxes
from dlcv.detection.pipeline import Detections, thin_out
from dlcv.detection.yolo import Body, check_objects

VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""What the offsets are divided by, so that they are about 1: from the authors' code."""


class BoxMap(NamedTuple):
    """The default boxes of one map.

    Attributes:
        scale: Side of the square box, as a share of the picture.
        next_scale: Likewise of the next map; between both lies one more square.
        ratios: Width over height of further boxes, each above 1; each comes lying and standing.
    """

    scale: float
    next_scale: float
    ratios: tuple[float, ...]


def linear_scales(maps: int, smallest: float = 0.2, largest: float = 0.9) -> list[float]:
    """Return s_k = s_min + (s_max - s_min) (k - 1) / (m - 1) for k = 1 … m + 1.

    The last one only serves the extra square of the last map.

    Args:
        maps: m, at least 2.
        smallest: s_min, as a share of the picture; 0.2 in the paper.
        largest: s_max; 0.9 in the paper.

    Raises:
        ValueError: If there are fewer than two maps or the scales do not rise.

    Reference:
        Liu et al., SSD, ECCV 2016, eq. 4.

    Taught in: lectures/13_one_stage
    """
    if maps < 2 or not 0 < smallest < largest:
        got = f"{maps}, {smallest} and {largest}"
        raise ValueError(f"expected at least 2 maps and rising scales above 0, got {got}")
    return [smallest + (largest - smallest) * k / (maps - 1) for k in range(maps + 1)]


def default_boxes(
    map_sizes: Sequence[tuple[int, int]], box_maps: Sequence[BoxMap], size: tuple[int, int]
) -> Tensor:
    """Lay the default boxes around every place of every map.

    A place has a square of side s_k, one of side sqrt(s_k s_{k+1}), and for each ratio a two boxes,
    s_k sqrt(a) by s_k / sqrt(a) and the other way round.

    Args:
        map_sizes: (H, W) of each map.
        box_maps: What boxes it has.
        size: (height, width) of the picture in px.

    Returns:
        [A, 4], xyxy in px: map by map, place by place row by row, the boxes of a place together.

    Raises:
        ValueError: If there are not as many maps as descriptions.

    Reference:
        Liu et al., SSD, ECCV 2016, sec. 2.2.

    Taught in: lectures/13_one_stage
    """
    if len(map_sizes) != len(box_maps):
        got = f"{len(map_sizes)} and {len(box_maps)}"
        raise ValueError(f"expected as many map sizes as descriptions, got {got}")
    parts = []
    for (H, W), (scale, next_scale, ratios) in zip(map_sizes, box_maps, strict=True):
        between = (scale * next_scale) ** 0.5
        shapes = [(scale, scale), (between, between)]
        for a in ratios:
            wide = (scale * a**0.5, scale / a**0.5)
            shapes += [wide, wide[::-1]]
        y, x = torch.meshgrid(
            (torch.arange(H) + 0.5) / H, (torch.arange(W) + 0.5) / W, indexing="ij"
        )
        centres = torch.stack([x, y], dim=-1).reshape(-1, 1, 2).expand(-1, len(shapes), 2)
        wh = torch.tensor(shapes).expand(H * W, -1, 2)
        parts.append(torch.cat([centres, wh], dim=-1).reshape(-1, 4))
    height, width = size
    shares = box_convert(torch.cat(parts), "cxcywh", "xyxy")
    return shares * torch.tensor([width, height, width, height])


def match_defaults(defaults: Tensor, boxes: Tensor, threshold: float = 0.5) -> Tensor:
    """Say for each default box which object it stands for.

    First every object gets a box of its own: of all pairs that are left, the one that overlaps most
    is taken, again and again. Then every other box stands for the object that it overlaps most, if
    their IoU exceeds the threshold.

    Args:
        defaults: [A, 4], xyxy in px.
        boxes: [M, 4], the objects, M <= A.
        threshold: 0.5 in the paper.

    Returns:
        int64 [A]: the index of an object, or BACKGROUND.

    Raises:
        ValueError: If there are more objects than default boxes.

    Reference:
        Liu et al., SSD, ECCV 2016, sec. 2.2, "Matching strategy".

    Taught in: lectures/13_one_stage
    """
    if len(boxes) > len(defaults):
        raise ValueError(f"expected at most {len(defaults)} objects, got {len(boxes)}")
    if len(boxes) == 0:
        return torch.full((len(defaults),), BACKGROUND, device=defaults.device)
    iou = box_iou(defaults, boxes)  # [A, M]
    best, nearest = iou.max(dim=1)
    found = torch.where(best > threshold, nearest, BACKGROUND)
    left = iou.clone()
    for _ in range(len(boxes)):
        box, obj = divmod(int(left.argmax()), len(boxes))
        found[box] = obj
        left[box], left[:, obj] = -1, -1  # both are taken
    return found


def hard_negatives(background_loss: Tensor, positive: Tensor, ratio: float = 3.0) -> Tensor:
    """Choose the negatives that are worst at being background, a few for each positive.

    Args:
        background_loss: [B, A], how wrong each box is when it is background.
        positive: bool [B, A], the boxes that stand for an object.
        ratio: Negatives for each positive of the same picture; 3 in the paper.

    Returns:
        bool [B, A].

    Reference:
        Liu et al., SSD, ECCV 2016, sec. 2.2, "Hard negative mining".

    Taught in: lectures/13_one_stage
    """
    loss = background_loss.detach().masked_fill(positive, float("-inf"))
    rank = loss.argsort(dim=1, descending=True, stable=True).argsort(dim=1)  # 0 is the worst
    wanted = ratio * positive.sum(dim=1, keepdim=True)
    return (rank < wanted) & ~positive


def ssd_losses(
    logits: Tensor, offsets: Tensor, classes: Tensor, goals: Tensor, ratio: float | None = 3.0
) -> dict[str, Tensor]:
    """Return (L_conf, L_loc), summed over chosen boxes and divided by the number of positives.

    L_conf is the cross-entropy over positives and mined negatives, L_loc the smooth L1 distance
    over positives.

    Args:
        logits: [B, A, 1 + C]; class 0 is the background.
        offsets: [B, A, 4], predicted.
        classes: int64 [B, A], 0 for background.
        goals: [B, A, 4], the offsets of the objects; anything where there is none.
        ratio: Negatives for each positive; None for all of them.

    Returns:
        "class" and "box", scalars; 0 without positives.

    Reference:
        Liu et al., SSD, ECCV 2016, eq. 1 to 3.

    Taught in: lectures/13_one_stage
    """
    if logits.shape[:2] != classes.shape or offsets.shape != goals.shape:
        got = f"{list(logits.shape)}, {list(classes.shape)}, {list(offsets.shape)}"
        raise ValueError(f"expected as many logits as classes and offsets as goals, got {got}")
    positive = classes > 0
    loss = cross_entropy(logits.transpose(1, 2), classes, reduction="none")  # [B, A]
    negative = ~positive if ratio is None else hard_negatives(loss, positive, ratio)
    count = positive.sum().clamp(min=1)
    box = smooth_l1_loss(offsets[positive], goals[positive], reduction="sum")
    return {"class": loss[positive | negative].sum() / count, "box": box / count}


def ssd_targets(
    defaults: Tensor, boxes: Tensor, labels: Tensor, threshold: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Match a batch and return what each default box should say.

    Args:
        defaults: [A, 4], xyxy in px.
        boxes: [B, K, 4], xyxy in px.
        labels: int64 [B, K], -1 in empty slots.
        threshold: See `match_defaults`.

    Returns:
        Classes int64 [B, A], 0 for background and label + 1 otherwise, and offsets [B, A, 4], by
        `VARIANCES`, zeros for background.

    Taught in: lectures/13_one_stage
    """
    classes = torch.zeros(len(boxes), len(defaults), dtype=torch.int64, device=boxes.device)
    offsets = boxes.new_zeros(len(boxes), len(defaults), 4)
    variances = boxes.new_tensor(VARIANCES)
    for b in range(len(boxes)):
        there = labels[b] >= 0
        found = match_defaults(defaults, boxes[b, there], threshold)
        positive = found >= 0
        classes[b, positive] = labels[b, there][found[positive]] + 1
        objects = boxes[b, there][found[positive]]
        offsets[b, positive] = encode_boxes(objects, defaults[positive]) / variances
    return classes, offsets


class Ssd(nn.Module):
    """A detector with default boxes on the last two maps of a backbone and on one more.

    Args:
        body: The backbone, see `dlcv.detection.yolo.Body`.
        classes: C.
        box_maps: The default boxes of each map; None for teaching values for objects of 0.15 to 0.5
            of the picture.
        ratio: Negatives for each positive; None for all of them.
        levels: Which maps are used, of the three: all, in the paper's spirit.

    Taught in: lectures/13_one_stage
    """

    def __init__(
        self,
        body: Body,
        classes: int,
        box_maps: Sequence[BoxMap] | None = None,
        ratio: float | None = 3.0,
        levels: Sequence[int] = (0, 1, 2),
    ) -> None:
        super().__init__()
        self.body, self.classes, self.ratio, self.levels = body, classes, ratio, tuple(levels)
        c3, c4 = body.channels[-2:]
        self.extra = nn.Sequential(
            nn.Conv2d(c4, c4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c4), nn.ReLU()
        )
        scales = linear_scales(3, 0.2, 0.5)
        self.box_maps = tuple(
            box_maps or [BoxMap(scales[k], scales[k + 1], (2.0,)) for k in self.levels]
        )
        widths = [(c3, c4, c4)[k] for k in self.levels]
        self.heads = nn.ModuleList(
            nn.Conv2d(width, (2 + 2 * len(m.ratios)) * (1 + classes + 4), 3, padding=1)
            for width, m in zip(widths, self.box_maps, strict=True)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [B, A, 1 + C], offsets [B, A, 4] and default boxes [A, 4] in px."""
        maps = self.body.features(images)[-2:]
        maps.append(self.extra(maps[-1]))
        maps = [maps[k] for k in self.levels]
        sizes = [tuple(x.shape[-2:]) for x in maps]
        boxes = default_boxes(sizes, self.box_maps, tuple(images.shape[-2:])).to(images)
        numbers = 1 + self.classes + 4
        out = [
            head(x).permute(0, 2, 3, 1).reshape(len(images), -1, numbers)
            for head, x in zip(self.heads, maps, strict=True)
        ]
        logits, offsets = torch.cat(out, dim=1).split([1 + self.classes, 4], dim=2)
        return logits, offsets, boxes

    def losses(self, images: Tensor, boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of a batch, see `ssd_losses`.

        Args:
            images: Float [B, 3, S, S] in [0, 1].
            boxes: [B, K, 4], xyxy in px.
            labels: int64 [B, K], -1 in empty slots.
        """
        check_objects(boxes, labels, self.classes)
        logits, offsets, defaults = self(images)
        return ssd_losses(logits, offsets, *ssd_targets(defaults, boxes, labels), self.ratio)

    def detect(
        self, images: Tensor, score_threshold: float = 0.05, iou_threshold: float = 0.5
    ) -> list[Detections]:
        """Return the detections of each image, see `dlcv.detection.pipeline.thin_out`."""
        logits, offsets, defaults = self(images)
        scores, labels = logits.softmax(dim=2)[..., 1:].max(dim=2)  # the background is left out
        offsets = offsets * offsets.new_tensor(VARIANCES)
        size = tuple(images.shape[-2:])
        found = []
        for b in range(len(images)):
            likely = scores[b] >= score_threshold
            boxes = clip_boxes(decode_boxes(offsets[b, likely], defaults[likely]), size)
            kept = thin_out(
                boxes, scores[b, likely], labels[b, likely], score_threshold, iou_threshold
            )
            found.append(kept)
        return found
