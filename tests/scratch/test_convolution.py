"""Three convolutions and a backward pass: by hand, against torch, against each other."""

import random

import pytest
import torch
import torch.nn.functional as F

import dlcv.scratch.convolution
from dlcv.scratch.convolution import (
    conv2d_as_matrix,
    conv2d_backward,
    conv2d_grouped,
    conv2d_im2col,
    conv2d_loops,
    convolution_matrix,
)

THREE_WAYS = [conv2d_loops, conv2d_im2col, conv2d_as_matrix]
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def random_cases(count: int, dtype: torch.dtype = torch.float64):
    """Yield (x, weight, bias, stride, padding, dilation): non-square images and kernels."""
    rng, generator = random.Random(1), torch.Generator().manual_seed(1)
    for _ in range(count):
        B, C_in, C_out = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 4)
        kernel = rng.randint(1, 4), rng.randint(1, 4)
        size = rng.randint(7, 10), rng.randint(7, 10)
        x = torch.randn(B, C_in, *size, generator=generator, dtype=dtype)
        weight = torch.randn(C_out, C_in, *kernel, generator=generator, dtype=dtype)
        bias = torch.randn(C_out, generator=generator, dtype=dtype)
        yield x, weight, bias, rng.randint(1, 3), rng.randint(0, 2), rng.randint(1, 2)


@pytest.mark.parametrize("conv2d", THREE_WAYS)
def test_a_two_by_two_difference_by_hand(conv2d):
    """The kernel [[1, 0], [0, -1]] subtracts the lower right neighbour: 1 - 5 = -4 everywhere."""
    x = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    weight = torch.tensor([[[[1.0, 0], [0, -1]]]])
    assert conv2d(x, weight).tolist() == [[[[-4, -4], [-4, -4]]]]
    assert conv2d(x, weight, torch.tensor([10.0])).tolist() == [[[[6, 6], [6, 6]]]]


@pytest.mark.parametrize("conv2d", [conv2d_loops, conv2d_im2col])
def test_equal_torch_on_random_settings(conv2d):
    for x, weight, bias, stride, padding, dilation in random_cases(40):
        expected = F.conv2d(x, weight, bias, stride, padding, dilation)
        actual = conv2d(x, weight, bias, stride, padding, dilation)
        torch.testing.assert_close(actual, expected, **EXACT)


def test_the_matrix_equals_torch_on_random_settings():
    for x, weight, bias, stride, padding, _ in random_cases(40):
        expected = F.conv2d(x, weight, bias, stride, padding)
        torch.testing.assert_close(
            conv2d_as_matrix(x, weight, bias, stride, padding), expected, **EXACT
        )


@pytest.mark.parametrize("conv2d", THREE_WAYS)
def test_one_pixel_and_one_kernel(conv2d):
    x, weight = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 2.0)
    assert conv2d(x, weight).item() == 6


@pytest.mark.parametrize("conv2d", THREE_WAYS)
def test_no_image_gives_no_feature_map_and_a_zero_gradient(conv2d):
    weight = torch.randn(4, 2, 3, 3, requires_grad=True)
    y = conv2d(torch.zeros(0, 2, 5, 6), weight, torch.zeros(4))
    assert y.shape == (0, 4, 3, 4)
    y.sum().backward()
    assert torch.equal(weight.grad, torch.zeros_like(weight))


@pytest.mark.parametrize("conv2d", THREE_WAYS)
def test_gradcheck(conv2d):
    x, weight, bias, stride, padding, _ = next(random_cases(1))
    inputs = [t.requires_grad_() for t in (x, weight, bias)]
    assert torch.autograd.gradcheck(lambda *t: conv2d(*t, stride, padding), inputs)


