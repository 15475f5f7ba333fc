"""GoogLeNet and Inception v3: several kernel sizes side by side, and 1x1 layers that pay for them.

All convolutions are without bias and followed by batch normalisation and ReLU. GoogLeNet's paper
has biases and local response normalisation instead; batch normalisation came a year later.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.classification.layers import (
    Branches,
    conv_bn,
    initialise_he,
    pooled_classifier,
    set_normalisation,
)

EPS = 1e-3  # of the batch normalisation, as in TensorFlow's and torchvision's Inception

# GoogLeNet's Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
GOOGLENET_STAGES = {
    "3": {"a": (64, 96, 128, 16, 32, 32), "b": (128, 128, 192, 32, 96, 64)},
    "4": {
        "a": (192, 96, 208, 16, 48, 64),
        "b": (160, 112, 224, 24, 64, 64),
        "c": (128, 128, 256, 24, 64, 64),
        "d": (112, 144, 288, 32, 64, 64),
        "e": (256, 160, 320, 32, 128, 128),
    },
    "5": {"a": (256, 160, 320, 32, 128, 128), "b": (384, 192, 384, 48, 128, 128)},
}


def naive_inception(in_channels: int, n1x1: int, n3x3: int, n5x5: int) -> Branches:
    """Build the Inception module of the first idea: all kernels see all channels.

    Pooling keeps every channel, so that the output is wider than the input whatever the kernels
    do: n1x1 + n3x3 + n5x5 + in_channels.

    Args:
        in_channels: Channels of the input.
        n1x1: Number of 1x1 filters.
        n3x3: Number of 3x3 filters.
        n5x5: Number of 5x5 filters.

    Returns:
        A model from [B, in_channels, H, W] to [B, n1x1 + n3x3 + n5x5 + in_channels, H, W].

    Reference:
        Szegedy et al., Going Deeper with Convolutions, Figure 2a.

    Taught in: lectures/06a_classic_architectures
    """
    return Branches(
        {
            "1x1": conv_bn(in_channels, n1x1, 1),
            "3x3": conv_bn(in_channels, n3x3, 3),
            "5x5": conv_bn(in_channels, n5x5, 5),
            "pool": nn.MaxPool2d(3, stride=1, padding=1),
        }
    )


def inception(
    in_channels: int,
    n1x1: int,
    n3x3_reduce: int,
    n3x3: int,
    n5x5_reduce: int,
    n5x5: int,
    pool_projection: int,
    large_kernel: int = 5,
) -> Branches:
    """Build an Inception module: 1x1 layers reduce the channels before the costly kernels.

    Args:
        in_channels: Channels of the input.
        n1x1: Number of 1x1 filters.
        n3x3_reduce: Channels before the 3x3 filters.
        n3x3: Number of 3x3 filters.
        n5x5_reduce: Channels before the 5x5 filters.
        n5x5: Number of 5x5 filters.
        pool_projection: Channels after the pooling.
        large_kernel: Side of the 5x5 filters: 5, or 3 as in torchvision.

    Returns:
        A model from [B, in_channels, H, W] to [B, n1x1 + n3x3 + n5x5 + pool_projection, H, W].

    Reference:
        Szegedy et al., Going Deeper with Convolutions, Figure 2b and Table 1.

    Taught in: lectures/06a_classic_architectures
    """
    return Branches(
        {
            "1x1": conv_bn(in_channels, n1x1, 1),
            "3x3": nn.Sequential(
                conv_bn(in_channels, n3x3_reduce, 1), conv_bn(n3x3_reduce, n3x3, 3)
            ),
            "5x5": nn.Sequential(
                conv_bn(in_channels, n5x5_reduce, 1), conv_bn(n5x5_reduce, n5x5, large_kernel)
            ),
            "pool": nn.Sequential(
                nn.MaxPool2d(3, stride=1, padding=1), conv_bn(in_channels, pool_projection, 1)
            ),
        }
    )


class WithAuxiliaryHeads(nn.Module):
    """A network with classifiers half-way, which help its early layers while it trains.

    Args:
        body: The network, a sequence of named layers.
        heads: Classifiers by the name of the layer whose output they see.
    """

    def __init__(self, body: nn.Sequential, heads: dict[str, nn.Module]) -> None:
        super().__init__()
        self.body, self.heads = body, nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return logits [B, K]; in training a tuple of them, those of the heads behind."""
        others = []
        for name, layer in self.body.named_children():
            x = layer(x)
            if self.training and name in self.heads:
                others.append(self.heads[name](x))
        return (x, *others) if others else x


