"""Model parallelism as in AlexNet: two towers, each with half of the maps, that talk once."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn


def two_towers(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """Compute a convolution of two groups as two convolutions that know nothing of each other.

    Args:
        x: [B, C_in, H, W].
        layer: A convolution with `groups=2`.

    Returns:
        [B, C_out, H', W'], what the layer itself gives.

    Raises:
        ValueError: If the layer has not two groups.

    Taught in: lectures/08_gpu_and_distributed
    """
    if layer.groups != 2:
        raise ValueError(f"expected a convolution of two groups, got {layer.groups}")
    halves = zip(x.chunk(2, dim=1), layer.weight.chunk(2), layer.bias.chunk(2), strict=True)
    maps = [F.conv2d(half, w, b, layer.stride, layer.padding) for half, w, b in halves]
    return torch.cat(maps, dim=1)


def small_alexnet(channels: int, width: int) -> nn.Sequential:
    """Build three convolutions: the second stays inside its tower, the third reads both."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.Conv2d(width, width, 3, padding=1, groups=2),
        nn.Conv2d(width, width, 3, padding=1),
    )


def tower(rank: int, world_size: int, model: nn.Sequential, images: Tensor) -> tuple[Tensor, int]:
    """Be one of the two towers, in a process of its own, with `launch(..., backend="gloo")`.

    Args:
        rank: 0 or 1.
        world_size: 2.
        model: A `small_alexnet`; a tower uses its half of every layer's kernels.
        images: [B, C, H, W], the same in both.

    Returns:
        The half of the output maps [B, width / 2, H, W], and the bytes that this tower received.

    Taught in: lectures/08_gpu_and_distributed
    """
    own = [(layer.weight.chunk(2)[rank], layer.bias.chunk(2)[rank]) for layer in model]
    with torch.no_grad():
        x = F.conv2d(images, *own[0], padding=1).relu()  # all channels of the image
        x = F.conv2d(x, *own[1], padding=1).relu()  # the maps of this tower alone
        theirs = torch.empty_like(x)
        both = [x, theirs] if rank == 0 else [theirs, x]
        if rank == 0:
            dist.send(x, 1)
            dist.recv(theirs, 1)
        else:
            dist.recv(theirs, 0)
            dist.send(x, 0)
        y = F.conv2d(torch.cat(both, dim=1), *own[2], padding=1)
    return y, theirs.numel() * theirs.element_size()
