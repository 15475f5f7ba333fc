"""The small backbone: its maps, and the weights that ship with it."""

import pytest
import torch

from dlcv.classification import backbone as module
from dlcv.classification.backbone import (
    CHANNELS,
    STRIDES,
    Backbone,
    Normalise,
    backbone,
    backbone_classifier,
    load_weights,
)
from dlcv.classification.complexity import summarise
from dlcv.classification.transfer import ridge_probe
from dlcv.data.glyphs import GlyphConfig, render_glyphs


def test_normalising_by_hand():
    layer = Normalise([0.5, 0.0], [0.25, 2.0])
    images = torch.tensor([1.0, 4.0]).reshape(1, 2, 1, 1)
    assert layer(images).flatten().tolist() == [2.0, 2.0]
    assert not layer.state_dict()  # a fixed part of the network, not a weight


def test_parameters_by_hand():
    """Convolutions without bias, and two numbers a channel for each of seven normalisations."""
    c1, c2, c3, c4 = CHANNELS
    stages = 9 * (3 * c1 + c1 * c2 + c2 * c2 + c2 * c3 + c3 * c3 + c3 * c4 + c4 * c4)
    norms = 2 * (c1 + 2 * c2 + 2 * c3 + 2 * c4)
    assert stages + norms == 247_824
    assert sum(p.numel() for p in Backbone().parameters()) == 247_824


@pytest.mark.parametrize("size", [(32, 48), (33, 17), (1, 1)])
def test_maps_have_the_promised_channels_and_strides(size):
    maps = Backbone().eval().features(torch.rand(2, 3, *size))
    for x, channels, stride in zip(maps, CHANNELS, STRIDES, strict=True):
        assert x.shape == (2, channels, -(-size[0] // stride), -(-size[1] // stride))


def test_the_classifier_is_the_backbone_with_a_head():
    classifier = backbone_classifier(5, pretrained=True).eval()
    images = torch.rand(2, 3, 32, 40)
    features = backbone(pretrained=True).eval()(images)
    torch.testing.assert_close(classifier[:-1](images), features)
    assert classifier(images).shape == (2, 5)
    assert [name for name, _ in classifier.named_children()] == [
        "normalise",
        *(f"stage{i}" for i in range(1, 5)),
        "pool",
        "head",
    ]
    assert summarise(backbone_classifier(5), (3, 32, 32)).parameters == 247_824 + 113 * 5


def test_the_weights_are_finite_and_know_glyphs_they_have_not_seen():
    """A linear probe on ten new classes, five images of each: chance is 0.1."""
    weights = load_weights()
    assert all(value.isfinite().all() for value in weights.values())
    assert all(value.dtype in (torch.float32, torch.int64) for value in weights.values())
    config, classes = GlyphConfig(size=32), range(300, 310)
    train, test = (
        render_glyphs(n, classes, seed, config=config) for n, seed in ((50, 5), (200, 6))
    )
    found = {}
    for pretrained in (True, False):
        torch.manual_seed(0)
        network = backbone(pretrained).eval()
        with torch.no_grad():
            x, z = network(train.images / 255), network(test.images / 255)
        head = ridge_probe(x, train.labels, 10, penalty=1.0)
        found[pretrained] = (head(z).argmax(1) == test.labels).float().mean().item()
    assert found[True] > 0.65
    assert found[True] > found[False] + 0.3


def test_a_damaged_file_is_refused(monkeypatch):
    monkeypatch.setattr(module, "SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match=r"backbone\.safetensors with the checksum 0000"):
        backbone(pretrained=True)


def test_wrong_images_are_refused():
    with pytest.raises(ValueError, match=r"expected images \[B, 3, H, W\], got \[1, 1, 8, 8\]"):
        Backbone()(torch.rand(1, 1, 8, 8))


@pytest.mark.cuda
def test_cuda_gives_what_the_cpu_gives():
    images = torch.rand(2, 3, 32, 32)
    network = backbone(pretrained=True).eval()
    here = network(images)
    torch.testing.assert_close(network.cuda()(images.cuda()).cpu(), here, atol=1e-4, rtol=1e-3)