@pytest.mark.parametrize("conv2d", THREE_WAYS)
def test_a_shift_of_the_image_shifts_the_response(conv2d):
    torch.manual_seed(0)
    x, weight = torch.randn(1, 2, 6, 7, dtype=torch.float64), torch.randn(3, 2, 3, 2).double()
    y, shifted = conv2d(x, weight), conv2d(x.roll(1, dims=3), weight)
    torch.testing.assert_close(shifted[..., 1:], y[..., :-1], **EXACT)


@pytest.mark.parametrize("conv2d", THREE_WAYS)
def test_shapes_that_do_not_belong_together_are_named(conv2d):
    x, weight = torch.zeros(1, 3, 5, 5), torch.zeros(4, 3, 3, 3)
    with pytest.raises(ValueError, match=r"images \[B, C, H, W\], got shape \[5, 5\]"):
        conv2d(x[0, 0], weight)
    with pytest.raises(ValueError, match=r"\[C_out, 3, Kh, Kw\], got shape \[4, 2, 3, 3\]"):
        conv2d(x, weight[:, :2])
    with pytest.raises(ValueError, match=r"bias \[4\], got shape \[3\]"):
        conv2d(x, weight, torch.zeros(3))
    with pytest.raises(ValueError, match="a window that fits, got one of 3 pixels on 2"):
        conv2d(x[:, :, :2], weight)


