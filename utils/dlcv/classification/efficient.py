"""EfficientNet: a network found by search, and seven larger ones by one rule."""

import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlcv.classification.attention import SqueezeExcite
from dlcv.classification.layers import (
    Residual,
    conv_bn,
    initialise_he,
    pooled_classifier,
    set_normalisation,
)
from dlcv.classification.mobile import Stage, round_channels

EFFICIENTNET_B0: tuple[Stage, ...] = (  # Table 1: t, c, n, s, k
    *((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3)),
    *((6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)),
)


@dataclass(frozen=True)
class Scale:
    """How much deeper, wider and larger than EfficientNet-B0 a network is, and its dropout."""

    width: float
    depth: float
    resolution: int  # side of the images in pixels
    dropout: float


# As released; the rule gives nearly these.
SCALES = (
    Scale(1.0, 1.0, 224, 0.2),
    Scale(1.0, 1.1, 240, 0.2),
    Scale(1.1, 1.2, 260, 0.3),
    Scale(1.2, 1.4, 300, 0.3),
    Scale(1.4, 1.8, 380, 0.4),
    Scale(1.6, 2.2, 456, 0.4),
    Scale(1.8, 2.6, 528, 0.5),
    Scale(2.0, 3.1, 600, 0.5),
)


def compound_scale(
    phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15
) -> tuple[float, float, float]:
    """Scale depth, width and resolution together.

    depth = alpha^phi, width = beta^phi, resolution = gamma^phi. The multiply-adds grow as
    depth width² resolution² = (alpha beta² gamma²)^phi, with the paper's numbers 1.92^phi.

    Args:
        phi: How much more to spend: about 2^phi times the multiply-adds.
        alpha: Growth of the depth for phi = 1; 1.2 as in the paper.
        beta: Growth of the width; 1.1 as in the paper.
        gamma: Growth of the resolution; 1.15 as in the paper.

    Returns:
        (depth, width, resolution), each as a factor.

    Raises:
        ValueError: If one of alpha, beta and gamma is below 1.

    Reference:
        Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, eq. 3.

    Taught in: lectures/06b_modern_architectures
    """
    if min(alpha, beta, gamma) < 1:
        raise ValueError(f"expected alpha, beta, gamma >= 1, got {alpha}, {beta}, {gamma}")
    return alpha**phi, beta**phi, gamma**phi


class StochasticDepth(nn.Module):
    """Drop the whole branch of a residual block, for each image of a training batch by itself.

    What stays is divided by its probability; in evaluation all stays as it is.

    Args:
        drop: Probability of dropping, in [0, 1).

    Reference:
        Huang, Sun, Liu, Sedra and Weinberger, Deep Networks with Stochastic Depth.
    """

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.drop == 0:
            return x
        keep = 1 - self.drop
        stays = torch.rand(len(x), 1, 1, 1, device=x.device) < keep
        return x * stays / keep


