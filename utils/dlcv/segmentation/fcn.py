"""The fully convolutional network: a classifier that answers everywhere, made sharp by skips."""

import torch
from torch import Tensor, nn

from dlcv.segmentation.upsampling import Enlarge


def convolutionalise(layer: nn.Linear, channels: int, size: int = 1) -> nn.Conv2d:
    """Turn a fully connected layer on a map into a convolution with the same weights.

    Args:
        layer: It reads a flattened map [C · size · size].
        channels: Channels C of that map.
        size: Height and width of that map; 1 for a layer on a vector.

    Returns:
        A convolution with a size × size kernel: on a map of exactly that size it gives the layer's
        answer, on a larger one an answer for every place.

    Raises:
        ValueError: If the layer does not read so many numbers.

    Reference:
        Long, Shelhamer and Darrell, CVPR 2015, Section 3.1.

    Taught in: lectures/14_segmentation
    """
    if layer.in_features != channels * size**2:
        want = channels * size**2
        raise ValueError(f"expected a layer with {want} inputs, got {layer.in_features}")
    has_bias, place = layer.bias is not None, layer.weight
    conv = nn.Conv2d(
        channels, layer.out_features, size, bias=has_bias, device=place.device, dtype=place.dtype
    )
    with torch.no_grad():
        conv.weight.copy_(layer.weight.reshape(conv.weight.shape))
        if has_bias:
            conv.bias.copy_(layer.bias)
    return conv


class FCN(nn.Module):
    """Scores from a map of stride 32, sharpened by scores from the finer maps of the backbone.

    Args:
        backbone: `features(images)` gives maps with the `channels` and `strides` that it names, the
            last of stride 16, which is pooled once more, or of stride 32.
        num_classes: Classes K, the background among them.
        finest: Stride of the finest map that is read: 32 for FCN-32s, 16 for FCN-16s, 8 for FCN-8s;
            4 and 2 go on in the same way, as far as the backbone has them.
        kind: How maps are enlarged, see `Enlarge`. The last step, back to the pixels, is bilinear
            unless the kind is "nearest".
        width: Channels of the two layers that take the place of VGG's fc6 and fc7; teaching value.

    Raises:
        ValueError: If the backbone has no map of the finest stride, or ends at another than 16 or
            32.

    Reference:
        Long, Shelhamer and Darrell, CVPR 2015, Section 4.2 and Figure 3.

    Taught in: lectures/14_segmentation
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        finest: int = 8,
        kind: str = "bilinear",
        width: int = 128,
    ) -> None:
        super().__init__()
        channels = dict(zip(backbone.strides, backbone.channels, strict=True))
        last = max(channels)
        if finest not in (*channels, 32) or last not in (16, 32):
            got = f"{finest} of a backbone with strides {list(channels)}"
            raise ValueError(f"expected a stride of a backbone that ends at 16 or 32, got {got}")
        self.backbone = backbone
        self.strides = [32] + [s for s in (16, 8, 4, 2) if s in channels and s >= finest]
        self.top = nn.Sequential(
            nn.MaxPool2d(32 // last, ceil_mode=True),
            *(nn.Conv2d(channels[last], width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU()),
        )
        read = [width, *(channels[s] for s in self.strides[1:])]
        self.score = nn.ModuleList(nn.Conv2d(c, num_classes, 1) for c in read)
        for layer in self.score[1:]:  # skips begin at zero: the network begins as FCN-32s
            nn.init.zeros_(layer.weight)
        self.doubling = nn.ModuleList(Enlarge(num_classes, 2, kind) for _ in self.strides[1:])
        final = "nearest" if kind == "nearest" else "bilinear"
        self.enlarge = Enlarge(num_classes, finest, final)

    def score_maps(self, images: Tensor) -> list[Tensor]:
        """Return the scores of each stride, the coarsest first: [B, K, H / s, W / s].

        Args:
            images: [B, 3, H, W], RGB in [0, 1].
        """
        features = self.backbone.features(images)
        maps = dict(zip(self.backbone.strides, features, strict=True))
        maps[32] = self.top(features[-1])
        return [layer(maps[s]) for layer, s in zip(self.score, self.strides, strict=True)]

    def fuse(self, scores: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Add score maps from coarse to fine and enlarge the sum: [B, K, *size].

        A finer map may be smaller than twice the coarser one, where sizes were rounded up; what
        hangs over is cut off.
        """
        fused = scores[0]
        for double, finer in zip(self.doubling, scores[1:], strict=True):
            H, W = finer.shape[2:]
            fused = double(fused)[:, :, :H, :W] + finer
        return self.enlarge(fused)[:, :, : size[0], : size[1]]

    def forward(self, images: Tensor) -> Tensor:
        """From images [B, 3, H, W] to logits [B, K, H, W]."""
        return self.fuse(self.score_maps(images), images.shape[2:])


def fcn(backbone: nn.Module, num_classes: int, finest: int = 8, kind: str = "bilinear") -> FCN:
    """Build FCN-32s, 16s or 8s (`finest` 32, 16 or 8) on a backbone; see `FCN`.

    Taught in: lectures/14_segmentation
    """
    return FCN(backbone, num_classes, finest, kind)
