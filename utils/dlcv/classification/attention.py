"""Channels that weigh each other: squeeze-and-excitation, and kernels selected by it."""

import torch
from torch import Tensor, nn

from dlcv.classification.layers import Residual, conv_bn, initialise_he
from dlcv.classification.residual import bottleneck_body, projection_shortcut, residual_network


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate that depends on the means of all channels.

    z_c = mean of channel c; s = sigmoid(W2 activation(W1 z)); output s_c x_c.

    Args:
        channels: Channels of the input.
        hidden: Units between W1 and W2; channels / 16 in SENet.
        activation: Class of the activation between them.

    Reference:
        Hu, Shen and Sun, Squeeze-and-Excitation Networks, eq. 2 to 4.

    Taught in: lectures/06b_modern_architectures
    """

    def __init__(self, channels: int, hidden: int, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # [B, C]
        self.excite = nn.Sequential(
            nn.Linear(channels, hidden),
            activation(inplace=True),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )

    def gates(self, x: Tensor) -> Tensor:
        """Return the gates s of maps [B, C, H, W], in (0, 1), [B, C]."""
        return self.excite(self.squeeze(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.gates(x)[:, :, None, None] * x


def se_block(in_channels: int, width: int, stride: int = 1, *, reduction: int = 16) -> Residual:
    """Build a bottleneck whose F is gated before the shortcut is added.

    Args:
        in_channels: Channels of the input.
        width: Width of the stage; the output has 4 times as many channels.
        stride: Step in pixels.
        reduction: r, channels over hidden units of the gate.

    Reference:
        Hu, Shen and Sun, Squeeze-and-Excitation Networks, Figure 3.

    Taught in: lectures/06b_modern_architectures
    """
    channels = 4 * width
    body = bottleneck_body(in_channels, width, channels, stride)
    body.append(SqueezeExcite(channels, channels // reduction))
    shortcut = projection_shortcut(in_channels, channels, stride)
    return Residual(body, shortcut, nn.ReLU(inplace=True))


def add_gates(model: nn.Module, reduction: int = 16) -> nn.Module:
    """Put a `SqueezeExcite` at the end of F in every residual block of a network.

    Args:
        model: A network with `Residual` blocks that end in a normalisation, such as `resnet18` or
            `resnet_cifar`; changed in place.
        reduction: r, channels over hidden units of the gate.

    Returns:
        The same model.

    Taught in: lectures/06b_modern_architectures
    """
    blocks = [block for block in model.modules() if isinstance(block, Residual)]
    for block in blocks:
        channels = block.body[-1].bn.num_features
        gate = SqueezeExcite(channels, max(1, channels // reduction))
        block.body.append(initialise_he(gate))
    return model


def se_resnet50(num_classes: int = 1000) -> nn.Sequential:
    """Build SE-ResNet-50, with 28,088,024 parameters. See `se_block`.

    The gates add 2 / r sum of N_s C_s² = 2,514,944 weights to ResNet-50, and their biases.
    """
    return residual_network(se_block, (3, 4, 6, 3), 4, num_classes)


class SelectiveKernel(nn.Module):
    """Convolve with two kernel sizes and let each channel choose between them.

    The maps of both branches are added and averaged to means s; z = ReLU(BN(W s)) has few units;
    each channel divides itself by a softmax over A z and B z, and the output is
    a_c U1_c + (1 - a_c) U2_c. The 5x5 kernel is a 3x3 with dilation 2, as in the paper.

    Args:
        channels: Channels of input and output, a multiple of groups.
        stride: Step in pixels.
        groups: Groups of both convolutions; 32 in SKNet-50.
        reduction: r: z has channels / r units, but at least `smallest`.
        smallest: L, the fewest units of z; 32 in the paper.

    Reference:
        Li, Wang, Hu and Yang, Selective Kernel Networks, sec. 3.1.

    Taught in: lectures/06b_modern_architectures
    """

    def __init__(
        self,
        channels: int,
        stride: int = 1,
        groups: int = 32,
        reduction: int = 16,
        smallest: int = 32,
    ) -> None:
        super().__init__()
        self.small = conv_bn(channels, channels, 3, stride, groups=groups)
        self.large = conv_bn(channels, channels, 3, stride, dilation=2, groups=groups)
        units = max(channels // reduction, smallest)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_bn(channels, units, 1))
        self.select = nn.Conv2d(units, 2 * channels, 1, bias=False)  # A and B

    def choices(self, maps: Tensor) -> Tensor:
        """Return the share of each branch in each channel for maps [B, 2, C, H, W]: [B, 2, C]."""
        scores = self.select(self.squeeze(maps.sum(dim=1)))  # [B, 2 C, 1, 1]
        return scores.reshape(len(maps), 2, -1).softmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.stack([self.small(x), self.large(x)], dim=1)  # [B, 2, C, H, W]
        return (self.choices(maps)[:, :, :, None, None] * maps).sum(dim=1)


def sk_block(in_channels: int, width: int, stride: int = 1) -> Residual:
    """Build a ResNeXt bottleneck whose 3x3 convolution is a `SelectiveKernel`.

    Args:
        in_channels: Channels of the input.
        width: Width of the stage; the output has 4 times as many channels.
        stride: Step in pixels.

    Reference:
        Li, Wang, Hu and Yang, Selective Kernel Networks, Table 1.

    Taught in: lectures/06b_modern_architectures
    """
    inner, channels = 2 * width, 4 * width
    body = nn.Sequential(
        conv_bn(in_channels, inner, 1),
        SelectiveKernel(inner, stride),
        conv_bn(inner, channels, 1, activation=None),
    )
    shortcut = projection_shortcut(in_channels, channels, stride)
    return Residual(body, shortcut, nn.ReLU(inplace=True))


def sk_resnet50(num_classes: int = 1000) -> nn.Sequential:
    """Build SKNet-50, with 27,479,784 parameters (the paper: 27.5 million). See `sk_block`."""
    return residual_network(sk_block, (3, 4, 6, 3), 4, num_classes)
