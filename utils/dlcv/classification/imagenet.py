"""Full-size backbones: torchvision's residual networks with what they learnt on ImageNet."""

from torch import Tensor, nn

from dlcv.classification.backbone import Normalise

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DOWNLOAD_MB = {"resnet18": 47, "resnet34": 87, "resnet50": 103}


def torchvision_resnet(name: str, pretrained: bool = False) -> nn.Module:
    """Build a residual network of torchvision, with random weights or those learnt on ImageNet.

    Args:
        name: A key of `DOWNLOAD_MB`, which says what the weights weigh, 10^6 bytes.
        pretrained: Whether to fetch the weights, once; torchvision checks them.

    Returns:
        The network, with conv1, bn1, relu, maxpool, layer1 to layer4, avgpool and fc.

    Raises:
        ValueError: If there is no such network.
        RuntimeError: If the weights cannot be fetched.

    Reference:
        He et al., Deep residual learning for image recognition, CVPR 2016.
    """
    if name not in DOWNLOAD_MB:
        raise ValueError(f"expected one of {', '.join(DOWNLOAD_MB)}, got {name!r}")
    from torchvision import models  # takes seconds, and only the full scale needs it

    try:
        return models.get_model(name, weights="IMAGENET1K_V1" if pretrained else None)
    except OSError as error:  # no network, no such host, a server that refuses
        raise RuntimeError(
            f"the weights of {name} could not be fetched ({error}): go online and run this "
            "again, or stay at the quick scale (DLCV_SCALE=quick), which needs no download"
        ) from error


class ResNetBackbone(nn.Module):
    """The four stages of a residual network, in the form of the book's small backbone.

    Whatever takes a `dlcv.classification.backbone.Backbone` takes this too.

    Args:
        resnet: A network of torchvision's form, see `torchvision_resnet`; its weights are shared.

    Attributes:
        channels: Channels of the four maps.
        strides: Pixels of the image between neighbours in each of them: 4, 8, 16, 32.
    """

    strides = (4, 8, 16, 32)

    def __init__(self, resnet: nn.Module) -> None:
        super().__init__()
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
        self.stages = nn.ModuleList(getattr(resnet, f"layer{i}") for i in range(1, 5))
        width = resnet.fc.in_features
        self.channels = (width // 8, width // 4, width // 2, width)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the maps of all four stages.

        Args:
            images: [B, 3, H, W], RGB in [0, 1].

        Returns:
            Four maps [B, channels, H / stride, W / stride], sizes rounded up.

        Raises:
            ValueError: If the images have another shape.
        """
        if images.dim() != 4 or images.shape[1] != 3:
            raise ValueError(f"expected images [B, 3, H, W], got {list(images.shape)}")
        maps, x = [], self.stem(self.normalise(images))
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Return the last map, averaged over its places: features [B, channels[-1]]."""
        return self.features(images)[-1].mean(dim=(2, 3))


def imagenet_backbone(name: str = "resnet18", pretrained: bool = False) -> ResNetBackbone:
    """Build a full-size backbone for detectors, segmenters and captioners.

    Args:
        name: See `torchvision_resnet`, likewise pretrained.
        pretrained: Whether to begin with what the network learnt on ImageNet.

    Returns:
        The backbone, in training mode.

    Raises:
        ValueError: If there is no such network.
        RuntimeError: If the weights cannot be fetched.
    """
    return ResNetBackbone(torchvision_resnet(name, pretrained))
