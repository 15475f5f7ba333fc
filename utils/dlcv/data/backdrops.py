"""Backgrounds of the scenes: water, sand, and things in them that are not labelled objects."""

import torch
from torch import Tensor

from dlcv.data.counter_random import CounterRandom
from dlcv.data.painting import coverage, mix, window
from dlcv.data.sdf import length, wave

_WATER = torch.tensor(  # (top, bottom) in RGB: lagoon, open sea, deep sea, evening, green shallows
    [
        [(0.68, 0.87, 0.88), (0.34, 0.62, 0.72)],
        [(0.52, 0.74, 0.84), (0.22, 0.42, 0.58)],
        [(0.34, 0.52, 0.66), (0.15, 0.26, 0.42)],
        [(0.86, 0.76, 0.76), (0.42, 0.44, 0.60)],
        [(0.70, 0.82, 0.74), (0.36, 0.52, 0.48)],
    ]
)
_SAND = torch.tensor(  # golden, rosy, pale, wet
    [
        [(0.92, 0.84, 0.66), (0.82, 0.70, 0.50)],
        [(0.92, 0.80, 0.70), (0.80, 0.64, 0.54)],
        [(0.90, 0.88, 0.82), (0.76, 0.72, 0.64)],
        [(0.66, 0.58, 0.46), (0.48, 0.40, 0.32)],
    ]
)
_BUBBLES, _PEBBLES, _WEEDS = 4, 4, 2  # the largest number of each in a scene


def backdrop(draws: CounterRandom, x: Tensor, y: Tensor, distractors: bool) -> Tensor:
    """Paint water above sand, all water or all sand, with ripples and soft mottling.

    Args:
        draws: the random numbers of N scenes.
        x, y: pixel centres in [0, 1], [1, S] and [S, 1]; the image is as wide as it is high.
        distractors: also draw bubbles, pebbles and seaweed.

    Returns:
        RGB of about [0, 1], [3, N, S, S].
    """
    style, edge, phases = draws.uniform(1, 1), draws.uniform(1, 1), draws.uniform(4, 1, 1)
    shore = torch.where(style < 0.4, 2.0, torch.where(style < 0.65, -1.0, edge * 0.35 + 0.5))
    side = y - shore - wave(x * 1.3 + phases[:, 0]) * 0.03 - wave(x * 2.9 + phases[:, 1]) * 0.012
    sand = coverage(-side, x.shape[-1] * 0.7)
    tilt = (y + (x - 0.5) * (draws.uniform(1, 1) - 0.5) * 0.6).clamp(0.0, 1.0)
    mottle = (soft_noise(draws, 7, x, y) - 0.5) * 0.16
    ripple = _ripples(x, y, phases, draws) * (1.0 - sand) + mottle
    channels = []
    water, ground = _pick(_WATER, draws), _pick(_SAND, draws)  # [N, 2, 3, 1, 1]
    for c in range(3):
        sea, floor = (mix(two[:, 0, c], two[:, 1, c], tilt) for two in (water, ground))
        channels.append(mix(sea, floor, sand) + ripple)
    canvas = torch.stack(channels)
    if distractors:
        _add_distractors(canvas, draws, x, y, shore)
    return canvas


def soft_noise(draws: CounterRandom, cells: int, x: Tensor, y: Tensor) -> Tensor:
    """Smooth random bumps: values of a lattice of cells × cells, blended in between: [N, S, S]."""
    lattice = draws.uniform(cells + 1, cells + 1)
    column, across = _cell(x.reshape(-1), cells)
    row, down = _cell(y.reshape(-1), cells)
    rows = mix(lattice[:, row], lattice[:, row + 1], down[:, None])
    return mix(rows[..., column], rows[..., column + 1], across)


