"""Signed distances, and the eight kinds drawn with them."""

import math

import pytest
import torch

from dlcv.data import sdf
from dlcv.data.painting import coverage, draw
from dlcv.data.shapes import KINDS, SHAPES


def grid(extent: float = 1.5, count: int = 301):
    """Coordinates of a square grid, [count, count] each."""
    line = torch.linspace(-extent, extent, count)
    return line.expand(count, count), line[:, None].expand(count, count)


@pytest.fixture(scope="module")
def scattered():
    points = torch.rand(2, 2000, generator=torch.Generator().manual_seed(0)) * 3 - 1.5
    return points.unbind(0)


def nearest(x, y, outline):
    """Distance from every point to a finely sampled outline [2, M]."""
    return torch.cdist(torch.stack([x, y], 1), outline.T).amin(1)


def turn(count=20_000):
    angle = torch.linspace(0, 2 * math.pi, count)
    return angle.cos(), angle.sin()


def test_a_disc_by_hand():
    """Radius 2 around (1, 0): its centre is 2 inside, (4, 0) is 1 outside, (1, 2) on the edge."""
    x, y = torch.tensor([1.0, 4.0, 1.0]), torch.tensor([0.0, 0.0, 2.0])
    assert sdf.circle(x, y, 1.0, 0.0, 2.0).tolist() == [-2.0, 1.0, 0.0]


def test_a_square_by_hand():
    """Half side 1: the centre is 1 inside, (3, 0) is 2 off, (2, 2) is sqrt 2 off the corner."""
    x, y = torch.tensor([0.0, 3.0, 2.0]), torch.tensor([0.0, 0.0, 2.0])
    distance = sdf.box(x, y, 0.0, 0.0, 1.0, 1.0, 0.0)
    assert distance.tolist() == pytest.approx([-1.0, 2.0, math.sqrt(2)])


def test_distances_equal_the_way_to_a_sampled_outline(scattered):
    x, y = scattered
    cos, sin = turn()
    disc = sdf.circle(x, y, 0.2, -0.1, 0.7)
    rim = torch.stack([cos * 0.7 + 0.2, sin * 0.7 - 0.1])
    assert torch.allclose(disc.abs(), nearest(x, y, rim), atol=1e-3)
    bar = sdf.segment(x, y, (-0.5, 0.1), (0.6, 0.4), 0.0, 0.0)
    t = torch.linspace(0, 1, 20_000)
    line = torch.stack([t * 1.1 - 0.5, t * 0.3 + 0.1])
    assert torch.allclose(bar, nearest(x, y, line), atol=1e-3)


def test_ellipse_and_polygon_have_the_right_inside(scattered):
    x, y = scattered
    ellipse = sdf.ellipse(x, y, 0.1, 0.2, 1.0, 0.5)
    assert torch.equal(ellipse < 0, ((x - 0.1) / 1.0) ** 2 + ((y - 0.2) / 0.5) ** 2 < 1)
    triangle = sdf.polygon(x, y, [(-1.0, 1.0), (0.0, -1.0), (1.0, 1.0)])
    assert torch.equal(triangle < 0, (y < 1) & (y > 2 * x.abs() - 1))


def test_unions_and_cuts_are_those_of_the_sets(scattered):
    x, y = scattered
    a, b = sdf.circle(x, y, -0.3, 0.0, 0.6), sdf.circle(x, y, 0.4, 0.2, 0.5)
    assert torch.equal(sdf.union_of([a, b]) < 0, (a < 0) | (b < 0))
    assert torch.equal(sdf.cut(a, b) < 0, (a < 0) & ~(b <= 0))
    smooth = sdf.smooth_union(a, b, 0.2)
    assert (smooth <= torch.minimum(a, b)).all()
    far = (a - b).abs() > 0.2
    assert torch.equal(smooth[far], torch.minimum(a, b)[far])


def test_the_wave_is_a_sine_and_the_rotation_a_rotation():
    turns = torch.linspace(-3, 3, 5001)
    assert (sdf.wave(turns) - (2 * math.pi * turns).sin()).abs().max() < 0.0012
    cos, sin = sdf.rotation(turns)
    assert torch.allclose(cos * cos + sin * sin, torch.ones_like(cos), atol=1e-6)
    assert (cos - (2 * math.pi * turns).cos()).abs().max() < 0.002


