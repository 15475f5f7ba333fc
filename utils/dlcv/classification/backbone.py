"""A small backbone with weights that ship with the book, for pictures of about 32 to 128 px.

It was trained on glyphs (`dlcv.data.glyphs`) by `tools/pretrain_backbone.py`; the data card beside
the weights says on what, how and how well.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from importlib.resources import files

import torch
from safetensors.torch import load
from torch import Tensor, nn

CHANNELS = (16, 32, 64, 112)
STRIDES = (2, 4, 8, 16)
WEIGHTS = "backbone.safetensors"
SHA256 = "01a578dc51574e2cb93623c55cdcab9850efc7438f0a8c7f2a89616418fd828c"


class Normalise(nn.Module):
    """Take off a mean and divide by a deviation, channel by channel.

    Kept inside the network, it cannot be forgotten by whoever borrows the weights.

    Args:
        mean: One number for each channel.
        std: Likewise, positive.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """From images [B, C, H, W] to the same shape."""
        return (images - self.mean) / self.std


class Stem(nn.Sequential):
    """A 3×3 convolution with stride 2, batch normalisation and ReLU.

    Args:
        fan_in: Input channels.
        fan_out: Output channels.
    """

    def __init__(self, fan_in: int, fan_out: int) -> None:
        conv = nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1, bias=False)
        super().__init__(conv, nn.BatchNorm2d(fan_out), nn.ReLU())


class Stage(nn.Module):
    """Halve the map with a 3×3 convolution, then look once more through a shortcut.

    Args:
        fan_in: Input channels.
        fan_out: Output channels.
    """

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.reduce = Stem(fan_in, fan_out)
        self.refine = nn.Conv2d(fan_out, fan_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(fan_out)

    def forward(self, x: Tensor) -> Tensor:
        """From maps [B, C, H, W] to [B, C', H/2, W/2], halves rounded up."""
        x = self.reduce(x)
        return torch.relu(x + self.norm(self.refine(x)))


class Backbone(nn.Module):
    """Four stages with strides 2, 4, 8 and 16: 247,824 parameters.

    Attributes:
        channels: Channels of the four maps.
        strides: Pixels of the image between neighbours in each of them.
    """

    channels = CHANNELS
    strides = STRIDES

    def __init__(self) -> None:
        super().__init__()
        self.normalise = Normalise([0.5] * 3, [0.25] * 3)
        c1, c2, c3, c4 = CHANNELS
        self.stage1, self.stage2 = Stem(3, c1), Stage(c1, c2)
        self.stage3, self.stage4 = Stage(c2, c3), Stage(c3, c4)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the maps of all four stages.

        Args:
            images: [B, 3, H, W], RGB in [0, 1].

        Returns:
            Maps [B, 16, H/2, W/2], [B, 32, H/4, W/4], [B, 64, H/8, W/8], [B, 112, H/16, W/16],
            sizes rounded up.

        Raises:
            ValueError: If the images have another shape.
        """
        if images.dim() != 4 or images.shape[1] != 3:
            raise ValueError(f"expected images [B, 3, H, W], got {list(images.shape)}")
        maps, x = [], self.normalise(images)
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4):
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Return the last map, averaged over its places: features [B, 112]."""
        return self.features(images)[-1].mean(dim=(2, 3))


def backbone(pretrained: bool = False) -> Backbone:
    """Build the backbone, with random weights or with those that ship with the book.

    Args:
        pretrained: Whether to load the weights learnt on glyphs.

    Returns:
        The network, in training mode.

    Raises:
        RuntimeError: If the file of weights is not the one that the book was made with.

    Taught in: lectures/07_transfer
    """
    network = Backbone()
    if pretrained:
        network.load_state_dict(load_weights())
    return network


def load_weights() -> dict[str, Tensor]:
    """Read the weights that ship with the book, float16 in the file and float32 here.

    Raises:
        RuntimeError: If the file has another checksum than it should.
    """
    data = (files("dlcv.classification") / "weights" / WEIGHTS).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise RuntimeError(
            f"expected {WEIGHTS} with the checksum {SHA256[:12]}…, got {found[:12]}…: "
            "install the package again"
        )
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in load(data).items()
    }


def backbone_classifier(num_classes: int, pretrained: bool = False) -> nn.Sequential:
    """Build a classifier from the backbone as a plain sequence of stages.

    Args:
        num_classes: Number of classes K.
        pretrained: Whether the stages begin with the weights learnt on glyphs; the head is new.

    Returns:
        normalise, stage1 to stage4, pool, head: images [B, 3, H, W] in [0, 1] to logits [B, K].

    Taught in: lectures/07_transfer
    """
    body = backbone(pretrained)
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = nn.Linear(CHANNELS[-1], num_classes)
    return nn.Sequential(OrderedDict([*body.named_children(), ("pool", pool), ("head", head)]))
