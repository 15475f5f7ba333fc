"""Where might an object be? How many boxes there are, simple ways to propose some, and recall."""

from collections.abc import Sequence
from math import comb

import torch
from torch import Tensor

from dlcv.detection.boxes import box_iou, check_boxes, clip_boxes


def count_boxes(size: tuple[int, int]) -> int:
    """Count the boxes with whole-pixel edges in an image: C(H + 1, 2) C(W + 1, 2).

    An image of W columns has W + 1 lines between and beside them; a box takes two of these, and
    likewise two of the H + 1 lines across.

    Args:
        size: (H, W) in px, at least 0.

    Raises:
        ValueError: If a side is negative.

    Taught in: lectures/11_detection_foundations
    """
    if min(size) < 0:
        raise ValueError(f"expected sides of at least 0, got {size}")
    return comb(size[0] + 1, 2) * comb(size[1] + 1, 2)


def sliding_windows(
    size: tuple[int, int],
    scales_px: Sequence[float],
    ratios: Sequence[float] = (0.5, 1.0, 2.0),
    overlap: float = 0.5,
) -> Tensor:
    """Lay windows of several sizes and shapes over an image, as a regular grid.

    A window of scale s and ratio r is s / sqrt(r) wide and s sqrt(r) high. The step between two
    is a share of the window's own side, so large windows are few. Windows lie wholly inside.

    Args:
        size: (H, W) of the image in px.
        scales_px: Roots of the windows' areas, px.
        ratios: Heights over widths.
        overlap: Share of a side that two neighbours have in common, in [0, 1).

    Returns:
        float32 [N, 4], xyxy in px; scale by scale, ratio by ratio, row by row.

    Raises:
        ValueError: If a scale or ratio is not positive, or the overlap is out of range.

    Taught in: lectures/11_detection_foundations
    """
    if min(*scales_px, *ratios) <= 0 or not 0 <= overlap < 1:
        got = f"{list(scales_px)}, {list(ratios)}, {overlap}"
        raise ValueError(f"expected scales and ratios above 0 and an overlap in [0, 1), got {got}")
    H, W = size
    windows = [torch.zeros(0, 4)]
    for scale in scales_px:
        for ratio in ratios:
            w, h = scale / ratio**0.5, scale * ratio**0.5
            x, y = places(W, w, overlap), places(H, h, overlap)
            lt = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).reshape(-1, 2)
            windows.append(torch.cat([lt, lt + torch.tensor([w, h])], dim=1))
    return torch.cat(windows)


def places(extent: float, side: float, overlap: float) -> Tensor:
    """Return the first edges of the windows of a side that fit, evenly spread over an extent."""
    if side > extent:
        return torch.zeros(0)
    steps = int((extent - side) / (side * (1 - overlap)) + 1e-6)
    return torch.linspace(0, extent - side, steps + 1) if steps else torch.tensor([0.0])


def random_boxes(size: tuple[int, int], count: int, seed: int = 0) -> Tensor:
    """Draw boxes at random: two different lines across and two down, each pair equally likely.

    Args:
        size: (H, W) of the image in px.
        count: How many, with repetition.
        seed: Of the draw.

    Returns:
        float32 [count, 4], xyxy in whole px: uniform over the boxes of `count_boxes`.

    Raises:
        ValueError: If the image is empty or count is negative.

    Taught in: lectures/11_detection_foundations
    """
    if min(size) < 1 or count < 0:
        raise ValueError(f"expected a size of at least 1 px and count >= 0, got {size}, {count}")
    generator = torch.Generator().manual_seed(seed)
    edges = []
    for extent in size:
        first = torch.randint(extent + 1, (count,), generator=generator)
        other = torch.randint(extent, (count,), generator=generator)
        other = other + (other >= first)  # any line but the first
        edges.append(torch.stack([first, other]).sort(dim=0).values)
    (y1, y2), (x1, x2) = edges
    return torch.stack([x1, y1, x2, y2], dim=1).float()


def best_overlaps(proposals: Tensor, objects: Tensor) -> Tensor:
    """Return for each object the largest IoU that any proposal has with it.

    Args:
        proposals: [N, 4], xyxy in px.
        objects: [M, 4], xyxy in px.

    Returns:
        [M] in [0, 1]; 0 without proposals.

    Taught in: lectures/11_detection_foundations
    """
    check_boxes(proposals, "proposals")
    if len(proposals) == 0:
        return objects.new_zeros(len(objects))
    return box_iou(proposals, objects).amax(dim=0)


def recall_against_count(
    proposals: Sequence[Tensor],
    objects: Sequence[Tensor],
    counts: Sequence[int],
    iou_threshold: float = 0.5,
) -> list[float]:
    """Return which share of all objects the first n proposals of each image reach.

    Args:
        proposals: For each image [N, 4], the best first, xyxy in px.
        objects: For each image [M, 4], xyxy in px.
        counts: The n to try.
        iou_threshold: The least IoU at which an object is reached.

    Returns:
        A recall in [0, 1] for each n.

    Raises:
        ValueError: If the images differ in number, or there is no object at all.

    Taught in: lectures/11_detection_foundations
    """
    if len(proposals) != len(objects) or not sum(map(len, objects)):
        got = f"{len(proposals)} and {len(objects)} images, {sum(map(len, objects))} objects"
        raise ValueError(f"expected as many lists of proposals as of objects, got {got}")
    pairs = list(zip(proposals, objects, strict=True))
    best = [torch.cat([best_overlaps(p[:n], o) for p, o in pairs]) for n in counts]
    return [(overlap >= iou_threshold).double().mean().item() for overlap in best]


def average_recall(overlaps: Tensor) -> float:
    """Return the recall averaged over IoU thresholds from 0.5 to 1.

    AR = 2 times the integral of R(o) from 0.5 to 1. An object with best overlap u adds 1 to R(o)
    up to o = u, so the integral is the mean of max(u - 0.5, 0).

    Args:
        overlaps: [M] from `best_overlaps`, at least one.

    Returns:
        In [0, 1].

    Raises:
        ValueError: If there is no object.

    Reference:
        Hosang et al., What Makes for Effective Detection Proposals?, sec. 4.

    Taught in: lectures/11_detection_foundations
    """
    if len(overlaps) == 0:
        raise ValueError("expected the overlap of at least one object, got none")
    return 2 * (overlaps.double() - 0.5).clamp(min=0).mean().item()


def distinct(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return clipped boxes without repetitions, each at its first place.

    Args:
        boxes: [N, 4], xyxy in px.
        size: (H, W) of the image in px.
    """
    rows = dict.fromkeys(map(tuple, clip_boxes(boxes, size).tolist()))
    return torch.tensor(list(rows), dtype=boxes.dtype).reshape(-1, 4)
