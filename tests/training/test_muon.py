"""Muon: directions stay, strengths become one; steps by hand and against torch's."""

import pytest
import torch
from torch.optim import _muon

from dlcv.training.muon import COEFFICIENTS, Muon, orthogonalise


def matrix(rows, columns, strengths, seed=0):
    """A matrix with given singular values, and its directions U Vᵀ."""
    draw = torch.Generator().manual_seed(seed)
    rough = torch.randn(rows, columns, generator=draw, dtype=torch.float64)
    u, _, vt = torch.linalg.svd(rough, full_matrices=False)
    return u @ torch.diag(torch.tensor(strengths, dtype=torch.float64)) @ vt, u @ vt


@pytest.mark.parametrize(("rows", "columns"), [(3, 7), (7, 3), (3, 3)])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_strengths_become_nearly_one_whatever_the_size(rows, columns, size):
    given, directions = matrix(rows, columns, [size, 0.3 * size, 0.05 * size])
    found = torch.linalg.svdvals(orthogonalise(given))
    assert 0.68 < found.min() <= found.max() < 1.21
    many_rounds = orthogonalise(given, steps=12)
    assert (many_rounds * directions).sum() / 3 > 0.68  # the directions are those of the SVD


def test_each_strength_goes_through_the_polynomial_alone():
    given, _ = matrix(4, 6, [4.0, 2.0, 1.0, 0.1])
    a, b, c = COEFFICIENTS
    wanted = torch.linalg.svdvals(given) / given.norm()
    for _ in range(3):
        wanted = a * wanted + b * wanted**3 + c * wanted**5
    found = torch.linalg.svdvals(orthogonalise(given))
    torch.testing.assert_close(found, wanted.sort(descending=True).values, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 20), (20, 5)])
def test_it_is_torchs_to_the_precision_of_bfloat16(shape):
    given = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    theirs = _muon._zeropower_via_newtonschulz(given, COEFFICIENTS, 3, 1e-7)
    torch.testing.assert_close(orthogonalise(given), theirs.float(), rtol=0, atol=0.03)


def test_zeros_stay_zero_and_no_matrix_is_named():
    assert torch.equal(orthogonalise(torch.zeros(2, 3)), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"expected a matrix \[M, N\], got \[3\]"):
        orthogonalise(torch.ones(3))


def test_two_steps_by_hand():
    weight = torch.nn.Parameter(torch.tensor([[3.0, 0.0], [0.0, 4.0]])[:, :, None, None])
    gradients = [torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[0.5, 0.0], [1.0, 1.0]])]
    optimiser = Muon([weight], lr=0.1, momentum=0.5)
    wanted, velocity = weight.detach().flatten(1).clone(), torch.zeros(2, 2)
    for gradient in gradients:
        weight.grad = gradient[:, :, None, None].clone()
        optimiser.step()
        velocity = 0.5 * velocity + gradient
        wanted = wanted * 2**0.5 / wanted.norm()
        wanted = wanted - 0.1 * orthogonalise(gradient + 0.5 * velocity)
        torch.testing.assert_close(weight.detach().flatten(1), wanted)


def test_the_size_of_the_gradient_does_not_matter_and_layouts_neither():
    start = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    gradient = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    ends = []
    for size, layout in ((1, torch.contiguous_format), (1e4, torch.channels_last)):
        weight = torch.nn.Parameter(start.clone(memory_format=layout))
        weight.grad = (size * gradient).contiguous(memory_format=layout)
        Muon([weight], lr=0.3).step()
        ends.append(weight.detach())
    torch.testing.assert_close(ends[0], ends[1])


def test_without_a_gradient_nothing_moves():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    Muon([weight], lr=0.1).step()
    assert torch.equal(weight.detach(), torch.ones(2, 2))


@pytest.mark.parametrize(("lr", "momentum"), [(0.0, 0.5), (0.1, 1.0), (0.1, -0.1)])
def test_settings_out_of_range_are_named(lr, momentum):
    with pytest.raises(ValueError, match=f"got {lr} and {momentum}"):
        Muon([torch.nn.Parameter(torch.ones(2, 2))], lr, momentum)
