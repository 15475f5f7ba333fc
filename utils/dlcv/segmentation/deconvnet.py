"""DeconvNet: a classifier and its mirror image, with unpooling where the classifier pooled."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.segmentation.upsampling import max_pool_with_switches, max_unpool

UNPOOLINGS = ("switches", "corner", "nearest")


def conv_block(widths: Sequence[int], transposed: bool = False) -> nn.Sequential:
    """3×3 convolutions, plain or transposed, from one width to the next, each with BN and ReLU."""
    kind, layers = nn.ConvTranspose2d if transposed else nn.Conv2d, []
    for fan_in, fan_out in pairwise(widths):
        conv = kind(fan_in, fan_out, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(fan_out), nn.ReLU()]
    return nn.Sequential(*layers)


class DeconvNet(nn.Module):
    """Down through convolutions and poolings to a vector, and up again the same way.

    Args:
        num_classes: Classes K.
        widths: Channels of the blocks; every block ends in a 2×2 max pooling.
        repeats: Convolutions of each block.
        hidden: Channels of the vector in the middle.
        size: Height and width of the last map in front of the vector: images have
            size · 2^len(widths) pixels a side.
        unpooling: "switches", each value goes back to where its maximum was; "corner", it goes to
            the upper left place of its window; "nearest", it fills its window.

    Raises:
        ValueError: If the unpooling is unknown or there are not as many repeats as widths.

    Reference:
        Noh, Hong and Han, ICCV 2015, Figure 2 and Table 2.

    Taught in: lectures/14_segmentation
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[int],
        repeats: Sequence[int],
        hidden: int,
        size: int,
        unpooling: str = "switches",
    ) -> None:
        super().__init__()
        if unpooling not in UNPOOLINGS or len(widths) != len(repeats):
            got = f"{unpooling!r}, {len(widths)} widths and {len(repeats)} repeats"
            raise ValueError(f"expected one of {UNPOOLINGS} and a repeat for each width, got {got}")
        self.unpooling = unpooling
        into = [3, *widths[:-1]]
        blocks = list(zip(into, widths, repeats, strict=True))
        self.down = nn.ModuleList(conv_block([a] + [b] * n) for a, b, n in blocks)
        self.up = nn.ModuleList(
            conv_block([b] * n + [max(a, widths[0])], transposed=True) for a, b, n in blocks[::-1]
        )
        top = widths[-1]
        self.middle = nn.Sequential(
            *(nn.Conv2d(top, hidden, size, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()),
            *(nn.Conv2d(hidden, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()),
            *(nn.ConvTranspose2d(hidden, top, size, bias=False), nn.BatchNorm2d(top), nn.ReLU()),
        )
        self.score = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """From images [B, 3, S, S] to logits [B, K, S, S]."""
        ways, x = [], images
        for block in self.down:
            x = block(x)
            size = x.shape[2:]
            x, switches = max_pool_with_switches(x)
            ways.append((switches, size))
        x = self.middle(x)
        for block, (switches, size) in zip(self.up, reversed(ways), strict=True):
            x = block(self.unpool(x, switches, size))
        return self.score(x)

    def unpool(self, x: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
        """Double the maps in the way that this network was built with."""
        if self.unpooling == "switches":
            return max_unpool(x, switches, size)
        if self.unpooling == "nearest":
            return F.interpolate(x, size=size, mode="nearest")
        y = x.new_zeros(*x.shape[:2], *size)
        y[:, :, ::2, ::2] = x
        return y


def deconvnet_vgg16(num_classes: int = 21) -> DeconvNet:
    """Build the network of the paper: VGG-16 and its mirror image, for 224 × 224 pixels.

    Taught in: lectures/14_segmentation
    """
    return DeconvNet(num_classes, (64, 128, 256, 512, 512), (2, 2, 3, 3, 3), hidden=4096, size=7)


def deconvnet(num_classes: int, size: int = 48, unpooling: str = "switches") -> DeconvNet:
    """Build a small DeconvNet for square images; widths and repeats are teaching values.

    Args:
        num_classes: Classes K.
        size: Height and width of the images, a multiple of 8.
        unpooling: See `DeconvNet`.

    Raises:
        ValueError: If the size is no multiple of 8.

    Taught in: lectures/14_segmentation
    """
    if size % 8:
        raise ValueError(f"expected a multiple of 8 pixels, got {size}")
    return DeconvNet(num_classes, (16, 32, 64), (1, 1, 1), 128, size // 8, unpooling)
