"""YOLO, version 1: a grid over the picture, and every cell says what has its centre there."""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from dlcv.detection.boxes import box_convert, clip_boxes
from dlcv.detection.pipeline import Detections, thin_out

COORD, NO_OBJECT = 5.0, 0.5  # lambda_coord and lambda_noobj of the paper
BOX = 5  # numbers that describe a box: x, y, sqrt w, sqrt h, confidence


class Body(Protocol):
    """What a detector asks of its backbone: `dlcv.classification.backbone` fits."""

    channels: tuple[int, ...]
    strides: tuple[int, ...]

    def features(self, images: Tensor) -> list[Tensor]:
        """Return maps [B, channels[i], H / strides[i], W / strides[i]]."""
        ...


def yolo_targets(boxes: Tensor, labels: Tensor, size: int, grid: int, classes: int) -> Tensor:
    """Write the objects of each picture into the cells that hold their centres.

    The cell of a centre (x, y) is column floor(x S / size), row floor(y S / size). It is told where
    in the cell the centre lies, how large the object is as a share of the picture, and its class.
    A cell holds one object: of several, the last in the list stays.

    Args:
        boxes: [B, K, 4], xyxy in px.
        labels: int64 [B, K], below `classes`; -1 in empty slots.
        size: Height and width of the pictures, px.
        grid: S, cells in a row and in a column.
        classes: C.

    Returns:
        [B, S, S, 5 + C]: x and y in the cell, in [0, 1]; w and h as shares of the picture; 1 where
        there is an object; the class as one-hot. All zeros in a cell without an object.

    Raises:
        ValueError: If a shape is off, or a label is `classes` or more.

    Reference:
        Redmon, Divvala, Girshick and Farhadi, You Only Look Once, CVPR 2016, sec. 2.

    Taught in: lectures/13_one_stage
    """
    check_objects(boxes, labels, classes)
    targets = boxes.new_zeros(len(boxes), grid, grid, BOX + classes)
    for k in range(boxes.shape[1]):  # a later slot overwrites an earlier one
        b = (labels[:, k] >= 0).nonzero()[:, 0]
        x, y, w, h = (box_convert(boxes[b, k], "xyxy", "cxcywh") / size).unbind(1)
        column = (x * grid).long().clamp(0, grid - 1)
        row = (y * grid).long().clamp(0, grid - 1)
        inside = torch.stack([x * grid - column, y * grid - row], dim=1)
        one_hot = torch.eye(classes, device=boxes.device)[labels[b, k]]
        there = torch.stack([w, h, torch.ones_like(w)], dim=1)
        targets[b, row, column] = torch.cat([inside, there, one_hot.to(boxes)], dim=1)
    return targets


def check_objects(boxes: Tensor, labels: Tensor, classes: int) -> None:
    """Raise unless boxes [B, K, 4] and labels int64 [B, K] below `classes` belong together."""
    if boxes.ndim != 3 or boxes.shape[2] != 4 or labels.shape != boxes.shape[:2]:
        got = f"{list(boxes.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected boxes [B, K, 4] and labels [B, K], got {got}")
    if labels.numel() and labels.max() >= classes:
        raise ValueError(f"expected labels below {classes}, got {int(labels.max())}")


