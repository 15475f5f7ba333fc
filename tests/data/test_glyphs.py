"""The glyphs: the same for the same seed, as many classes as asked for, none of them a fish."""

import pytest
import torch

from dlcv.data import glyphs as module
from dlcv.data.glyphs import (
    GlyphConfig,
    GlyphShapes,
    glyph_distance,
    glyph_shapes,
    render_glyphs,
)
from dlcv.data.palette import COLOURS, PATTERNS
from dlcv.data.scenes import KINDS
from dlcv.data.shapes import SHAPES


def grid(count: int, size: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """Local coordinates from -1 to 1, [count, size, size] each."""
    c = (torch.arange(size) + 0.5) / size * 2 - 1
    return c.expand(count, size, size), c[:, None].expand(count, size, size)


@pytest.fixture(scope="module")
def silhouettes():
    """The first 200 classes, bool [200, 48 * 48]."""
    return (glyph_distance(glyph_shapes(range(200)), *grid(200)) < 0).flatten(1)


def overlap(a, b):
    """Intersection over union of rows of masks, [N] and one mask."""
    return (a & b).sum(1) / (a | b).sum(1)


def test_a_single_bar_by_hand():
    """Four times the same stroke from (-0.5, 0) to (0.5, 0) with radius 0.2."""
    bar = torch.tensor([[-0.5, 0.0]]).expand(1, 4, 2)
    shapes = GlyphShapes(
        bar,
        -bar,
        torch.full((1, 4, 2), 0.2),
        torch.tensor([False]),
        torch.tensor([False]),
        torch.zeros(1, 3),
    )
    x, y = torch.tensor([[[0.0, 0.9, 0.0]]]), torch.tensor([[[0.0, 0.0, 0.5]]])
    got = glyph_distance(shapes, x, y)[0, 0]
    # On the axis 0.2 deep, at 0.9 the end is 0.2 away, at height 0.5 the edge 0.3. Blending four
    # equal strokes adds at most a quarter of 0.08 for each.
    torch.testing.assert_close(got, torch.tensor([-0.2, 0.2, 0.3]), atol=0.08, rtol=0)
    hollow = shapes._replace(hollow=torch.tensor([True]))
    assert glyph_distance(hollow, x, y)[0, 0, 0] > 0  # the middle of a hollow bar is outside


def test_no_glyph_is_one_of_the_kinds_of_the_scenes(silhouettes):
    x, y = (c[0] for c in grid(1))
    for (figure, _), name in zip(SHAPES, KINDS, strict=True):
        for mirror in (1, -1):
            kind = (figure(mirror * x, y).silhouette < 0).flatten()
            assert overlap(silhouettes, kind).max() < 0.85, name


def test_classes_differ_from_each_other(silhouettes):
    some = silhouettes[:60]
    for k in range(60):
        others = torch.arange(60) != k
        assert overlap(some[others], some[k]).max() < 0.9


def test_every_figure_lies_in_the_unit_circle_and_is_large_enough_to_see():
    x, y = grid(200)
    inside = glyph_distance(glyph_shapes(range(200)), x, y) < 0
    assert (inside & (x.square() + y.square() > 1.05)).sum() == 0
    assert inside.float().mean((1, 2)).min() > 0.05


def test_a_class_has_its_figure_whichever_others_are_asked_for():
    one, many = glyph_shapes([7]), glyph_shapes(range(9))
    assert all(torch.equal(a[0], b[7]) for a, b in zip(one, many, strict=True))
    other = glyph_shapes([7], alphabet=1)
    assert not torch.equal(one.starts, other.starts)


@pytest.mark.parametrize("grey", [False, True])
def test_an_image_is_the_same_alone_and_in_any_batch(monkeypatch, grey):
    config = GlyphConfig(size=20, grey=grey)
    whole = render_glyphs(20, range(6), seed=3, config=config)
    assert whole.images.shape == (20, 1 if grey else 3, 20, 20)
    part = render_glyphs(5, range(6), seed=3, start=9, config=config)
    assert all(torch.equal(a, b[9:14]) for a, b in zip(part, whole, strict=True))
    monkeypatch.setattr(module, "_CHUNK_PIXELS", 3 * 20 * 20)
    again = render_glyphs(20, range(6), seed=3, config=config)
    assert all(torch.equal(a, b) for a, b in zip(again, whole, strict=True))


def test_labels_take_turns_and_the_rest_varies():
    batch = render_glyphs(240, [5, 2, 9], config=GlyphConfig(size=16))
    assert torch.equal(batch.labels, torch.arange(240) % 3)
    assert set(batch.colours.tolist()) == set(range(len(COLOURS)))
    assert set(batch.patterns.tolist()) == set(range(len(PATTERNS)))
    assert not torch.equal(batch.images[0], batch.images[3])  # one class, two images
    assert not torch.equal(batch.images, render_glyphs(240, [5, 2, 9], 1).images)


def test_no_image_is_fine():
    empty = render_glyphs(0, [1], config=GlyphConfig(size=8))
    assert empty.images.shape == (0, 3, 8, 8)
    assert empty.labels.shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: glyph_shapes([]), "at least one"),
        (lambda: glyph_shapes([3, -1]), r"classes >= 0"),
        (lambda: render_glyphs(-1, [0]), "count >= 0"),
        (lambda: render_glyphs(1, [0], start=-2), "start >= 0"),
        (lambda: GlyphConfig(size=4), "8 to 1024"),
        (lambda: GlyphConfig(radius=(0.4, 0.2)), "radius"),
        (lambda: GlyphConfig(turn=0.7), "turn"),
        (lambda: GlyphConfig(wobble=-0.1), "wobble"),
        (lambda: GlyphConfig(noise=0.9), "noise"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
