"""LeNet-5, which read cheques, of 1998 and of today, and AlexNet, which won ILSVRC in 2012.

All are plain sequences of named layers, c1, s2, c3 and so on, so that every feature map can be
seen on the way:

    for name, layer in model.named_children():
        x = layer(x)
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

# Which of the six maps of S2 each of the sixteen maps of C3 sees (Table I of the paper).
C3_INPUTS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)

# What F6 should say for each digit: 7x12 drawings, our own after the idea of Figure 3.
DIGITS = """
..###.. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.##.##. ..###.. ##...## ##...## ...###. ##..... .##.... .....## ##...## ##...##
##...## .####.. .....## .....## ..####. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
##...## ...##.. ....##. ....##. ##..##. ######. ##..... ....##. ##...## ##...##
##...## ...##.. ...##.. ..####. ##..##. .....## ######. ...##.. .#####. ##...##
##...## ...##.. ..##... ....##. ##..##. .....## ##...## ...##.. ##...## .######
##...## ...##.. .##.... .....## ####### .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ....##. .....## ##...## .##.... ##...## .....##
.##.##. ...##.. ##..... ##...## ....##. ##...## ##...## .##.... ##...## ....##.
..###.. .###### ####### .#####. ....##. .#####. .#####. .##.... .#####. .####..
"""


def lenet5(num_classes: int = 10) -> nn.Sequential:
    """Build LeNet-5 as it is usually built today, with 61,706 parameters for ten classes.

    Against the original: every map of C3 sees all maps of S2, max pooling has no parameters, ReLU
    takes the place of the scaled tanh, and a fully connected layer gives one logit for each class.

    Args:
        num_classes: Number of classes.

    Returns:
        A model from images [B, 1, 32, 32] to logits [B, num_classes].

    Reference:
        LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition,
        sec. II-B.

    Taught in: lectures/04_convolutions
    """
    return nn.Sequential(
        OrderedDict(
            c1=nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU()),  # [B, 6, 28, 28]
            s2=nn.MaxPool2d(2),  # [B, 6, 14, 14]
            c3=nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU()),  # [B, 16, 10, 10]
            s4=nn.MaxPool2d(2),  # [B, 16, 5, 5]
            c5=nn.Sequential(nn.Conv2d(16, 120, 5), nn.ReLU()),  # [B, 120, 1, 1]
            f6=nn.Sequential(nn.Flatten(), nn.Linear(120, 84), nn.ReLU()),  # [B, 84]
            output=nn.Linear(84, num_classes),
        )
    )


def lenet5_1998() -> nn.Sequential:
    """Build LeNet-5 as in the paper, with 60,000 trainable parameters and 340,908 connections.

    C3 is connected by `C3_INPUTS`, pooling is trainable, all layers up to F6 end in a scaled tanh,
    and the output compares F6 with a fixed drawing of each digit. Weights start uniform in
    +-2.4 / fan-in. Two things differ from the paper: the drawings are ours, and the output is the
    *negative* squared distance, so that larger is better and cross-entropy can train it; that loss
    is the paper's discriminative one (eq. 9) without its extra "rubbish" class.

    Returns:
        A model from images [B, 1, 32, 32] to scores [B, 10], none above 0.

    Reference:
        LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition,
        sec. II-B and II-C, appendix A.

    Taught in: lectures/04_convolutions
    """
    model = nn.Sequential(
        OrderedDict(
            c1=nn.Sequential(nn.Conv2d(1, 6, 5), ScaledTanh()),  # [B, 6, 28, 28]
            s2=nn.Sequential(Subsampling(6), ScaledTanh()),  # [B, 6, 14, 14]
            c3=nn.Sequential(SparseConv2d(C3_INPUTS, 5), ScaledTanh()),  # [B, 16, 10, 10]
            s4=nn.Sequential(Subsampling(16), ScaledTanh()),  # [B, 16, 5, 5]
            c5=nn.Sequential(nn.Conv2d(16, 120, 5), ScaledTanh()),  # [B, 120, 1, 1]
            f6=nn.Sequential(nn.Flatten(), nn.Linear(120, 84), ScaledTanh()),  # [B, 84]
            output=DigitCodes(),
        )
    )
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 2.4 / layer.weight[0].numel()
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.uniform_(layer.bias, -bound, bound)
    return model


class ScaledTanh(nn.Module):
    """Squash to (-1.7159, 1.7159) by 1.7159 tanh(2a/3), which maps 1 to 1 and -1 to -1."""

    def forward(self, a: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * a)


class Subsampling(nn.Module):
    """Halve height and width: each map's 2x2 sums times one weight plus one bias.

    Args:
        channels: Number of maps; each has its own weight and bias.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        bound = 2.4 / 4  # a unit has four inputs
        self.weight = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        sums = 4 * nn.functional.avg_pool2d(x, 2)  # [B, C, H/2, W/2]
        return self.weight[:, None, None] * sums + self.bias[:, None, None]


class SparseConv2d(nn.Module):
    """Convolve so that each output map sees only the input maps that a table names.

    Args:
        inputs: For each output map, the input maps it sees.
        kernel: Side of the square kernel in pixels.
    """

    def __init__(self, inputs: tuple[tuple[int, ...], ...], kernel: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, kernel) for seen in inputs)

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.maps, self.inputs, strict=True)
        return torch.cat([conv(x[:, list(seen)]) for conv, seen in pairs], dim=1)


