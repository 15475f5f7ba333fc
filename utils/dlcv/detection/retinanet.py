"""RetinaNet: a loss that looks away from what is easy, so that all anchors may take part."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, smooth_l1_loss

from dlcv.detection.anchors import BACKGROUND, IGNORED, assign, make_anchors
from dlcv.detection.boxes import clip_boxes, decode_boxes, encode_boxes
from dlcv.detection.fpn import FeaturePyramid
from dlcv.detection.pipeline import Detections, thin_out
from dlcv.detection.ssd import hard_negatives
from dlcv.detection.yolo import Body, check_objects

PRIOR = 0.01  # pi of the paper
SCALES, RATIOS = (1.0, 2 ** (1 / 3), 2 ** (2 / 3)), (0.5, 1.0, 2.0)  # nine anchors a place


def focal_loss(
    logits: Tensor, targets: Tensor, gamma: float = 2.0, alpha: float | None = 0.25
) -> Tensor:
    """Return -alpha_t (1 - p_t)^gamma log p_t for each logit.

    p = sigmoid(logit); p_t is p where the target is 1 and 1 - p where it is 0, and likewise for
    alpha_t. gamma = 0 without alpha is the cross-entropy.

    Args:
        logits: Any shape.
        targets: The same shape, 0 or 1.
        gamma: At least 0; 2 in the paper.
        alpha: Weight of the targets 1, in [0, 1]; 0.25 in the paper. None for no weights.

    Returns:
        The same shape, not summed.

    Raises:
        ValueError: If the shapes differ, or gamma or alpha is out of range.

    Reference:
        Lin, Goyal, Girshick, He and Dollár, Focal Loss for Dense Object Detection, eq. 5.

    Taught in: lectures/13_one_stage
    """
    if logits.shape != targets.shape:
        got = f"{list(logits.shape)} and {list(targets.shape)}"
        raise ValueError(f"expected logits and targets of one shape, got {got}")
    if gamma < 0 or (alpha is not None and not 0 <= alpha <= 1):
        raise ValueError(f"expected gamma >= 0 and alpha in [0, 1], got {gamma} and {alpha}")
    signed = torch.where(targets > 0, logits, -logits)  # p_t = sigmoid(signed)
    loss = -(torch.sigmoid(-signed) ** gamma) * logsigmoid(signed)
    return loss if alpha is None else loss * (alpha * targets + (1 - alpha) * (1 - targets))


def prior_bias(prior: float = PRIOR) -> float:
    """Return -log((1 - pi) / pi): the bias with which every anchor begins at probability pi.

    Args:
        prior: pi, in (0, 1); 0.01 in the paper.

    Raises:
        ValueError: If it is outside (0, 1).

    Reference:
        Lin et al., Focal Loss for Dense Object Detection, sec. 4.1.

    Taught in: lectures/13_one_stage
    """
    if not 0 < prior < 1:
        raise ValueError(f"expected a prior in (0, 1), got {prior}")
    return -math.log((1 - prior) / prior)


def retina_targets(
    anchors: Tensor, boxes: Tensor, labels: Tensor, classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Assign a batch's anchors: IoU 0.5 for an object, below 0.4 background, between ignored.

    An object that no anchor reaches gets the one that fits it best.

    Args:
        anchors: [A, 4], xyxy in px.
        boxes: [B, K, 4], xyxy in px.
        labels: int64 [B, K], -1 in empty slots.
        classes: C.

    Returns:
        One-hot classes [B, A, C], all zeros for background; offsets [B, A, 4], zeros where there is
        no object; and the assignment int64 [B, A], an object's slot, BACKGROUND or IGNORED.

    Reference:
        Lin et al., Focal Loss for Dense Object Detection, sec. 4, "Anchors".

    Taught in: lectures/13_one_stage
    """
    one_hot = boxes.new_zeros(len(boxes), len(anchors), classes)
    offsets = boxes.new_zeros(len(boxes), len(anchors), 4)
    found = torch.full(one_hot.shape[:2], BACKGROUND, device=boxes.device)
    for b in range(len(boxes)):
        slots = (labels[b] >= 0).nonzero()[:, 0]
        one = assign(anchors, boxes[b, slots], positive=0.5, negative=0.4)
        positive = one >= 0
        found[b] = one
        found[b, positive] = slots[one[positive]]
        one_hot[b, positive, labels[b, found[b, positive]]] = 1
        offsets[b, positive] = encode_boxes(boxes[b, found[b, positive]], anchors[positive])
    return one_hot, offsets, found


def head(width: int, outputs: int) -> nn.Conv2d:
    """Return a 3×3 convolution, the same for every map, that begins near zero.

    The paper's heads have four hidden layers before it; a few hundred steps do not train them.
    """
    conv = nn.Conv2d(width, outputs, 3, padding=1)
    nn.init.normal_(conv.weight, std=0.01)
    nn.init.zeros_(conv.bias)
    return conv