def mbconv(
    in_channels: int,
    out_channels: int,
    stride: int = 1,
    expansion: int = 6,
    kernel: int = 3,
    drop: float = 0.0,
) -> nn.Module:
    """Build the block of EfficientNet: an inverted residual with gates on its wide channels.

    Args:
        in_channels: Channels of the input; the gates have a quarter as many hidden units.
        out_channels: Channels of the output.
        stride: Step of the depthwise convolution in pixels.
        expansion: t, wide over narrow channels; at 1 there is no first 1x1.
        kernel: Side of the depthwise kernel.
        drop: Probability of `StochasticDepth`, used where there is a shortcut.

    Returns:
        A model from [B, in_channels, H, W] to [B, out_channels, H / stride, W / stride].

    Reference:
        Tan and Le, EfficientNet, sec. 4; Tan et al., MnasNet, Figure 7.

    Taught in: lectures/06b_modern_architectures
    """
    wide = in_channels * expansion
    body = nn.Sequential()
    if expansion != 1:
        body.add_module("expand", conv_bn(in_channels, wide, 1, activation=nn.SiLU))
    depthwise = conv_bn(wide, wide, kernel, stride, groups=wide, activation=nn.SiLU)
    body.add_module("depthwise", depthwise)
    body.add_module("gate", SqueezeExcite(wide, max(1, in_channels // 4), nn.SiLU))
    body.add_module("project", conv_bn(wide, out_channels, 1, activation=None))
    if stride != 1 or in_channels != out_channels:
        return body
    return Residual(body.append(StochasticDepth(drop)), nn.Identity(), nn.Identity())


def efficientnet(
    width: float = 1.0, depth: float = 1.0, dropout: float = 0.2, num_classes: int = 1000
) -> nn.Sequential:
    """Build an EfficientNet from the factors of its width and depth.

    Channels are rounded to multiples of 8, numbers of blocks are rounded up.

    Args:
        width: Factor of all channels.
        depth: Factor of the number of blocks in each stage.
        dropout: Probability of dropping a feature before the last layer.
        num_classes: Number of classes.

    Returns:
        A model from images [B, 3, H, W] to logits [B, num_classes], a sequence of stem, stage1,
        ..., last and head.

    Raises:
        ValueError: If a factor is not positive.

    Reference:
        Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks.

    Taught in: lectures/06b_modern_architectures
    """
    if not min(width, depth) > 0:
        raise ValueError(f"expected positive factors, got width {width} and depth {depth}")
    counts = [math.ceil(n * depth) for _, _, n, _, _ in EFFICIENTNET_B0]
    channels, done = round_channels(32 * width), 0
    layers = OrderedDict(stem=conv_bn(3, channels, 3, stride=2, activation=nn.SiLU))
    for s, (t, c, _, stride, k) in enumerate(EFFICIENTNET_B0):
        out_channels, blocks = round_channels(c * width), nn.Sequential()
        for b in range(counts[s]):
            drop = 0.2 * done / sum(counts)  # grows with depth to the paper's 0.2
            step = stride if b == 0 else 1
            blocks.append(mbconv(channels, out_channels, step, t, k, drop))
            channels, done = out_channels, done + 1
        layers[f"stage{s + 1}"] = blocks
    layers["last"] = conv_bn(channels, 4 * channels, 1, activation=nn.SiLU)
    layers["head"] = pooled_classifier(4 * channels, num_classes, dropout)
    return initialise_he(nn.Sequential(layers))


def released(number: int, num_classes: int) -> nn.Sequential:
    """Build one of the released networks, B0 to B7, with torchvision's normalisation."""
    scale = SCALES[number]
    model = efficientnet(scale.width, scale.depth, scale.dropout, num_classes)
    return set_normalisation(model, *((1e-3, 0.01) if number >= 5 else (1e-5, 0.1)))


def efficientnet_b0(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B0, for 224 pixels, with 5,288,548 parameters. See `efficientnet`."""
    return released(0, num_classes)


def efficientnet_b1(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B1, for 240 pixels, with 7,794,184 parameters. See `efficientnet`."""
    return released(1, num_classes)


def efficientnet_b2(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B2, for 260 pixels, with 9,109,994 parameters. See `efficientnet`."""
    return released(2, num_classes)


def efficientnet_b3(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B3, for 300 pixels, with 12,233,232 parameters. See `efficientnet`."""
    return released(3, num_classes)


def efficientnet_b4(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B4, for 380 pixels, with 19,341,616 parameters. See `efficientnet`."""
    return released(4, num_classes)


def efficientnet_b5(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B5, for 456 pixels, with 30,389,784 parameters. See `efficientnet`."""
    return released(5, num_classes)


def efficientnet_b6(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B6, for 528 pixels, with 43,040,704 parameters. See `efficientnet`."""
    return released(6, num_classes)


def efficientnet_b7(num_classes: int = 1000) -> nn.Sequential:
    """Build EfficientNet-B7, for 600 pixels, with 66,347,960 parameters. See `efficientnet`."""
    return released(7, num_classes)
