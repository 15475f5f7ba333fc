"""U-Net: a way down that says what, a way up that says where, and bridges at every step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlcv.segmentation.upsampling import Enlarge


def double_conv(fan_in: int, fan_out: int, padding: int = 1, norm: bool = True) -> nn.Sequential:
    """Two 3×3 convolutions, each with ReLU and, which the paper did not have yet, batch norm."""
    layers: list[nn.Module] = []
    for channels in (fan_in, fan_out):
        layers.append(nn.Conv2d(channels, fan_out, 3, padding=padding, bias=not norm))
        layers += [nn.BatchNorm2d(fan_out)] if norm else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def crop_to(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the middle out of maps [B, C, H, W]: [B, C, *size].

    Raises:
        ValueError: If the maps are smaller than that.
    """
    (H, W), (h, w) = maps.shape[2:], size
    if h > H or w > W:
        raise ValueError(f"expected maps of at least {h}×{w}, got {H}×{W}")
    top, left = (H - h) // 2, (W - w) // 2
    return maps[:, :, top : top + h, left : left + w]


class Up(nn.Module):
    """One step up: double the map, lay the bridge's map beside it, convolve twice.

    Args:
        fan_in: Channels of the coarse map.
        bridge: Channels of the map that comes over the bridge.
        fan_out: Channels of the result.
        padding: 1 keeps the size, 0 cuts two pixels on all sides as the paper does.
        norm: Whether to normalise.
    """

    def __init__(
        self, fan_in: int, bridge: int, fan_out: int, padding: int = 1, norm: bool = True
    ) -> None:
        super().__init__()
        self.doubling = nn.ConvTranspose2d(fan_in, fan_out, 2, stride=2)
        self.convs = double_conv(fan_out + bridge, fan_out, padding, norm)

    def forward(self, coarse: Tensor, bridge: Tensor) -> Tensor:
        """From [B, C, H, W] and the map of the bridge to about [B, C', 2 H, 2 W].

        Without padding the bridge's map is the larger one and is cropped. With padding the coarse
        map may hang over by one where sizes were rounded up.
        """
        x = self.doubling(coarse)
        size = (min(x.shape[2], bridge.shape[2]), min(x.shape[3], bridge.shape[3]))
        x = x[:, :, : size[0], : size[1]]
        return self.convs(torch.cat([crop_to(bridge, size), x], dim=1))


class UNet(nn.Module):
    """The network of the paper: five levels, convolutions without padding, 572 to 388 pixels.

    Args:
        num_classes: Classes K; 2 in the paper, cell and background.
        channels_in: Channels of the image; 1 in the paper.
        widths: Channels of the levels, from the top down.
        padding: 0 as in the paper; 1 keeps the size.

    Reference:
        Ronneberger, Fischer and Brox, U-Net, MICCAI 2015, Figure 1.

    Taught in: lectures/14_segmentation
    """

    def __init__(
        self,
        num_classes: int = 2,
        channels_in: int = 1,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        padding: int = 0,
    ) -> None:
        super().__init__()
        into = [channels_in, *widths[:-1]]
        self.down = nn.ModuleList(
            double_conv(a, b, padding, norm=False) for a, b in zip(into, widths, strict=True)
        )
        self.up = nn.ModuleList(
            Up(low, high, high, padding, norm=False)
            for low, high in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.score = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """From images [B, C, H, W] to logits, [B, K, H, W] or less at the border."""
        bridges, x = [], self.down[0](images)
        for level in self.down[1:]:
            bridges.append(x)
            x = level(nn.functional.max_pool2d(x, 2))
        for step, bridge in zip(self.up, reversed(bridges), strict=True):
            x = step(x, bridge)
        return self.score(x)


class BackboneUNet(nn.Module):
    """A U-Net whose way down is a backbone, perhaps a pretrained one.

    The way up ends at the backbone's finest map; the scores are enlarged from there.

    Args:
        backbone: `features(images)` gives maps with the `channels` and `strides` that it names.
        num_classes: Classes K.
        widths: Channels of the steps up, from coarse to fine, one less than the maps; teaching
            values.

    Raises:
        ValueError: If the widths do not fit the backbone.

    Taught in: lectures/14_segmentation
    """

    def __init__(
        self, backbone: nn.Module, num_classes: int, widths: Sequence[int] = (48, 24, 16)
    ) -> None:
        super().__init__()
        bridges = list(backbone.channels[-2::-1])  # from coarse to fine
        if len(widths) != len(bridges):
            raise ValueError(f"expected {len(bridges)} widths, got {len(widths)}")
        self.backbone = backbone
        into = [backbone.channels[-1], *widths[:-1]]
        self.up = nn.ModuleList(Up(*step) for step in zip(into, bridges, widths, strict=True))
        self.score = nn.Conv2d(widths[-1], num_classes, 1)
        self.enlarge = Enlarge(num_classes, backbone.strides[0])

    def forward(self, images: Tensor) -> Tensor:
        """From images [B, 3, H, W] to logits [B, K, H, W]."""
        *bridges, x = self.backbone.features(images)
        for step, bridge in zip(self.up, reversed(bridges), strict=True):
            x = step(x, bridge)
        return self.enlarge(self.score(x))[:, :, : images.shape[2], : images.shape[3]]


def unet(
    backbone: nn.Module, num_classes: int, widths: Sequence[int] = (48, 24, 16)
) -> BackboneUNet:
    """Build a U-Net on a backbone; see `BackboneUNet`.

    Taught in: lectures/14_segmentation
    """
    return BackboneUNet(backbone, num_classes, widths)
