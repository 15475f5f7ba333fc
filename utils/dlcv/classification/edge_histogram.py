"""A feature made by hand: how much edge lies in which direction, cell by cell."""

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def edge_histogram(images: Tensor, cells: int = 4, bins: int = 8) -> Tensor:
    r"""Describe each cell of an image by the directions of its edges.

    The gradient $(g_x, g_y)$ of a pixel is the difference of its two neighbours along each axis, 0
    at the border; of several channels, the one with the longest gradient counts. Each pixel of a
    cell adds its length $\sqrt{g_x^2+g_y^2}$ to the bin of its direction, taken modulo 180°. The
    bins of a cell are then divided by their sum, so that contrast does not matter.

    Args:
        images: float [B, C, H, W]. H and W are divided by `cells`; what is left is not looked at.
        cells: cells along the height and along the width.
        bins: directions from 0° to 180°. 4 × 4 cells of 8 bins are teaching values.

    Returns:
        float [B, cells² · bins], each cell's bins one after another, in [0, 1].

    Raises:
        ValueError: if the images do not have four axes, or are smaller than `cells`, or a number is
            below 1.

    Reference:
        Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005, without
        their overlapping blocks.

    Taught in: lectures/00_orientation
    """
    if images.ndim != 4 or cells < 1 or bins < 1 or min(images.shape[2:]) < cells:
        got = f"{list(images.shape)}, {cells} and {bins}"
        raise ValueError(f"expected images [B, C, H, W], cells <= H, W and bins >= 1, got {got}")
    gx, gy = torch.zeros_like(images), torch.zeros_like(images)
    gx[..., 1:-1] = images[..., 2:] - images[..., :-2]
    gy[..., 1:-1, :] = images[..., 2:, :] - images[..., :-2, :]
    length, channel = (gx.square() + gy.square()).sqrt().max(dim=1, keepdim=True)  # [B, 1, H, W]
    gx, gy = gx.gather(1, channel)[:, 0], gy.gather(1, channel)[:, 0]
    direction = torch.atan2(gy, gx).remainder(math.pi) / math.pi  # [B, H, W] in [0, 1]
    bin = (direction * bins).long().clamp(max=bins - 1)
    votes = one_hot(bin, bins) * length[:, 0, :, :, None]  # [B, H, W, bins]
    h, w = images.shape[2] // cells, images.shape[3] // cells
    votes = votes[:, : h * cells, : w * cells].unflatten(1, (cells, h)).unflatten(3, (cells, w))
    sums = votes.sum(dim=(2, 4))  # [B, cells, cells, bins]
    return (sums / (sums.sum(dim=-1, keepdim=True) + 1e-5)).flatten(1)
