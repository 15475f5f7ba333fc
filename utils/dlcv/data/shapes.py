"""The eight kinds of object that live in the scenes, drawn with signed distances.

A kind is a function of local coordinates: x to the right, y downwards, the object upright and
inside the unit circle. It returns a `Drawing`: the silhouette, and the marks painted on it one
after another.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.data.sdf import (
    box,
    circle,
    cut,
    ellipse,
    length,
    polygon,
    segment,
    smooth_union,
    union_of,
    wave,
)


class Paint(NamedTuple):
    """A paint relative to the object's own colour.

    shade: brightness factor, 0 is black. accent: share of the accent colour (white, or grey on a
    white object), in [0, 1]. strength: opacity, in [0, 1].
    """

    shade: float
    accent: float
    strength: float = 1.0


OWN = Paint(1.0, 0.0)
DARKER = Paint(0.70, 0.0)
LIGHTER = Paint(1.0, 0.45)
ACCENT = Paint(1.0, 1.0)
INK = Paint(0.10, 0.0)
GLOSS = Paint(1.15, 0.8, 0.75)


class Drawing(NamedTuple):
    """A silhouette (signed distance) and the marks on it: (signed distance, paint)."""

    silhouette: Tensor
    marks: list[tuple[Tensor, Paint]]


def _eye(x: Tensor, y: Tensor, cx: float, cy: float, radius: float) -> list[tuple[Tensor, Paint]]:
    return [
        (circle(x, y, cx, cy, radius), ACCENT),
        (circle(x, y, cx + 0.12 * radius, cy + 0.1 * radius, 0.58 * radius), INK),
    ]


def _smile(x: Tensor, y: Tensor, cx: float, cy: float, radius: float) -> tuple[Tensor, Paint]:
    arc = circle(x, y, cx, cy, radius).abs() - 0.045
    return torch.maximum(arc, cy + 0.35 * radius - y), INK


def fish(x: Tensor, y: Tensor) -> Drawing:
    """A fish looking right."""
    body = ellipse(x, y, 0.24, 0.02, 0.70, 0.50)
    tail = polygon(x, y, [(-0.22, 0.0), (-0.83, 0.46), (-0.83, -0.46)]) - 0.03
    tail = cut(tail, circle(x, y, -1.16, 0.0, 0.46))
    back = ellipse(x, y, 0.08, -0.40, 0.34, 0.27)
    gill = circle(x, y, 0.94, 0.02, 0.58).abs() - 0.035
    marks = [
        (tail + 0.03, DARKER),
        (cut(back, body), DARKER),
        (torch.maximum(body, 0.28 - y), LIGHTER),
        (torch.maximum(gill, y.abs() - 0.36), DARKER),
        (ellipse(x, y, 0.06, 0.16, 0.20, 0.12), DARKER),
        *_eye(x, y, 0.58, -0.12, 0.19),
        (segment(x, y, (0.71, 0.13), (0.85, 0.19), 0.035, 0.035), INK),
    ]
    return Drawing(union_of([smooth_union(body, tail, 0.16), back]), marks)


def starfish(x: Tensor, y: Tensor) -> Drawing:
    """A five-armed starfish with a face."""
    ax, ay = x.abs(), y
    for nx, ny in ((0.80901699, 0.58778525), (-0.80901699, 0.58778525)):
        over = (ax * nx + ay * ny).clamp(min=0.0) * 2.0  # fold along the line between two arms
        ax, ay = ax - over * nx, ay - over * ny
    ax = ax.abs()
    arm = segment(ax, ay, (0.0, 0.0), (0.0, -0.84), 0.40, 0.145)
    bumps = union_of([circle(ax, ay, 0.0, cy, r) for cy, r in ((-0.52, 0.09), (-0.78, 0.07))])
    marks = [
        (bumps, LIGHTER),
        *_eye(x, y, -0.16, -0.10, 0.15),
        *_eye(x, y, 0.16, -0.10, 0.15),
        _smile(x, y, 0.0, 0.08, 0.16),
    ]
    return Drawing(arm, marks)


def crab(x: Tensor, y: Tensor) -> Drawing:
    """A crab with its claws up."""
    x = x.abs()
    body = ellipse(x, y, 0.0, 0.14, 0.54, 0.42)
    jaw = polygon(x, y, [(0.64, -0.34), (0.42, -0.84), (0.72, -0.88)])
    claw = cut(circle(x, y, 0.62, -0.40, 0.26), jaw)
    arm = segment(x, y, (0.38, 0.0), (0.68, -0.24), 0.11, 0.10)
    feet = ((0.90, 0.14), (0.86, 0.44), (0.66, 0.68))
    legs = union_of([segment(x, y, (0.36, 0.20), foot, 0.10, 0.055) for foot in feet])
    stalk = segment(x, y, (0.16, -0.10), (0.18, -0.50), 0.08, 0.08)
    eyeball = circle(x, y, 0.18, -0.50, 0.17)
    shell = smooth_union(body, arm, 0.08)
    marks = [
        (legs + 0.02, DARKER),
        (shell, OWN),
        (torch.maximum(body, 0.34 - y), LIGHTER),
        *_eye(x, y, 0.18, -0.50, 0.17),
        _smile(x, y, 0.0, 0.08, 0.21),
    ]
    return Drawing(union_of([shell, claw, legs, stalk, eyeball]), marks)


def jellyfish(x: Tensor, y: Tensor) -> Drawing:
    """A jellyfish with four wavy tentacles."""
    dome = torch.maximum(ellipse(x, y, 0.0, -0.20, 0.76, 0.74), y - 0.02)
    scallops = length(((x.abs() - 0.38).abs() - 0.19).abs(), y - 0.02) - 0.17
    bell = union_of([dome, scallops])
    column = (x - wave(y * 1.15) * 0.09).abs()
    near, far = (column - 0.15).abs(), (column - 0.48).abs()
    strip = torch.minimum(near, far) - (0.105 - y * 0.03)
    reach = torch.where(near < far, y - 0.93, y - 0.76)
    tentacles = union_of([strip, reach, -y], torch.maximum)
    marks = [
        (tentacles, DARKER),
        (bell, OWN),
        (ellipse(x, y, -0.32, -0.60, 0.22, 0.12), GLOSS),
        *_eye(x, y, -0.24, -0.24, 0.16),
        *_eye(x, y, 0.24, -0.24, 0.16),
        _smile(x, y, 0.0, -0.17, 0.16),
    ]
    return Drawing(union_of([bell, tentacles]), marks)


def boat(x: Tensor, y: Tensor) -> Drawing:
    """A sailing boat: hull and a band of the sails in colour, the sails white."""
    hull = polygon(x, y, [(-0.90, 0.32), (0.90, 0.32), (0.60, 0.76), (-0.60, 0.76)]) - 0.03
    mast = box(x, y, -0.07, -0.30, 0.055, 0.66, 0.03)
    main = polygon(x, y, [(0.02, -0.86), (0.70, 0.18), (0.02, 0.18)]) - 0.02
    jib = polygon(x, y, [(-0.17, -0.62), (-0.17, 0.18), (-0.66, 0.18)]) - 0.02
    sails = union_of([main, jib])
    holes = circle(x.abs(), y, 0.34, 0.56, 0.09)
    marks = [
        (sails, ACCENT),
        (torch.maximum(sails, (y + 0.04).abs() - 0.08), OWN),
        (mast, Paint(0.45, 0.2)),
        (hull, OWN),
        (torch.maximum(hull, y - 0.40), LIGHTER),
        (union_of([holes, circle(x, y, 0.0, 0.56, 0.09)]), ACCENT),
    ]
    return Drawing(union_of([hull, mast, sails]), marks)


def bottle(x: Tensor, y: Tensor) -> Drawing:
    """A corked bottle with a paper label."""
    body = box(x, y, 0.0, 0.34, 0.42, 0.58, 0.15)
    neck = box(x, y, 0.0, -0.46, 0.16, 0.36, 0.04)
    cork = box(x, y, 0.0, -0.83, 0.19, 0.14, 0.04)
    glass = smooth_union(body, neck, 0.24)
    label = union_of([(y - 0.40).abs() - 0.24, glass + 0.02], torch.maximum)
    lines = torch.maximum(((y - 0.40).abs() - 0.08).abs() - 0.035, x.abs() - 0.24)
    marks = [
        (cork, Paint(0.42, 0.12)),
        (label, ACCENT),
        (lines, Paint(0.45, 0.3)),
        (segment(x, y, (-0.25, 0.0), (-0.25, 0.04), 0.06, 0.06), GLOSS),
        (segment(x, y, (-0.05, -0.55), (-0.05, -0.30), 0.04, 0.04), GLOSS),
    ]
    return Drawing(union_of([glass, cork]), marks)


def ring(x: Tensor, y: Tensor) -> Drawing:
    """A life ring with four white bands."""
    distance = length(x, y)
    bands = torch.minimum((x + y).abs(), (x - y).abs()) * 0.70710678 - 0.16
    marks = [
        (bands, ACCENT),
        ((distance - 0.76).abs() - 0.05, GLOSS._replace(strength=0.35)),
    ]
    return Drawing((distance - 0.66).abs() - 0.31, marks)


def ball(x: Tensor, y: Tensor) -> Drawing:
    """A beach ball with white panels."""
    px, py = x + 0.22, y + 0.26  # the pole, where six panels meet
    lines = [px, px * 0.5 + py * 0.8660254, px * 0.5 - py * 0.8660254]
    near = union_of([line.abs() for line in lines])
    panels = torch.where(lines[0] * lines[1] * lines[2] > 0, -near, near)
    marks = [
        (panels, ACCENT),
        (circle(x, y, -0.22, -0.26, 0.17), DARKER),
    ]
    return Drawing(circle(x, y, 0.0, 0.0, 0.94), marks)


SHAPES: tuple[tuple[Callable[[Tensor, Tensor], Drawing], float], ...] = (
    (fish, 0.10),
    (starfish, 0.10),
    (crab, 0.08),
    (jellyfish, 0.10),
    (boat, 0.04),
    (bottle, 0.5),
    (ring, 0.5),
    (ball, 0.5),
)
"""Each kind's drawing and the largest rotation either way, in turns (0.5 is any angle)."""

KINDS = tuple(figure.__name__ for figure, _ in SHAPES)
