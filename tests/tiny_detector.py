"""A backbone, and a Faster R-CNN on it, so small that a test can train them."""

from torch import nn

from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.region_proposals import RegionConfig

SMALL = RegionConfig(scales_px=((12, 20),), before_nms=30, proposals=10, regions_sampled=8, bins=3)


class TinyBackbone(nn.Module):
    """One convolution to stride 4 and another to stride 8."""

    strides = (4, 8)

    def __init__(self, fine=6, coarse=6):
        super().__init__()
        self.channels = (fine, coarse)
        self.first, self.second = nn.Conv2d(3, fine, 4, 4), nn.Conv2d(fine, coarse, 2, 2)

    def features(self, images):
        x = self.first(images).relu()
        return [x, self.second(x).relu()]


def tiny_faster_rcnn(classes):
    return FasterRCNN(TinyBackbone(), classes, SMALL, levels=(1,), hidden=16)
