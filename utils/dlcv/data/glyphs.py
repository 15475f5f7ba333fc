"""Glyphs: as many classes of simple figures as one wants, drawn by rule.

A class is a number. Hashing it gives the figure: four strokes that go on from each other or fork,
thin or fat, some mirror-symmetric, some hollow, some with a spot. An image of the class adds what
must not matter: place, size, rotation, stretch, a wobble of the strokes, their thickness, colour,
pattern, background and noise. No glyph looks like one of the eight KINDS of `dlcv.data.scenes`, so
what a network learns here can be tried there.

Only integer arithmetic and + - * / sqrt are used, in kernels of their own: as for the scenes, an
image is the same to the bit alone or in a batch, on any number of threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.data.backdrops import backdrop, soft_noise
from dlcv.data.counter_random import CounterRandom
from dlcv.data.painting import coverage, mix, pattern_shade, rim_shade
from dlcv.data.palette import ACCENT_RGB, COLOURS, PATTERNS, RGB
from dlcv.data.sdf import circle, length, rotation, segment, smooth_union

STROKES = 4
_WALL = 0.11  # thickness of a hollow glyph's wall, in radii
_CHUNK_PIXELS = 2**18  # pixels rendered at once


@dataclass(frozen=True)
class GlyphConfig:
    """The knobs of the images; the defaults are teaching values.

    Args:
        size: height and width of the square images, px, 8 to 1024.
        radius: smallest and largest radius of a glyph, as a share of `size`, in (0, 0.5].
        turn: largest rotation either way, in turns, in [0, 0.5].
        wobble: how far the ends of the strokes stray, in radii, in [0, 0.3].
        noise: largest standard deviation of the pixel noise, as a share of full brightness.
        distractors: draw bubbles, pebbles and seaweed behind the glyph (colour images only).
        grey: dark ink on light paper, or the reverse, in one channel.

    Raises:
        ValueError: if a value is out of its range.
    """

    size: int = 32
    radius: tuple[float, float] = (0.30, 0.46)
    turn: float = 0.06
    wobble: float = 0.04
    noise: float = 0.04
    distractors: bool = True
    grey: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or not 8 <= self.size <= 1024:
            raise ValueError(f"expected an integer size of 8 to 1024 px, got {self.size}")
        small, large = self.radius
        if not 0.0 < small <= large <= 0.5:
            raise ValueError(f"expected radius = (low, high) in (0, 0.5], got {small, large}")
        for name, most in (("turn", 0.5), ("wobble", 0.3), ("noise", 0.5)):
            if not 0.0 <= getattr(self, name) <= most:
                raise ValueError(f"expected {name} in [0, {most}], got {getattr(self, name)}")


class GlyphShapes(NamedTuple):
    """What makes K classes: figures around the origin, inside the unit circle.

    starts, ends: [K, 4, 2], the ends of the strokes (x, y). radii: [K, 4, 2], the radius at both
    ends. symmetric, hollow: bool [K]. spot: [K, 3], centre and radius of a spot of another colour,
    radius 0 for none.
    """

    starts: Tensor
    ends: Tensor
    radii: Tensor
    symmetric: Tensor
    hollow: Tensor
    spot: Tensor


class Glyphs(NamedTuple):
    """Images uint8 [N, C, S, S], and what each shows, int64 [N].

    labels: position in the list of classes. colours, patterns: index into COLOURS and PATTERNS.
    """

    images: Tensor
    labels: Tensor
    colours: Tensor
    patterns: Tensor


def glyph_shapes(classes: Sequence[int], alphabet: int = 0) -> GlyphShapes:
    """Return the figures of some classes.

    Args:
        classes: whole numbers >= 0; a class has the same figure whichever others are asked for.
        alphabet: another number gives other figures to the same classes.

    Raises:
        ValueError: if there is no class or a negative one.

    Taught in: lectures/07_transfer
    """
    chosen = torch.as_tensor(list(classes), dtype=torch.int64)
    if len(chosen) == 0 or chosen.min() < 0:
        raise ValueError(f"expected classes >= 0, at least one, got {list(classes)}")
    draws = CounterRandom(alphabet, 0, int(chosen.max()) + 1, purpose=2)
    starts, ends = _walk(draws)
    symmetric, hollow = (draws.uniform() < 0.5), (draws.uniform() < 0.25)
    fat = torch.where(hollow, 0.30, 0.14 + 0.20 * draws.uniform() * (draws.uniform() < 0.6))
    radii = fat[:, None, None] * draws.uniform(STROKES, 2, low=0.75, high=1.25)
    starts, ends, radii = _fit(starts, ends, radii, symmetric)
    stroke = draws.integers(high=STROKES)[:, None]
    middle = (torch.take_along_dim(starts + ends, stroke[..., None], 1) * 0.5)[:, 0]
    own = torch.take_along_dim(radii.amin(2), stroke, 1)[:, 0]
    size = own * 0.8 * (draws.uniform() < 0.5)
    spot = torch.cat([middle, torch.where(hollow, 0.0, size)[:, None]], 1)
    whole = GlyphShapes(starts, ends, radii, symmetric, hollow, spot)
    return GlyphShapes(*[part[chosen] for part in whole])


def _walk(draws: CounterRandom) -> tuple[Tensor, Tensor]:
    """Four strokes, each from the end or, at a fork, from the start of the one before it."""
    cos, sin = rotation(draws.uniform(STROKES))
    step = draws.uniform(STROKES, low=0.6, high=1.3)
    fork = draws.uniform(STROKES) < 0.35
    way = torch.stack([cos * step, sin * step], 2)  # [K, 4, 2]
    start, starts, ends = torch.zeros_like(way[:, 0]), [], []
    for i in range(STROKES):
        starts.append(start)
        ends.append(start + way[:, i])
        start = torch.where(fork[:, i, None], start, ends[-1])
    return torch.stack(starts, 1), torch.stack(ends, 1)


def _fit(
    starts: Tensor, ends: Tensor, radii: Tensor, symmetric: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Centre the strokes (symmetric ones on their axis) and scale them into the unit circle."""
    both = torch.cat([starts, ends], 1)
    centre = (both.amin(1) + both.amax(1)) * 0.5
    left = both[..., 0].amin(1)  # a symmetric figure is the part right of the axis, mirrored
    centre = torch.stack([torch.where(symmetric, left, centre[:, 0]), centre[:, 1]], 1)
    both = both - centre[:, None]
    reach = length(both[..., 0], both[..., 1]).amax(1)
    scale = (1.0 - radii.amax((1, 2))) / reach
    both = both * scale[:, None, None]
    return both[:, :STROKES], both[:, STROKES:], radii


