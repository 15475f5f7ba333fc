"""SPPnet: one pass of the CNN over the image, a pyramid of bins over each proposal."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlcv.data.scenes import Scenes
from dlcv.detection.rcnn import RCNN, Judges, RCNNConfig, RegionNetwork
from dlcv.detection.roi import spatial_pyramid_pool
from dlcv.detection.windows import BiasedBatches, describe_windows
from dlcv.training import TrainConfig, classification_loss, eval_mode, fit


class PyramidFeatures:
    """Describe windows by a pyramid over one map of a frozen backbone.

    Args:
        backbone: Anything with `features(images) -> maps`, `channels` and `strides`; its weights
            are not changed, for the gradient would have to go through whole images.
        level: Which of its maps.
        levels: Bins along a side, for each level of the pyramid; (6, 3, 2, 1) in the paper. The
            default is a teaching value for maps of 12 × 12 places.

    Attributes:
        size: Values that describe a window.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(
        self, backbone: nn.Module, level: int = 2, levels: Sequence[int] = (4, 2, 1)
    ) -> None:
        self.backbone, self.level, self.levels = backbone, level, levels
        self.size = backbone.channels[level] * sum(n * n for n in levels)

    @torch.no_grad()
    def __call__(self, images: Tensor, image: Tensor, boxes: Tensor) -> Tensor:
        """From images [B, 3, H, W] in [0, 1] and windows [R, 4] to features [R, size]."""
        with eval_mode(self.backbone):
            maps = self.backbone.features(images)[self.level]
        regions = torch.cat([image[:, None].to(boxes), boxes], dim=1)
        scale = 1 / self.backbone.strides[self.level]
        return spatial_pyramid_pool(maps, self.levels, regions, scale)


def train_sppnet(
    backbone: nn.Module,
    scenes: Scenes,
    proposals: Sequence[Tensor],
    classes: int,
    training: TrainConfig,
    config: RCNNConfig | None = None,
    seed: int = 0,
) -> RCNN:
    """Train SPPnet: fine-tune the hidden layers on cached features, then SVMs, then regressors.

    Args:
        backbone: Pretrained, and left as it is.
        scenes: Scenes with at least one object each.
        proposals: For each scene [n, 4], xyxy in px.
        classes: Number of classes K.
        training: How to fine-tune.
        config: See `RCNNConfig`; size and context are not used.
        seed: Of the batches.

    Reference:
        He, Zhang, Ren and Sun, Spatial Pyramid Pooling in Deep Convolutional Networks, sec. 4.1.

    Taught in: lectures/12_rcnn_family
    """
    config, look = config or RCNNConfig(), PyramidFeatures(backbone.to(scenes.images.device))
    windows = describe_windows(proposals, scenes, classes)
    features = torch.cat(
        [
            look(scenes.images[part[:1]] / 255, torch.zeros_like(part), windows.boxes[mine])
            for i in range(len(scenes))
            for mine in [windows.image == i]
            for part in [windows.image[mine]]
        ]
    )
    network = RegionNetwork(nn.Identity(), look.size, classes).to(features.device)
    batches = BiasedBatches(features, windows.classes(), classes, config.steps, seed=seed)
    fit(network, batches, classification_loss, training)
    judges = Judges(windows, *network.describe(features), config)
    return RCNN(network, look, judges, config)
