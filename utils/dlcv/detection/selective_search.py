"""Selective search: small regions of a picture, merged step by step, each step a proposal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from skimage.color import rgb2hsv, rgb2lab
from skimage.segmentation import felzenszwalb
from torch import Tensor

from dlcv.detection.proposals import distinct

Weights = tuple[float, float, float, float]
Pair = tuple[int, int]

ALL_CUES: Weights = (1, 1, 1, 1)
NO_COLOUR: Weights = (0, 1, 1, 1)  # the second measure of the paper's fast mode
COLOUR_BINS, DIRECTIONS, STEEPNESS_BINS = 25, 8, 10  # as in the paper


@dataclass(frozen=True)
class Region:
    """A part of a picture.

    Attributes:
        size: Its pixels.
        box: (x1, y1, x2, y2) around it, px.
        colour: Histogram of its colours, sum 1.
        texture: Histogram of its gradients, sum 1.
    """

    size: int
    box: tuple[int, int, int, int]
    colour: np.ndarray
    texture: np.ndarray


def merge(a: Region, b: Region) -> Region:
    """Return two regions as one; its histograms are the means of theirs, weighted by size.

    Taught in: lectures/11_detection_foundations
    """
    size = a.size + b.size
    low, high = np.minimum(a.box, b.box), np.maximum(a.box, b.box)
    return Region(
        size,
        (*low[:2].tolist(), *high[2:].tolist()),
        (a.size * a.colour + b.size * b.colour) / size,
        (a.size * a.texture + b.size * b.texture) / size,
    )


def similarity(a: Region, b: Region, area: int, weights: Weights = ALL_CUES) -> float:
    """Say how much two regions look like parts of one thing.

    s = a1 s_colour + a2 s_texture + a3 s_size + a4 s_fill: how much their histograms have in
    common, whether both are small, and whether they fill the box around both.

    Args:
        a: A region.
        b: Another.
        area: Pixels of the whole picture.
        weights: (a1, a2, a3, a4).

    Returns:
        Each of the four cues is in [0, 1].

    Reference:
        Uijlings et al., Selective Search for Object Recognition, IJCV 2013, sec. 3.2.

    Taught in: lectures/11_detection_foundations
    """
    x1, y1, x2, y2 = merge(a, b).box
    cues = (
        np.minimum(a.colour, b.colour).sum(),
        np.minimum(a.texture, b.texture).sum(),
        1 - (a.size + b.size) / area,
        1 - ((x2 - x1) * (y2 - y1) - a.size - b.size) / area,
    )
    return float(sum(weight * cue for weight, cue in zip(weights, cues, strict=True)))


def group(
    regions: Iterable[Region], pairs: Iterable[Pair], area: int, weights: Weights = ALL_CUES
) -> tuple[list[Region], list[Pair]]:
    """Merge the two most similar neighbours, again and again, until one region is left.

    Args:
        regions: R regions.
        pairs: Which of them touch, (i, j) with i < j.
        area: Pixels of the whole picture.
        weights: See `similarity`.

    Returns:
        The R regions with the merged ones behind them, in the order in which they arose, and the
        pair from which each of these arose.

    Reference:
        Uijlings et al., Selective Search for Object Recognition, IJCV 2013, algorithm 1.

    Taught in: lectures/11_detection_foundations
    """
    regions, merges = list(regions), []
    alike = {(i, j): similarity(regions[i], regions[j], area, weights) for i, j in pairs}
    while alike:
        best = max(alike, key=alike.get)
        touching = {k for pair in alike if set(pair) & set(best) for k in pair} - set(best)
        alike = {pair: s for pair, s in alike.items() if not set(pair) & set(best)}
        merges.append(best)
        regions.append(merge(regions[best[0]], regions[best[1]]))
        new = len(regions) - 1
        for k in sorted(touching):
            alike[k, new] = similarity(regions[k], regions[new], area, weights)
    return regions, merges


def regions_of(image: np.ndarray, segments: np.ndarray) -> list[Region]:
    """Describe the regions of a segmented picture.

    Args:
        image: float [H, W, 3] in [0, 1], in any colour space.
        segments: int [H, W], the region of each pixel, counted from 0 without gaps.
    """
    colours = histograms(image * COLOUR_BINS, segments, COLOUR_BINS)
    down, across = np.gradient(image, axis=(0, 1))
    turn = np.arctan2(down, across) / (2 * np.pi) % 1 * DIRECTIONS
    steep = np.hypot(down, across) * STEEPNESS_BINS * 2  # a step of 1 has a gradient of 1/2
    joint = turn.astype(int) % DIRECTIONS * STEEPNESS_BINS + steep.clip(0, STEEPNESS_BINS - 1)
    textures = histograms(joint, segments, DIRECTIONS * STEEPNESS_BINS)
    sizes = np.bincount(segments.ravel())
    boxes = [box_around(segments == r) for r in range(len(sizes))]
    return [Region(*parts) for parts in zip(sizes.tolist(), boxes, colours, textures, strict=True)]


def histograms(values: np.ndarray, segments: np.ndarray, bins: int) -> np.ndarray:
    """Return a histogram [R, C * bins] of each region, sum 1, of values [H, W, C] in [0, bins]."""
    C, R = values.shape[2], segments.max() + 1
    which = values.astype(int).clip(0, bins - 1) + bins * np.arange(C)
    flat = (segments[..., None] * C * bins + which).ravel()
    counts = np.bincount(flat, minlength=R * C * bins).reshape(R, C * bins)
    return counts / counts.sum(axis=1, keepdims=True)


def box_around(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return (x1, y1, x2, y2) around the true pixels of [H, W]."""
    rows, columns = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def neighbours(segments: np.ndarray) -> list[Pair]:
    """Return the pairs (i, j), i < j, of regions that share a pixel edge in int [H, W]."""
    across = np.stack([segments[:, :-1].ravel(), segments[:, 1:].ravel()])
    down = np.stack([segments[:-1].ravel(), segments[1:].ravel()])
    pairs = np.sort(np.concatenate([across, down], axis=1), axis=0)
    pairs = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1)
    return list(map(tuple, pairs.T.tolist()))


