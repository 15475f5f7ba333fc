"""The geometry of windows: sizes, receptive fields, im2col and its transpose."""

import random

import pytest
import torch
import torch.nn.functional as F

from dlcv.scratch.windows import (
    col2im,
    im2col,
    output_size,
    receptive_field,
    transposed_output_size,
)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation", "expected"),
    [
        (32, 5, 1, 2, 1, 32),
        (32, 3, 1, 1, 1, 32),
        (32, 5, 2, 2, 1, 16),  # 15.5 steps: the half step is dropped
        (32, 1, 1, 0, 1, 32),
        (7, 3, 1, 0, 1, 5),
        (7, 3, 2, 0, 1, 3),
        (7, 3, 3, 0, 1, 2),  # 1.33 steps
        (227, 11, 4, 0, 1, 55),
        (224, 11, 4, 0, 1, 54),  # 53.25 steps: AlexNet's paper must mean 227
        (224, 7, 2, 3, 1, 112),
        (55, 3, 2, 0, 1, 27),
        (32, 3, 1, 2, 2, 32),
        (1, 1, 9, 0, 1, 1),
    ],
)
def test_output_sizes_of_published_layers(size, kernel, stride, padding, dilation, expected):
    assert output_size(size, kernel, stride, padding, dilation) == expected


def test_output_size_counts_the_windows_that_a_loop_can_place():
    for size in range(1, 12):
        for kernel in range(1, 5):
            for stride in range(1, 4):
                last = size + 2 - kernel  # padding 1
                if last >= 0:
                    assert output_size(size, kernel, stride, 1) == len(range(0, last + 1, stride))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((5, 11), "one of 11 pixels on 5 with padding 0"),
        ((5, 3, 1, 0, 3), "one of 7 pixels on 5"),
        ((0, 1), "size of at least 1, got 0"),
        ((5, 0), "kernel of at least 1, got 0"),
        ((5, 3, 0), "stride of at least 1, got 0"),
        ((5, 3, 1, -1), "padding of at least 0, got -1"),
        ((5, 3, 1, 0, 0), "dilation of at least 1, got 0"),
    ],
)
def test_output_size_names_the_setting_that_is_wrong(settings, message):
    with pytest.raises(ValueError, match=message):
        output_size(*settings)


def test_a_fraction_is_no_size():
    with pytest.raises(TypeError, match=r"size to be a whole number, got 32\.0"):
        output_size(32.0, 5)


def test_transposed_output_sizes_worked_by_hand():
    assert transposed_output_size(2, 3) == 4  # two kernels of 3, one step apart
    assert transposed_output_size(7, 64, 32) == 256  # FCN-32s: six steps of 32 and one kernel
    assert transposed_output_size(2, 3, 2, 1) == 3


def test_the_transposed_size_is_the_smallest_input_with_that_many_windows():
    for kernel, stride, padding, dilation in [(3, 1, 0, 1), (4, 2, 1, 1), (3, 3, 2, 2)]:
        for count in range(3, 9):
            size = transposed_output_size(count, kernel, stride, padding, dilation)
            assert output_size(size, kernel, stride, padding, dilation) == count
            assert output_size(size - 1, kernel, stride, padding, dilation) == count - 1


def test_transposed_output_size_equals_torch():
    for size, kernel, stride, padding, dilation in [
        (5, 4, 2, 1, 1),
        (3, 3, 3, 0, 2),
        (1, 7, 1, 2, 1),
    ]:
        x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
        y = F.conv_transpose1d(x, weight, None, stride, padding, 0, 1, dilation)
        assert transposed_output_size(size, kernel, stride, padding, dilation) == y.shape[2]


def test_a_padding_that_cuts_everything_off_is_an_error():
    with pytest.raises(ValueError, match="got a length of -1"):
        transposed_output_size(1, 3, 1, 2)


VGG16 = [layer for depth in (2, 2, 3, 3, 3) for layer in [(3, 1)] * depth + [(2, 2)]]
ALEXNET = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([], 1),
        ([(3, 1), (3, 1)], 5),
        ([(5, 1)], 5),
        ([(3, 1)] * 3, 7),
        ([(3, 1)] * 4, 9),
        ([(3, 1, 2)], 5),
        (VGG16[:-1], 196),
        (VGG16, 212),
        ([*VGG16, (7, 1)], 404),
        (ALEXNET[:-1], 163),
        (ALEXNET, 195),
    ],
)
def test_receptive_fields_of_published_networks(layers, expected):
    assert receptive_field(layers) == expected


