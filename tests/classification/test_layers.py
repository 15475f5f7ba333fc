"""The common pieces: by hand, against torch, and what they refuse."""

import pytest
import torch
from torch import nn

from dlcv.classification.layers import (
    Branches,
    GroupedConv2d,
    Residual,
    conv_bn,
    initialise_he,
    pooled_classifier,
    set_normalisation,
)


def test_a_convolution_keeps_the_size_unless_told_otherwise():
    x = torch.zeros(2, 3, 9, 12)
    shapes = {
        (3, 1, None, 1): (9, 12),
        ((1, 7), 1, None, 1): (9, 12),
        (3, 1, None, 2): (9, 12),
        (3, 2, None, 1): (5, 6),
        (3, 2, 0, 1): (4, 5),
    }
    for (kernel, stride, padding, dilation), size in shapes.items():
        layer = conv_bn(3, 4, kernel, stride, padding, dilation=dilation)
        assert layer(x).shape == (2, 4, *size)
    assert [name for name, _ in layer.named_children()] == ["conv", "bn", "act"]
    assert layer.conv.bias is None
    assert len(conv_bn(3, 4, 1, activation=None)) == 2


def test_the_classifier_sees_means():
    head = pooled_classifier(2, 1)
    head[-1].weight.data = torch.tensor([[10.0, 1.0]])
    head[-1].bias.data.zero_()
    maps = torch.stack([torch.arange(6.0).view(2, 3), torch.full((2, 3), 4.0)])[None]
    assert head(maps).item() == pytest.approx(10 * 2.5 + 4)
    assert not any(isinstance(layer, nn.Dropout) for layer in head)
    assert any(isinstance(layer, nn.Dropout) for layer in pooled_classifier(2, 1, dropout=0.5))


def test_branches_are_concatenated_in_their_order():
    branches = Branches({"same": nn.Identity(), "pool": nn.MaxPool2d(3, 1, 1)})
    x = torch.rand(1, 2, 5, 6, generator=torch.manual_seed(0))
    y = branches(x)
    assert torch.equal(y[:, :2], x)
    assert torch.equal(y[:, 2:], nn.functional.max_pool2d(x, 3, 1, 1))


def test_a_residual_block_without_a_body_is_its_shortcut():
    body = nn.Conv2d(3, 3, 1)
    nn.init.zeros_(body.weight)
    nn.init.zeros_(body.bias)
    x = torch.randn(2, 3, 4, 5, generator=torch.manual_seed(0))
    assert torch.equal(Residual(body, nn.Identity(), nn.Identity())(x), x)
    assert torch.equal(Residual(body, nn.Identity(), nn.ReLU())(x), x.relu())


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_towers_are_a_grouped_convolution(groups):
    torch.manual_seed(groups)
    towers = GroupedConv2d(6, 12, 3, groups, stride=2, padding=1).double()
    layer = nn.Conv2d(6, 12, 3, stride=2, padding=1, groups=groups).double()
    layer.weight.data = torch.cat([tower.weight for tower in towers.towers])
    layer.bias.data = torch.cat([tower.bias for tower in towers.towers])
    x = torch.randn(2, 6, 7, 8, dtype=torch.float64)
    torch.testing.assert_close(towers(x), layer(x))
    weights = sum(tower.weight.numel() for tower in towers.towers)
    assert weights == 12 * 6 * 9 // groups


def test_a_tower_sees_only_its_own_channels():
    towers = GroupedConv2d(4, 4, 1, groups=2).double()
    x = torch.randn(1, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    towers(x)[:, :2].sum().backward()
    assert x.grad[:, :2].abs().min() > 0
    assert x.grad[:, 2:].abs().max() == 0
    assert torch.autograd.gradcheck(towers, x.detach().requires_grad_())


@pytest.mark.parametrize(("channels", "groups"), [((6, 9), 2), ((5, 6), 3), ((4, 4), 0)])
def test_channels_that_do_not_divide_are_an_error(channels, groups):
    with pytest.raises(ValueError, match="expected channels that are multiples of groups, got"):
        GroupedConv2d(*channels, 3, groups)


def test_he_keeps_the_mean_square_through_relu():
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()) for _ in range(8)]
    model = initialise_he(nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 64, 5)))
    assert not model[0][0].bias.any()
    assert model[0][0].weight.var().item() == pytest.approx(2 / (64 * 9), rel=0.03)
    assert model[-1].weight.var().item() == pytest.approx(2 / 4096, rel=0.05)
    maps = model[:-2](torch.randn(8, 64, 8, 8))
    assert 0.1 < maps.square().mean() < 1  # less at the borders, where zeros are seen
    depthwise = initialise_he(nn.Conv2d(512, 512, 3, groups=512))
    assert depthwise.weight.var().item() == pytest.approx(2 / 9, rel=0.1)


def test_every_normalisation_is_set():
    model = set_normalisation(nn.Sequential(conv_bn(1, 2, 1), conv_bn(2, 2, 1)), 1e-3, 0.01)
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [(norm.eps, norm.momentum) for norm in norms] == [(1e-3, 0.01)] * 2
