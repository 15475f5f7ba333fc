"""Looking for an object through windows: which to train on, which to look through, what to answer."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dlcv.detection.box_losses import paired_iou
from dlcv.detection.boxes import box_iou, check_boxes, check_scores
from dlcv.detection.overfeat import POOL, STEP_PX, WINDOW_PX, DenseWindowNet

LONGEST_PER_WINDOW = (1.05, 1.55)  # side of a training window over the longer side of its object
SHIFT = 0.25  # how far it may lie off the middle, as a share of the object's longer side
NOT_THE_OBJECT = (
    0.25  # a window whose IoU is below shows background; as the others, teaching values
)


def object_windows(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a square window around each object, a little larger than it and a little off.

    Args:
        boxes: [N, 4], xyxy in px.
        generator: Where the random numbers come from.

    Returns:
        [N, 4], xyxy in px; they may reach beyond the image.

    Taught in: lectures/10_localisation
    """
    check_boxes(boxes)
    longest = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True)
    low, high = LONGEST_PER_WINDOW
    half = longest * (low + (high - low) * torch.rand(len(boxes), 1, generator=generator)) / 2
    shift = SHIFT * longest * (2 * torch.rand(len(boxes), 2, generator=generator) - 1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift
    return torch.cat([centre - half, centre + half], dim=1)


def background_windows(
    boxes: Tensor, size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw a square window anywhere in each image, and say whether it misses the object.

    Args:
        boxes: [N, 4], the one object of each image, xyxy in px.
        size: Side of the images, px.
        generator: Where the random numbers come from.

    Returns:
        Windows [N, 4], with sides from a quarter of the image to nearly all of it, and bool [N],
        whether the IoU with the object is below a quarter.

    Taught in: lectures/10_localisation
    """
    side = size * (0.25 + 0.65 * torch.rand(len(boxes), 1, generator=generator))
    corner = (size - side) * torch.rand(len(boxes), 2, generator=generator)
    windows = torch.cat([corner, corner + side], dim=1)
    return windows, paired_iou(windows, boxes) < NOT_THE_OBJECT


class Candidates(NamedTuple):
    """What the windows of many images say, scales one after another.

    Attributes:
        probs: [B, K + 1, M], the last class is background.
        windows: [M, 4], xyxy in px of the image.
        boxes: [B, M, 4], what the regressor makes of each window, xyxy in px.
    """

    probs: Tensor
    windows: Tensor
    boxes: Tensor


@torch.no_grad()
def look_everywhere(
    net: DenseWindowNet, images: Tensor, scales: Sequence[float], offsets: bool = True
) -> Candidates:
    """Score every window of some images at several scales.

    Args:
        net: The network.
        images: float [B, 3, H, W] in [0, 1].
        scales: By how much the images are enlarged before the windows are laid on.
        offsets: See `DenseWindowNet`.

    Returns:
        All windows of all scales, M in all; a scale at which no window fits adds none.

    Taught in: lectures/10_localisation
    """
    probs, windows, boxes = [], [], []
    step = STEP_PX if offsets else STEP_PX * POOL
    for scale in scales:
        resized = F.interpolate(images, scale_factor=scale, mode="bilinear", antialias=True)
        if min(resized.shape[2:]) < WINDOW_PX:
            continue
        logits, relative = net(resized, offsets)
        h, w = logits.shape[2:]
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        corner = torch.stack([x, y], dim=2).reshape(-1, 2).to(images) * step  # [h w, 2]
        size = resized.shape[3] / images.shape[3]  # as resized, to whole pixels
        probs.append(logits.softmax(dim=1).flatten(2))
        windows.append(torch.cat([corner, corner + WINDOW_PX], dim=1) / size)
        shares = relative.flatten(2).transpose(1, 2)  # [B, h w, 4]
        boxes.append((corner.repeat(1, 2) + WINDOW_PX * shares) / size)
    return Candidates(torch.cat(probs, 2), torch.cat(windows), torch.cat(boxes, 1))


def merge_boxes(boxes: Tensor, scores: Tensor, iou_threshold: float) -> tuple[Tensor, Tensor]:
    """Merge the two most similar boxes again and again, until none are similar enough.

    A merged box is the mean of the boxes in it, its score the sum of their scores: many windows
    that agree beat one that is sure. (The paper measures similarity by the distance of the centres
    and the common area; we take IoU.)

    Args:
        boxes: [N, 4], xyxy in px.
        scores: [N].
        iou_threshold: Boxes that overlap less are not merged, in [0, 1].

    Returns:
        Boxes [n, 4] and scores [n], by falling score.

    Raises:
        ValueError: If shape, type, number of scores or threshold is off.

    Reference:
        Sermanet et al., OverFeat, ICLR 2014, sec. 4.3.

    Taught in: lectures/10_localisation
    """
    check_scores(boxes, scores, iou_threshold)
    boxes, scores = boxes.clone(), scores.clone()
    counts = torch.ones_like(scores)
    while len(boxes) > 1:
        overlap = box_iou(boxes, boxes).triu(diagonal=1)
        i, j = divmod(int(overlap.argmax()), len(boxes))
        if overlap[i, j] < iou_threshold or i == j:
            break
        total = counts[i] + counts[j]
        boxes[i] = (counts[i] * boxes[i] + counts[j] * boxes[j]) / total
        scores[i], counts[i] = scores[i] + scores[j], total
        left = torch.arange(len(boxes)) != j
        boxes, scores, counts = boxes[left], scores[left], counts[left]
    order = scores.argsort(descending=True, stable=True)
    return boxes[order], scores[order]


def window_targets(windows: Tensor, boxes: Tensor) -> Tensor:
    """Write boxes in shares of their windows, as the regressor is to predict them.

    Args:
        windows: [N, 4], xyxy in px, none without area.
        boxes: [N, 4], xyxy in px.

    Returns:
        [N, 4]: 0 at the left or upper edge of the window, 1 at the right or lower one.

    Raises:
        ValueError: If a shape or type is off or there are not as many windows as boxes.

    Taught in: lectures/10_localisation
    """
    check_boxes(windows, "windows")
    check_boxes(boxes)
    if windows.shape != boxes.shape:
        got = f"{list(windows.shape)} and {list(boxes.shape)}"
        raise ValueError(f"expected as many windows as boxes, got {got}")
    corner, size = windows[:, :2], windows[:, 2:] - windows[:, :2]
    return (boxes - corner.repeat(1, 2)) / size.repeat(1, 2)


def single_answers(found: Candidates, regress: bool) -> tuple[Tensor, Tensor]:
    """Answer for each image with the kind and the window that have the highest probability of all.

    Args:
        found: What the windows say.
        regress: Whether to answer with the window's regressed box instead of the window itself.

    Returns:
        Labels int64 [B] and boxes [B, 4], xyxy in px.

    Taught in: lectures/10_localisation
    """
    probs = found.probs[:, :-1]
    best = probs.flatten(1).argmax(dim=1)
    labels, at = best // probs.shape[2], best % probs.shape[2]
    boxes = found.boxes[torch.arange(len(at)), at] if regress else found.windows[at]
    return labels, boxes


def merged_answers(
    found: Candidates, iou_threshold: float = 0.5, most: int = 30
) -> tuple[Tensor, Tensor]:
    """Answer for each image with the merged box of the highest score, for the kind that says most.

    For each kind the `most` likeliest windows are taken, those that are less than half as likely
    as the best are left out, and their regressed boxes are merged.

    Args:
        found: What the windows say.
        iou_threshold: See `merge_boxes`.
        most: How many windows to merge at most.

    Returns:
        Labels int64 [B] and boxes [B, 4], xyxy in px.

    Taught in: lectures/10_localisation
    """
    labels, answers = [], []
    for probs, boxes in zip(found.probs[:, :-1], found.boxes, strict=True):
        top, at = probs.topk(min(most, probs.shape[1]), dim=1)  # [K, most]
        label = int(top.sum(dim=1).argmax())
        likely = top[label] >= top[label, 0] / 2
        merged, _ = merge_boxes(boxes[at[label]][likely], top[label][likely], iou_threshold)
        labels.append(label)
        answers.append(merged[0])
    return torch.tensor(labels), torch.stack(answers)