def loss_with_heads(
    outputs: Tensor | tuple[Tensor, ...], labels: Tensor, weight: float = 0.3
) -> Tensor:
    """Return the cross-entropy of the logits plus a share of that of each auxiliary head.

    Args:
        outputs: What a network with or without auxiliary heads returned, logits [B, K] or a tuple
            of them, those of the heads behind.
        labels: Classes [B], int64.
        weight: Share of each head; 0.3 as in the paper.

    Returns:
        The loss, one value.

    Reference:
        Szegedy et al., Going Deeper with Convolutions, sec. 5.

    Taught in: lectures/06a_classic_architectures
    """
    logits, *others = outputs if isinstance(outputs, tuple) else (outputs,)
    losses = [F.cross_entropy(other, labels) for other in others]
    return F.cross_entropy(logits, labels) + weight * sum(losses)


def googlenet(
    num_classes: int = 1000, *, auxiliary_heads: bool = False, like_torchvision: bool = False
) -> nn.Module:
    """Build GoogLeNet: 22 layers with weights, of which 18 belong to nine Inception modules.

    Its convolutions and its linear layer have 6,990,272 weights. torchvision's has 3x3 kernels in
    the branch that is called 5x5, and a 2x2 pooling before the last stage: 6,624,904 parameters,
    13,004,888 with both heads.

    Args:
        num_classes: Number of classes.
        auxiliary_heads: Whether to add the two classifiers behind modules 4a and 4d. In training
            the model then returns (logits, logits of 4a, logits of 4d).
        like_torchvision: Whether to build torchvision's variant.

    Returns:
        A model from images [B, 3, H, W], 224 pixels in the paper, to logits [B, num_classes].

    Reference:
        Szegedy et al., Going Deeper with Convolutions, Table 1 and sec. 5.

    Taught in: lectures/06a_classic_architectures
    """
    layers = OrderedDict(
        conv1=conv_bn(3, 64, 7, stride=2),  # [B, 64, 112, 112]
        pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),
        conv2_reduce=conv_bn(64, 64, 1),  # [B, 64, 56, 56]
        conv2=conv_bn(64, 192, 3),
        pool2=nn.MaxPool2d(3, stride=2, ceil_mode=True),
    )
    channels, large_kernel, last_pool = 192, 3 if like_torchvision else 5, 3 - like_torchvision
    for stage, modules in GOOGLENET_STAGES.items():
        for letter, widths in modules.items():
            layers[f"inception{stage}{letter}"] = inception(channels, *widths, large_kernel)
            n1x1, _, n3x3, _, n5x5, projection = widths
            channels = n1x1 + n3x3 + n5x5 + projection
        if stage != "5":
            size = last_pool if stage == "4" else 3
            layers[f"pool{stage}"] = nn.MaxPool2d(size, stride=2, ceil_mode=True)
    layers["head"] = pooled_classifier(channels, num_classes, dropout=0.4)
    body = nn.Sequential(layers)
    if not auxiliary_heads:
        return initialise(body)
    heads = {
        "inception4a": auxiliary_head(512, num_classes),
        "inception4d": auxiliary_head(528, num_classes),
    }
    return initialise(WithAuxiliaryHeads(body, heads))


def auxiliary_head(in_channels: int, num_classes: int) -> nn.Sequential:
    """Build a classifier that sees maps from the middle of GoogLeNet.

    The paper pools 5x5 windows at stride 3, which makes 4x4 of 14x14. Here the windows adapt, as in
    torchvision, so that maps of any size become 4x4.

    Args:
        in_channels: Channels of the maps.
        num_classes: Number of classes.

    Returns:
        A model from maps [B, in_channels, H, W] to logits [B, num_classes].

    Reference:
        Szegedy et al., Going Deeper with Convolutions, sec. 5.
    """
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(4),
        conv_bn(in_channels, 128, 1),
        nn.Flatten(),
        nn.Linear(128 * 4 * 4, 1024),
        nn.ReLU(inplace=True),
        nn.Dropout(0.7),
        nn.Linear(1024, num_classes),
    )


def initialise(model: nn.Module) -> nn.Module:
    """Start the weights by He's rule and set the normalisation's epsilon; return the same model."""
    return set_normalisation(initialise_he(model), EPS)