def _cell(position: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    scaled = position * cells
    index = scaled.floor().clamp(0, cells - 1)
    t = scaled - index
    return index.long(), t * t * (3.0 - t * 2.0)


def _pick(palette: Tensor, draws: CounterRandom) -> Tensor:
    chosen = palette.to(draws.keys.device)[draws.integers(high=len(palette))]
    jitter = (draws.uniform(2, 3) - 0.5) * 0.10
    return (chosen + jitter)[..., None, None]


def _ripples(x: Tensor, y: Tensor, phases: Tensor, draws: CounterRandom) -> Tensor:
    sway = wave(x * 1.7 + y * 0.8 + phases[:, 2]) * 0.35
    lines = wave(y * 5.0 + x * 0.7 + sway + phases[:, 3]) * 0.5
    lines = lines + wave(y * 3.1 - x * 2.3 + phases[:, 0]) * 0.5
    return (lines - 0.35).clamp(min=0.0) * draws.uniform(1, 1, high=0.30)


def _add_distractors(canvas: Tensor, draws: CounterRandom, x: Tensor, y: Tensor, shore: Tensor):
    for _ in range(_WEEDS):
        _weed(canvas, draws, x, y)
    for _ in range(_PEBBLES):
        _pebble(canvas, draws, shore)
    for _ in range(_BUBBLES):
        _bubble(canvas, draws)


def _weed(canvas: Tensor, draws: CounterRandom, x: Tensor, y: Tensor) -> None:
    """A swaying blade that grows from the lower edge to half the height at most, in place."""
    foot, top, phase, there = draws.uniform(4, 1, 1).unbind(1)
    green = draws.uniform(1, 1, low=0.36, high=0.56)
    size = x.shape[-1]
    canvas, y = canvas[:, :, size // 2 :], y[size // 2 :]
    blade = (x - foot - wave(y * 2.4 + phase) * 0.025).abs() - (y - 0.45) * 0.03
    blade = torch.maximum(blade, top * 0.4 + 0.5 - y)
    share = coverage(blade, size) * (there < 0.45) * 0.8
    for c, tone in enumerate((0.55, 1.0, 0.6)):
        canvas[c] += (green * tone - canvas[c]) * share


def _pebble(canvas: Tensor, draws: CounterRandom, shore: Tensor) -> None:
    """A flat stone on the sand, lighter on top, in place."""
    cx, cy, size, there = draws.uniform(4).unbind(1)
    grey, warm = draws.uniform(2, 1, 1).unbind(1)
    shore = shore[:, 0, 0]
    top = shore.clamp(0.0, 1.0) + 0.05
    at, x, y = _spot(canvas, cx, top + (1.0 - top) * cy, 0.036)
    distance = length(x, y * 1.5) - (size * 0.022 + 0.014)[:, None, None]
    share = coverage(distance, canvas.shape[-1])
    share = share * ((there < 0.5) & (shore < 1.0))[:, None, None]
    tone = grey * 0.4 + 0.3 - y * 4.0
    stone = torch.stack([tone + warm * k for k in (0.1, 0.04, 0.0)])
    canvas[at] = mix(canvas[at], stone, share)


def _bubble(canvas: Tensor, draws: CounterRandom) -> None:
    """A bubble with a bright skin and a spot of light, in place."""
    cx, cy, size, there = draws.uniform(4).unbind(1)
    width = canvas.shape[-1]
    radius = (size * 0.022 + 0.016)[:, None, None]
    at, x, y = _spot(canvas, cx, cy, 0.045)
    distance = length(x, y)
    skin = coverage((distance - radius).abs() - 0.005, width) * 0.55
    shine = coverage(length(x + radius * 0.4, y + radius * 0.4) - 0.008, width) * 0.7
    share = torch.maximum(torch.maximum(skin, shine), coverage(distance - radius, width) * 0.15)
    canvas[at] = mix(canvas[at], 1.0, share * (there < 0.5)[:, None, None])


def _spot(canvas: Tensor, cx: Tensor, cy: Tensor, reach: float) -> tuple[tuple, Tensor, Tensor]:
    """Index of a small window of every scene, and coordinates from the centre in it."""
    size = canvas.shape[-1]
    side = 2 * int(reach * size) + 3
    columns, x = window(cx, size, side)
    rows, y = window(cy, size, side)
    scene = torch.arange(len(cx), device=cx.device)[:, None, None]
    at = (slice(None), scene, rows[:, :, None], columns[:, None, :])
    return at, x[:, None, :] * (1.0 / size), y[:, :, None] * (1.0 / size)
