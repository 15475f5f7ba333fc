"""Inception v3: the large kernels of an Inception module, factorised.

Two 3x3 do the work of a 5x5, a 1xn and an nx1 that of an nxn, and a convolution with stride beside
a pooling makes the maps smaller. The paper of 2016 calls its network with these modules
Inception-v2 and, with label smoothing, RMSProp and a normalised auxiliary head, Inception-v3;
elsewhere "Inception V2" is the network of 2015 with batch normalisation.
"""

from collections import OrderedDict

from torch import nn

from dlcv.classification.inception import WithAuxiliaryHeads, initialise
from dlcv.classification.layers import Branches, conv_bn, pooled_classifier


def chain(in_channels: int, *layers: tuple) -> nn.Sequential:
    """Build convolutions one after the other from (channels, kernel, stride, padding)."""
    chained = nn.Sequential()
    for layer in layers:
        chained.append(conv_bn(in_channels, *layer))
        in_channels = layer[0]
    return chained


def pool_and_project(in_channels: int, channels: int) -> nn.Sequential:
    """Build a 3x3 average pooling that keeps the size, and a 1x1 convolution."""
    return nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), conv_bn(in_channels, channels, 1))


def factorised_5x5(in_channels: int, projection: int) -> Branches:
    """Build a module for 35x35 maps, with two 3x3 in place of a 5x5 (Figure 5 of the paper).

    One 5x5 stays, as in the authors' code.

    Args:
        in_channels: Channels of the input.
        projection: Channels of the pooling branch.

    Returns:
        A model from [B, in_channels, H, W] to [B, 224 + projection, H, W].

    Reference:
        Szegedy et al., Rethinking the Inception Architecture for Computer Vision, sec. 3.1.

    Taught in: lectures/06a_classic_architectures
    """
    return Branches(
        {
            "1x1": conv_bn(in_channels, 64, 1),
            "5x5": chain(in_channels, (48, 1), (64, 5)),
            "3x3_3x3": chain(in_channels, (64, 1), (96, 3), (96, 3)),
            "pool": pool_and_project(in_channels, projection),
        }
    )


def factorised_7x7(in_channels: int, inner: int) -> Branches:
    """Build a module for 17x17 maps, with 1x7 and 7x1 in place of 7x7 (Figure 6 of the paper).

    Args:
        in_channels: Channels of the input.
        inner: Channels between the factors.

    Returns:
        A model from [B, in_channels, H, W] to [B, 768, H, W].

    Reference:
        Szegedy et al., Rethinking the Inception Architecture for Computer Vision, sec. 3.2.

    Taught in: lectures/06a_classic_architectures
    """
    row, column = (inner, (1, 7)), (inner, (7, 1))
    return Branches(
        {
            "1x1": conv_bn(in_channels, 192, 1),
            "7x7": chain(in_channels, (inner, 1), row, (192, (7, 1))),
            "7x7_7x7": chain(in_channels, (inner, 1), column, row, column, (192, (1, 7))),
            "pool": pool_and_project(in_channels, 192),
        }
    )


def expanded_3x3(in_channels: int) -> Branches:
    """Build a module for 8x8 maps, with 1x3 and 3x1 side by side (Figure 7 of the paper).

    Args:
        in_channels: Channels of the input.

    Returns:
        A model from [B, in_channels, H, W] to [B, 2048, H, W].

    Reference:
        Szegedy et al., Rethinking the Inception Architecture for Computer Vision, sec. 3.2.

    Taught in: lectures/06a_classic_architectures
    """
    return Branches(
        {
            "1x1": conv_bn(in_channels, 320, 1),
            "3x3": chain(in_channels, (384, 1)).append(row_and_column()),
            "3x3_3x3": chain(in_channels, (448, 1), (384, 3)).append(row_and_column()),
            "pool": pool_and_project(in_channels, 192),
        }
    )


def row_and_column() -> Branches:
    """Build 1x3 and 3x1 side by side, from 384 to twice 384 channels."""
    return Branches({"1x3": conv_bn(384, 384, (1, 3)), "3x1": conv_bn(384, 384, (3, 1))})


def reduction_to_17(in_channels: int) -> Branches:
    """Build the module between 35x35 and 17x17 maps: stride 2 beside a pooling (Figure 10)."""
    return Branches(
        {
            "3x3": conv_bn(in_channels, 384, 3, 2, 0),
            "3x3_3x3": chain(in_channels, (64, 1), (96, 3), (96, 3, 2, 0)),
            "pool": nn.MaxPool2d(3, stride=2),
        }
    )


def reduction_to_8(in_channels: int) -> Branches:
    """Build the module between 17x17 and 8x8 maps: stride 2 beside a pooling."""
    return Branches(
        {
            "3x3": chain(in_channels, (192, 1), (320, 3, 2, 0)),
            "7x7_3x3": chain(in_channels, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, 0)),
            "pool": nn.MaxPool2d(3, stride=2),
        }
    )


def head_17(num_classes: int) -> nn.Sequential:
    """Build the classifier that sees the last 17x17 maps: [B, 768, 17, 17] to [B, num_classes]."""
    return nn.Sequential(
        nn.AvgPool2d(5, stride=3),  # [B, 768, 5, 5]
        conv_bn(768, 128, 1),
        conv_bn(128, 768, 5, 1, 0),  # [B, 768, 1, 1]
        pooled_classifier(768, num_classes),
    )


def inception_v3(num_classes: int = 1000, *, auxiliary_head: bool = False) -> nn.Module:
    """Build Inception v3, with 23,834,568 parameters, or 27,161,264 with the auxiliary head.

    Args:
        num_classes: Number of classes.
        auxiliary_head: Whether to add the classifier behind the last 17x17 maps. In training the
            model then returns (logits, logits of the head).

    Returns:
        A model from images [B, 3, H, W], 299 pixels in the paper and at least 75, to logits
        [B, num_classes].

    Reference:
        Szegedy et al., Rethinking the Inception Architecture for Computer Vision, Table 1.

    Taught in: lectures/06a_classic_architectures
    """
    layers = OrderedDict(
        conv1=conv_bn(3, 32, 3, 2, 0),  # [B, 32, 149, 149]
        conv2=chain(32, (32, 3, 1, 0), (64, 3)),  # [B, 64, 147, 147]
        pool2=nn.MaxPool2d(3, stride=2),  # [B, 64, 73, 73]
        conv3=conv_bn(64, 80, 1),
        conv4=conv_bn(80, 192, 3, 1, 0),  # [B, 192, 71, 71]
        pool4=nn.MaxPool2d(3, stride=2),  # [B, 192, 35, 35]
        mixed5b=factorised_5x5(192, 32),  # [B, 256, 35, 35]
        mixed5c=factorised_5x5(256, 64),  # [B, 288, 35, 35]
        mixed5d=factorised_5x5(288, 64),
        mixed6a=reduction_to_17(288),  # [B, 768, 17, 17]
        mixed6b=factorised_7x7(768, 128),
        mixed6c=factorised_7x7(768, 160),
        mixed6d=factorised_7x7(768, 160),
        mixed6e=factorised_7x7(768, 192),
        mixed7a=reduction_to_8(768),  # [B, 1280, 8, 8]
        mixed7b=expanded_3x3(1280),  # [B, 2048, 8, 8]
        mixed7c=expanded_3x3(2048),
        head=pooled_classifier(2048, num_classes, dropout=0.5),
    )
    body = nn.Sequential(layers)
    if not auxiliary_head:
        return initialise(body)
    return initialise(WithAuxiliaryHeads(body, {"mixed6e": head_17(num_classes)}))
