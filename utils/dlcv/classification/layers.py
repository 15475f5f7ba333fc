"""The pieces that the architectures of all families are put together from.

Activations work in place: they overwrite the map before them and need no memory of their own, as
the tables of the papers count. Keep a copy of what a hook catches.
"""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel: int | tuple[int, int],
    stride: int = 1,
    padding: int | tuple[int, int] | None = None,
    *,
    dilation: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Build a convolution without bias, batch normalisation, and an activation.

    The bias is left to the normalisation, which would subtract any other one.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of the kernel in pixels, or (height, width); odd.
        stride: Step of the kernel in pixels.
        padding: Zeros at each border; None for what keeps the size at stride 1.
        dilation: Pixels from one weight of the kernel to the next.
        groups: Number of groups that channels are divided into.
        activation: Class of the activation, or None for a linear layer.

    Returns:
        A model from [B, in_channels, H, W] to [B, out_channels, H', W'].

    Taught in: lectures/06a_classic_architectures
    """
    if padding is None:
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = tuple(dilation * (side // 2) for side in sides)
    sizes = kernel, stride, padding, dilation
    conv = nn.Conv2d(in_channels, out_channels, *sizes, groups=groups, bias=False)
    layers = OrderedDict(conv=conv, bn=nn.BatchNorm2d(out_channels))
    if activation is not None:
        layers["act"] = activation(inplace=True)
    return nn.Sequential(layers)


def pooled_classifier(channels: int, num_classes: int, dropout: float = 0.0) -> nn.Sequential:
    """Build the usual end: the mean of every map, dropout if asked for, and one linear layer.

    Args:
        channels: Channels of the last maps.
        num_classes: Number of classes.
        dropout: Probability of dropping a mean.

    Returns:
        A model from maps [B, channels, H, W] of any size to logits [B, num_classes].

    Taught in: lectures/06a_classic_architectures
    """
    layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if dropout:
        layers.append(nn.Dropout(dropout))
    return layers.append(nn.Linear(channels, num_classes))


class Branches(nn.ModuleDict):
    """Give the same input to several branches and concatenate their channels.

    Args:
        branches: The branches by name, in the order of their channels.

    Taught in: lectures/06a_classic_architectures
    """

    def __init__(self, branches: Mapping[str, nn.Module]) -> None:
        super().__init__(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.values()], dim=1)


class Residual(nn.Module):
    """Add what a body computes to a shortcut of its input: y = activation(F(x) + shortcut(x)).

    Args:
        body: F, from [B, C, H, W] to [B, C', H', W'].
        shortcut: From [B, C, H, W] to the same [B, C', H', W']; the identity where the sizes agree.
        activation: What follows the sum.

    Reference:
        He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, eq. 1 and 2.

    Taught in: lectures/06a_classic_architectures
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut, activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.shortcut(x))


class GroupedConv2d(nn.Module):
    """Convolve groups of channels apart from each other and concatenate the results.

    Each group is a tower of its own, with 1/g of the input and of the output channels, so that the
    weights and multiply-adds are 1/g of a full convolution's. `nn.Conv2d(..., groups=g)` computes
    the same in one call.

    Args:
        in_channels: Channels of the input, a multiple of groups.
        out_channels: Channels of the output, a multiple of groups.
        kernel: Side of the square kernel in pixels.
        groups: Number of towers.
        stride: Step of the kernel in pixels.
        padding: Zeros at each border.

    Raises:
        ValueError: If the channels cannot be divided into the groups.

    Reference:
        Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural
        Networks, sec. 3.5 (two towers, one per GPU); Xie et al., Aggregated Residual
        Transformations for Deep Neural Networks, Figure 3c.

    Taught in: lectures/06a_classic_architectures, lectures/06b_modern_architectures
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        groups: int,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            sizes = f"{in_channels} and {out_channels} channels in {groups} groups"
            raise ValueError(f"expected channels that are multiples of groups, got {sizes}")
        shares = in_channels // groups, out_channels // groups
        self.towers = nn.ModuleList(
            nn.Conv2d(*shares, kernel, stride, padding) for _ in range(groups)
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(len(self.towers), dim=1)  # g times [B, C/g, H, W]
        pairs = zip(self.towers, parts, strict=True)
        return torch.cat([tower(part) for tower, part in pairs], dim=1)


def initialise_he(model: nn.Module) -> nn.Module:
    """Draw the weights of convolutions and linear layers from N(0, 2 / n_in); biases become 0.

    n_in is the number of inputs of one output. ReLU halves the mean square, the 2 makes up for it.

    Args:
        model: Changed in place.

    Returns:
        The same model.

    Reference:
        He, Zhang, Ren and Sun, Delving Deep into Rectifiers, eq. 10.

    Taught in: lectures/03_training
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model


def set_normalisation(model: nn.Module, eps: float, momentum: float = 0.1) -> nn.Module:
    """Set what every batch normalisation adds to the variance, and how fast its statistics follow.

    Args:
        model: Changed in place.
        eps: Added to the variance, in its units.
        momentum: Weight of a new batch in the running statistics.

    Returns:
        The same model.
    """
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps, layer.momentum = eps, momentum
    return model
