"""Points of two classes in the plane, for networks small enough to look at."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class LabelledPoints(NamedTuple):
    """Points [N, 2] float32, and their classes [N] int64, 0 or 1."""

    points: Tensor
    labels: Tensor


PLANE_SETS = ("two clouds", "XOR", "circles", "two moons", "spirals")


def plane_set(name: str, count: int = 200, noise: float = 0.1, seed: int = 0) -> LabelledPoints:
    """Draws points of two classes, as many of the one as of the other.

    The shapes lie within [-1, 1]: two clouds around (-½, -½) and (½, ½); XOR, a cloud in each
    quadrant, opposite ones alike; circles, a disc within a ring; two moons, half circles that
    interlock; spirals, two arms of a turn and a quarter.

    Args:
        name: one of PLANE_SETS.
        count: number of points, even and at least 2.
        noise: standard deviation of what is added to both coordinates; the clouds get twice that.
        seed: which points.

    Returns:
        Points float32 [count, 2] and labels int64 [count], classes alternating.

    Raises:
        ValueError: an unknown name, or a count or noise out of range.

    Taught in: lectures/02_backpropagation
    """
    if name not in PLANE_SETS:
        raise ValueError(f"expected one of {', '.join(PLANE_SETS)}; got {name!r}")
    if count < 2 or count % 2 or noise < 0:
        raise ValueError(f"expected an even count and noise >= 0, got {count} and {noise}")
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    along = torch.rand(count, generator=draw)
    points = _SHAPES[name](along, labels, torch.rand(count, generator=draw))
    spread = noise * (2 if name in ("two clouds", "XOR") else 1)
    return LabelledPoints(points + spread * torch.randn(count, 2, generator=draw), labels)


def _circle(radius: Tensor, turns: Tensor) -> Tensor:
    angle = 2 * math.pi * turns
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


def _clouds(along: Tensor, labels: Tensor, other: Tensor) -> Tensor:
    return (labels - 0.5)[:, None].expand(-1, 2)


def _xor(along: Tensor, labels: Tensor, other: Tensor) -> Tensor:
    x = (along > 0.5).float() - 0.5
    return torch.stack([x, x * (1 - 2 * labels)], dim=1)


def _circles(along: Tensor, labels: Tensor, other: Tensor) -> Tensor:
    return _circle(torch.where(labels == 1, 0.85, 0.4 * other.sqrt()), along)


def _moons(along: Tensor, labels: Tensor, other: Tensor) -> Tensor:
    arc = _circle(torch.full_like(along, 0.6), along / 2)  # the upper half
    turned = torch.where(labels == 1, -1.0, 1.0)[:, None]
    return turned * (arc + torch.tensor([-0.3, -0.15]))


def _spirals(along: Tensor, labels: Tensor, other: Tensor) -> Tensor:
    return _circle(0.1 + 0.85 * along, 1.25 * along + 0.5 * labels)


_SHAPES = {
    "two clouds": _clouds,
    "XOR": _xor,
    "circles": _circles,
    "two moons": _moons,
    "spirals": _spirals,
}
