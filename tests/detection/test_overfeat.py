"""A sliding window in one pass equals the windows one by one, in every form it is computed in."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.classification.complexity import summarise
from dlcv.classification.vgg import vgg16
from dlcv.detection.overfeat import (
    POOL,
    STEP_PX,
    WINDOW_PX,
    DenseWindowNet,
    WindowNet,
    crop_by_crop,
    fc_to_conv,
    fully_convolutional,
    interleave,
    map_side,
    offset_max_pool2d,
    output_shape,
)
from dlcv.study.facts import fact

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def figure_five():
    """The network of OverFeat's figure 5: 14×14 in, one answer out."""
    layers = [nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 6)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)).eval()


def test_a_layer_becomes_a_convolution_by_hand():
    """Weights 0 … 11 on a map of 2 channels, 3 high and 2 wide: the kernel is their reshape."""
    layer = nn.Linear(12, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(12.0))
        layer.bias.fill_(5)
    conv = fc_to_conv(layer, 2, (3, 2))
    assert conv.weight[0, 1].tolist() == [[6, 7], [8, 9], [10, 11]]
    assert conv(torch.ones(1, 2, 3, 2)).item() == 66 + 5


@pytest.mark.parametrize("bias", [True, False])
def test_layer_and_convolution_are_equal_and_on_a_larger_map_it_slides(bias):
    layer = nn.Linear(4 * 3 * 5, 7, bias=bias).double()
    conv = fc_to_conv(layer, 4, (3, 5))
    assert (conv.bias is None) == (not bias)
    maps = torch.randn(2, 4, 6, 9, dtype=torch.float64)
    out = conv(maps)
    assert out.shape == (2, 7, 4, 5)
    for i in range(4):
        for j in range(5):
            piece = maps[:, :, i : i + 3, j : j + 5].flatten(1)
            torch.testing.assert_close(out[:, :, i, j], layer(piece))


def test_the_figure_of_the_paper():
    """14 gives 1, 16 gives 2; the new place looks 2 px further."""
    net = figure_five()
    conv = fully_convolutional(net, (3, 14, 14))
    fact("L10-OVERFEAT14", conv(torch.rand(1, 3, 14, 14)).shape[-1])
    images = torch.rand(2, 3, 16, 16)
    out = conv(images)
    fact("L10-OVERFEAT16", out.shape[-1])
    for i in range(2):
        for j in range(2):
            window = images[:, :, 2 * i : 2 * i + 14, 2 * j : 2 * j + 14]
            torch.testing.assert_close(out[:, :, i, j], net(window), **CLOSE)


def test_vgg_on_a_larger_image():
    with torch.device("meta"):
        net = vgg16()
        layers = nn.Sequential(*[layer for layer in net.modules() if not list(layer.children())])
        conv = fully_convolutional(layers.eval(), (3, 224, 224))
        fact("L10-VGG384", conv(torch.empty(1, 3, 384, 384)).shape[-1])
        assert conv(torch.empty(1, 3, 224, 224)).shape == (1, 1000, 1, 1)
    assert (
        summarise(conv, (3, 224, 224)).multiply_adds == summarise(net, (3, 224, 224)).multiply_adds
    )


@pytest.mark.parametrize(
    ("image", "window", "stride", "side"),
    [
        (14, 14, 2, 1),
        (16, 14, 2, 2),
        (24, 14, 2, 6),
        (384, 224, 32, 6),
        (13, 14, 2, 0),
        (15, 14, 2, 1),
    ],
)
def test_how_many_windows_fit(image, window, stride, side):
    assert map_side(image, window, stride) == side


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(("H", "W"), [(5, 5), (9, 10), (11, 7)])
def test_offsets_laid_into_one_are_pooling_with_stride_one(size, H, W):
    x = torch.randn(2, 4, H, W)
    whole = interleave(offset_max_pool2d(x, size), size)
    torch.testing.assert_close(whole, F.max_pool2d(x, size, stride=1))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return WindowNet(4).eval()


@pytest.mark.parametrize(("offsets", "stride"), [(True, STEP_PX), (False, STEP_PX * POOL)])
@pytest.mark.parametrize("size", [(28, 28), (33, 47), (64, 40)])
@torch.no_grad()
def test_one_pass_equals_crop_by_crop(net, offsets, stride, size):
    image = torch.rand(3, *size)
    dense = DenseWindowNet(net, offsets)(image[None])
    for found, expected in zip(dense, crop_by_crop(net, image, stride), strict=True):
        sides = tuple(map_side(side, WINDOW_PX, stride) for side in size)
        assert found.shape[2:] == expected.shape[1:] == sides
        torch.testing.assert_close(found[0], expected, **CLOSE)


@torch.no_grad()
def test_offsets_equal_a_dilated_head(net):
    """Pool with stride 1, then let the taps of the head lie 3 apart: the same, without copies."""
    dense, images = DenseWindowNet(net), torch.rand(2, 3, 41, 50)
    pooled = F.max_pool2d(net.trunk(4 * (images - 0.5)), POOL, stride=1)
    first, relu, last = dense.scorer
    found = last(relu(F.conv2d(pooled, first.weight, first.bias, dilation=POOL)))
    torch.testing.assert_close(found, dense(images)[0], **CLOSE)


def test_the_heads_are_copies_and_the_trunk_is_shared(net):
    dense = DenseWindowNet(net)
    assert dense.trunk is net.trunk
    assert dense.scorer[0].weight.data_ptr() != net.scorer[1].weight.data_ptr()


def test_a_shift_of_the_image_by_the_step_shifts_the_map(net):
    image = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        here, there = (DenseWindowNet(net)(x)[0] for x in (image[..., 4:], image[..., :-4]))
    torch.testing.assert_close(here[..., :-2], there[..., 2:], **CLOSE)


def test_gradients_flow_through_the_smallest_input(net):
    window = torch.rand(1, 3, 28, 28, requires_grad=True)
    logits, boxes = net(window)
    (logits.sum() + boxes.sum()).backward()
    assert window.grad.abs().sum() > 0


def test_the_shape_of_an_output_on_the_meta_device():
    with torch.device("meta"):
        assert output_shape(nn.Conv2d(3, 8, 5, stride=2), (3, 21, 11)) == (8, 9, 4)


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="expected a layer of 18 inputs, got 20"):
        fc_to_conv(nn.Linear(20, 3), 2, (3, 3))
    with pytest.raises(ValueError, match=r"expected an nn.Flatten, got \['Conv2d'\]"):
        fully_convolutional(nn.Sequential(nn.Conv2d(3, 4, 5)), (3, 9, 9))


@pytest.mark.cuda
@torch.no_grad()
def test_cuda_agrees(net):
    images = torch.rand(2, 3, 40, 40)
    expected = DenseWindowNet(net)(images)[0]
    torch.manual_seed(0)
    found = DenseWindowNet(WindowNet(4).eval().cuda())(images.cuda())[0].cpu()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
