"""Networks for small computers: MobileNet v1 and v2, MnasNet, SqueezeNet."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from dlcv.classification.layers import (
    Branches,
    Residual,
    conv_bn,
    initialise_he,
    pooled_classifier,
    set_normalisation,
)

MOBILENET_V1 = (  # Table 1: output channels and stride of each depthwise-separable layer
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
# For each stage: expansion t, output channels c, number of blocks n, stride s, kernel k
Stage = tuple[int, int, int, int, int]
MOBILENET_V2: tuple[Stage, ...] = (  # Table 2
    *((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3)),
    *((6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3)),
)
MNASNET_B1: tuple[Stage, ...] = (
    *((1, 16, 1, 1, 3), (3, 24, 3, 2, 3), (3, 40, 3, 2, 5), (6, 80, 3, 2, 5)),
    *((6, 96, 2, 1, 3), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)),
)


def depthwise_separable(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Build a 3x3 convolution of each channel by itself and a 1x1 that mixes them.

    Against one 3x3 convolution the cost is 1 / out_channels + 1 / 3².

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Step of the 3x3 convolution in pixels.

    Returns:
        A model from [B, in_channels, H, W] to [B, out_channels, H / stride, W / stride].

    Reference:
        Howard et al., MobileNets, sec. 3.1 and Figure 3.

    Taught in: lectures/06b_modern_architectures
    """
    return nn.Sequential(
        conv_bn(in_channels, in_channels, 3, stride, groups=in_channels),
        conv_bn(in_channels, out_channels, 1),
    )


def mobilenet_v1(
    num_classes: int = 1000, width: float = 1.0, *, separable: bool = True
) -> nn.Sequential:
    """Build MobileNet v1, with 4,209,088 weights at width 1.

    Args:
        num_classes: Number of classes.
        width: alpha, the width multiplier: every layer has alpha times its channels. The
            resolution multiplier rho needs no argument: give smaller images.
        separable: Whether layers are depthwise separable; False for the full 3x3 convolutions that
            the paper compares with.

    Returns:
        A model from images [B, 3, H, W], 224 pixels in the paper, to logits [B, num_classes].

    Raises:
        ValueError: If width is not positive.

    Reference:
        Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
        Applications, Table 1.

    Taught in: lectures/06b_modern_architectures
    """
    check_width(width)
    channels = max(1, int(32 * width))
    layers = OrderedDict(stem=conv_bn(3, channels, 3, stride=2))
    for i, (full_width, stride) in enumerate(MOBILENET_V1, start=1):
        out_channels = max(1, int(full_width * width))
        if separable:
            layers[f"layer{i}"] = depthwise_separable(channels, out_channels, stride)
        else:
            layers[f"layer{i}"] = conv_bn(channels, out_channels, 3, stride)
        channels = out_channels
    layers["head"] = pooled_classifier(channels, num_classes)
    return initialise_he(nn.Sequential(layers))


def inverted_residual(
    in_channels: int,
    out_channels: int,
    stride: int = 1,
    expansion: int = 6,
    kernel: int = 3,
    activation: type[nn.Module] = nn.ReLU6,
) -> nn.Module:
    """Build an inverted residual with a linear bottleneck.

    1x1 makes it wide, a depthwise convolution works there, a 1x1 without activation makes it
    narrow again. A shortcut joins the narrow ends where their sizes agree.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Step of the depthwise convolution in pixels.
        expansion: t, wide over narrow channels; at 1 there is no first 1x1.
        kernel: Side of the depthwise kernel.
        activation: Class of the activation; ReLU6 in MobileNetV2.

    Returns:
        A model from [B, in_channels, H, W] to [B, out_channels, H / stride, W / stride].

    Reference:
        Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, Table 1.

    Taught in: lectures/06b_modern_architectures
    """
    wide = in_channels * expansion
    body = nn.Sequential(OrderedDict())
    if expansion != 1:
        body.add_module("expand", conv_bn(in_channels, wide, 1, activation=activation))
    depthwise = conv_bn(wide, wide, kernel, stride, groups=wide, activation=activation)
    body.add_module("depthwise", depthwise)
    body.add_module("project", conv_bn(wide, out_channels, 1, activation=None))
    if stride != 1 or in_channels != out_channels:
        return body
    return Residual(body, nn.Identity(), nn.Identity())


def inverted_network(
    stages: Sequence[Stage],
    widths: Sequence[int],
    num_classes: int,
    activation: type[nn.Module] = nn.ReLU6,
) -> nn.Sequential:
    """Build a network of inverted residuals from a table.

    Args:
        stages: (t, c, n, s, k) for each stage; c is taken from widths.
        widths: Channels of the stem, of every stage, and of the last convolution.
        num_classes: Number of classes.
        activation: Class of the activation.

    Returns:
        A model from images [B, 3, H, W] to logits [B, num_classes], a sequence of stem, stage1,
        ..., last and head.
    """
    channels = widths[0]
    layers = OrderedDict(stem=conv_bn(3, channels, 3, stride=2, activation=activation))
    for s, ((t, _, n, stride, k), out_channels) in enumerate(
        zip(stages, widths[1:-1], strict=True)
    ):
        blocks = nn.Sequential()
        for b in range(n):
            step = stride if b == 0 else 1
            blocks.append(inverted_residual(channels, out_channels, step, t, k, activation))
            channels = out_channels
        layers[f"stage{s + 1}"] = blocks
    layers["last"] = conv_bn(channels, widths[-1], 1, activation=activation)
    layers["head"] = pooled_classifier(widths[-1], num_classes, dropout=0.2)
    return initialise_he(nn.Sequential(layers))


