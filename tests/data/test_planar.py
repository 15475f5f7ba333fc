"""Points in the plane: their shapes, their balance, and that a seed repeats them."""

import pytest
import torch

from dlcv.data.planar import PLANE_SETS, plane_set


@pytest.mark.parametrize("name", PLANE_SETS)
def test_sets_are_balanced_bounded_and_repeatable(name):
    points, labels = plane_set(name, 60, seed=3)
    assert (points.shape, points.dtype) == ((60, 2), torch.float32)
    assert labels.bincount().tolist() == [30, 30]
    assert points.abs().max() < 1.6
    again = plane_set(name, 60, seed=3)
    assert points.equal(again.points)
    assert not points.equal(plane_set(name, 60, seed=4).points)


def test_without_noise_the_shapes_are_exact():
    # Every XOR point is a corner (±½, ±½), of class 1 where the signs differ.
    points, labels = plane_set("XOR", 40, noise=0)
    assert points.abs().unique().tolist() == [0.5]
    assert (points.prod(dim=1) < 0).long().equal(labels)
    # The circles are a disc of radius 0.4 and a ring of radius 0.85.
    points, labels = plane_set("circles", 100, noise=0)
    radius = points.norm(dim=1)
    assert radius[labels == 0].max() <= 0.4 + 1e-6
    torch.testing.assert_close(radius[labels == 1], torch.full((50,), 0.85))
    # One moon turned by half a turn is the other: both are arcs of radius 0.6.
    points, labels = plane_set("two moons", 100, noise=0)
    centres = torch.where(labels == 1, 0.3, -0.3), torch.where(labels == 1, 0.15, -0.15)
    radius = (points - torch.stack(centres, dim=1)).norm(dim=1)
    torch.testing.assert_close(radius, torch.full((100,), 0.6))


def test_smallest_set():
    points, labels = plane_set("two clouds", 2, noise=0)
    assert points.tolist() == [[-0.5, -0.5], [0.5, 0.5]]
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bananas",), "expected one of two clouds, .*; got 'bananas'"),
        (("XOR", 7), "even count and noise >= 0, got 7"),
        (("XOR", 0), "got 0"),
        (("XOR", 4, -1.0), "got 4 and -1.0"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        plane_set(*arguments)
