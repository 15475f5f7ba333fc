"""How deep networks are, against the numbers in their names."""

import pytest
import torch
from torch import nn

from dlcv.classification import dense, inception, mobile, residual, vgg
from dlcv.classification.depth import weight_depth
from dlcv.classification.layers import Branches, Residual


def test_a_chain_by_hand():
    """Two convolutions and a linear layer; pooling, activations and normalisation add nothing."""
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    assert weight_depth(model, (3, 20, 14)) == 3


def test_the_longest_of_branches_counts_and_a_shortcut_does_not_add():
    long = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    branches = Branches({"short": nn.Conv2d(3, 3, 1), "long": long})
    assert weight_depth(branches, (3, 5, 4)) == 3
    block = Residual(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.ReLU())
    assert weight_depth(nn.Sequential(block, block), (3, 5, 4)) == 2


@pytest.mark.parametrize(
    ("build", "depth"),
    [
        (vgg.vgg19, 19),
        (inception.googlenet, 22),
        (residual.resnet50, 50),
        (residual.resnet152, 152),
        (dense.densenet121, 121),
        (mobile.mobilenet_v1, 28),
        (mobile.mobilenet_v2, 53),
    ],
)
def test_networks_are_as_deep_as_they_are_called(build, depth):
    with torch.device("meta"):
        model = build()
    assert weight_depth(model, (3, 224, 224)) == depth


def test_without_weights_there_is_no_depth_and_the_mode_is_kept():
    model = nn.Sequential(nn.ReLU(), nn.Dropout())
    assert weight_depth(model, (1, 2, 3)) == 0
    assert model.training


def test_the_weights_stay_untouched():
    layer = nn.Conv2d(1, 1, 3)
    before = layer.weight.clone()
    weight_depth(layer, (1, 8, 8))
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("size", [(3, 224), (3, 0, 4)])
def test_a_size_that_is_none(size):
    with pytest.raises(ValueError, match=r"expected input_size \(C, H, W\)"):
        weight_depth(nn.ReLU(), size)
