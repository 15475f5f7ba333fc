"""Transposed convolution, bilinear kernels and unpooling against torch and by hand."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.scratch.convolution import convolution_matrix
from dlcv.segmentation.upsampling import (
    Enlarge,
    bilinear_kernel,
    conv_transpose2d,
    max_pool_with_switches,
    max_unpool,
)
from dlcv.study.facts import fact


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- transposed convolution ----------------------------------------------------------------------


def test_two_stamps_by_hand():
    """The values 1 and 10 stamp 1 2 3 two pixels apart: the 3 and the 10 meet."""
    x, weight = (
        torch.tensor([1.0, 10]).reshape(1, 1, 1, 2),
        torch.arange(1.0, 4).reshape(1, 1, 1, 3),
    )
    assert conv_transpose2d(x, weight, stride=2).flatten().tolist() == [1, 2, 13, 20, 30]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (5, 3)])
def test_it_equals_torch(stride, padding, kernel):
    x, weight, bias = draw(2, 3, 4, 5), draw(3, 2, *kernel, seed=1), draw(2, seed=2)
    expected = F.conv_transpose2d(x, weight, bias, stride, padding)
    torch.testing.assert_close(conv_transpose2d(x, weight, bias, stride, padding), expected)


@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_the_transposed_matrix(stride):
    """y = C^T x for the matrix of the convolution that goes the other way."""
    x, weight = draw(1, 3, 3, 4), draw(3, 2, 3, 3, seed=1)
    y = conv_transpose2d(x, weight, stride=stride)
    C = convolution_matrix(weight, tuple(y.shape[2:]), stride)
    torch.testing.assert_close(y.flatten(), C.T @ x.flatten())


def test_it_is_the_adjoint_of_the_convolution():
    """<conv(z), x> = <z, transposed(x)> for all z and x."""
    z, x, weight = draw(1, 2, 9, 7), draw(1, 3, 4, 3, seed=1), draw(3, 2, 3, 3, seed=2)
    left = (F.conv2d(z, weight, stride=2) * x).sum()
    right = (z * conv_transpose2d(x, weight, stride=2)).sum()
    assert left.item() == pytest.approx(right.item())


def test_gradients_of_stamps():
    x, weight = draw(1, 2, 2, 3).requires_grad_(), draw(2, 2, 3, 2, seed=1).requires_grad_()
    bias = draw(2, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda *a: conv_transpose2d(*a, stride=2), (x, weight, bias))


def test_empty_batches_and_single_pixels():
    assert conv_transpose2d(draw(0, 1, 2, 2), draw(1, 1, 3, 3)).shape == (0, 1, 4, 4)
    assert conv_transpose2d(draw(1, 1, 1, 1), draw(1, 1, 1, 1)).shape == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("x", "weight", "settings", "message"),
    [
        ((1, 2, 3, 3), (3, 1, 2, 2), {}, r"weight \[C_in, C_out, Kh, Kw\], got \[1, 2, 3, 3\]"),
        ((2, 3, 3), (2, 1, 2, 2), {}, "expected x"),
        ((1, 1, 0, 3), (1, 1, 2, 2), {}, "expected x"),
        ((1, 1, 1, 1), (1, 1, 2, 2), {"padding": 1}, "a pixel left"),
        ((1, 1, 1, 1), (1, 1, 2, 2), {"stride": 0}, "stride 0"),
    ],
)
def test_wrong_stamps_are_errors(x, weight, settings, message):
    with pytest.raises(ValueError, match=message):
        conv_transpose2d(draw(*x), draw(*weight), **settings)


# --- enlarging -----------------------------------------------------------------------------------


def test_the_bilinear_kernel_of_the_fact_sheet():
    kernel = bilinear_kernel(2)
    fact("L14-BILIN-1D", kernel[0].sum() / kernel.sum(dim=1).sum() * 2)
    fact("L14-BILIN-SUM", kernel.sum())
    assert kernel[0].tolist() == [0.0625, 0.1875, 0.1875, 0.0625]


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("kind", ["bilinear", "learnt"])
def test_enlarging_equals_interpolation_inside(factor, kind):
    x = draw(2, 3, 6, 5).float()
    ours = Enlarge(3, factor, kind)(x)
    theirs = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    edge = factor // 2  # the outermost half step has no second neighbour
    inside = (..., slice(edge, -edge or None), slice(edge, -edge or None))
    torch.testing.assert_close(ours[inside], theirs[inside])
    assert ours.shape == theirs.shape


def test_a_flat_map_stays_flat_inside_and_fades_at_the_border():
    y = Enlarge(1, 4)(torch.ones(1, 1, 3, 3))
    assert (y[..., 2:-2, 2:-2] == 1).all()
    assert (y[..., 0, :] < 1).all()


def test_nearest_repeats():
    y = Enlarge(1, 2, "nearest")(torch.tensor([[[[1.0, 2]]]]))
    assert y[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_only_the_learnt_kernel_learns_and_it_begins_without_mixing():
    assert not list(Enlarge(3, 2).parameters())
    learnt = Enlarge(3, 2, "learnt")
    assert [p.numel() for p in learnt.parameters()] == [3 * 3 * 4 * 4]
    assert not learnt.weight[0, 1].any()


def test_unknown_kinds_and_factors_are_errors():
    with pytest.raises(ValueError, match="'nearest', got 'cubic'"):
        Enlarge(1, 2, "cubic")
    with pytest.raises(ValueError, match="a whole factor of at least 1, got 0"):
        Enlarge(1, 0)
    with pytest.raises(ValueError, match=r"got 1\.5"):
        bilinear_kernel(1.5)


# --- unpooling -----------------------------------------------------------------------------------


def test_a_window_by_hand():
    x = torch.tensor([[1.0, 5, 2, 0], [3, 4, 8, 7]])[None, None]
    values, switches = max_pool_with_switches(x)
    assert values.flatten().tolist() == [5, 8]
    assert switches.flatten().tolist() == [1, 6]
    assert max_unpool(values, switches, (2, 4))[0, 0].tolist() == [[0, 5, 0, 0], [0, 0, 8, 0]]


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (2, 2)])
@pytest.mark.parametrize("kernel", [1, 2])
def test_pooling_and_unpooling_equal_torch(size, kernel):
    x = draw(2, 3, *size)
    values, switches = max_pool_with_switches(x, kernel)
    theirs, indices = F.max_pool2d(x, kernel, return_indices=True)
    assert torch.equal(values, theirs)
    assert torch.equal(switches, indices)
    expected = F.max_unpool2d(theirs, indices, kernel, output_size=size)
    assert torch.equal(max_unpool(values, switches, size), expected)


def test_unpooling_then_pooling_leads_back_for_positive_maps():
    x = draw(2, 3, 6, 8).abs() + 0.1
    values, switches = max_pool_with_switches(x)
    again = max_pool_with_switches(max_unpool(values, switches, (6, 8)))
    assert torch.equal(again[0], values)
    assert torch.equal(again[1], switches)


def test_of_equal_values_the_first_wins():
    assert max_pool_with_switches(torch.ones(1, 1, 2, 2))[1].item() == 0


def test_gradients_of_unpooling():
    x = draw(1, 2, 4, 4)
    values, switches = max_pool_with_switches(x)
    assert torch.autograd.gradcheck(
        lambda v: max_unpool(v, switches, (4, 4)), values.clone().requires_grad_()
    )
    assert torch.autograd.gradcheck(lambda z: max_pool_with_switches(z)[0], x.requires_grad_())


def test_wrong_maps_and_switches_are_errors():
    with pytest.raises(ValueError, match="a window that fits"):
        max_pool_with_switches(torch.zeros(1, 1, 1, 4))
    with pytest.raises(ValueError, match="expected x and switches"):
        max_unpool(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 3).long(), (4, 4))
    with pytest.raises(ValueError, match=r"switches in \[0, 16\), got 16 to 16"):
        max_unpool(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 16), (4, 4))


@pytest.mark.cuda
def test_the_gpu_agrees():
    x, weight = draw(2, 3, 4, 5), draw(3, 2, 3, 3, seed=1)
    torch.testing.assert_close(
        conv_transpose2d(x.cuda(), weight.cuda(), stride=2).cpu(),
        conv_transpose2d(x, weight, stride=2),
    )
    values, switches = max_pool_with_switches(x.cuda())
    assert torch.equal(switches.cpu(), max_pool_with_switches(x)[1])
    assert torch.equal(
        max_unpool(values, switches, (4, 5)).cpu(), max_unpool(values.cpu(), switches.cpu(), (4, 5))
    )
