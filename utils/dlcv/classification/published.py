"""The networks of lectures 06a and 06b: what their authors reported, and what they cost.

Accuracies are quoted, each with its source; costs are measured on the book's own networks. The
two columns of torchvision are what its documentation reports for its weights: the same networks,
trained again by one team, with the recipe of their time ("IMAGENET1K_V1") and with a newer one
("IMAGENET1K_V2").
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

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
from dlcv.classification.complexity import summarise
from dlcv.classification.depth import Chain


@dataclass(frozen=True)
class Network:
    """A network and its published accuracies on the 50,000 validation images of ImageNet.

    Attributes:
        name: The network.
        short: A few letters for it, to write beside a bubble.
        family: The idea that it belongs to.
        year: Of the first publication.
        build: Function () -> model.
        size_px: Side of the images it takes.
        published: Top-1 accuracy in % of one network as first published, None if there is none.
        source: Where that number stands, and how it was measured.
        key: Entry in the bibliography.
        torchvision: Top-1 accuracy in % of torchvision's first weights, None if there are none.
        newer: The same of its newer recipe.
    """

    name: str
    short: str
    family: str
    year: int
    build: Callable[[], nn.Module]
    size_px: int = 224
    published: float | None = None
    source: str = ""
    key: str = ""
    torchvision: float | None = None
    newer: float | None = None


@dataclass(frozen=True)
class Cost:
    """What one image costs: parameters, multiply-adds, activation bytes, layers on the way."""

    parameters: int
    multiply_adds: int
    activation_bytes: int
    depth: int


@cache
def cost_of(network: Network) -> Cost:
    """Measure a network of the list. Its weights are never drawn, so this takes a moment only.

    Taught in: lectures/06b_modern_architectures
    """
    with torch.device("meta"):
        model = network.build()
    input_size = (3, network.size_px, network.size_px)
    with Chain() as ways:
        summary = summarise(model, input_size)
    return Cost(summary.parameters, summary.multiply_adds, summary.activation_bytes, ways.longest)


KRIZHEVSKY = "Krizhevsky et al. 2012, Table 2: one network, ten crops"
SIMONYAN = "Simonyan and Zisserman 2015, Table 3: scale 256, whole image"
SLIM_V1 = "TF-Slim, Inception V1; the paper gives top-5 only"
SZEGEDY = "Szegedy et al. 2016: one crop"
HE = "He et al. 2016, released models: one crop"
XIE = "Xie et al. 2017, Table 3: one crop"
HUANG = "Huang et al. 2017, Table 3: one crop"
HU = "Hu et al. 2018, Table 2: one crop"
LI = "Li et al. 2019, Table 2: one crop"
IANDOLA = "Iandola et al. 2016, Table 2"
HOWARD = "Howard et al. 2017, Tables 6 and 7"
SANDLER = "Sandler et al. 2018, Table 4"
TAN = "Tan and Le 2019, Table 2: one crop"

NETWORKS = (
    Network(
        "AlexNet (two towers)", "AlexNet", "AlexNet", 2012, classic.alexnet_grouped, 227,
        59.3, KRIZHEVSKY, "krizhevsky2012imagenet",
    ),
    Network(
        "AlexNet (one tower)", "AlexNet-1", "AlexNet", 2014, classic.alexnet, torchvision=56.522
    ),
    *(
        Network(
            f"VGG-{layers}", f"VGG{layers}", "VGG", 2014, build,
            224, top1, SIMONYAN, "simonyan2015very", again,
        )
        for layers, build, top1, again in (
            (11, vgg.vgg11, 70.4, 69.020),
            (13, vgg.vgg13, 71.3, 69.928),
            (16, vgg.vgg16, 73.0, 71.592),
            (19, vgg.vgg19, 72.7, 72.376),
        )
    ),
    Network(
        "GoogLeNet", "GoogLeNet", "Inception", 2014, inception.googlenet,
        224, 69.8, SLIM_V1, "szegedy2015going", 69.778,
    ),
    Network(
        "Inception v3", "Inc3", "Inception", 2015, inception_v3.inception_v3,
        299, 78.8, SZEGEDY, "szegedy2016rethinking", 77.294,
    ),
    Network("ResNet-18", "R18", "ResNet", 2015, residual.resnet18, torchvision=69.758),
    Network("ResNet-34", "R34", "ResNet", 2015, residual.resnet34, torchvision=73.314),
    *(
        Network(
            f"ResNet-{layers}", f"R{layers}", "ResNet", 2015, build,
            224, top1, HE, "he2016deep", again, newer,
        )
        for layers, build, top1, again, newer in (
            (50, residual.resnet50, 75.3, 76.130, 80.858),
            (101, residual.resnet101, 76.4, 77.374, 81.886),
            (152, residual.resnet152, 77.0, 78.312, 82.284),
        )
    ),
    Network(
        "ResNeXt-50 (32x4d)", "RX50", "ResNet", 2016, residual.resnext50_32x4d,
        224, 77.8, XIE, "xie2017aggregated", 77.618, 81.198,
    ),
    *(
        Network(
            f"DenseNet-{layers}", f"D{layers}", "DenseNet", 2016, build,
            224, top1, HUANG if top1 else "", "huang2017densely" if top1 else "", again,
        )
        for layers, build, top1, again in (
            (121, dense.densenet121, 74.98, 74.434),
            (169, dense.densenet169, 76.20, 75.600),
            (201, dense.densenet201, 77.42, 76.896),
            (161, dense.densenet161, None, 77.138),
        )
    ),
    Network(
        "SE-ResNet-50", "SE50", "attention", 2017, attention.se_resnet50,
        224, 76.71, HU, "hu2018squeeze",
    ),
    Network(
        "SKNet-50", "SK50", "attention", 2019, attention.sk_resnet50,
        224, 79.21, LI, "li2019selective",
    ),
    Network(
        "SqueezeNet", "Squeeze", "small", 2016, mobile.squeezenet1_0,
        224, 57.5, IANDOLA, "iandola2016squeezenet", 58.092,
    ),
    *(
        Network(
            f"MobileNet v1 {width:g}, {size_px} px", f"M1 {width:g}/{size_px}", "small", 2017,
            partial(mobile.mobilenet_v1, width=width), size_px,
            top1, HOWARD, "howard2017mobilenets",
        )
        for width, size_px, top1 in (
            (1.0, 224, 70.6), (0.75, 224, 68.4), (0.5, 224, 63.7), (0.25, 224, 50.6),
            (1.0, 192, 69.1), (1.0, 160, 67.2), (1.0, 128, 64.4),
        )
    ),
    Network(
        "MobileNetV2 1.0", "M2", "small", 2018, mobile.mobilenet_v2,
        224, 72.0, SANDLER, "sandler2018mobilenetv2", 71.878, 72.154,
    ),
    Network(
        "MobileNetV2 1.4", "M2 1.4", "small", 2018, partial(mobile.mobilenet_v2, width=1.4),
        224, 74.7, SANDLER, "sandler2018mobilenetv2",
    ),
    Network("MnasNet 1.0", "Mnas", "searched", 2018, mobile.mnasnet1_0, torchvision=73.456),
    *(
        Network(
            f"EfficientNet-B{i}", f"B{i}", "searched", 2019,
            getattr(efficient, f"efficientnet_b{i}"), size_px,
            top1, TAN, "tan2019efficientnet", again, newer,
        )
        for i, (size_px, top1, again, newer) in enumerate((
            (224, 77.1, 77.692, None), (240, 79.1, 78.642, 79.838), (260, 80.1, 80.608, None),
            (300, 81.6, 82.008, None), (380, 82.9, 83.384, None), (456, 83.6, 83.444, None),
            (528, 84.0, 84.008, None), (600, 84.3, 84.122, None),
        ))
    ),
)  # fmt: skip
"""All of them, by family and year. SENet, SKNet and MobileNet v1 have no weights in torchvision."""
