"""Joints of the objects that have some: named points, known exactly from how a scene is drawn."""

from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.data.layout import Layout
from dlcv.data.shapes import KINDS


class Skeleton(NamedTuple):
    """The joints of a kind and the bones between them.

    names: what each joint is called.
    places: where it lies in the kind's local coordinates: x to the right, y downwards.
    bones: pairs of joints, as indices.
    symmetric: the kind looks the same in a mirror, so left and right are those of the picture.
    """

    names: tuple[str, ...]
    places: tuple[tuple[float, float], ...]
    bones: tuple[tuple[int, int], ...]
    symmetric: bool


SKELETONS: dict[str, Skeleton] = {
    "fish": Skeleton(
        ("mouth", "eye", "tail root", "upper tail tip", "lower tail tip"),
        ((0.85, 0.18), (0.58, -0.12), (-0.28, 0.0), (-0.76, -0.38), (-0.76, 0.38)),
        ((0, 1), (1, 2), (2, 3), (2, 4)),
        symmetric=False,
    ),
    "starfish": Skeleton(
        (
            "middle",
            "top arm",
            "upper right arm",
            "lower right arm",
            "lower left arm",
            "upper left arm",
        ),
        (
            (0.0, 0.0),
            (0.0, -0.84),
            (0.79888744, -0.25957426),  # 0.84 long and 72 degrees apart
            (0.49373961, 0.67957428),
            (-0.49373961, 0.67957428),
            (-0.79888744, -0.25957426),
        ),
        ((0, 1), (0, 2), (0, 3), (0, 4), (0, 5)),
        symmetric=True,
    ),
    "crab": Skeleton(
        ("left claw", "right claw", "left eye", "right eye", "left hind foot", "right hind foot"),
        ((-0.66, -0.24), (0.66, -0.24), (-0.18, -0.5), (0.18, -0.5), (-0.66, 0.68), (0.66, 0.68)),
        ((0, 2), (2, 3), (3, 1), (0, 4), (1, 5)),
        symmetric=True,
    ),
}
"""The kinds that have joints."""

JOINTS = max(len(skeleton.names) for skeleton in SKELETONS.values())
COVERED, VISIBLE = 1.0, 2.0  # as in MS COCO; 0 where there is no such joint


def place_joints(layout: Layout, masks: Tensor) -> Tensor:
    """Find the joints of all objects that are visible in their scenes.

    Args:
        layout: N scenes of K slots.
        masks: bool [N, K, S, S], the visible pixels of each object.

    Returns:
        float32 [N, K, JOINTS, 3]: x and y in px, and 2 where the joint is visible, 1 where another
        object or the edge of the picture covers it. Zeros where the object has no such joint.
    """
    size = masks.shape[-1]
    places, exists, symmetric = _tables(layout.x.device)
    mirror = torch.where(symmetric[layout.kinds], 1.0, layout.mirror)[..., None]
    u, v = places[layout.kinds].unbind(-1)  # [N, K, JOINTS] each
    u, cos, sin = u * mirror, layout.cos[..., None], layout.sin[..., None]
    x = (layout.x[..., None] + (u * cos - v * sin) * layout.radius[..., None]) * float(size)
    y = (layout.y[..., None] + (u * sin + v * cos) * layout.radius[..., None]) * float(size)
    column, row = x.floor().long().clamp(0, size - 1), y.floor().long().clamp(0, size - 1)
    seen = masks.flatten(2).gather(2, row * size + column)
    inside = (x >= 0) & (y >= 0) & (x < size) & (y < size)
    joints = torch.stack([x, y, torch.where(seen & inside, VISIBLE, COVERED)], -1)
    there = exists[layout.kinds] & masks.any(-1).any(-1)[..., None]
    return torch.where(there[..., None], joints, 0.0)


def _tables(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Places [kinds, JOINTS, 2], which of them exist, and which kinds are symmetric."""
    here = torch.device("cpu")  # filled here entry by entry, then sent
    places = torch.zeros(len(KINDS), JOINTS, 2, device=here)
    exists = torch.zeros(len(KINDS), JOINTS, dtype=torch.bool, device=here)
    symmetric = torch.zeros(len(KINDS), dtype=torch.bool, device=here)
    for kind, skeleton in SKELETONS.items():
        label, count = KINDS.index(kind), len(skeleton.names)
        places[label, :count] = torch.tensor(skeleton.places, device=here)
        exists[label, :count] = True
        symmetric[label] = skeleton.symmetric
    return places.to(device), exists.to(device), symmetric.to(device)