class DigitCodes(nn.Module):
    """Score ten digits by the negative squared distance of F6 to their fixed codes of +-1."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", digit_codes())

    def forward(self, f6: Tensor) -> Tensor:
        differences = f6[:, None, :] - self.codes  # [B, 10, 84]
        return -differences.square().sum(dim=2)


def digit_codes() -> Tensor:
    """Return the codes of the ten digits, [10, 84]: +1 for ink and -1 for paper, row by row."""
    rows = [line.split() for line in DIGITS.split("\n") if line]  # 12 rows of 10 pieces of 7
    drawings = ["".join(pieces) for pieces in zip(*rows, strict=True)]
    return torch.tensor([[1.0 if ink == "#" else -1.0 for ink in d] for d in drawings])


def alexnet_grouped(num_classes: int = 1000, groups: int = 2) -> nn.Sequential:
    """Build AlexNet as it won ILSVRC-2012, in two towers, with 60,965,224 parameters.

    The towers sat on two GPUs; conv2, conv4 and conv5 see only the maps of their own, and conv3
    sees all. Normalisation follows the ReLU and comes before pooling. The paper says 224 pixels,
    but (224 - 11) / 4 + 1 is no integer: 227 gives its 55x55 maps. Weights start as in the paper,
    N(0, 0.01²), with a bias of 1 in conv2, conv4, conv5 and the hidden linear layers, and 0 in the
    others. torch divides alpha of the normalisation by its n = 5, the paper does not: 1e-4 becomes
    5e-4 here.

    Args:
        num_classes: Number of classes.
        groups: Towers: 2 as in the paper, or 1 for the network without groups (62,378,344
            parameters).

    Returns:
        A model from images [B, 3, 227, 227] to logits [B, num_classes], a sequence of named layers.

    Raises:
        ValueError: If groups is neither 1 nor 2.

    Reference:
        Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural
        Networks, sec. 3 to 5.

    Taught in: lectures/06a_classic_architectures
    """
    if groups not in (1, 2):
        raise ValueError(f"expected 1 or 2 groups, got {groups}")
    model = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 96, 11, stride=4),  # [B, 96, 55, 55]
            relu1=nn.ReLU(inplace=True),
            norm1=nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0),
            pool1=nn.MaxPool2d(3, stride=2),  # [B, 96, 27, 27]
            conv2=nn.Conv2d(96, 256, 5, padding=2, groups=groups),  # [B, 256, 27, 27]
            relu2=nn.ReLU(inplace=True),
            norm2=nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0),
            pool2=nn.MaxPool2d(3, stride=2),  # [B, 256, 13, 13]
            conv3=nn.Conv2d(256, 384, 3, padding=1),  # [B, 384, 13, 13]
            relu3=nn.ReLU(inplace=True),
            conv4=nn.Conv2d(384, 384, 3, padding=1, groups=groups),
            relu4=nn.ReLU(inplace=True),
            conv5=nn.Conv2d(384, 256, 3, padding=1, groups=groups),  # [B, 256, 13, 13]
            relu5=nn.ReLU(inplace=True),
            pool5=nn.MaxPool2d(3, stride=2),  # [B, 256, 6, 6]
            **hidden_and_output(256 * 6 * 6, num_classes),
        )
    )
    for name, layer in model.named_children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
            starts_alive = name in ("conv2", "conv4", "conv5", "fc6", "fc7")
            nn.init.constant_(layer.bias, 1.0 if starts_alive else 0.0)
    return model


def alexnet(num_classes: int = 1000) -> nn.Sequential:
    """Build the AlexNet of most libraries, in one tower, with 61,100,840 parameters.

    This is the network of 2014: fewer filters in place of two towers, no response normalisation,
    and padding of 2 in conv1, which makes 224 pixels fit. torchvision's is the same.

    Args:
        num_classes: Number of classes.

    Returns:
        A model from images [B, 3, 224, 224] to logits [B, num_classes], a sequence of named layers.

    Reference:
        Krizhevsky, One Weird Trick for Parallelizing Convolutional Neural Networks, sec. 5.

    Taught in: lectures/06a_classic_architectures
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 64, 11, stride=4, padding=2),  # [B, 64, 55, 55]
            relu1=nn.ReLU(inplace=True),
            pool1=nn.MaxPool2d(3, stride=2),  # [B, 64, 27, 27]
            conv2=nn.Conv2d(64, 192, 5, padding=2),  # [B, 192, 27, 27]
            relu2=nn.ReLU(inplace=True),
            pool2=nn.MaxPool2d(3, stride=2),  # [B, 192, 13, 13]
            conv3=nn.Conv2d(192, 384, 3, padding=1),  # [B, 384, 13, 13]
            relu3=nn.ReLU(inplace=True),
            conv4=nn.Conv2d(384, 256, 3, padding=1),
            relu4=nn.ReLU(inplace=True),
            conv5=nn.Conv2d(256, 256, 3, padding=1),  # [B, 256, 13, 13]
            relu5=nn.ReLU(inplace=True),
            pool5=nn.MaxPool2d(3, stride=2),  # [B, 256, 6, 6]
            **hidden_and_output(256 * 6 * 6, num_classes),
        )
    )


def hidden_and_output(features: int, num_classes: int, width: int = 4096) -> dict[str, nn.Module]:
    """Return the three fully connected layers that AlexNet and VGG share, with dropout of 0.5.

    Args:
        features: Values in the last maps.
        num_classes: Number of classes.
        width: Units in each of the two hidden layers; 4096 as in both papers.

    Returns:
        Layers by name, in their order.

    Taught in: lectures/06a_classic_architectures
    """
    return {
        "flatten": nn.Flatten(),
        "fc6": nn.Linear(features, width),
        "relu6": nn.ReLU(inplace=True),
        "drop6": nn.Dropout(0.5),
        "fc7": nn.Linear(width, width),
        "relu7": nn.ReLU(inplace=True),
        "drop7": nn.Dropout(0.5),
        "fc8": nn.Linear(width, num_classes),
    }