def retina_pyramid(body: Body) -> FeaturePyramid:
    """Return a pyramid on the last two maps that begins by handing on what the backbone knows.

    It is as deep as the last map, and every convolution begins as the identity, on as many channels
    as it has; so the heads see pretrained features from the first step on.

    Args:
        body: The backbone, see `Body`.
    """
    last = len(body.channels)
    pyramid = FeaturePyramid(body, levels=(last - 2, last - 1), channels=body.channels[-1])
    for conv in (*pyramid.lateral, *pyramid.smooth):
        nn.init.dirac_(conv.weight)
    return pyramid


class RetinaNet(nn.Module):
    """A detector with nine anchors a place on every map of a pyramid, trained with the focal loss.

    Args:
        pyramid: Maps of one depth, see `dlcv.detection.fpn.FeaturePyramid`; the same heads look at
            all of them.
        classes: C.
        gamma: Of the focal loss; 0 with alpha None is the plain cross-entropy.
        alpha: Likewise.
        prior: Probability of an object with which each anchor begins.
        negatives: Mined negatives for each positive, as in SSD; None for all of them, as in the
            paper.
        anchor_share: Smallest anchor of a map in units of its stride; 4 in the paper, 2 for
            scenes of 96 px whose objects are 12 to 48 px large.

    Raises:
        ValueError: If the maps differ in depth.

    Taught in: lectures/13_one_stage
    """

    def __init__(
        self,
        pyramid: Body,
        classes: int,
        gamma: float = 2.0,
        alpha: float | None = 0.25,
        prior: float = PRIOR,
        negatives: float | None = None,
        anchor_share: float = 2.0,
    ) -> None:
        super().__init__()
        if len(set(pyramid.channels)) != 1:
            raise ValueError(f"expected maps of one depth, got {pyramid.channels}")
        self.body, self.classes, self.gamma, self.alpha = pyramid, classes, gamma, alpha
        self.negatives, self.anchor_share = negatives, anchor_share
        per_place = len(SCALES) * len(RATIOS)
        self.class_head = head(pyramid.channels[0], per_place * classes)
        self.box_head = head(pyramid.channels[0], per_place * 4)
        nn.init.constant_(self.class_head.bias, prior_bias(prior))

    def anchors(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the anchors of all maps, [A, 4] in px."""
        levels = []
        for x, stride in zip(maps, self.body.strides, strict=True):
            scales = [self.anchor_share * stride * s for s in SCALES]
            levels.append(make_anchors(tuple(x.shape[-2:]), stride, scales, RATIOS, x.device))
        return torch.cat(levels)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [B, A, C], offsets [B, A, 4] and anchors [A, 4] in px."""
        maps = self.body.features(images)
        logits, offsets = (
            torch.cat(
                [predict(x).permute(0, 2, 3, 1).reshape(len(images), -1, n) for x in maps], dim=1
            )
            for predict, n in ((self.class_head, self.classes), (self.box_head, 4))
        )
        return logits, offsets, self.anchors(maps)

    def losses(self, images: Tensor, boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the focal loss and the smooth L1 loss, divided by the anchors with an object.

        Args:
            images: Float [B, 3, S, S] in [0, 1].
            boxes: [B, K, 4], xyxy in px.
            labels: int64 [B, K], -1 in empty slots.
        """
        check_objects(boxes, labels, self.classes)
        logits, offsets, anchors = self(images)
        one_hot, goals, found = retina_targets(anchors, boxes, labels, self.classes)
        positive, counted = found >= 0, found != IGNORED
        count = positive.sum().clamp(min=1)
        focal = focal_loss(logits, one_hot, self.gamma, self.alpha).sum(dim=2)  # [B, A]
        if self.negatives is not None:
            worst = hard_negatives(focal.masked_fill(~counted, 0), positive, self.negatives)
            counted = positive | worst
        focal = focal[counted].sum()
        box = smooth_l1_loss(offsets[positive], goals[positive], reduction="sum", beta=0.1)
        return {"class": focal / count, "box": box / count}

    def detect(
        self, images: Tensor, score_threshold: float = 0.05, iou_threshold: float = 0.5
    ) -> list[Detections]:
        """Return the detections of each image, see `dlcv.detection.pipeline.thin_out`."""
        logits, offsets, anchors = self(images)
        scores, labels = logits.sigmoid().max(dim=2)
        size, found = tuple(images.shape[-2:]), []
        for b in range(len(images)):
            likely = scores[b] >= score_threshold
            boxes = clip_boxes(decode_boxes(offsets[b, likely], anchors[likely]), size)
            kept = thin_out(
                boxes, scores[b, likely], labels[b, likely], score_threshold, iou_threshold
            )
            found.append(kept)
        return found
