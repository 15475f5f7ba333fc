"""Signed distances to simple figures, and ways to combine them.

A signed distance is negative inside, zero on the edge and positive outside; its size is the way to
the edge. From the distance of every pixel centre one gets a mask (distance < 0) and, by a ramp one
pixel wide, a smooth edge. Unions and cuts are minima and maxima.

Every function is made of + - * / sqrt, minimum, maximum, floor and comparisons alone. IEEE 754
fixes the last bit of each of these, so the figures come out the same on every device; sin, cos and
atan2 would not, and neither would fused operations such as torch.lerp.

Coordinates: x to the right, y downwards, both tensors of one shape. A distance has that shape too.

Reference: J. C. Hart, Sphere tracing, The Visual Computer 12, 1996 (distance bounds, blending).
"""

import torch
from torch import Tensor


def length(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean length sqrt(x² + y²)."""
    return (x * x + y * y).sqrt()


def wave(turns: Tensor) -> Tensor:
    """Sine of an angle in turns, by two parabolas; off by less than 0.0012."""
    u = (turns - turns.floor()) * 2.0 - 1.0
    arch = u * (u.abs() - 1.0) * 4.0
    return arch * (arch.abs() * 0.225 + 0.775)


def rotation(turns: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of an angle in turns, scaled so that cos² + sin² = 1."""
    cos, sin = wave(turns + 0.25), wave(turns)
    norm = length(cos, sin)
    return cos / norm, sin / norm


def circle(x: Tensor, y: Tensor, cx: float, cy: float, radius: float) -> Tensor:
    """Disc of a radius around (cx, cy)."""
    return length(x - cx, y - cy) - radius


def ellipse(x: Tensor, y: Tensor, cx: float, cy: float, rx: float, ry: float) -> Tensor:
    """Ellipse with half axes rx, ry: exact zero line, near it the right slope."""
    x, y = (x - cx) * (1.0 / rx), (y - cy) * (1.0 / ry)
    slope = length(x * (1.0 / rx), y * (1.0 / ry))
    scale = length(x, y)
    return scale * (scale - 1.0) / (slope + 1e-6)


def segment(
    x: Tensor, y: Tensor, start: tuple[float, float], end: tuple[float, float], r0: float, r1: float
) -> Tensor:
    """Rounded bar from start to end whose radius goes from r0 to r1."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    px, py = x - start[0], y - start[1]
    t = ((px * dx + py * dy) * (1.0 / (dx * dx + dy * dy))).clamp(0.0, 1.0)
    return length(px - t * dx, py - t * dy) - (t * (r1 - r0) + r0)


def box(x: Tensor, y: Tensor, cx: float, cy: float, hx: float, hy: float, corner: float) -> Tensor:
    """Rectangle of half sizes hx, hy whose corners are rounded with a radius."""
    dx, dy = (x - cx).abs() - (hx - corner), (y - cy).abs() - (hy - corner)
    outside = length(dx.clamp(min=0.0), dy.clamp(min=0.0))
    return outside + torch.maximum(dx, dy).clamp(max=0.0) - corner


def polygon(x: Tensor, y: Tensor, corners: list[tuple[float, float]]) -> Tensor:
    """Convex polygon, corners listed clockwise as seen on the screen."""
    sides = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        side = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        sides.append((x - ax) * ((by - ay) / side) - (y - ay) * ((bx - ax) / side))
    return union_of(sides, torch.maximum)


def union_of(distances: list[Tensor], pick=torch.minimum) -> Tensor:
    """Union of figures: the smallest distance at every point (`pick` may say otherwise)."""
    result = distances[0]
    for distance in distances[1:]:
        result = pick(result, distance)
    return result


def smooth_union(a: Tensor, b: Tensor, width: float) -> Tensor:
    """Union of two figures whose crease is filled over a width."""
    overlap = ((a - b).abs() * -1.0 + width).clamp(min=0.0)
    return torch.minimum(a, b) - overlap * overlap * (0.25 / width)


def cut(a: Tensor, b: Tensor) -> Tensor:
    """The part of a that lies outside b."""
    return torch.maximum(a, -b)
