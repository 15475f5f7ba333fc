"""Landmarks by regression: points relative to a box, crops, and how joints and limbs are judged."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def normalise_points(points: Tensor, boxes: Tensor) -> Tensor:
    """Write points relative to a box: 0 in its middle, -1/2 and 1/2 at its edges.

    N(y; b) = ((x - b_x) / b_w, (y - b_y) / b_h) with the centre (b_x, b_y) and the size (b_w, b_h).

    Args:
        points: [B, J, 2], x and y in px.
        boxes: [B, 4], xyxy in px, none without area.

    Returns:
        [B, J, 2], without a unit.

    Raises:
        ValueError: If the shapes do not belong together.

    Reference:
        Toshev and Szegedy, DeepPose, CVPR 2014, eq. 1.

    Taught in: lectures/10_localisation
    """
    centre, size = centre_and_size(points, boxes)
    return (points - centre) / size


def restore_points(points: Tensor, boxes: Tensor) -> Tensor:
    """Turn points relative to a box into px: the inverse of `normalise_points`.

    Args:
        points: [B, J, 2], relative.
        boxes: [B, 4], xyxy in px.

    Returns:
        [B, J, 2], px.

    Raises:
        ValueError: If the shapes do not belong together.

    Taught in: lectures/10_localisation
    """
    centre, size = centre_and_size(points, boxes)
    return points * size + centre


def centre_and_size(points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return centre and size of boxes, [B, 1, 2] each, if there is one box for each row of points.

    Raises:
        ValueError: If not.
    """
    if points.ndim != 3 or points.shape[2] != 2 or boxes.shape != (len(points), 4):
        got = f"{list(points.shape)} and {list(boxes.shape)}"
        raise ValueError(f"expected points [B, J, 2] and boxes [B, 4], got {got}")
    lt, rb = boxes[:, None, :2], boxes[:, None, 2:]
    return (lt + rb) / 2, rb - lt


def crop_and_resize(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut one box out of each image and resample it to a square.

    Pixel (i, j) of a crop is read, bilinearly, at the place (j + 1/2, i + 1/2) / size of the box;
    beyond the edge of the image the nearest pixel counts.

    Args:
        images: float [B, C, H, W].
        boxes: [B, 4], xyxy in px.
        size: Height and width of the crops, px.

    Returns:
        [B, C, size, size].

    Raises:
        ValueError: If the shapes do not belong together.

    Taught in: lectures/10_localisation
    """
    if images.ndim != 4 or boxes.shape != (len(images), 4):
        got = f"{list(images.shape)} and {list(boxes.shape)}"
        raise ValueError(f"expected images [B, C, H, W] and boxes [B, 4], got {got}")
    H, W = images.shape[2:]
    share = (torch.arange(size, device=images.device) + 0.5) / size
    x = boxes[:, :1] + share * (boxes[:, 2:3] - boxes[:, :1])  # [B, size]
    y = boxes[:, 1:2] + share * (boxes[:, 3:] - boxes[:, 1:2])
    x = (2 * x / W - 1)[:, None, :].expand(-1, size, -1)
    y = (2 * y / H - 1)[:, :, None].expand(-1, -1, size)
    grid = torch.stack([x, y], dim=3).to(images.dtype)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def squares(centres: Tensor, sides: Tensor) -> Tensor:
    """Return square boxes around centres.

    Args:
        centres: [N, 2], px.
        sides: [N], px.

    Returns:
        [N, 4], xyxy.
    """
    half = sides[:, None] / 2
    return torch.cat([centres - half, centres + half], dim=1)


def pck(
    predicted: Tensor, true: Tensor, counts: Tensor, sizes: Tensor, share: float = 0.2
) -> float:
    """Return the percentage of correct keypoints, as a share in [0, 1].

    A joint is right if it lies within `share` times the size of its figure.

    Args:
        predicted: [B, J, 2], px.
        true: [B, J, 2], px.
        counts: bool [B, J], the joints to judge.
        sizes: [B], the size of each figure, px; here the longer side of its box.
        share: Allowed distance as a share of the size.

    Raises:
        ValueError: If the shapes do not belong together or no joint is to be judged.

    Reference:
        Yang and Ramanan, Articulated human detection with flexible mixtures of parts, PAMI 2013.

    Taught in: lectures/10_localisation
    """
    check_joints(predicted, true, counts)
    distance = torch.linalg.vector_norm(predicted - true, dim=2)
    return (distance <= share * sizes[:, None])[counts].float().mean().item()


def pcp(
    predicted: Tensor,
    true: Tensor,
    counts: Tensor,
    bones: Sequence[tuple[int, int]],
    share: float = 0.5,
) -> float:
    """Return the percentage of correct parts, as a share in [0, 1].

    A limb is right if *both* its ends lie within `share` times its own true length.

    Args:
        predicted: [B, J, 2], px.
        true: [B, J, 2], px.
        counts: bool [B, J], the joints to judge; a limb counts if both its ends do.
        bones: Pairs of joints.
        share: Allowed distance as a share of the limb's length; half is usual.

    Raises:
        ValueError: If the shapes do not belong together or no limb is to be judged.

    Reference:
        Ferrari, Marin-Jimenez and Zisserman, Progressive search space reduction, CVPR 2008.

    Taught in: lectures/10_localisation
    """
    check_joints(predicted, true, counts)
    start, end = torch.tensor(bones, device=true.device).T
    length = torch.linalg.vector_norm(true[:, start] - true[:, end], dim=2)  # [B, bones]
    distance = torch.linalg.vector_norm(predicted - true, dim=2)
    near = torch.maximum(distance[:, start], distance[:, end]) <= share * length
    judged = counts[:, start] & counts[:, end]
    if not judged.any():
        raise ValueError("expected at least one limb to judge, got none")
    return near[judged].float().mean().item()


def check_joints(predicted: Tensor, true: Tensor, counts: Tensor) -> None:
    """Raise unless joints, their truth and what counts belong together.

    Raises:
        ValueError: If not, or if no joint counts.
    """
    if true.ndim != 3 or predicted.shape != true.shape or counts.shape != true.shape[:2]:
        got = f"{list(predicted.shape)}, {list(true.shape)} and {list(counts.shape)}"
        raise ValueError(f"expected joints [B, J, 2] twice and counts [B, J], got {got}")
    if not counts.any():
        raise ValueError("expected at least one joint to judge, got none")
