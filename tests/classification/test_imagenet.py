"""Full-size backbones: the maps are torchvision's, and whatever takes the small one takes them."""

import pytest
import torch
import torchvision
from torchvision.models.feature_extraction import create_feature_extractor

from dlcv.classification import imagenet
from dlcv.classification.imagenet import (
    DOWNLOAD_MB,
    IMAGENET_MEAN,
    IMAGENET_STD,
    ResNetBackbone,
    imagenet_backbone,
    torchvision_resnet,
)

STAGES = [f"layer{i}" for i in range(1, 5)]


@pytest.mark.parametrize("name", DOWNLOAD_MB)
def test_the_maps_are_those_inside_torchvisions_network(name):
    torch.manual_seed(0)
    resnet = torchvision_resnet(name).eval()
    images = torch.rand(1, 3, 70, 65)
    mean, std = (
        torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    with torch.no_grad():
        theirs = create_feature_extractor(resnet, STAGES)((images - mean) / std)
        ours = ResNetBackbone(resnet).eval().features(images)
    for mine, stage in zip(ours, STAGES, strict=True):
        torch.testing.assert_close(mine, theirs[stage])


@pytest.mark.parametrize(("name", "channels"), [("resnet18", 64), ("resnet50", 256)])
def test_channels_and_strides_are_as_promised(name, channels):
    backbone = imagenet_backbone(name).eval()
    assert backbone.channels == tuple(channels * 2**k for k in range(4))
    with torch.no_grad():
        maps = backbone.features(torch.rand(2, 3, 64, 96))
        assert backbone(torch.rand(2, 3, 64, 96)).shape == (2, backbone.channels[-1])
    for x, width, stride in zip(maps, backbone.channels, backbone.strides, strict=True):
        assert x.shape == (2, width, 64 // stride, 96 // stride)


def test_the_normalisation_is_the_one_of_torchvisions_weights():
    transforms = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    assert (tuple(transforms.mean), tuple(transforms.std)) == (IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize("name", DOWNLOAD_MB)
def test_the_size_that_is_told_is_the_size_that_is_fetched(name):
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    assert DOWNLOAD_MB[name] == round(weights.meta["_file_size"] * 1.024**2)


def test_an_unknown_network():
    with pytest.raises(ValueError, match=r"expected one of resnet18, .*, got 'resnet9'"):
        imagenet_backbone("resnet9")


def test_grey_images_are_refused():
    with pytest.raises(ValueError, match=r"expected images \[B, 3, H, W\], got \[1, 1, 32, 32\]"):
        imagenet_backbone("resnet18").features(torch.rand(1, 1, 32, 32))


def test_weights_that_cannot_be_fetched(monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network here")

    monkeypatch.setattr(torchvision.models, "get_model", refuse)
    with pytest.raises(
        RuntimeError, match=r"resnet18 could not be fetched .*no network here.*quick"
    ):
        imagenet.imagenet_backbone("resnet18", pretrained=True)
