"""Residual networks: ResNet for ImageNet and CIFAR, the plain networks beside them, and ResNeXt.

A network is a sequence of stem, stage1 to stage4 (or stage3) and head; a stage is a sequence of
blocks; a block is `Residual`: y = ReLU(F(x) + shortcut(x)).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.classification.layers import Residual, conv_bn, initialise_he, pooled_classifier

# (channels of the input, width of the stage, stride) -> block
Block = Callable[[int, int, int], nn.Module]


def basic_body(in_channels: int, channels: int, stride: int = 1) -> nn.Sequential:
    """Build F of a basic block: two 3x3 convolutions, the second without ReLU.

    Args:
        in_channels: Channels of the input.
        channels: Channels of both convolutions.
        stride: Step of the first convolution in pixels.

    Returns:
        A model from [B, in_channels, H, W] to [B, channels, H / stride, W / stride].

    Reference:
        He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, Figure 5, left.

    Taught in: lectures/06a_classic_architectures
    """
    return nn.Sequential(
        conv_bn(in_channels, channels, 3, stride),
        conv_bn(channels, channels, 3, activation=None),
    )


def bottleneck_body(
    in_channels: int,
    inner: int,
    out_channels: int,
    stride: int = 1,
    *,
    groups: int = 1,
    stride_in_1x1: bool = False,
) -> nn.Sequential:
    """Build F of a bottleneck: 1x1 makes it narrow, 3x3 works there, 1x1 makes it wide again.

    Args:
        in_channels: Channels of the input.
        inner: Channels of the 3x3 convolution; out_channels / 4 in ResNet.
        out_channels: Channels of the output.
        stride: Step in pixels, of the 3x3 convolution.
        groups: Groups of the 3x3 convolution, called cardinality in ResNeXt.
        stride_in_1x1: Whether the first 1x1 convolution takes the stride, as in the paper. The
            3x3 convolution loses less and is what most libraries do, under the name of version 1.5.

    Returns:
        A model from [B, in_channels, H, W] to [B, out_channels, H / stride, W / stride].

    Reference:
        He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, Figure 5, right; Xie
        et al., Aggregated Residual Transformations for Deep Neural Networks, Figure 3c.

    Taught in: lectures/06a_classic_architectures
    """
    strides = (stride, 1) if stride_in_1x1 else (1, stride)
    return nn.Sequential(
        conv_bn(in_channels, inner, 1, strides[0]),
        conv_bn(inner, inner, 3, strides[1], groups=groups),
        conv_bn(inner, out_channels, 1, activation=None),
    )


def projection_shortcut(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """Build the identity where the sizes agree, else a 1x1 convolution (option B of the paper)."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return conv_bn(in_channels, out_channels, 1, stride, activation=None)


class PaddingShortcut(nn.Module):
    """Take every stride-th pixel and add channels of zeros: a shortcut without parameters.

    Option A of the paper, which its CIFAR networks use.

    Args:
        new_channels: How many channels of zeros to add.
        stride: Step in pixels.
    """

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels, self.stride = new_channels, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


def basic_block(in_channels: int, width: int, stride: int = 1) -> Residual:
    """Build a basic block, from in_channels to width channels. See `basic_body`."""
    body = basic_body(in_channels, width, stride)
    return Residual(body, projection_shortcut(in_channels, width, stride), nn.ReLU(inplace=True))


def bottleneck_block(
    in_channels: int, width: int, stride: int = 1, *, stride_in_1x1: bool = False
) -> Residual:
    """Build a bottleneck, from in_channels to 4 width channels. See `bottleneck_body`."""
    body = bottleneck_body(in_channels, width, 4 * width, stride, stride_in_1x1=stride_in_1x1)
    shortcut = projection_shortcut(in_channels, 4 * width, stride)
    return Residual(body, shortcut, nn.ReLU(inplace=True))


def resnext_block(
    in_channels: int, width: int, stride: int = 1, *, cardinality: int = 32, group_width: int = 4
) -> Residual:
    """Build a block of 32x4d: y = ReLU(shortcut(x) + sum of 32 narrow transformations of x).

    The sum equals one bottleneck with a grouped 3x3 convolution, which is how it is built.

    Args:
        in_channels: Channels of the input.
        width: Width of the stage in a ResNet, 64 to 512; the output has 4 times as many channels.
        stride: Step in pixels.
        cardinality: Number of groups.
        group_width: Channels of a group where width is 64; it doubles with width.

    Reference:
        Xie et al., Aggregated Residual Transformations for Deep Neural Networks, eq. 3 and Table 1.

    Taught in: lectures/06b_modern_architectures
    """
    inner = cardinality * group_width * width // 64
    body = bottleneck_body(in_channels, inner, 4 * width, stride, groups=cardinality)
    shortcut = projection_shortcut(in_channels, 4 * width, stride)
    return Residual(body, shortcut, nn.ReLU(inplace=True))