def glyph_distance(shapes: GlyphShapes, x: Tensor, y: Tensor) -> Tensor:
    """Return signed distances to the figures, negative inside.

    Args:
        shapes: K classes.
        x, y: local coordinates [K, H, W], x to the right, y downwards.

    Returns:
        Distances [K, H, W] in radii.
    """

    def number(values: Tensor) -> Tensor:
        return values[:, None, None]

    x = torch.where(number(shapes.symmetric), x.abs(), x)
    distance = torch.full_like(x, 9.0)
    for i in range(STROKES):
        start, end = (
            (number(points[:, i, 0]), number(points[:, i, 1]))
            for points in (shapes.starts, shapes.ends)
        )
        r0, r1 = (number(shapes.radii[:, i, k]) for k in range(2))
        distance = smooth_union(distance, segment(x, y, start, end, r0, r1), 0.08)
    wall = (distance + _WALL * 0.5).abs() - _WALL * 0.5
    return torch.where(number(shapes.hollow), wall, distance)


def render_glyphs(
    count: int,
    classes: Sequence[int],
    seed: int = 0,
    start: int = 0,
    config: GlyphConfig | None = None,
    alphabet: int = 0,
) -> Glyphs:
    """Render the images start … start + count - 1 of a seed; image i shows class i mod K.

    Args:
        count: number of images N, >= 0.
        classes: the K classes that occur, as in `glyph_shapes`.
        seed: an integer in [0, 2^63); use one for training, another for testing.
        start: index of the first image, >= 0.
        config: the knobs; None for the defaults of `GlyphConfig`.
        alphabet: as in `glyph_shapes`.

    Returns:
        The images and what they show.

    Raises:
        ValueError: if a number is negative or there is no class.

    Taught in: lectures/07_transfer
    """
    if count < 0 or start < 0:
        raise ValueError(f"expected count >= 0 and start >= 0, got {count} and {start}")
    config, shapes = config or GlyphConfig(), glyph_shapes(classes, alphabet)
    chunk = max(1, _CHUNK_PIXELS // config.size**2)
    parts = [
        _render_chunk(shapes, seed, first, min(chunk, start + count - first), config)
        for first in range(start, start + max(count, 1), chunk)
    ]
    return Glyphs(*[torch.cat(field)[:count] for field in zip(*parts, strict=True)])


def _render_chunk(
    shapes: GlyphShapes, seed: int, start: int, count: int, config: GlyphConfig
) -> Glyphs:
    draws = CounterRandom(seed, start, max(count, 1))
    labels = torch.arange(start, start + max(count, 1)) % len(shapes.hollow)
    chosen = _wobbled(GlyphShapes(*[part[labels] for part in shapes]), draws, config.wobble)
    colours = draws.integers(high=len(COLOURS))
    patterns = draws.integers(high=len(PATTERNS))
    x, y, u, v, pixels = _pose(draws, config)
    distance = glyph_distance(chosen, u, v) - draws.uniform(1, 1, low=-0.03, high=0.03)
    if config.grey:
        canvas = _ink(draws, x, y, coverage(distance, pixels))
    else:
        canvas = backdrop(draws, x, y, config.distractors)
        spot = circle(u, v, *[chosen.spot[:, k, None, None] for k in range(3)])
        own = _colour(draws, colours, patterns, distance, spot, u, v, pixels)
        canvas = mix(canvas, own, coverage(distance, pixels))
    grain = CounterRandom(seed, start, max(count, 1), purpose=1)
    images = canvas.transpose(0, 1)
    level = grain.uniform(1, 1, 1, high=config.noise)
    images = images + grain.noise(*images.shape[1:]) * level
    images = (images.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
    return Glyphs(images, labels, colours, patterns)


def _wobbled(shapes: GlyphShapes, draws: CounterRandom, wobble: float) -> GlyphShapes:
    shift = draws.uniform(2, STROKES, 2, low=-wobble, high=wobble)
    return shapes._replace(starts=shapes.starts + shift[:, 0], ends=shapes.ends + shift[:, 1])


def _pose(draws: CounterRandom, config: GlyphConfig) -> tuple[Tensor, ...]:
    """Image coordinates in [0, 1], local ones [N, S, S] in radii, and the radius in pixels."""
    centres = (torch.arange(config.size) + 0.5) * (1.0 / config.size)
    x, y = centres[None, :], centres[:, None]
    radius = draws.uniform(1, 1, low=config.radius[0], high=config.radius[1])
    place = draws.uniform(2, 1, 1)
    cx, cy = (radius + place[:, k] * (1.0 - radius * 2.0) for k in range(2))
    cos, sin = rotation((draws.uniform(1, 1) * 2.0 - 1.0) * config.turn)
    stretch = draws.uniform(1, 1, low=0.88, high=1.12)
    dx, dy = (x - cx) / radius, (y - cy) / radius
    u, v = (dx * cos + dy * sin) * stretch, dy * cos - dx * sin
    return x, y, u, v, radius * float(config.size)


def _ink(draws: CounterRandom, x: Tensor, y: Tensor, cover: Tensor) -> Tensor:
    """One channel [1, N, S, S]: dark ink on mottled light paper, or the reverse."""
    ink, paper, reverse = draws.uniform(3, 1, 1).unbind(1)
    mottle = (soft_noise(draws, 4, x, y) - 0.5) * 0.3
    image = mix(paper * 0.3 + 0.65 + mottle, ink * 0.3, cover)
    return torch.where(reverse < 0.5, image, 1.0 - image)[None]


def _colour(
    draws: CounterRandom,
    colours: Tensor,
    patterns: Tensor,
    distance: Tensor,
    spot: Tensor,
    u: Tensor,
    v: Tensor,
    pixels: Tensor,
) -> Tensor:
    """The glyph's own paint [3, N, S, S]: colour, pattern, a spot, a dark rim, light from above."""
    tint, phase = (draws.uniform(3) - 0.5) * 0.10, draws.uniform(1, 1)
    pattern = pattern_shade(patterns[:, None, None], u, v, phase, pixels)
    shade = rim_shade(distance, pixels) * ((u * 0.4 + v * 0.9) * -0.16 + 1.07)
    accent, own = coverage(spot, pixels), RGB[colours] + tint
    channels = [
        mix(own[:, c, None, None] * pattern, ACCENT_RGB[colours, c, None, None], accent) * shade
        for c in range(3)
    ]
    return torch.stack(channels).clamp(0.0, 1.0)