def colour_space(image: np.ndarray, name: str) -> np.ndarray:
    """Return an RGB picture [H, W, 3] in [0, 1] in "rgb", "hsv" or "lab", scaled to [0, 1].

    Raises:
        ValueError: If the space is unknown.
    """
    if name == "rgb":
        return image
    if name == "hsv":
        return rgb2hsv(image)
    if name == "lab":
        return (rgb2lab(image) / [100, 255, 255] + [0, 0.5, 0.5]).clip(0, 1)
    raise ValueError(f"expected rgb, hsv or lab, got {name!r}")


def selective_search(
    image: Tensor,
    scales: Sequence[float] = (50, 100),
    spaces: Sequence[str] = ("hsv", "lab"),
    cues: Sequence[Weights] = (ALL_CUES, NO_COLOUR),
    min_size: int = 20,
    seed: int = 0,
) -> Tensor:
    """Propose the boxes around all regions of several hierarchies.

    Each hierarchy starts from another segmentation: every scale in every colour space, grouped by
    every set of cues. A region's rank is its place counted from the top of its hierarchy, times a
    random number, so that large regions come early but not always.

    Args:
        image: float [3, H, W] in [0, 1].
        scales: Of the graph segmentation; the paper's fast mode has 50 and 100.
        spaces: Colour spaces, see `colour_space`.
        cues: Sets of weights, see `similarity`.
        min_size: Least pixels of a first region; a teaching value for small pictures.
        seed: Of the random ranks.

    Returns:
        float32 [N, 4], xyxy in px, no box twice, the best ranks first.

    Raises:
        ValueError: If the image is no [3, H, W] or a colour space is unknown.

    Reference:
        Uijlings et al., Selective Search for Object Recognition, IJCV 2013, sec. 3.3 and 4.

    Taught in: lectures/11_detection_foundations
    """
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"expected an image [3, H, W], got {list(image.shape)}")
    random = np.random.default_rng(seed)
    pixels = image.permute(1, 2, 0).double().numpy()
    ranked = []
    for space in spaces:
        picture = colour_space(pixels, space)
        for scale in scales:
            segments = felzenszwalb(picture, scale, sigma=0.8, min_size=min_size)
            first, pairs = regions_of(picture, segments), neighbours(segments)
            for weights in cues:
                boxes = [region.box for region in group(first, pairs, segments.size, weights)[0]]
                ranks = random.random(len(boxes)) * np.arange(len(boxes), 0, -1)
                ranked += zip(ranks.tolist(), boxes, strict=True)
    boxes = torch.tensor([box for _, box in sorted(ranked)], dtype=torch.float32)
    return distinct(boxes, image.shape[1:])
