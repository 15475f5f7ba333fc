"""Every computed number of lecture 6, from our own networks and `summarise`."""

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import nn

from dlcv.classification import (
    attention,
    classic,
    dense,
    efficient,
    inception,
    inception_v3,
    mobile,
    residual,
    vgg,
)
from dlcv.classification.complexity import Summary, summarise
from dlcv.study.facts import fact, load_facts

ROOMS = (classic, vgg, inception, inception_v3, residual, dense, attention, mobile, efficient)


def build(name: str, **settings: object) -> nn.Module:
    """Build one of our networks on the meta device, without values."""
    (builder,) = (getattr(room, name) for room in ROOMS if hasattr(room, name))
    with torch.device("meta"):
        return builder(**settings)


@cache
def network(name: str, size: int = 224, **settings: object) -> Summary:
    """Summarise one of our networks, for square RGB images."""
    return summarise(build(name, **settings), (3, size, size))


def parameters(name: str, **settings: object) -> int:
    """Count the parameters of one of our networks."""
    return sum(parameter.numel() for parameter in build(name, **settings).parameters())


def block(model: nn.Module, channels: int, size: int = 28) -> Summary:
    """Summarise a block, for maps of these channels."""
    return summarise(model, (channels, size, size))


def weights(summary: Summary, prefix: str = "") -> int:
    """Count the weights of convolutions and linear layers, without biases and normalisation.

    Each of them takes part in one multiply-add at every place of the output.
    """
    rows = [r for r in summary.layers if r.name.startswith(prefix) and r.multiply_adds]
    return sum(row.multiply_adds // math.prod(row.output_size[1:]) for row in rows)


def values(summary: Summary, name: str) -> int:
    """Count the values in the output of a layer."""
    return math.prod(summary.layer(name).output_size)


def macs(summary: Summary, prefix: str) -> int:
    """Count the multiply-adds of the layers whose names begin so."""
    return sum(row.multiply_adds for row in summary.layers if row.name.startswith(prefix))


def alexnet() -> Summary:
    return network("alexnet_grouped", 227)


def vgg16() -> Summary:
    return network("vgg16")


def fully_connected(summary: Summary) -> int:
    return sum(weights(summary, name) for name in ("fc6", "fc7", "fc8"))


def weight_layers(blocks: tuple[str, ...]) -> int:
    """Count the layers with weights of a VGG, as its names do."""
    layers = nn.Sequential(vgg.vgg_features(blocks)).modules()
    return sum(isinstance(layer, nn.Conv2d) for layer in layers) + 3


def without(letter: str, block_number: int, layer: str) -> tuple[str, ...]:
    """Return a configuration of VGG that lost one layer, as a printed table once did."""
    blocks = list(vgg.CONFIGURATIONS[letter])
    assert layer in blocks[block_number - 1]
    blocks[block_number - 1] = blocks[block_number - 1].replace(layer, "", 1)
    return tuple(blocks)


def vgg16_values() -> int:
    """Sum the image, the maps behind every convolution and pooling, and the linear outputs."""
    return vgg16().activation_bytes // 4 + 3 * 224 * 224


def naive() -> Summary:
    return block(inception.naive_inception(256, 128, 192, 96), 256)


def bottleneck() -> Summary:
    return block(inception.inception(256, 128, 64, 192, 64, 96, 64), 256)


def output_values(module: nn.Module) -> int:
    return module(torch.empty(1, 256, 28, 28, device="meta")).numel()


def mobilenet(width: float = 1.0, size: int = 224, separable: bool = True) -> Summary:
    return network("mobilenet_v1", size, width=width, separable=separable)


MOBILENETS = {
    "1.0": (1.0, 224),
    "0.75": (0.75, 224),
    "0.5": (0.5, 224),
    "0.25": (0.25, 224),
    "R192": (1.0, 192),
    "R160": (1.0, 160),
    "R128": (1.0, 128),
    "FULL": (1.0, 224, False),
    "0.5-160": (0.5, 160),
}
NAMES = [
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d"),
    *("densenet121", "densenet169", "densenet201", "densenet161", "mobilenet_v2", "mnasnet1_0"),
    *("efficientnet_b0", "efficientnet_b7", "squeezenet1_0", "inception_v3"),
]
COUNTED = ("resnet18", "resnet50", "resnet152", "densenet121", "mobilenet_v2", "efficientnet_b0")
MODULES = [
    stage + letter for stage, found in inception.GOOGLENET_STAGES.items() for letter in found
]
FC = ("fc6", "fc7", "fc8")

AS_PRINTED = {name.upper(): name for name in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv5")}
AS_PRINTED["POOL3"] = "pool5"  # the third pooling, behind the fifth convolution

COMPUTED: dict[str, Callable[[], float]] = {
    # AlexNet
    **{
        f"L06-ALEX-{name.upper()}": lambda name=name: weights(alexnet(), name)
        for name in ("conv1", "conv2", "conv3", "conv4", "conv5", *FC)
    },
    "L06-ALEX-GROUPED": lambda: parameters("alexnet_grouped"),
    "L06-ALEX-UNGROUPED": lambda: parameters("alexnet_grouped", groups=1),
    "L06-ALEX-TV": lambda: parameters("alexnet"),
    "L06-ALEX-FCSHARE": lambda: fully_connected(alexnet()) / weights(alexnet()),
    "L06-ALEX-MACS": lambda: alexnet().multiply_adds,
    "L06-ALEX-CONVMACS": lambda: macs(alexnet(), "conv") / alexnet().multiply_adds,
    "L06-ALEX-MEM-INPUT": lambda: 227 * 227 * 3,
    **{
        f"L06-ALEX-MEM-{label}": lambda name=name: values(alexnet(), name) // 2  # of two towers
        for label, name in AS_PRINTED.items()
    },
    "L06-ALEX-N1": lambda: values(alexnet(), "conv1"),
    "L06-ALEX-224": lambda: (224 - 11) / 4 + 1,
    # VGG
    **{
        f"L06-VGG-{letter}": lambda letter=letter: parameters("vgg", configuration=letter)
        for letter in "ABCDE"
    },
    "L06-VGG-C-GARBLED": lambda: weight_layers(without("C", 3, "conv1-256")),
    "L06-VGG-E-GARBLED": lambda: weight_layers(without("E", 3, "conv3-256")),
    **{
        f"L06-VGG16-W{b}-{i}": lambda b=b, i=i: weights(vgg16(), f"conv{b}_{i}")
        for b in range(1, 6)
        for i in (1, 2)[: 1 if b == 5 else 2]
    },
    **{
        f"L06-VGG16-M{b}-{i}": lambda b=b, i=i: values(vgg16(), f"conv{b}_{i}")
        for b in range(1, 6)
        for i in (1, 2)[: 1 if b == 5 else 2]
    },
    **{f"L06-VGG16-MP{b}": lambda b=b: values(vgg16(), f"pool{b}") for b in range(1, 6)},
    "L06-VGG16-MIN": lambda: 224 * 224 * 3,
    "L06-VGG16-FC6": lambda: weights(vgg16(), "fc6"),
    "L06-VGG16-ACT": vgg16_values,
    "L06-VGG16-ACTMB": lambda: 4 * vgg16_values() / 1e6,
    "L06-VGG16-FC6SHARE": lambda: weights(vgg16(), "fc6") / vgg16().parameters,
    "L06-VGG16-FCSHARE": lambda: fully_connected(vgg16()) / vgg16().parameters,
    "L06-VGG16-MACS": lambda: vgg16().multiply_adds,
    # Inception
    "L06-INC-NAIVE": lambda: naive().multiply_adds,
    "L06-INC-BOTTLENECK": lambda: bottleneck().multiply_adds,
    "L06-INC-3x3TERM": lambda: bottleneck().layer("3x3.1.conv").multiply_adds,
    "L06-INC-358": lambda: (
        bottleneck().multiply_adds + bottleneck().layer("3x3.1.conv").multiply_adds
    ),
    "L06-INC-NAIVE-OUT": lambda: output_values(
        inception.naive_inception(256, 128, 192, 96).to("meta")
    ),
    "L06-INC-BN-OUT": lambda: output_values(
        inception.inception(256, 128, 64, 192, 64, 96, 64).to("meta")
    ),
    **{
        f"L06-GOOG-{m}-W": lambda m=m: weights(network("googlenet"), f"inception{m}")
        for m in MODULES
    },
    **{
        f"L06-GOOG-{m}-OPS": lambda m=m: macs(network("googlenet"), f"inception{m}")
        for m in MODULES
    },
    "L06-GOOG-W": lambda: weights(network("googlenet")),
    "L06-GOOG-TV": lambda: parameters("googlenet", like_torchvision=True),
    "L06-GOOG-TV-AUX": lambda: parameters("googlenet", like_torchvision=True, auxiliary_heads=True),
    "L06-P-INCEPTION_V3-AUX": lambda: parameters("inception_v3", auxiliary_head=True),
    # Totals
    **{f"L06-P-{name.upper()}": lambda name=name: parameters(name) for name in NAMES},
    **{f"L06-MAC-{name.upper()}": lambda n=name: network(n).multiply_adds for name in COUNTED},
    # Residual blocks
    "L06-BLOCK-BASIC256": lambda: weights(block(residual.basic_body(256, 256), 256)),
    "L06-BLOCK-BASIC64": lambda: weights(block(residual.basic_body(64, 64), 64)),
    "L06-BLOCK-BOTTLENECK": lambda: weights(block(residual.bottleneck_block(256, 64), 256)),
    "L06-BLOCK-RESNEXT": lambda: weights(block(residual.resnext_block(256, 64), 256)),
    **{
        f"L06-CIFAR-RESNET{depth}": lambda depth=depth: parameters("resnet_cifar", depth=depth)
        for depth in (20, 32, 44, 56, 110, 1202)
    },
    "L06-DET15-REL": lambda: 100 * (62.1 / 53.6 - 1),
    # Gates
    "L06-SE-EXTRA": lambda: weights(network("se_resnet50")) - weights(network("resnet50")),
    "L06-SE-TOTAL": lambda: parameters("se_resnet50"),
    # Small networks
    **{f"L06-MB1-{k}-MAC": lambda v=v: mobilenet(*v).multiply_adds for k, v in MOBILENETS.items()},
    **{f"L06-MB1-{k}-W": lambda v=v: weights(mobilenet(*v)) for k, v in MOBILENETS.items()},
    "L06-DW-RATIO": lambda: (
        block(mobile.depthwise_separable(512, 512), 512).multiply_adds
        / block(nn.Conv2d(512, 512, 3, padding=1), 512).multiply_adds
    ),
    "L06-MB2-BLOCK": lambda: weights(block(mobile.inverted_residual(24, 24), 24)),
    "L06-EFF-COMPOUND": lambda: (
        efficient.compound_scale(1)[0]
        * efficient.compound_scale(1)[1] ** 2
        * efficient.compound_scale(1)[2] ** 2
    ),
}


def test_no_computed_number_of_the_lecture_is_left_out():
    facts = load_facts().values()
    expected = {f.id for f in facts if f.id.startswith("L06-") and f.verified == "computed"}
    assert set(COMPUTED) == expected


@pytest.mark.parametrize("id", COMPUTED)
def test_the_number_is_that_of_the_fact_sheet(id):
    fact(id, COMPUTED[id]())


def test_a_weight_is_told_from_a_bias():
    summary = block(nn.Sequential(nn.Conv2d(3, 10, 5, stride=2, groups=1), nn.BatchNorm2d(10)), 3)
    assert (summary.parameters, weights(summary)) == (750 + 10 + 20, 750)


QUOTED = {  # what papers and libraries say of networks that we build too, in millions
    "SKNet-50 parameters": (27.5, 0.05, lambda: parameters("sk_resnet50")),
    "SKNet-50": (4470, 10, lambda: network("sk_resnet50").multiply_adds),
    "ResNeXt-50 parameters": (25.0, 0.05, lambda: parameters("resnext50_32x4d")),
    "MobileNetV2 1.4, libraries": (6.1, 0.05, lambda: parameters("mobilenet_v2", width=1.4)),
    "MobileNetV2 1.4": (585, 3, lambda: network("mobilenet_v2", width=1.4).multiply_adds),
    "ResNet-50, paper": (3858, 1, lambda: network("resnet50", stride_in_1x1=True).multiply_adds),
    "EfficientNet-B0": (390, 10, lambda: network("efficientnet_b0").multiply_adds),
}


@pytest.mark.parametrize("name", QUOTED)
def test_what_others_say(name):
    millions, tolerance, compute = QUOTED[name]
    assert compute() / 1e6 == pytest.approx(millions, abs=tolerance)


@pytest.mark.parametrize(("in_1x1", "field"), [(False, 427), (True, 483)])
def test_where_a_bottleneck_strides_decides_what_it_sees(in_1x1, field):
    rows = network("resnet50", stride_in_1x1=in_1x1).layers
    last = [row for row in rows if row.name.startswith("stage4.2") and row.kind == "Conv2d"]
    assert last[-1].receptive_field == (field, field)
