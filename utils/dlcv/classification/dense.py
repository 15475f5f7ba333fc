"""DenseNet: every layer reads what all layers before it in its block have written."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlcv.classification.layers import conv_bn, initialise_he, pooled_classifier


class DenseLayer(nn.Module):
    """Add `growth` new channels to those that came in: x_l = [x, H(x)].

    H normalises before it convolves: BN, ReLU, 1x1 to four times the growth, BN, ReLU, 3x3.

    Args:
        in_channels: Channels of the input: k0 + k (l - 1) for layer l of a block.
        growth: k, the number of new channels.
        bottleneck: Channels between the two convolutions, in multiples of the growth; 4 in the
            paper.

    Reference:
        Huang, Liu, van der Maaten and Weinberger, Densely Connected Convolutional Networks, eq. 2.

    Taught in: lectures/06b_modern_architectures
    """

    def __init__(self, in_channels: int, growth: int, bottleneck: int = 4) -> None:
        super().__init__()
        inner = bottleneck * growth
        self.body = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], dim=1)  # [B, C + growth, H, W]


def dense_block(in_channels: int, growth: int, count: int) -> nn.Sequential:
    """Build `count` dense layers one after the other.

    Args:
        in_channels: k0, the channels of the input.
        growth: k, the channels that each layer adds.
        count: Number of layers.

    Returns:
        A model from [B, k0, H, W] to [B, k0 + count k, H, W].

    Taught in: lectures/06b_modern_architectures
    """
    return nn.Sequential(*(DenseLayer(in_channels + i * growth, growth) for i in range(count)))


def transition(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build what stands between two blocks: BN, ReLU, 1x1 to fewer channels, half of the size."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.AvgPool2d(2),
    )


def densenet(
    counts: Sequence[int], growth: int = 32, initial: int = 64, num_classes: int = 1000
) -> nn.Sequential:
    """Build a DenseNet with bottlenecks and transitions that halve the channels (DenseNet-BC).

    Args:
        counts: Layers in each dense block.
        growth: Channels that each layer adds.
        initial: Channels of the first convolution; twice the growth in the paper.
        num_classes: Number of classes.

    Returns:
        A model from images [B, 3, H, W], 224 pixels in the paper, to logits [B, num_classes], a
        sequence of stem, stage1, transition1, stage2, ..., norm and head.

    Reference:
        Huang, Liu, van der Maaten and Weinberger, Densely Connected Convolutional Networks,
        Table 1.

    Taught in: lectures/06b_modern_architectures
    """
    stem = nn.Sequential(conv_bn(3, initial, 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1))
    layers, channels = OrderedDict(stem=stem), initial
    for s, count in enumerate(counts, start=1):
        layers[f"stage{s}"] = dense_block(channels, growth, count)
        channels += count * growth
        if s < len(counts):
            layers[f"transition{s}"] = transition(channels, channels // 2)
            channels //= 2
    layers["norm"] = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
    layers["head"] = pooled_classifier(channels, num_classes)
    return initialise_he(nn.Sequential(layers))


def densenet121(num_classes: int = 1000) -> nn.Sequential:
    """Build DenseNet-121, with 7,978,856 parameters. See `densenet`."""
    return densenet((6, 12, 24, 16), num_classes=num_classes)


def densenet169(num_classes: int = 1000) -> nn.Sequential:
    """Build DenseNet-169, with 14,149,480 parameters. See `densenet`."""
    return densenet((6, 12, 32, 32), num_classes=num_classes)


def densenet201(num_classes: int = 1000) -> nn.Sequential:
    """Build DenseNet-201, with 20,013,928 parameters. See `densenet`."""
    return densenet((6, 12, 48, 32), num_classes=num_classes)


def densenet161(num_classes: int = 1000) -> nn.Sequential:
    """Build DenseNet-161, with growth 48 and 28,681,000 parameters. See `densenet`."""
    return densenet((6, 12, 36, 24), growth=48, initial=96, num_classes=num_classes)
