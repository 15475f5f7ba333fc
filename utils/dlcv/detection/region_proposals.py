"""Proposals out of a feature map: the region proposal network, its targets and its losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dlcv.detection.anchors import assign
from dlcv.detection.box_head import BETA
from dlcv.detection.boxes import box_iou, clip_boxes, decode_boxes, encode_boxes
from dlcv.detection.sampling import sample


@dataclass(frozen=True)
class RegionConfig:
    """How many anchors, proposals and regions there are, and what counts as an object.

    Attributes:
        scales_px: Roots of the anchors' areas, px, for each map in turn; teaching values, for
            objects of about 20 to 50 px. The paper has 128, 256 and 512 on one map.
        ratios: Heights over widths of the anchors; as in the paper.
        positive: IoU from which an anchor stands for an object. The paper's 0.7 asks for more
            than small objects on a coarse grid can give.
        negative: IoU below which an anchor is background; as in the paper.
        anchors_sampled: Anchors of an image in the loss, at most half of them positive; 256 in the
            paper.
        before_nms: Best anchors of an image that become boxes; 2,000 and more in the paper.
        proposals: Boxes of an image left at most after suppression; 300 in the paper when testing.
        nms_threshold: IoU above which the worse of two proposals is dropped; as in the paper.
        regions_sampled: Proposals of an image in the head's losses, at most a quarter of them
            objects; 128 in the paper.
        bins: Rows and columns of features of each region; 7 in the paper.
    """

    scales_px: Sequence[Sequence[float]] = ((22, 32, 44),)
    ratios: Sequence[float] = (0.5, 1.0, 2.0)
    positive: float = 0.6
    negative: float = 0.3
    anchors_sampled: int = 64
    before_nms: int = 100
    proposals: int = 40
    nms_threshold: float = 0.7
    regions_sampled: int = 24
    bins: int = 5


class AnchorTargets(NamedTuple):
    """What the sampled anchors of B images with A anchors each have to learn.

    Attributes:
        positive: int64 [P], places of anchors that stand for objects, counted over B * A.
        negative: int64 [N], places of background anchors.
        offsets: [P, 4], from the positive anchors to their objects.
    """

    positive: Tensor
    negative: Tensor
    offsets: Tensor


class RegionProposalNetwork(nn.Module):
    """Say at every place of a map, for each of its anchors, whether there is an object and where.

    A 3×3 convolution, then two 1×1 convolutions: one logit and four offsets for each anchor. (The
    paper gives an anchor two scores and a softmax; their difference is this logit. It also begins
    with a small 3×3 convolution, which costs a short training too many steps.)

    Args:
        channels: Channels of the maps. All maps share the weights.
        anchors: Anchors at each place, k.
        hidden: Channels between; 256 or 512 in the paper.

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, sec. 3.1.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(self, channels: int, anchors: int, hidden: int = 64) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.objectness = nn.Conv2d(hidden, anchors, 1)
        self.offsets = nn.Conv2d(hidden, 4 * anchors, 1)
        for layer in (self.objectness, self.offsets):
            nn.init.normal_(layer.weight, std=0.01)  # as in the paper: it begins undecided
            nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """From maps [B, C, H, W] to logits [B, A] and offsets [B, A, 4], in `make_anchors`' order.

        A counts the anchors of all maps, one map after the other.
        """
        hidden = [self.conv(x).relu() for x in maps]
        logits = [self.objectness(x).permute(0, 2, 3, 1).flatten(1) for x in hidden]
        offsets = [self.offsets(x).permute(0, 2, 3, 1).flatten(1) for x in hidden]
        return torch.cat(logits, 1), torch.cat(offsets, 1).unflatten(1, (-1, 4))


