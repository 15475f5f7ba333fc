"""A network of one kind of block, of any width and depth: what the block designer counts."""

import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS = ("plain", "basic", "bottleneck", "grouped", "separable", "inverted")
GROUPS = 32  # of "grouped", ResNeXt's cardinality
EXPANSION = 6  # of "inverted", MobileNetV2's
REDUCTION = 16  # of the gate, SENet's
Conv = tuple[int, int, int, int, int]  # channels in, channels out, kernel, stride, groups


def designed_network(
    block: str, width: int, depth: int, gate: bool = False, num_classes: int = 1000
) -> nn.Sequential:
    """Build a network of four stages that all repeat one kind of block.

    A 3x3 layer of stride 2 leads to `width` channels. Each stage begins with stride 2; the first
    keeps the channels, the others double them. Global average pooling and a linear layer end it.

    Args:
        block: "plain" (3x3), "basic" (two 3x3 and a shortcut), "bottleneck" (1x1, 3x3, 1x1 with a
            quarter of the channels inside), "grouped" (half of them inside, 32 groups), "separable"
            (depthwise 3x3, then 1x1) or "inverted" (six times as wide inside, depthwise, linear
            end).
        width: Channels of the first stage, a multiple of 64 for "grouped" and of 4 for
            "bottleneck".
        depth: Blocks in each stage, at least 1.
        gate: Whether every block ends in a squeeze-and-excitation gate.
        num_classes: Number of classes.

    Returns:
        A model from images [B, 3, H, W] to logits [B, num_classes].

    Raises:
        ValueError: If the block is unknown or the width does not suit it.

    Taught in: lectures/06b_modern_architectures
    """
    multiple = {"grouped": 2 * GROUPS, "bottleneck": 4}.get(block, 1)
    if block not in BLOCKS or depth < 1 or width < 1 or width % multiple:
        raise ValueError(
            f"expected a block of {', '.join(BLOCKS)}, a depth of at least 1 and a width that is a "
            f"multiple of {multiple}; got {block!r}, {depth} and {width}"
        )
    layers: list[nn.Module] = [conv_norm((3, width, 3, 2, 1), active=True)]
    channels = width
    for stage in range(4):
        for i in range(depth):
            out = width * 2**stage
            layers.append(DesignedBlock(block, channels, out, 1 if i else 2, gate))
            channels = out
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))
    return nn.Sequential(*layers, *head)


def conv_norm(layer: Conv, active: bool) -> nn.Sequential:
    """Convolve without a bias, normalise and, if active, rectify in place."""
    c_in, c_out, kernel, stride, groups = layer
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), *[nn.ReLU(inplace=True)] * active)


def main_layers(block: str, C: int, D: int, stride: int) -> list[Conv]:
    """List the convolutions of a block from C to D channels, in a row."""
    if block == "plain":
        return [(C, D, 3, stride, 1)]
    if block == "basic":
        return [(C, D, 3, stride, 1), (D, D, 3, 1, 1)]
    if block == "separable":
        return [(C, C, 3, stride, C), (C, D, 1, 1, 1)]
    if block == "inverted":
        wide = EXPANSION * C
        return [(C, wide, 1, 1, 1), (wide, wide, 3, stride, wide), (wide, D, 1, 1, 1)]
    inner, groups = (D // 2, GROUPS) if block == "grouped" else (D // 4, 1)
    return [(C, inner, 1, 1, 1), (inner, inner, 3, stride, groups), (inner, D, 1, 1, 1)]


class DesignedBlock(nn.Module):
    """One block of a designed network: layers in a row, perhaps a gate, perhaps a shortcut."""

    def __init__(self, block: str, C: int, D: int, stride: int, gate: bool) -> None:
        super().__init__()
        keeps = stride == 1 and C == D
        layers = main_layers(block, C, D, stride)
        has_shortcut = block in ("basic", "bottleneck", "grouped")
        self.adds = has_shortcut or (block == "inverted" and keeps)
        self.ends_active = block != "inverted" and (self.adds or gate)
        rectified = [i < len(layers) - 1 or not (self.adds or gate) for i in range(len(layers))]
        if block == "inverted":
            rectified[-1] = False
        pairs = zip(layers, rectified, strict=True)
        self.main = nn.Sequential(*(conv_norm(layer, active) for layer, active in pairs))
        self.gate = Gate(D) if gate else nn.Identity()
        projects = has_shortcut and not keeps
        self.shortcut = conv_norm((C, D, 1, stride, 1), False) if projects else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.gate(self.main(x))
        if self.adds:
            y = y + self.shortcut(x)
        return F.relu(y, inplace=True) if self.ends_active else y


class Gate(nn.Module):
    """Scale each channel by a number between 0 and 1 that depends on the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // REDUCTION)
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, inner, 1)
        self.act = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(inner, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.expand(self.act(self.reduce(self.squeeze(x)))))
