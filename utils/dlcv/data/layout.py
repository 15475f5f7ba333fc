"""What is where in a scene: the settings, and the random choice of objects and places."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcv.data.counter_random import CounterRandom
from dlcv.data.palette import COLOURS, PATTERNS
from dlcv.data.sdf import length, rotation
from dlcv.data.shapes import KINDS, SHAPES

_TRIES = 6  # places tried for an object, to keep scenes from piling up
_SMALLEST_RADIUS_PX = 3.0


@dataclass(frozen=True)
class SceneConfig:
    """The knobs of the scenes.

    Defaults are teaching values: at 64 px every kind can be recognised by eye.

    Args:
        size: height and width of the square images, px, 16 to 1024.
        objects: smallest and largest number of objects placed, both included; (0, n) allows empty
            scenes.
        radius: smallest and largest radius of an object's circumscribed circle, as a share of
            `size`, in (0, 0.5].
        kinds: which of KINDS occur, as indices.
        colours: which of COLOURS occur, as indices.
        patterns: which of PATTERNS occur, as indices.
        min_visible: an object is taken out of the scene if those in front leave less than this
            share of its pixels visible, in (0, 1].
        distractors: draw bubbles, pebbles and seaweed, which have no label.
        noise: largest standard deviation of the pixel noise, as a share of full brightness, in
            [0, 0.5]; each scene has its own between 0 and this.

    Raises:
        ValueError: if a value is out of its range.
    """

    size: int = 64
    objects: tuple[int, int] = (1, 4)
    radius: tuple[float, float] = (0.12, 0.26)
    kinds: Sequence[int] = range(len(KINDS))
    colours: Sequence[int] = range(len(COLOURS))
    patterns: Sequence[int] = range(len(PATTERNS))
    min_visible: float = 0.4
    distractors: bool = True
    noise: float = 0.03

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or not 16 <= self.size <= 1024:
            raise ValueError(f"expected an integer size of 16 to 1024 px, got {self.size}")
        self._check_pairs()
        for field, names in (("kinds", KINDS), ("colours", COLOURS), ("patterns", PATTERNS)):
            chosen = tuple(getattr(self, field))
            if not chosen or not set(chosen) <= set(range(len(names))):
                raise ValueError(f"expected {field} out of 0 … {len(names) - 1}, got {chosen}")
            object.__setattr__(self, field, chosen)
        if not 0.0 < self.min_visible <= 1.0:
            raise ValueError(f"expected min_visible in (0, 1], got {self.min_visible}")
        if not 0.0 <= self.noise <= 0.5:
            raise ValueError(f"expected noise in [0, 0.5], got {self.noise}")

    def _check_pairs(self) -> None:
        low, high = self.objects
        if not 0 <= low <= high or high < 1:
            raise ValueError(
                f"expected objects = (low, high), 0 <= low <= high >= 1, got {low, high}"
            )
        small, large = self.radius
        if not 0.0 < small <= large <= 0.5:
            raise ValueError(f"expected radius = (low, high) in (0, 0.5], got {small, large}")
        if small * self.size < _SMALLEST_RADIUS_PX:
            raise ValueError(
                f"expected radius[0] * size of at least {_SMALLEST_RADIUS_PX} px, "
                f"got {small * self.size:.2f} px"
            )


@dataclass(frozen=True)
class Layout:
    """Choices for N scenes of K slots; later slots lie in front. Lengths are shares of the size."""

    present: Tensor  # bool [N, K]
    kinds: Tensor  # int64 [N, K], index into KINDS; likewise the next two
    colours: Tensor
    patterns: Tensor
    x: Tensor  # float [N, K], centres
    y: Tensor
    radius: Tensor
    cos: Tensor  # rotation
    sin: Tensor
    mirror: Tensor  # 1 or -1
    tint: Tensor  # [N, K, 3], what is added to the colour
    phase: Tensor  # shift of the pattern, in turns


def lay_out(draws: CounterRandom, config: SceneConfig) -> Layout:
    """Choose objects and places for the scenes of `draws`.

    Each object tries a few places and takes the first that overlaps little with those before it;
    if all overlap, the place that overlaps least. Kinds that would look silly upside down (a fish,
    a boat) are rotated a little only; the others by any angle.
    """
    slots = config.objects[1]
    number = config.objects[0] + draws.integers(1, high=slots - config.objects[0] + 1)
    kinds = _choose(draws, slots, config.kinds)
    radius = draws.uniform(slots, low=config.radius[0], high=config.radius[1])
    x, y = _place(draws.uniform(2, slots, _TRIES), radius)
    limits = torch.tensor([limit for _, limit in SHAPES], device=kinds.device)
    cos, sin = rotation((draws.uniform(slots) * 2.0 - 1.0) * limits[kinds])
    return Layout(
        present=torch.arange(slots, device=kinds.device) < number,
        kinds=kinds,
        colours=_choose(draws, slots, config.colours),
        patterns=_choose(draws, slots, config.patterns),
        x=x,
        y=y,
        radius=radius,
        cos=cos,
        sin=sin,
        mirror=draws.integers(slots, high=2) * 2.0 - 1.0,
        tint=(draws.uniform(slots, 3) - 0.5) * 0.10,
        phase=draws.uniform(slots),
    )


def _choose(draws: CounterRandom, slots: int, options: Sequence[int]) -> Tensor:
    table = torch.tensor(options, device=draws.keys.device)
    return table[draws.integers(slots, high=len(options))]


def _place(tries: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Turn tries in [0, 1), [N, 2, K, T], into centres [N, K], [N, K]."""
    margin = radius[:, None, :, None] * 0.95
    tries = margin + tries * (1.0 - margin * 2.0).clamp(min=0.0)
    places = [tries[:, :, 0, 0]]  # [N, 2] each
    for slot in range(1, radius.shape[1]):
        gaps = _gaps(tries[:, :, slot], places, radius[:, : slot + 1])
        best, place = gaps[:, 0], tries[:, :, slot, 0]
        for t in range(1, gaps.shape[1]):
            better = gaps[:, t] > best
            best = torch.where(better, gaps[:, t], best)
            place = torch.where(better[:, None], tries[:, :, slot, t], place)
        places.append(place)
    x, y = torch.stack(places, 2).unbind(1)
    return x, y


def _gaps(tries: Tensor, places: list[Tensor], radius: Tensor) -> Tensor:
    """Room [N, T] between each try and the nearest object, in radii; all good ones count alike."""
    own = radius[:, -1]
    gaps = torch.full_like(tries[:, 0], -0.35)  # an overlap up to this is welcome
    for k, place in enumerate(places):
        away = length(tries[:, 0] - place[:, :1], tries[:, 1] - place[:, 1:])
        touching = (own + radius[:, k]) * 0.8
        gaps = torch.minimum(gaps, (away - touching[:, None]) / own[:, None])
    return gaps
