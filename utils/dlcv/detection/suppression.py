"""Soft suppression: a box that overlaps a better one loses score instead of its life."""

import torch
from torch import Tensor

from dlcv.detection.boxes import box_iou, check_scores


def soft_nms(
    boxes: Tensor, scores: Tensor, sigma: float = 0.5, score_threshold: float = 0.001
) -> tuple[Tensor, Tensor]:
    """Take the best box, lower the scores of all that overlap it, and go on.

    s <- s exp(-IoU² / sigma), once for each box that is taken.

    Args:
        boxes: [N, 4], xyxy in px, of one class.
        scores: [N], at least 0; of equal ones, the earlier box counts as the better.
        sigma: Above 0; the smaller, the harder the suppression. 0.5 is the paper's.
        score_threshold: Boxes whose score has fallen below it are dropped.

    Returns:
        Indices of the boxes in the order in which they were taken, int64 [K], and their scores
        [K], which never rise.

    Raises:
        ValueError: If shape, type or number of scores is off, or sigma is not positive.

    Reference:
        Bodla et al., Soft-NMS, ICCV 2017, eq. 3.

    Taught in: lectures/11_detection_foundations
    """
    check_scores(boxes, scores, iou_threshold=0)
    if sigma <= 0:
        raise ValueError(f"expected sigma above 0, got {sigma}")
    left = (scores >= score_threshold).nonzero()[:, 0]
    score = scores.clone()
    taken = [left[:0]]
    while len(left):
        best = left[score[left].argmax()][None]
        taken.append(best)
        left = left[left != best]
        overlap = box_iou(boxes[best], boxes[left])[0]
        score[left] *= torch.exp(-(overlap**2) / sigma)
        left = left[score[left] >= score_threshold]
    kept = torch.cat(taken)
    return kept, score[kept]
