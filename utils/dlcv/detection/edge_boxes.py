"""Boxes scored by the contours that lie wholly inside them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from dlcv.detection.boxes import check_boxes, nms
from dlcv.detection.proposals import sliding_windows

DIRECTIONS = 4  # an edge group is a connected piece of contour of one of these directions
KAPPA = 1.5  # the paper's exponent: larger boxes hold more edges, and are charged for it


class EdgeGroups(NamedTuple):
    """Pieces of contour.

    Attributes:
        boxes: float32 [G, 4], xyxy in px, around each piece.
        strengths: float32 [G], the summed strengths of its pixels.
    """

    boxes: Tensor
    strengths: Tensor


def edge_groups(image: Tensor, share: float = 0.15) -> EdgeGroups:
    """Find the contours of a picture and cut them into pieces of one direction.

    Args:
        image: float [C, H, W] in [0, 1].
        share: A pixel belongs to a contour if its gradient has at least this share of the largest,
            and is the largest across the contour.

    Returns:
        The pieces.

    Raises:
        ValueError: If the image is no [C, H, W].

    Taught in: lectures/11_detection_foundations
    """
    if image.ndim != 3:
        raise ValueError(f"expected an image [C, H, W], got {list(image.shape)}")
    smooth = ndimage.gaussian_filter(image.double().numpy(), (0, 1, 1))
    down, across = np.gradient(smooth, axis=(1, 2))
    strongest = np.hypot(down, across).argmax(axis=0)[None]  # the channel that sees most
    down, across = (np.take_along_axis(g, strongest, axis=0)[0] for g in (down, across))
    strength = np.hypot(down, across)
    direction = np.round(np.arctan2(down, across) / np.pi * DIRECTIONS).astype(int) % DIRECTIONS
    ridge = thin(strength, direction) & (strength >= share * strength.max()) & (strength > 0)
    boxes, strengths = [], []
    for which in range(DIRECTIONS):
        pieces, count = ndimage.label(ridge & (direction == which), np.ones((3, 3)))
        strengths += ndimage.sum_labels(strength, pieces, np.arange(1, count + 1)).tolist()
        found = ndimage.find_objects(pieces)
        boxes += [(x.start, y.start, x.stop, y.stop) for y, x in found]
    return EdgeGroups(torch.tensor(boxes).float().reshape(-1, 4), torch.tensor(strengths).float())


def thin(strength: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return where no pixel across the contour is stronger: bool [H, W]."""
    padded = np.pad(strength, 1)
    H, W = strength.shape
    ridge = np.zeros((H, W), dtype=bool)
    for which, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):  # along the gradient
        before = padded[1 - dy : 1 - dy + H, 1 - dx : 1 - dx + W]
        after = padded[1 + dy : 1 + dy + H, 1 + dx : 1 + dx + W]
        ridge |= (direction == which) & (strength >= before) & (strength > after)
    return ridge


def edge_box_scores(boxes: Tensor, groups: EdgeGroups) -> Tensor:
    """Score boxes by the strength of the edge groups wholly inside, for the size of the box.

    score = sum of m_g over the groups g inside / (2 (w + h)^1.5). EdgeBoxes itself also links
    groups that continue one another, so that a long contour which leaves the box counts as
    leaving even where it was cut into pieces.

    Args:
        boxes: [N, 4], xyxy in px, none without sides.
        groups: From `edge_groups`.

    Returns:
        [N], at least 0.

    Raises:
        ValueError: If the shape or the type is off.

    Reference:
        Zitnick and Dollár, Edge Boxes, ECCV 2014, sec. 3.2.

    Taught in: lectures/11_detection_foundations
    """
    check_boxes(boxes)
    lt = (groups.boxes[:, :2] >= boxes[:, None, :2]).all(dim=2)  # [N, G]
    rb = (groups.boxes[:, 2:] <= boxes[:, None, 2:]).all(dim=2)
    sides = (boxes[:, 2:] - boxes[:, :2]).sum(dim=1)
    return (lt & rb).to(groups.strengths) @ groups.strengths / (2 * sides**KAPPA)


def propose_edge_boxes(
    image: Tensor,
    scales: Sequence[float] = (0.71, 0.5, 0.35, 0.25, 0.18, 0.125),
    ratios: Sequence[float] = (0.33, 0.5, 0.71, 1.0, 1.41, 2.0, 3.0),
    overlap: float = 0.7,
    iou_threshold: float = 0.7,
) -> Tensor:
    """Propose the sliding windows with the best edge-box scores, without near repetitions.

    Args:
        image: float [C, H, W] in [0, 1].
        scales: Roots of the windows' areas as shares of the longer side; teaching values.
        ratios: Heights over widths.
        overlap: See `dlcv.detection.proposals.sliding_windows`; the paper's windows are denser.
        iou_threshold: Of the suppression of repetitions among the best 3,000.

    Returns:
        float32 [N, 4], xyxy in px, by falling score.

    Taught in: lectures/11_detection_foundations
    """
    size = (image.shape[-2], image.shape[-1])
    windows = sliding_windows(size, [share * max(size) for share in scales], ratios, overlap)
    scores = edge_box_scores(windows, edge_groups(image))
    best = scores.argsort(descending=True, stable=True)[:3000]
    windows, scores = windows[best], scores[best]
    return windows[nms(windows, scores, iou_threshold)]