def residual_network(
    block: Block, counts: Sequence[int], expansion: int, num_classes: int = 1000
) -> nn.Sequential:
    """Build a ResNet for ImageNet from its block and the number of blocks in each stage.

    A stage halves the size of the maps, from the second on, and doubles their width: 64, 128, 256,
    512, times the expansion of the block.

    Args:
        block: Function (channels of the input, width, stride) -> block.
        counts: Blocks in each stage.
        expansion: Channels of a block's output over its width: 1 for basic blocks, 4 for
            bottlenecks.
        num_classes: Number of classes.

    Returns:
        A model from images [B, 3, H, W], 224 pixels in the paper, to logits [B, num_classes], a
        sequence of stem, stage1, ..., head.

    Reference:
        He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, Table 1.

    Taught in: lectures/06a_classic_architectures
    """
    stem = nn.Sequential(conv_bn(3, 64, 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1))
    layers, channels = OrderedDict(stem=stem), 64
    for s, count in enumerate(counts):
        width, blocks = 64 * 2**s, []
        for b in range(count):
            blocks.append(block(channels, width, 2 if s > 0 and b == 0 else 1))
            channels = expansion * width
        layers[f"stage{s + 1}"] = nn.Sequential(*blocks)
    layers["head"] = pooled_classifier(channels, num_classes)
    return initialise_he(nn.Sequential(layers))


def resnet18(num_classes: int = 1000) -> nn.Sequential:
    """Build ResNet-18, with 11,689,512 parameters. See `residual_network`."""
    return residual_network(basic_block, (2, 2, 2, 2), 1, num_classes)


def resnet34(num_classes: int = 1000) -> nn.Sequential:
    """Build ResNet-34, with 21,797,672 parameters. See `residual_network`."""
    return residual_network(basic_block, (3, 4, 6, 3), 1, num_classes)


def resnet50(num_classes: int = 1000, *, stride_in_1x1: bool = False) -> nn.Sequential:
    """Build ResNet-50, with 25,557,032 parameters. See `residual_network`.

    As in torchvision, the 3x3 convolutions take the strides: 4.09 billion multiply-adds at 224
    pixels against 3.86 with stride_in_1x1, as in the paper (which says 3.8).
    """
    return bottleneck_resnet((3, 4, 6, 3), num_classes, stride_in_1x1)


def resnet101(num_classes: int = 1000, *, stride_in_1x1: bool = False) -> nn.Sequential:
    """Build ResNet-101, with 44,549,160 parameters. See `resnet50`."""
    return bottleneck_resnet((3, 4, 23, 3), num_classes, stride_in_1x1)


def resnet152(num_classes: int = 1000, *, stride_in_1x1: bool = False) -> nn.Sequential:
    """Build ResNet-152, with 60,192,808 parameters. See `resnet50`."""
    return bottleneck_resnet((3, 8, 36, 3), num_classes, stride_in_1x1)


def bottleneck_resnet(
    counts: Sequence[int], num_classes: int, stride_in_1x1: bool
) -> nn.Sequential:
    """Build a ResNet of bottlenecks. See `residual_network` and `bottleneck_block`."""

    def block(in_channels: int, width: int, stride: int) -> Residual:
        return bottleneck_block(in_channels, width, stride, stride_in_1x1=stride_in_1x1)

    return residual_network(block, counts, 4, num_classes)


def resnext50_32x4d(num_classes: int = 1000) -> nn.Sequential:
    """Build ResNeXt-50 (32x4d), with 25,028,904 parameters. See `resnext_block`."""
    return residual_network(resnext_block, (3, 4, 6, 3), 4, num_classes)


def resnet_cifar(
    depth: int = 20,
    residual: bool = True,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    width: int = 16,
) -> nn.Sequential:
    """Build the ResNet for small images, or the plain network of the same layers without shortcuts.

    depth = 6 n + 2: a 3x3 convolution, three stages of n basic blocks with 16, 32 and 64 channels,
    and a linear layer. Shortcuts have no parameters (`PaddingShortcut`), so that plain and residual
    networks have the same ones: 269,722 at depth 20.

    Args:
        depth: Layers with weights, 6 n + 2: 8, 14, 20, 32, 44, 56, 110 or 1202, for example.
        residual: Whether there are shortcuts.
        num_classes: Number of classes.
        in_channels: Channels of the images.
        width: Channels of the first stage; 16 in the paper.

    Returns:
        A model from images [B, in_channels, H, W], 32 pixels in the paper, to logits
        [B, num_classes], a sequence of stem, stage1, stage2, stage3 and head.

    Raises:
        ValueError: If depth is not 6 n + 2 with n of at least 1.

    Reference:
        He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, sec. 4.2.

    Taught in: lectures/06a_classic_architectures
    """
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"expected a depth of 6 n + 2, such as 20 or 56, got {depth}")
    layers, channels = OrderedDict(stem=conv_bn(in_channels, width, 3)), width
    for s in range(3):
        stage, out_channels = nn.Sequential(), width * 2**s
        for b in range((depth - 2) // 6):
            stride = 2 if s > 0 and b == 0 else 1
            stage.append(small_block(channels, out_channels, stride, residual))
            channels = out_channels
        layers[f"stage{s + 1}"] = stage
    layers["head"] = pooled_classifier(channels, num_classes)
    return initialise_he(nn.Sequential(layers))


def small_block(in_channels: int, channels: int, stride: int, residual: bool) -> nn.Module:
    """Build a basic block of `resnet_cifar`, or its body and ReLU alone."""
    body = basic_body(in_channels, channels, stride)
    if not residual:
        return nn.Sequential(OrderedDict(body=body, activation=nn.ReLU(inplace=True)))
    is_same = in_channels == channels and stride == 1
    shortcut = nn.Identity() if is_same else PaddingShortcut(channels - in_channels, stride)
    return Residual(body, shortcut, nn.ReLU(inplace=True))
