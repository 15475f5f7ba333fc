"""The network that read cheques: LeNet-5 as it was built in 1998, and as it is built today.

Both are plain sequences of named layers c1, s2, c3, s4, c5, f6 and output, so that every feature
map can be seen on the way:

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
