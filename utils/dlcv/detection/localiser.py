"""One object, one box: a class head and a box head on a common trunk, and how they are judged."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.detection.box_losses import BoxLoss, paired_iou, smooth_l1_loss

ATTACH = ("map", "hidden", "pooled")

unit_smooth_l1 = partial(smooth_l1_loss, beta=0.1)
"""Smooth L1 for boxes in shares of the image; a tenth of the image is a teaching value."""


class TwoHeads(nn.Module):
    """A class head and a box head for the last map of a trunk.

    The class head is a fully connected network on the flattened map, with one class more than there
    are kinds: the last one says that the image is empty. The box head begins

    - "map": beside it, at the map (OverFeat, VGG);
    - "hidden": at the class head's hidden layer (DeepPose, R-CNN);
    - "pooled": at the mean of the map over its places, which has forgotten where things are.

    Args:
        channels: Channels C of the map.
        side: Height and width of the map.
        num_classes: Kinds of objects K.
        attach: Where the box head begins.
        class_specific: Whether each kind has a box of its own, or all share one.
        hidden: Units of each hidden layer; a teaching value.
        squeeze: Channels to which a 1×1 convolution reduces the map first; a teaching value.

    Raises:
        ValueError: If there is no such place to attach.

    Taught in: lectures/10_localisation
    """

    def __init__(
        self,
        channels: int,
        side: int,
        num_classes: int,
        attach: str = "map",
        class_specific: bool = False,
        hidden: int = 96,
        squeeze: int = 32,
    ) -> None:
        super().__init__()
        if attach not in ATTACH:
            raise ValueError(f"expected attach among {', '.join(ATTACH)}, got {attach!r}")
        self.attach = attach
        self.boxes_out = num_classes if class_specific else 1
        self.hidden = flat_layer(channels, side, squeeze, hidden)
        self.classes = nn.Linear(hidden, num_classes + 1)
        self.neck = self._neck(channels, side, squeeze, hidden)
        self.box = nn.Linear(hidden, 4 * self.boxes_out)
        with torch.no_grad():  # begin with a box in the middle, half as wide and high as the image
            self.box.bias.copy_(torch.tensor([0.25, 0.25, 0.75, 0.75]).repeat(self.boxes_out))

    def _neck(self, channels: int, side: int, squeeze: int, hidden: int) -> nn.Module:
        if self.attach == "map":
            return flat_layer(channels, side, squeeze, hidden)
        if self.attach == "hidden":
            return nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU())
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(pool, nn.Linear(channels, hidden), nn.ReLU())

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return class scores and boxes.

        Args:
            maps: [B, C, side, side].

        Returns:
            Logits [B, K + 1], and boxes [B, K, 4] or [B, 1, 4], xyxy in shares of the image.
        """
        hidden = self.hidden(maps)
        boxes = self.box(self.neck(hidden if self.attach == "hidden" else maps))
        return self.classes(hidden), boxes.reshape(len(maps), self.boxes_out, 4)


def flat_layer(channels: int, side: int, squeeze: int, hidden: int) -> nn.Sequential:
    """Build a layer that is fully connected with a map: squeeze its channels, flatten, connect."""
    reduce = nn.Sequential(nn.Conv2d(channels, squeeze, 1), nn.ReLU(), nn.Flatten())
    return nn.Sequential(reduce, nn.Linear(squeeze * side * side, hidden), nn.ReLU())


def choose_boxes(boxes: Tensor, labels: Tensor) -> Tensor:
    """Return the box that belongs to each label.

    Args:
        boxes: [B, K, 4], or [B, 1, 4] where all kinds share one.
        labels: int64 [B]; beyond the last kind (an empty image) the last box is taken.

    Returns:
        [B, 4].

    Raises:
        ValueError: If the shapes do not belong together.

    Taught in: lectures/10_localisation
    """
    if boxes.ndim != 3 or boxes.shape[2] != 4 or labels.shape != boxes.shape[:1]:
        got = f"{list(boxes.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected boxes [B, K, 4] and labels [B], got {got}")
    which = labels.clamp(max=boxes.shape[1] - 1)
    return boxes[torch.arange(len(boxes), device=boxes.device), which]


def localisation_loss(
    logits: Tensor,
    boxes: Tensor,
    labels: Tensor,
    true_boxes: Tensor,
    box_weight: float = 1.0,
    box_loss: BoxLoss = unit_smooth_l1,
) -> Tensor:
    """Return L = L_class + weight * [there is an object] L_box, mean over the batch.

    Args:
        logits: [B, K + 1], the last for "no object".
        boxes: [B, K, 4] or [B, 1, 4], as predicted.
        labels: int64 [B], in [0, K], K where there is no object.
        true_boxes: [B, 4]; not looked at where there is no object.
        box_weight: Weight of the box loss against the class loss.
        box_loss: Function (predicted [n, 4], true [n, 4]) -> mean loss.

    Returns:
        Scalar; where no image has an object, the class loss alone.

    Raises:
        ValueError: If the shapes do not belong together.

    Taught in: lectures/10_localisation
    """
    loss = F.cross_entropy(logits, labels)
    there = labels < logits.shape[1] - 1
    if not there.any():
        return loss
    predicted = choose_boxes(boxes, labels)[there]
    share = there.float().mean()  # the mean over the batch, not over the objects alone
    return loss + box_weight * share * box_loss(predicted, true_boxes[there])


def judge_localisation(
    logits: Tensor,
    boxes: Tensor,
    labels: Tensor,
    true_boxes: Tensor,
    iou_threshold: float = 0.5,
) -> dict[str, float]:
    """Measure how well images are classified and their objects found.

    Args:
        logits: [B, K + 1], the last for "no object".
        boxes: [B, K, 4] or [B, 1, 4], as predicted; the box of the predicted class counts.
        labels: int64 [B], K where there is no object.
        true_boxes: [B, 4].
        iou_threshold: From this IoU on a box is right.

    Returns:
        "accuracy" of the classes over all images; over the images with an object, the mean "iou",
        the share "found" whose box is right, and the share "localised" whose class and box are
        both right, which is what ILSVRC counts (there, of five guesses the best).

    Raises:
        ValueError: If there is no object in any image or the shapes do not belong together.

    Taught in: lectures/10_localisation
    """
    right = logits.argmax(dim=1) == labels
    there = labels < logits.shape[1] - 1
    if not there.any():
        raise ValueError("expected at least one image with an object, got none")
    # an image taken for empty still has a box: that of the likeliest kind
    chosen = choose_boxes(boxes, logits[:, :-1].argmax(dim=1))
    iou = paired_iou(chosen[there], true_boxes[there])
    found = iou >= iou_threshold
    return {
        "accuracy": right.float().mean().item(),
        "iou": iou.mean().item(),
        "found": found.float().mean().item(),
        "localised": (found & right[there]).float().mean().item(),
    }
