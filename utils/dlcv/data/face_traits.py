"""What makes a person: 26 numbers, and the shapes and colours that they stand for.

Lengths are in units in which a head is about 0.7 wide to either side and 0.95 high; x runs to the
right, y downwards, and (0, 0) is the middle of the face.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from dlcv.data.painting import mix

TRAITS: dict[str, tuple[float, float]] = {
    "face_width": (0.60, 0.84),  # half axes of the head
    "face_height": (0.86, 1.04),
    "jaw": (0.0, 0.42),  # how much the head narrows downwards
    "skin": (0.0, 1.0),  # place in SKIN
    "warmth": (-1.0, 1.0),  # of the skin: towards red, or towards blue
    "eye_gap": (0.26, 0.44),  # from the middle of the face
    "eye_y": (-0.24, 0.04),
    "eye_width": (0.10, 0.19),
    "eye_open": (0.45, 0.85),  # height, as a share of the width
    "eye_tilt": (-0.30, 0.30),  # slope
    "iris": (0.0, 1.0),  # place in IRIS
    "brow_gap": (0.12, 0.24),  # above the eye
    "brow_thickness": (0.025, 0.075),
    "brow_tilt": (-0.35, 0.35),
    "brow_length": (0.12, 0.22),
    "nose_length": (0.20, 0.46),
    "nose_width": (0.06, 0.16),
    "mouth_y": (0.42, 0.62),
    "mouth_width": (0.16, 0.36),
    "lip": (0.030, 0.085),
    "lip_red": (0.0, 1.0),
    "hair": (0.0, 1.0),  # place in HAIR
    "hairline": (-0.75, -0.38),
    "hair_length": (0.0, 1.0),  # long hair beside the face above 0.55, over the ears above 0.8
    "ear": (0.0, 0.16),
    "beard": (0.0, 1.0),  # a beard above 0.6
}
"""The name of each trait and the range from which every person takes a value, all equally likely.

The ranges are teaching values: two people of the same seed can be told apart by eye."""

SKIN = ((0.98, 0.84, 0.74), (0.88, 0.68, 0.53), (0.70, 0.49, 0.34), (0.42, 0.28, 0.20))
HAIR = (
    (0.10, 0.08, 0.07),
    (0.35, 0.20, 0.10),
    (0.62, 0.40, 0.18),
    (0.90, 0.78, 0.48),
    (0.60, 0.58, 0.56),
)
IRIS = ((0.25, 0.14, 0.08), (0.30, 0.45, 0.20), (0.20, 0.42, 0.70))


@dataclass(frozen=True)
class People:
    """N people, ready to be drawn: each trait as [N, 1, 1], each colour as RGB [N, 3]."""

    traits: dict[str, Tensor]
    skin: Tensor
    hair: Tensor
    iris: Tensor
    lips: Tensor

    def __getitem__(self, name: str) -> Tensor:
        """A trait, one of TRAITS: [N, 1, 1]."""
        return self.traits[name]


def people_of(values: Tensor) -> People:
    """Turn traits between 0 and 1 into lengths and colours.

    Args:
        values: [N, 26] in [0, 1], in the order of TRAITS.

    Raises:
        ValueError: if the shape or the range is another.
    """
    if values.ndim != 2 or values.shape[1] != len(TRAITS):
        raise ValueError(f"expected traits [N, {len(TRAITS)}], got {list(values.shape)}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"expected traits in [0, 1], got {values.min()} to {values.max()}")
    low, high = torch.tensor(list(TRAITS.values()), device=values.device).unbind(1)
    traits = dict(zip(TRAITS, mix(low, high, values)[..., None, None].unbind(1), strict=True))
    red_to_blue = torch.tensor([1.0, 0.0, -1.0], device=values.device)
    skin = ramp(traits["skin"], SKIN) * (traits["warmth"][:, 0] * red_to_blue * 0.10 + 1.0)
    pale = skin * torch.tensor([0.92, 0.62, 0.60], device=values.device)
    redder = torch.tensor([0.25, -0.10, -0.05], device=values.device)
    lips = (pale + (traits["lip_red"][:, 0] - 0.5) * redder).clamp(0.0, 1.0)
    return People(traits, skin, ramp(traits["hair"], HAIR), ramp(traits["iris"], IRIS), lips)


def ramp(place: Tensor, colours: tuple[tuple[float, float, float], ...]) -> Tensor:
    """Colours along a ladder, blended between its rungs: [N, 1, 1] in [0, 1] to RGB [N, 3]."""
    table = torch.tensor(colours, device=place.device)
    scaled = place[:, 0] * (len(table) - 1.0)
    rung = scaled.floor().clamp(max=len(table) - 2)
    lower = rung.long()[:, 0]
    return mix(table[lower], table[lower + 1], scaled - rung)
