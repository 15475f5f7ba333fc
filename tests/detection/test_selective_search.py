"""Selective search and its segmentation: scikit-image as an oracle, toys by hand, properties."""

import numpy as np
import pytest
import torch
from skimage.segmentation import felzenszwalb

from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.graph_segmentation import graph_segments, pixel_edges
from dlcv.detection.proposals import random_boxes, recall_against_count
from dlcv.detection.selective_search import (
    NO_COLOUR,
    Region,
    colour_space,
    group,
    histograms,
    merge,
    neighbours,
    regions_of,
    selective_search,
    similarity,
)


def region(size, box, colour=(1.0, 0.0)):
    return Region(size, box, np.array(colour), np.array([1.0]))


# ------------------------------------------------------------------------------ graph segmentation
def test_pixels_have_four_kinds_of_links():
    edges = pixel_edges(np.arange(6.0).reshape(2, 3, 1))
    assert len(edges) == 4 + 3 + 2 + 2  # across, down and both diagonals
    assert {(here, there): step for step, here, there in edges}[2, 4] == 2  # down to the left
    assert edges == sorted(edges)


def test_a_step_is_a_border_by_hand():
    picture = np.array([[0, 0, 9, 9]] * 3, dtype=float)[..., None]
    assert graph_segments(picture, 3).tolist() == [[0, 0, 1, 1]] * 3
    assert graph_segments(picture, 100).max() == 0
    assert graph_segments(picture[:1, :1], 1).tolist() == [[0]]


@pytest.mark.parametrize("scale", [20, 80, 300])
def test_segments_equal_those_of_scikit_image(scale):
    """Without smoothing and without a least size; scikit-image divides its scale by 255."""
    image = np.random.default_rng(4).random((23, 17, 3))
    image[:, 8:] += 0.7
    ours = graph_segments(image / 2, scale / 255)
    theirs = felzenszwalb(image / 2, scale=scale, sigma=0, min_size=0)
    pairs = set(zip(ours.ravel().tolist(), theirs.ravel().tolist(), strict=True))
    assert len(pairs) == ours.max() + 1 == theirs.max() + 1


def test_segmentation_errors():
    with pytest.raises(ValueError, match="expected an image"):
        graph_segments(np.zeros((3, 3)), 1)
    with pytest.raises(ValueError, match="scale > 0"):
        graph_segments(np.zeros((3, 3, 1)), 0)


# --------------------------------------------------------------------------------------- grouping
def test_similarity_by_hand():
    """2 and 4 pixels of 20; the box around both has 3 * 3; colours share 0.6; textures all."""
    a = region(2, (0, 0, 1, 2), (0.6, 0.4))
    b = region(4, (1, 1, 3, 3), (1.0, 0.0))
    cues = [0.6, 1.0, 1 - 6 / 20, 1 - (9 - 6) / 20]
    assert similarity(a, b, 20) == pytest.approx(sum(cues))
    assert similarity(a, b, 20, (0, 0, 0, 1)) == pytest.approx(cues[3])
    assert similarity(a, b, 20) == similarity(b, a, 20)


def test_merged_histograms_are_those_of_all_pixels():
    rng = np.random.default_rng(1)
    image, segments = rng.random((9, 7, 3)), rng.integers(0, 2, (9, 7))
    two, whole = regions_of(image, segments), regions_of(image, np.zeros((9, 7), int))[0]
    both = merge(*two)
    assert (both.size, both.box) == (63, (0, 0, 7, 9))
    np.testing.assert_allclose(both.colour, whole.colour)
    np.testing.assert_allclose(both.texture, whole.texture)


def test_histograms_equal_a_loop():
    rng = np.random.default_rng(2)
    values, segments = rng.random((6, 5, 2)) * 4, rng.integers(0, 3, (6, 5))
    found = histograms(values, segments, 4)
    for r in range(3):
        rows = [np.bincount(values[segments == r][:, c].astype(int), minlength=4) for c in range(2)]
        np.testing.assert_allclose(found[r], np.concatenate(rows) / (2 * (segments == r).sum()))


def test_neighbours_share_an_edge_and_not_a_corner():
    assert neighbours(np.array([[0, 1], [2, 3]])) == [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert neighbours(np.zeros((3, 3), int)) == []


def test_grouping_ends_in_the_whole_and_takes_the_most_alike_first():
    regions = [
        region(4, (0, 0, 2, 2), (1.0, 0.0)),
        region(4, (2, 0, 4, 2), (0.0, 1.0)),
        region(4, (4, 0, 6, 2), (0.1, 0.9)),
    ]
    found, merges = group(regions, [(0, 1), (1, 2)], 12)
    assert merges == [(1, 2), (0, 3)]
    assert found[-1].box == (0, 0, 6, 2)
    assert found[-1].size == 12
    assert group(regions[:1], [], 12) == (regions[:1], [])


def test_grouping_equals_a_slow_reference():
    """Everything is compared anew in every round, from the pixels' segments."""
    rng = np.random.default_rng(3)
    image = rng.random((8, 8, 3))
    segments = np.kron(np.arange(16).reshape(4, 4), np.ones((2, 2), int))
    first = regions_of(image, segments)
    _, merges = group(first, neighbours(segments), 64)
    now, regions = segments.copy(), dict(enumerate(first))
    for step, expected in enumerate(merges):
        pairs = neighbours(now)
        scores = [similarity(regions[i], regions[j], 64) for i, j in pairs]
        assert pairs[int(np.argmax(scores))] == expected
        new = 16 + step
        regions[new] = merge(regions[expected[0]], regions[expected[1]])
        now[np.isin(now, expected)] = new
    assert len(np.unique(now)) == 1


# -------------------------------------------------------------------------------- the whole method
def test_two_squares_are_proposed():
    image = torch.full((3, 40, 60), 0.2)
    image[0, 8:24, 6:26] = 0.9
    image[2, 14:34, 36:52] = 0.9
    found = selective_search(image, cues=((1, 1, 1, 1), NO_COLOUR))
    objects = torch.tensor([[6.0, 8, 26, 24], [36, 14, 52, 34]])
    assert recall_against_count([found], [objects], [len(found)], 0.8) == [1.0]
    assert len(found.unique(dim=0)) == len(found)
    assert torch.equal(found, selective_search(image, cues=((1, 1, 1, 1), NO_COLOUR)))


def test_far_better_than_chance_on_scenes():
    scenes = render_scenes(4, seed=5, config=SceneConfig(size=64), masks=False)
    objects = [target["boxes"] for target in scenes.targets()]
    found = [selective_search(image / 255, spaces=("hsv",)) for image in scenes.images]
    chance = [random_boxes((64, 64), 60, seed) for seed in range(4)]
    ours = recall_against_count(found, objects, [60])[0]
    assert ours > recall_against_count(chance, objects, [60])[0] + 0.2


def test_a_picture_of_one_colour_and_errors():
    assert selective_search(torch.full((3, 20, 30), 0.5)).tolist() == [[0, 0, 30, 20]]
    with pytest.raises(ValueError, match=r"expected an image \[3, H, W\]"):
        selective_search(torch.zeros(1, 5, 5))
    with pytest.raises(ValueError, match="expected rgb, hsv or lab"):
        colour_space(np.zeros((2, 2, 3)), "cmyk")


@pytest.mark.parametrize("name", ["rgb", "hsv", "lab"])
def test_colour_spaces_stay_in_range(name):
    values = colour_space(np.random.default_rng(0).random((5, 6, 3)), name)
    assert values.min() >= 0
    assert values.max() <= 1
