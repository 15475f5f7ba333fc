"""Max and average pooling: by hand, against torch, and the way back."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.scratch.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)

PAIRS = [(max_pool2d, max_pool2d_backward, F.max_pool2d)]
PAIRS += [(avg_pool2d, avg_pool2d_backward, F.avg_pool2d)]
FOUR_BY_FOUR = torch.tensor([[1.0, 1, 2, 4], [2, 6, 9, 9], [3, 1, 1, 0], [1, 2, 3, 4]])
SETTINGS = [(1, 1), (2, 2), (3, 2), (2, 3), (3, 1), (5, 4)]


def test_pooling_of_a_4x4_image_by_hand():
    """Windows (1 1 2 6), (2 4 9 9), (3 1 1 2) and (1 0 3 4)."""
    x = FOUR_BY_FOUR[None, None]
    assert max_pool2d(x, 2, 2)[0, 0].tolist() == [[6, 9], [3, 4]]
    assert avg_pool2d(x, 2, 2)[0, 0].tolist() == [[2.5, 6], [1.75, 2]]


def test_the_way_back_by_hand():
    """The first of the two nines wins; a mean shares its gradient out in quarters."""
    x, grad_y = FOUR_BY_FOUR[None, None], torch.tensor([[[[1.0, 2], [3, 4]]]])
    expected = [[0, 0, 0, 0], [0, 1, 2, 0], [3, 0, 0, 0], [0, 0, 0, 4]]
    assert max_pool2d_backward(grad_y, x, 2, 2)[0, 0].tolist() == expected
    quarter = [0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 1, 1]
    expected = [quarter[0], quarter[0], quarter[1], quarter[1]]
    assert avg_pool2d_backward(grad_y, x, 2, 2)[0, 0].tolist() == expected


def test_a_pixel_that_wins_two_overlapping_windows_gets_both_gradients():
    x, grad_y = torch.tensor([[[[0.0, 5, 0]]]]).expand(1, 1, 2, 3), torch.tensor([[[[1.0, 2]]]])
    assert max_pool2d_backward(grad_y, x, 2, 1)[0, 0].tolist() == [[0, 3, 0], [0, 0, 0]]


@pytest.mark.parametrize(("kernel", "stride"), SETTINGS)
@pytest.mark.parametrize(("pool", "backward", "reference"), PAIRS)
def test_equal_torch_forward_and_backward_with_and_without_ties(
    pool, backward, reference, kernel, stride
):
    generator = torch.Generator().manual_seed(kernel)
    smooth = torch.randn(2, 3, 7, 10, dtype=torch.float64, generator=generator)
    for x in (smooth, smooth.round()):
        x = x.requires_grad_()
        y = reference(x, kernel, stride)
        torch.testing.assert_close(pool(x, kernel, stride), y, rtol=1e-12, atol=1e-12)
        grad_y = torch.randn(y.shape, dtype=torch.float64, generator=generator)
        (expected,) = torch.autograd.grad(y, x, grad_y)
        actual = backward(grad_y, x.detach(), kernel, stride)
        torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("pool", "backward", "reference"), PAIRS)
def test_gradcheck_away_from_ties(pool, backward, reference):
    x = torch.randperm(40, generator=torch.Generator().manual_seed(0)).double()
    x = x.reshape(1, 2, 4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pool(x, 3, 1), x)


@pytest.mark.parametrize(("pool", "backward", "reference"), PAIRS)
def test_without_overlap_no_gradient_is_lost(pool, backward, reference):
    torch.manual_seed(0)
    x, grad_y = torch.randn(2, 3, 6, 9).double(), torch.randn(2, 3, 2, 3).double()
    total = backward(grad_y, x, 3, 3).sum()
    torch.testing.assert_close(total, grad_y.sum(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("pool", "backward", "reference"), PAIRS)
def test_empty_and_smallest_input(pool, backward, reference):
    none = torch.zeros(0, 3, 4, 6)
    assert pool(none, 2, 2).shape == (0, 3, 2, 3)
    assert backward(torch.zeros(0, 3, 2, 3), none, 2, 2).shape == none.shape
    one = torch.full((1, 1, 1, 1), 7.0)
    assert pool(one, 1, 1).item() == 7
    assert backward(torch.ones(1, 1, 1, 1), one, 1, 1).item() == 1


@pytest.mark.parametrize(("pool", "backward", "reference"), PAIRS)
def test_wrong_shapes_are_named(pool, backward, reference):
    x = torch.zeros(1, 2, 4, 6)
    with pytest.raises(ValueError, match=r"\[B, C, H, W\], got shape \[4, 6\]"):
        pool(x[0, 0], 2, 2)
    with pytest.raises(ValueError, match="one of 5 pixels on 4"):
        pool(x, 5, 1)
    with pytest.raises(ValueError, match="stride of at least 1, got 0"):
        pool(x, 2, 0)
    with pytest.raises(ValueError, match=r"grad_y \[1, 2, 2, 3\], got shape \[1, 2, 3, 2\]"):
        backward(torch.zeros(1, 2, 3, 2), x, 2, 2)


@pytest.mark.cuda
@pytest.mark.parametrize(("pool", "backward", "reference"), PAIRS)
def test_the_cpu_and_the_gpu_agree(pool, backward, reference):
    x, grad_y = torch.randn(2, 3, 7, 10), torch.randn(2, 3, 3, 4)
    torch.testing.assert_close(pool(x.cuda(), 3, 2).cpu(), pool(x, 3, 2))
    actual = backward(grad_y.cuda(), x.cuda(), 3, 2).cpu()
    torch.testing.assert_close(actual, backward(grad_y, x, 3, 2))