def cell_boxes(place: Tensor) -> Tensor:
    """Turn what cells say of boxes into boxes, as shares of the picture.

    Args:
        place: [..., S, S, n, 4]: x and y in the cell, w and h as shares of the picture.

    Returns:
        [..., S, S, n, 4], xyxy with the picture as the unit.

    Taught in: lectures/13_one_stage
    """
    S = place.shape[-3]
    steps = torch.arange(S, device=place.device)
    corner = torch.stack(torch.meshgrid(steps, steps, indexing="ij")[::-1], dim=-1)  # [S, S, 2]
    centre = (place[..., :2] + corner[:, :, None]) / S
    half = place[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def paired_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the IoU of boxes that stand at the same place of two tensors.

    Args:
        boxes1: [..., 4], xyxy.
        boxes2: [..., 4], xyxy, of a shape that broadcasts.

    Returns:
        [...], in [0, 1]; 0 for two boxes without area.

    Taught in: lectures/13_one_stage
    """
    lt = torch.maximum(boxes1[..., :2], boxes2[..., :2])
    rb = torch.minimum(boxes1[..., 2:], boxes2[..., 2:])
    inter = (rb - lt).clamp(min=0).prod(dim=-1)
    area1 = (boxes1[..., 2:] - boxes1[..., :2]).prod(dim=-1)
    area2 = (boxes2[..., 2:] - boxes2[..., :2]).prod(dim=-1)
    return inter / (area1 + area2 - inter).clamp(min=1e-9)


def split_output(output: Tensor, boxes_per_cell: int) -> tuple[Tensor, Tensor]:
    """Cut the last dimension, 5 B + C, into boxes [..., B, 5] and classes [..., C].

    Raises:
        ValueError: If there is no room for a class.
    """
    numbers = BOX * boxes_per_cell
    if output.shape[-1] <= numbers:
        raise ValueError(f"expected more than {numbers} numbers a cell, got {output.shape[-1]}")
    return output[..., :numbers].unflatten(-1, (boxes_per_cell, BOX)), output[..., numbers:]


def responsible(boxes: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Say which of a cell's boxes answers for its object: the one that overlaps it most.

    Args:
        boxes: [B, S, S, n, 5], the network's: x, y, sqrt w, sqrt h, confidence.
        targets: [B, S, S, 5 + C] from `yolo_targets`.

    Returns:
        Whether each box is responsible, bool [B, S, S, n], and its IoU with the object of its cell,
        [B, S, S, n]. In a cell without an object no box is responsible.

    Taught in: lectures/13_one_stage
    """
    with torch.no_grad():
        place = torch.cat([boxes[..., :2], boxes[..., 2:4].square()], dim=-1)
        iou = paired_iou(cell_boxes(place), cell_boxes(targets[..., None, :4]))  # [B, S, S, n]
        best = torch.zeros_like(iou).scatter(-1, iou.argmax(dim=-1, keepdim=True), 1.0).bool()
        return best & (targets[..., 4:5] > 0), iou


def yolo_losses(output: Tensor, targets: Tensor, boxes_per_cell: int = 2) -> dict[str, Tensor]:
    """Return the five terms of YOLO's loss, each summed over a picture, averaged over pictures.

    5 Σ [(x - x̂)² + (y - ŷ)²] + 5 Σ [(√w - √ŵ)² + (√h - √ĥ)²] + Σ (C - Ĉ)² over responsible boxes,
    0.5 Σ C² over all others, and Σ (p - p̂)² over the classes of the cells with an object. Ĉ is the
    IoU of the responsible box with its object, a constant for the gradient.

    Args:
        output: [B, S, S, 5 n + C], the network's: for each box x, y, √w, √h and confidence, then
            the classes.
        targets: [B, S, S, 5 + C] from `yolo_targets`.
        boxes_per_cell: n; 2 in the paper.

    Returns:
        "centre", "size", "object", "no object", "class"; the weights 5 and 0.5 are in them.

    Raises:
        ValueError: If the shapes do not belong together.

    Reference:
        Redmon et al., You Only Look Once, CVPR 2016, eq. 3.

    Taught in: lectures/13_one_stage
    """
    boxes, classes = split_output(output, boxes_per_cell)
    if targets.shape != (*output.shape[:3], BOX + classes.shape[-1]):
        got = f"{list(output.shape)} and {list(targets.shape)}"
        raise ValueError(f"expected output and targets with the same cells and classes, got {got}")
    ours, iou = responsible(boxes, targets)  # [B, S, S, n]
    b, row, column, _ = ours.nonzero(as_tuple=True)
    truth, answer = targets[b, row, column], boxes[ours]  # [objects, 5 + C], [objects, 5]
    miss = (answer[:, :2] - truth[:, :2]).square().sum()
    stretch = (answer[:, 2:4] - truth[:, 2:4].sqrt()).square().sum()
    terms = {
        "centre": COORD * miss,
        "size": COORD * stretch,
        "object": (answer[:, 4] - iou[ours]).square().sum(),
        "no object": NO_OBJECT * boxes[..., 4][~ours].square().sum(),
        "class": (classes[b, row, column] - truth[:, BOX:]).square().sum(),
    }
    return {name: term / len(output) for name, term in terms.items()}


def yolo_decode(output: Tensor, size: int, boxes_per_cell: int = 2) -> tuple[Tensor, Tensor]:
    """Turn the network's output into boxes and scores.

    The score of a class is Pr(class | object) · confidence, both cut to [0, 1].

    Args:
        output: [B, S, S, 5 n + C], see `yolo_losses`.
        size: Height and width of the pictures, px.
        boxes_per_cell: n.

    Returns:
        Boxes [B, S S n, 4], xyxy in px, cut at the borders, and scores [B, S S n, C] in [0, 1].

    Taught in: lectures/13_one_stage
    """
    boxes, classes = split_output(output, boxes_per_cell)
    place = torch.cat([boxes[..., :2], boxes[..., 2:4].square()], dim=-1)
    scores = boxes[..., 4:5].clamp(0, 1) * classes.clamp(0, 1)[..., None, :]
    boxes_px = clip_boxes(cell_boxes(place).reshape(-1, 4) * size, (size, size))
    return boxes_px.reshape(len(output), -1, 4), scores.flatten(1, 3)


class Yolo(nn.Module):
    """A detector that looks once: one map of the backbone is the grid.

    The paper ends in two fully connected layers over a 7×7 grid; here the head is convolutional, so
    that every cell uses the same weights.

    Args:
        body: The backbone, see `Body`.
        classes: C.
        level: Which of the backbone's maps is the grid, -1 for the last. A finer map is joined by
            the last one, enlarged, so that every cell sees far.
        boxes_per_cell: n; 2 in the paper.
        width: Channels of the head; a teaching value.

    Taught in: lectures/13_one_stage
    """

    def __init__(
        self, body: Body, classes: int, level: int = -1, boxes_per_cell: int = 2, width: int = 96
    ) -> None:
        super().__init__()
        self.body, self.classes, self.boxes_per_cell = body, classes, boxes_per_cell
        self.level = level % len(body.channels)
        self.is_last = self.level == len(body.channels) - 1
        channels = body.channels[-1] + (0 if self.is_last else body.channels[self.level])
        self.head = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, BOX * boxes_per_cell + classes, 1),
        )
        with torch.no_grad():  # begin in the middle of the cell, at a share of 0.09 of the picture
            start = torch.tensor([0.5, 0.5, 0.3, 0.3, 0.0]).repeat(boxes_per_cell)
            self.head[-1].bias.zero_()[: len(start)] = start

    def forward(self, images: Tensor) -> Tensor:
        """From images float [B, 3, H, W] in [0, 1] to [B, S, S, 5 n + C]."""
        maps = self.body.features(images)
        x = maps[self.level]
        if not self.is_last:
            x = torch.cat([x, interpolate(maps[-1], size=x.shape[-2:])], dim=1)
        return self.head(x).permute(0, 2, 3, 1)

    def losses(self, images: Tensor, boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the five terms of `yolo_losses` on a batch.

        Args:
            images: Float [B, 3, S, S] in [0, 1].
            boxes: [B, K, 4], xyxy in px.
            labels: int64 [B, K], -1 in empty slots.
        """
        output = self(images)
        targets = yolo_targets(boxes, labels, images.shape[-1], output.shape[1], self.classes)
        return yolo_losses(output, targets, self.boxes_per_cell)

    def detect(
        self, images: Tensor, score_threshold: float = 0.05, iou_threshold: float = 0.5
    ) -> list[Detections]:
        """Return the detections of each image, see `dlcv.detection.pipeline.thin_out`."""
        boxes, scores = yolo_decode(self(images), images.shape[-1], self.boxes_per_cell)
        best, labels = scores.max(dim=-1)  # a box has one class
        return [
            thin_out(*found, score_threshold, iou_threshold)
            for found in zip(boxes, best, labels, strict=True)
        ]
