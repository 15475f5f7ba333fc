"""A few of many anchors or proposals, so that background does not drown the objects."""

import torch
from torch import Tensor

from dlcv.detection.anchors import BACKGROUND


def sample(found: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Draw anchors or proposals at random, so that background does not drown the objects.

    Args:
        found: int64 [A] from `assign`.
        count: How many to draw at most.
        share: Share of them that may be objects; background fills up what is missing.

    Returns:
        Indices of the positive ones and of the negative ones, int64.

    Raises:
        ValueError: If the share is not in [0, 1].

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, sec. 3.1.3.

    Taught in: lectures/12_rcnn_family
    """
    if not 0 <= share <= 1:
        raise ValueError(f"expected a share in [0, 1], got {share}")
    order = torch.randperm(len(found), device=found.device)
    positive = order[found[order] >= 0][: int(count * share)]
    negative = order[found[order] == BACKGROUND][: count - len(positive)]
    return positive, negative