def test_groups_equal_torch_from_one_group_to_depthwise():
    torch.manual_seed(0)
    x, bias = torch.randn(2, 6, 5, 7, dtype=torch.float64), torch.randn(12, dtype=torch.float64)
    for groups in (1, 2, 3, 6):
        weight = torch.randn(12, 6 // groups, 3, 2, dtype=torch.float64)
        for b in (bias, None):
            expected = F.conv2d(x, weight, b, 2, 1, groups=groups)
            actual = conv2d_grouped(x, weight, b, 2, 1, groups)
            torch.testing.assert_close(actual, expected, **EXACT)


@pytest.mark.parametrize("groups", [0, 4, 5])
def test_groups_must_divide_the_channels(groups):
    with pytest.raises(ValueError, match=f"divide 6 and 12 channels, got {groups}"):
        conv2d_grouped(torch.zeros(1, 6, 4, 4), torch.zeros(12, 3, 1, 1), groups=groups)


def test_the_matrix_of_a_3x3_kernel_on_a_4x4_image():
    """Four places with nine entries each; place (0, 0) sees 0 1 2, 4 5 6, 8 9 10."""
    kernel = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    matrix = convolution_matrix(kernel, (4, 4))
    assert matrix.shape == (4, 16)
    assert matrix.count_nonzero() == 36
    assert matrix[0].tolist() == [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0]
    assert (matrix @ torch.arange(16.0))[0] == 1 * 0 + 2 + 6 + 16 + 25 + 36 + 56 + 72 + 90 == 303


def test_the_transposed_matrix_is_the_transposed_convolution_exactly_on_integers():
    torch.manual_seed(0)
    for stride, padding in [(1, 0), (2, 1), (3, 0)]:
        weight = torch.randint(-5, 6, (3, 2, 3, 2)).double()
        size = (7, 8)
        y = F.conv2d(torch.zeros(1, 2, *size).double(), weight, None, stride, padding)
        g = torch.randint(-5, 6, y.shape).double()
        x = (convolution_matrix(weight, size, stride, padding).T @ g.flatten()).reshape(1, 2, *size)
        transposed = F.conv_transpose2d(g, weight, None, stride, padding)
        H, W = transposed.shape[2:]  # rows and columns that no window reaches are missing here
        assert torch.equal(x[:, :, :H, :W], transposed)
        assert x[:, :, H:].count_nonzero() == 0
        assert x[:, :, :, W:].count_nonzero() == 0


def test_the_matrix_can_be_kept_sparse():
    weight = torch.ones(1, 1, 3, 3)
    matrix = convolution_matrix(weight, (6, 5))
    x = torch.randn(30, 1)
    assert matrix.to_sparse()._nnz() == 9 * 4 * 3
    torch.testing.assert_close(matrix.to_sparse() @ x, matrix @ x)


def test_backward_of_the_worked_example():
    """The kernel of the difference, upstream [[1, 2], [3, 4]]; the bias gets 1 + 2 + 3 + 4."""
    x = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    weight = torch.tensor([[[[1.0, 0], [0, -1]]]])
    grad_y = torch.tensor([[[[1.0, 2], [3, 4]]]])
    grad_x, grad_weight, grad_bias = conv2d_backward(grad_y, x, weight)
    assert grad_weight.flatten().tolist() == [37, 47, 67, 77]
    assert grad_x[0, 0].tolist() == [[1, 2, 0], [3, 3, -2], [0, -3, -4]]
    assert grad_bias.tolist() == [10]


def test_backward_equals_autograd_on_random_settings():
    for x, weight, bias, stride, padding, dilation in random_cases(40):
        inputs = [t.requires_grad_() for t in (x, weight, bias)]
        y = F.conv2d(*inputs, stride, padding, dilation)
        grad_y = torch.randn(y.shape, generator=torch.Generator().manual_seed(2)).double()
        expected = torch.autograd.grad(y, inputs, grad_y)
        actual = conv2d_backward(grad_y, x.detach(), weight.detach(), stride, padding, dilation)
        torch.testing.assert_close(actual, expected, **EXACT)


def test_backward_with_respect_to_the_input_multiplies_by_the_transposed_matrix():
    for x, weight, _, stride, padding, _ in random_cases(10):
        grad_y = torch.randn_like(F.conv2d(x, weight, None, stride, padding))
        matrix = convolution_matrix(weight, x.shape[2:], stride, padding)
        expected = (grad_y.flatten(1) @ matrix).reshape(x.shape)
        grad_x, _, _ = conv2d_backward(grad_y, x, weight, stride, padding)
        torch.testing.assert_close(grad_x, expected, **EXACT)


def test_backward_is_the_full_correlation_with_the_kernel_turned_round():
    torch.manual_seed(0)
    weight, grad_y = torch.randn(1, 1, 3, 2).double(), torch.randn(1, 1, 4, 5).double()
    padded = F.pad(grad_y, (1, 1, 2, 2))  # one less than the kernel on every side
    expected = F.conv2d(padded, weight.flip(2, 3))
    grad_x, _, _ = conv2d_backward(grad_y, torch.zeros(1, 1, 6, 6).double(), weight)
    torch.testing.assert_close(grad_x, expected, **EXACT)


def test_backward_of_no_image():
    weight = torch.randn(4, 2, 3, 3)
    grads = conv2d_backward(torch.zeros(0, 4, 3, 4), torch.zeros(0, 2, 5, 6), weight)
    assert [list(g.shape) for g in grads] == [[0, 2, 5, 6], [4, 2, 3, 3], [4]]
    assert grads[1].count_nonzero() == 0


def test_backward_refuses_a_gradient_of_another_shape():
    x, weight = torch.zeros(1, 2, 5, 6), torch.zeros(4, 2, 3, 3)
    with pytest.raises(ValueError, match=r"grad_y \[1, 4, 3, 4\], got shape \[1, 4, 4, 3\]"):
        conv2d_backward(torch.zeros(1, 4, 4, 3), x, weight)


def test_every_name_of_the_module_can_be_imported_from_it():
    module = dlcv.scratch.convolution
    assert all(callable(getattr(module, name)) for name in module.__all__)


@pytest.mark.cuda
@pytest.mark.parametrize("conv2d", THREE_WAYS)
def test_the_cpu_and_the_gpu_agree(conv2d):
    for x, weight, bias, stride, padding, _ in random_cases(5):
        expected = conv2d(x, weight, bias, stride, padding)
        actual = conv2d(x.cuda(), weight.cuda(), bias.cuda(), stride, padding)
        torch.testing.assert_close(actual.cpu(), expected, **EXACT)