def test_coverage_by_hand():
    """At 10 px a unit, a centre 0.02 units outside the edge is 0.2 px off: 0.3 is covered."""
    distance = torch.tensor([0.02, 0.0, -0.02, 0.05, -0.3])
    assert coverage(distance, 10.0).tolist() == pytest.approx([0.3, 0.5, 0.7, 0.0, 1.0])


def test_there_are_eight_kinds():
    names = ("fish", "starfish", "crab", "jellyfish", "boat", "bottle", "ring", "ball")
    assert names == KINDS
    assert len(SHAPES) == 8


@pytest.mark.parametrize("kind", range(8), ids=KINDS)
def test_a_kind_fills_a_good_part_of_the_unit_circle_and_stays_in_it(kind):
    x, y = grid()
    inside = SHAPES[kind][0](x, y).silhouette < 0
    reach = sdf.length(x, y)[inside].max()
    assert 0.9 < reach < 1.02
    assert 0.35 < inside.float().mean() * 3.0**2 / math.pi < 0.9


@pytest.mark.parametrize("kind", range(8), ids=KINDS)
def test_a_silhouette_changes_about_as_fast_as_a_distance_at_its_edge(kind):
    """Otherwise the smooth edge would be much wider or narrower than a pixel."""
    x, y = grid(count=601)
    distance = SHAPES[kind][0](x, y).silhouette
    step = 3.0 / 600
    slope = sdf.length(distance[1:, 1:] - distance[1:, :-1], distance[1:, 1:] - distance[:-1, 1:])
    edge = distance[1:, 1:].abs() < 2 * step
    slopes = (slope / step)[edge]
    assert slopes.median() == pytest.approx(1.0, abs=0.1)
    assert ((slopes > 0.5) & (slopes < 1.5)).float().mean() > 0.95


def test_symmetric_kinds_are_symmetric():
    x, y = grid()
    for name in ("starfish", "crab", "bottle", "ring", "ball"):
        silhouette = SHAPES[KINDS.index(name)][0](x, y).silhouette
        assert torch.allclose(silhouette, silhouette.flip(1), atol=1e-5), name


def test_the_starfish_has_five_equal_arms():
    angle = torch.arange(360) * (2 * math.pi / 360)
    at = [SHAPES[1][0](r * angle.sin(), -r * angle.cos()).silhouette < 0 for r in (0.4, 0.8)]
    for inside in at:
        assert (inside & ~inside.roll(1)).sum() in (0, 5)
    assert (at[1] & ~at[1].roll(1)).sum() == 5
    distance = SHAPES[1][0](0.8 * angle.sin(), -0.8 * angle.cos()).silhouette
    assert torch.allclose(distance, distance.roll(72), atol=1e-5)


def test_the_ring_has_a_hole_and_no_two_kinds_have_the_same_silhouette():
    x, y = grid()
    inside = torch.stack([figure(x, y).silhouette < 0 for figure, _ in SHAPES])
    assert not inside[6, 150, 150]
    for i in range(8):
        for j in range(i):
            overlap = (inside[i] & inside[j]).sum() / (inside[i] | inside[j]).sum()
            assert overlap < 0.85, (KINDS[i], KINDS[j])


def test_drawing_many_kinds_at_once_equals_drawing_each_alone():
    kinds = torch.tensor([3, 0, 3, 7, 5])
    x, y = grid(1.2, 24)
    x, y = x.expand(5, -1, -1) * torch.linspace(0.9, 1.1, 5)[:, None, None], y.expand(5, -1, -1)
    pixels = torch.full((5, 1, 1), 10.0)
    together = torch.stack(draw(kinds, x, y, pixels), 1)
    for i in range(5):
        alone = torch.stack(draw(kinds[i : i + 1], x[i : i + 1], y[i : i + 1], pixels[:1]), 1)
        assert torch.equal(together[i], alone[0])
