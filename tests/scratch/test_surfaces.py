"""The loss surfaces: minima where they say, gradients, paths."""

import pytest
import torch

from dlcv.scratch.optimisers import SGD
from dlcv.scratch.surfaces import SURFACES, descend, gradient


@pytest.mark.parametrize("name", SURFACES)
def test_the_lowest_places_are_flat_and_nothing_in_reach_is_lower(name):
    surface = SURFACES[name]
    axis = torch.linspace(-surface.reach, surface.reach, 201, dtype=torch.float64)
    everywhere = surface.loss(axis[:, None], axis[None])
    for place in torch.tensor(surface.lowest, dtype=torch.float64):
        assert gradient(surface, place).abs().max() < 1e-12
        assert everywhere.min() >= surface.loss(*place) - 1e-12
    assert max(map(abs, surface.start)) <= surface.reach


@pytest.mark.parametrize("name", SURFACES)
def test_gradients_are_those_of_finite_differences(name):
    surface, step = SURFACES[name], 1e-6
    place = torch.tensor([0.7, -1.1], dtype=torch.float64)
    for axis, slope in enumerate(gradient(surface, place)):
        away = torch.zeros(2, dtype=torch.float64)
        away[axis] = step
        rise = surface.loss(*(place + away)) - surface.loss(*(place - away))
        assert (rise / (2 * step)).item() == pytest.approx(slope.item(), rel=1e-6)


def test_a_path_in_the_bowl_by_hand():
    path = descend(SURFACES["round bowl"], SGD, 3, lr=0.5)
    expected = torch.tensor([[-1.5, 1.2]], dtype=torch.float64) * 0.5 ** torch.arange(4.0)[:, None]
    torch.testing.assert_close(path, expected.double())


def test_a_place_is_a_pair():
    with pytest.raises(ValueError, match=r"\[2\], got \[3\]"):
        gradient(SURFACES["saddle"], torch.zeros(3))
