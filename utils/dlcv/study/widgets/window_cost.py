"""What a sliding window costs, crop by crop and in one convolutional pass."""

from typing import NamedTuple

import torch
import traitlets
from torch import nn

from dlcv.classification.complexity import summarise
from dlcv.detection.overfeat import fully_convolutional
from dlcv.study.widgets.base import Widget, within

LARGEST = 8  # images of up to so many windows' sides


class Layer(NamedTuple):
    """One layer on maps: kernel, stride, padding, and channels in and out (0 for pooling)."""

    name: str
    kernel: int
    stride: int = 1
    padding: int = 0
    fan_in: int = 0
    fan_out: int = 0


class WindowNetwork(NamedTuple):
    """A network for windows.

    name: what it is called.
    window: side of its input, px.
    trunk: its layers up to the last pooling, which is not among them.
    pool: kernel and stride of the last pooling.
    head: its fully connected layers, the first with the side of its map as kernel.
    """

    name: str
    window: int
    trunk: tuple[Layer, ...]
    pool: int
    head: tuple[Layer, ...]


def vgg_trunk() -> tuple[Layer, ...]:
    """The thirteen convolutions of VGG-16 and four of its five poolings."""
    layers, fan_in = [], 3
    for block, (depth, width) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
        for i in range(1, depth + 1):
            layers.append(Layer(f"conv{block}_{i}", 3, 1, 1, fan_in, width))
            fan_in = width
        if block < 5:
            layers.append(Layer(f"pool{block}", 2, 2))
    return tuple(layers)


NETWORKS = (
    WindowNetwork(
        "this lecture's, 28 px",
        28,
        (
            Layer("conv1", 5, fan_in=3, fan_out=16),
            Layer("pool1", 2, 2),
            Layer("conv2", 4, fan_in=16, fan_out=32),
        ),
        3,
        (Layer("fc1", 3, fan_in=32, fan_out=64), Layer("fc2", 1, fan_in=64, fan_out=5)),
    ),
    WindowNetwork(
        "OverFeat's figure 5, 14 px",
        14,
        (Layer("conv1", 5, fan_in=3, fan_out=16),),
        2,
        (Layer("fc1", 5, fan_in=16, fan_out=64), Layer("fc2", 1, fan_in=64, fan_out=4)),
    ),
    WindowNetwork(
        "VGG-16, 224 px",
        224,
        vgg_trunk(),
        2,
        (
            Layer("fc6", 7, fan_in=512, fan_out=4096),
            Layer("fc7", 1, fan_in=4096, fan_out=4096),
            Layer("fc8", 1, fan_in=4096, fan_out=1000),
        ),
    ),
)


class WindowCost(Widget):
    """Multiply-adds of a sliding window by image size, step and network, in two ways.

    Attributes (they follow what the reader does, and can be set from Python):
        network: which of `NETWORKS`, from 0.
        image: side of the image, px, from one window to eight.
        offsets: whether the last pooling is repeated at all its offsets, so that windows lie
            closer by the side of that pooling.

    Raises:
        ValueError: a number out of range.

    Taught in: lectures/10_localisation
    """

    module = "window_cost"
    parts = ("window_cost_maths",)
    networks = traitlets.List().tag(sync=True)
    network = traitlets.Int(0).tag(sync=True)
    image = traitlets.Int(96).tag(sync=True)
    offsets = traitlets.Bool(False).tag(sync=True)

    def __init__(self):
        super().__init__(
            label="What a sliding window costs, crop by crop and in one pass",
            networks=[
                {
                    **net._asdict(),
                    "trunk": [layer._asdict() for layer in net.trunk],
                    "head": [layer._asdict() for layer in net.head],
                    "largest": LARGEST * net.window,
                }
                for net in NETWORKS
            ],
        )

    @traitlets.validate("network")
    def _network(self, proposal):
        return within({"network": (0, len(NETWORKS) - 1)}, proposal)

    @traitlets.validate("image")
    def _image(self, proposal):
        window = NETWORKS[self.network].window
        return within({"image": (window, LARGEST * window)}, proposal)


def build(net: WindowNetwork) -> nn.Sequential:
    """The network as modules on the meta device, fully connected layers and all."""

    def module(layer: Layer) -> nn.Module:
        if layer.fan_out == 0:
            return nn.MaxPool2d(layer.kernel, layer.stride)
        return nn.Conv2d(layer.fan_in, layer.fan_out, layer.kernel, layer.stride, layer.padding)

    with torch.device("meta"):
        dense = [nn.Linear(layer.fan_in * layer.kernel**2, layer.fan_out) for layer in net.head]
        trunk = [module(layer) for layer in net.trunk]
        return nn.Sequential(*trunk, nn.MaxPool2d(net.pool), nn.Flatten(), *dense)


def count_pass(net: WindowNetwork, image: int) -> int:
    """Multiply-adds of one convolutional pass over an image, without offsets, by `summarise`."""
    convolutional = fully_convolutional(build(net), (3, net.window, net.window))
    return summarise(convolutional, (3, image, image)).multiply_adds