def mobilenet_v2(num_classes: int = 1000, width: float = 1.0) -> nn.Sequential:
    """Build MobileNetV2, with 3,504,872 parameters at width 1.

    At width 1.4 it has 6.1 million, as in torchvision and Keras; the paper says 6.9.

    Args:
        num_classes: Number of classes.
        width: Width multiplier; channels are rounded to multiples of 8, and the last convolution
            is never narrower than 1280.

    Returns:
        A model from images [B, 3, H, W], 224 pixels in the paper, to logits [B, num_classes].

    Raises:
        ValueError: If width is not positive.

    Reference:
        Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, Table 2.

    Taught in: lectures/06b_modern_architectures
    """
    check_width(width)
    widths = [round_channels(c * width) for c in (32, *(stage[1] for stage in MOBILENET_V2))]
    last = round_channels(1280 * max(1.0, width))
    return inverted_network(MOBILENET_V2, [*widths, last], num_classes)


def mnasnet1_0(num_classes: int = 1000) -> nn.Sequential:
    """Build MnasNet-B1, with 4,383,312 parameters: found by a search, without gates.

    It is torchvision's mnasnet1_0. MnasNet-A1, the paper's main result, has squeeze-and-excitation
    in some stages and 3.9 million parameters.

    Args:
        num_classes: Number of classes.

    Returns:
        A model from images [B, 3, H, W], 224 pixels in the paper, to logits [B, num_classes].

    Reference:
        Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile.

    Taught in: lectures/06b_modern_architectures
    """
    widths = [32, *(stage[1] for stage in MNASNET_B1), 1280]
    model = inverted_network(MNASNET_B1, widths, num_classes, nn.ReLU)
    return set_normalisation(model, eps=1e-5, momentum=3e-4)  # as the authors trained it


def round_channels(channels: float, divisor: int = 8) -> int:
    """Return the multiple of divisor that is nearest, but not more than 10 % below channels.

    Reference:
        The authors' code of MobileNetV2, `make_divisible`.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def check_width(width: float) -> None:
    """Raise a ValueError if a width multiplier is not positive."""
    if not width > 0:
        raise ValueError(f"expected a positive width multiplier, got {width}")


def fire(in_channels: int, squeeze: int, expand: int) -> nn.Sequential:
    """Build a module of SqueezeNet: 1x1 to few channels, then 1x1 and 3x3 side by side.

    Args:
        in_channels: Channels of the input.
        squeeze: Channels in between.
        expand: Channels of each of the two branches.

    Returns:
        A model from [B, in_channels, H, W] to [B, 2 expand, H, W].

    Reference:
        Iandola et al., SqueezeNet, sec. 3.2.
    """
    branches = {
        "1x1": nn.Conv2d(squeeze, expand, 1),
        "3x3": nn.Conv2d(squeeze, expand, 3, padding=1),
    }
    return nn.Sequential(
        nn.Conv2d(in_channels, squeeze, 1),
        nn.ReLU(inplace=True),
        Branches(branches),
        nn.ReLU(inplace=True),
    )


def squeezenet1_0(num_classes: int = 1000) -> nn.Sequential:
    """Build SqueezeNet 1.0, with 1,248,424 parameters, a fiftieth of AlexNet's.

    Args:
        num_classes: Number of classes.

    Returns:
        A model from images [B, 3, H, W], 224 pixels in the paper, to logits [B, num_classes].

    Reference:
        Iandola et al., SqueezeNet: AlexNet-Level Accuracy with 50x Fewer Parameters and <0.5 MB
        Model Size, Table 1.
    """
    layers = OrderedDict(
        conv1=nn.Sequential(nn.Conv2d(3, 96, 7, stride=2), nn.ReLU(inplace=True)),
        pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),
        fire2=fire(96, 16, 64),
        fire3=fire(128, 16, 64),
        fire4=fire(128, 32, 128),
        pool4=nn.MaxPool2d(3, stride=2, ceil_mode=True),
        fire5=fire(256, 32, 128),
        fire6=fire(256, 48, 192),
        fire7=fire(384, 48, 192),
        fire8=fire(384, 64, 256),
        pool8=nn.MaxPool2d(3, stride=2, ceil_mode=True),
        fire9=fire(512, 64, 256),
        drop9=nn.Dropout(0.5),
        conv10=nn.Sequential(nn.Conv2d(512, num_classes, 1), nn.ReLU(inplace=True)),
        head=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )
    return initialise_he(nn.Sequential(layers))