def anchor_targets(
    anchors: Tensor, boxes: Tensor, labels: Tensor, config: RegionConfig
) -> AnchorTargets:
    """Sample anchors of each image and say what they should learn.

    Args:
        anchors: [A, 4], xyxy in px, the same in each image.
        boxes: [B, K, 4], xyxy in px.
        labels: int64 [B, K], -1 in empty slots.
        config: See `RegionConfig`.

    Taught in: lectures/12_rcnn_family
    """
    positives, negatives, offsets = [], [], []
    for image, (slots, label) in enumerate(zip(boxes, labels, strict=True)):
        objects = slots[label >= 0]
        found = assign(anchors, objects, config.positive, config.negative)
        positive, negative = sample(found, config.anchors_sampled, 0.5)
        offsets.append(encode_boxes(objects[found[positive]], anchors[positive]))
        positives.append(image * len(anchors) + positive)
        negatives.append(image * len(anchors) + negative)
    return AnchorTargets(torch.cat(positives), torch.cat(negatives), torch.cat(offsets))


def rpn_losses(logits: Tensor, offsets: Tensor, targets: AnchorTargets) -> dict[str, Tensor]:
    """Return the losses of a region proposal network.

    L = 1/n sum over the n sampled anchors of cross-entropy(p, p*), and
    1/n sum over the positive ones of smooth L1(t - t*): both divided by the same n.

    Args:
        logits: [B, A], of the anchors being objects.
        offsets: [B, A, 4], predicted from the anchors to their objects.
        targets: See `anchor_targets`.

    Returns:
        `objectness` and `rpn_box`, scalars.

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, eq. 1.

    Taught in: lectures/12_rcnn_family
    """
    chosen = torch.cat([targets.positive, targets.negative])
    guessed = logits.flatten()[chosen]
    wanted = torch.zeros_like(guessed)
    wanted[: len(targets.positive)] = 1
    n = max(1, len(chosen))
    objectness = nn.functional.binary_cross_entropy_with_logits(guessed, wanted, reduction="sum")
    moved = offsets.reshape(-1, 4)[targets.positive]
    box = nn.functional.smooth_l1_loss(moved, targets.offsets, reduction="sum", beta=BETA)
    return {"objectness": objectness / n, "rpn_box": box / n}


def suppress(boxes: Tensor, iou_threshold: float) -> Tensor:
    """Suppress duplicates in many images at once, with few steps.

    A box stays if no better one that stays overlaps it. Starting from "all stay", this sentence is
    applied until nothing changes: after i rounds at least the best i boxes are right, and in
    practice a few rounds do. The result is that of `dlcv.detection.boxes.nms`.

    Args:
        boxes: [B, N, 4], xyxy in px, in each image by falling score.
        iou_threshold: In [0, 1]; see `nms`.

    Returns:
        bool [B, N], which boxes stay.

    Taught in: lectures/12_rcnn_family
    """
    overlap = [box_iou(image, image) > iou_threshold for image in boxes]
    beats = torch.stack(overlap).triu(1)  # [B, N, N]: i stands before j and overlaps it
    kept, before = beats.new_ones(boxes.shape[:2]), None
    while before is None or not torch.equal(kept, before):
        kept, before = ~(beats & kept[:, :, None]).any(1), kept
    return kept


@torch.no_grad()
def propose(
    logits: Tensor,
    offsets: Tensor,
    anchors: Tensor,
    size: tuple[int, int],
    config: RegionConfig,
) -> list[Tensor]:
    """Turn the best anchors into boxes and drop duplicates; no gradient flows through them.

    Args:
        logits: [B, A].
        offsets: [B, A, 4].
        anchors: [A, 4], xyxy in px.
        size: (H, W) of the images in px.
        config: See `RegionConfig`.

    Returns:
        For each image proposals [n, 4] in xyxy px, n <= config.proposals, the best first, none
        narrower than a pixel.

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, sec. 3.3.

    Taught in: lectures/12_rcnn_family
    """
    best = logits.topk(min(config.before_nms, len(anchors))).indices  # [B, N], by falling score
    moves = offsets.gather(1, best[..., None].expand(-1, -1, 4))
    boxes = clip_boxes(decode_boxes(moves.flatten(0, 1), anchors[best].flatten(0, 1)), size)
    boxes = boxes.unflatten(0, best.shape)  # [B, N, 4]
    wide = (boxes[..., 2:] - boxes[..., :2]).amin(-1) >= 1
    kept = suppress(boxes, config.nms_threshold) & wide
    return [b[k][: config.proposals] for b, k in zip(boxes, kept, strict=True)]