def test_the_receptive_field_is_where_a_gradient_can_arrive():
    layers = [(3, 2, 1), (2, 1, 3), (3, 1, 1)]
    x = torch.zeros(1, 1, 41, requires_grad=True)
    y = x
    for kernel, stride, dilation in layers:
        y = F.conv1d(y, torch.ones(1, 1, kernel), None, stride, 0, dilation)
    y[0, 0, y.shape[2] // 2].backward()
    touched = x.grad[0, 0].nonzero()
    assert receptive_field(layers) == touched.max() - touched.min() + 1


@pytest.mark.parametrize("layer", [(3,), (3, 1, 1, 1), (0, 1), (3, 0)])
def test_a_layer_that_is_none_is_an_error(layer):
    with pytest.raises(ValueError, match="expected"):
        receptive_field([layer])


def test_im2col_of_the_numbers_0_to_5_by_hand():
    """A 2x3 image has two windows of 2x2; each becomes one row, read like text."""
    x = torch.arange(6).reshape(1, 1, 2, 3)
    assert im2col(x, (2, 2)).tolist() == [[[0, 1, 3, 4], [1, 2, 4, 5]]]


def test_im2col_of_a_colour_image_with_5x5_windows_has_1024_rows_of_75():
    assert im2col(torch.zeros(1, 3, 32, 32), (5, 5), padding=2).shape == (1, 1024, 75)


def random_settings(count: int):
    rng = random.Random(4)
    for _ in range(count):
        kernel = rng.randint(1, 4), rng.randint(1, 4)
        stride, padding, dilation = rng.randint(1, 3), rng.randint(0, 2), rng.randint(1, 2)
        size = rng.randint(7, 11), rng.randint(7, 11)
        yield size, kernel, stride, padding, dilation


def test_im2col_and_col2im_equal_torch_on_random_settings():
    torch.manual_seed(0)
    for size, kernel, stride, padding, dilation in random_settings(60):
        x = torch.randn(2, 3, *size, dtype=torch.float64)
        rows = im2col(x, kernel, stride, padding, dilation)
        expected = F.unfold(x, kernel, dilation, padding, stride)
        assert torch.equal(rows.transpose(1, 2), expected)
        back = col2im(rows, size, kernel, stride, padding, dilation)
        expected = F.fold(expected, size, kernel, dilation, padding, stride)
        torch.testing.assert_close(back, expected, rtol=1e-12, atol=1e-12)


def test_col2im_is_the_transpose_of_im2col():
    """<im2col(x), g> = <x, col2im(g)> for any x and g."""
    torch.manual_seed(0)
    for size, kernel, stride, padding, dilation in random_settings(40):
        x = torch.randn(2, 3, *size, dtype=torch.float64)
        rows = im2col(x, kernel, stride, padding, dilation)
        g = torch.randn_like(rows)
        back = col2im(g, size, kernel, stride, padding, dilation)
        torch.testing.assert_close((rows * g).sum(), (x * back).sum(), rtol=1e-10, atol=1e-10)


def test_gradients_flow_through_both():
    x = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: im2col(x, (2, 3), 1, 1), x)
    rows = torch.randn(2, 2, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: col2im(r, (2, 3), (2, 2)), rows)


def test_no_image_gives_no_rows_and_goes_back_to_no_image():
    rows = im2col(torch.zeros(0, 3, 4, 5), (2, 2))
    assert rows.shape == (0, 12, 12)
    assert col2im(rows, (4, 5), (2, 2)).shape == (0, 3, 4, 5)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"\[B, C, H, W\], got shape \[3, 4, 5\]"):
        im2col(torch.zeros(3, 4, 5), (2, 2))
    with pytest.raises(ValueError, match=r"\[B, 12, C\*4\], got \[1, 11, 4\]"):
        col2im(torch.zeros(1, 11, 4), (4, 5), (2, 2))
