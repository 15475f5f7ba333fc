"""VGG: blocks of 3x3 convolutions between poolings, in the configurations A to E of its paper.

Its common names count the layers with weights: A is VGG-11, B is VGG-13, D is VGG-16 and E is
VGG-19. C also has 16, three of them 1x1, and no common name.
"""

from collections import OrderedDict

from torch import nn

from dlcv.classification.classic import hidden_and_output
from dlcv.classification.layers import initialise_he

# The columns of Table 1: five blocks of layers conv<kernel>-<channels>; a pooling ends each block.
CONFIGURATIONS = {
    "A": (
        "conv3-64",
        "conv3-128",
        "conv3-256 conv3-256",
        "conv3-512 conv3-512",
        "conv3-512 conv3-512",
    ),
    "B": (
        "conv3-64 conv3-64",
        "conv3-128 conv3-128",
        "conv3-256 conv3-256",
        "conv3-512 conv3-512",
        "conv3-512 conv3-512",
    ),
    "C": (
        "conv3-64 conv3-64",
        "conv3-128 conv3-128",
        "conv3-256 conv3-256 conv1-256",
        "conv3-512 conv3-512 conv1-512",
        "conv3-512 conv3-512 conv1-512",
    ),
    "D": (
        "conv3-64 conv3-64",
        "conv3-128 conv3-128",
        "conv3-256 conv3-256 conv3-256",
        "conv3-512 conv3-512 conv3-512",
        "conv3-512 conv3-512 conv3-512",
    ),
    "E": (
        "conv3-64 conv3-64",
        "conv3-128 conv3-128",
        "conv3-256 conv3-256 conv3-256 conv3-256",
        "conv3-512 conv3-512 conv3-512 conv3-512",
        "conv3-512 conv3-512 conv3-512 conv3-512",
    ),
}


def vgg_features(blocks: tuple[str, ...], in_channels: int = 3) -> dict[str, nn.Module]:
    """Build the convolutional part of a VGG from a column of the paper's Table 1.

    Every convolution keeps the size of its maps and has a ReLU behind it; after each block a 2x2
    max pooling halves the size.

    Args:
        blocks: For each block its layers as the paper writes them, such as "conv3-64 conv3-64".
        in_channels: Channels of the images.

    Returns:
        Layers by name, in their order: conv1_1, relu1_1, ..., pool1, conv2_1, ...

    Reference:
        Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition,
        sec. 2.1 and Table 1.

    Taught in: lectures/06a_classic_architectures
    """
    layers, channels = OrderedDict(), in_channels
    for b, block in enumerate(blocks, start=1):
        for i, layer in enumerate(block.split(), start=1):
            kernel, width = map(int, layer.removeprefix("conv").split("-"))
            layers[f"conv{b}_{i}"] = nn.Conv2d(channels, width, kernel, padding=kernel // 2)
            layers[f"relu{b}_{i}"] = nn.ReLU(inplace=True)
            channels = width
        layers[f"pool{b}"] = nn.MaxPool2d(2)
    return layers


def vgg(
    configuration: str | tuple[str, ...],
    num_classes: int = 1000,
    *,
    size: int = 224,
    in_channels: int = 3,
    hidden: int = 4096,
) -> nn.Sequential:
    """Build a VGG network.

    Weights start by He's rule, with which all of these train from scratch. The rule is a year
    younger than the paper, which trained A first, from N(0, 0.01²), and started the deeper ones
    from its layers.

    Args:
        configuration: "A" to "E", or blocks of one's own, such as ("conv3-16", "conv3-32").
        num_classes: Number of classes.
        size: Side of the images in pixels, at least 2 to the power of the number of blocks.
        in_channels: Channels of the images.
        hidden: Units in each of the two hidden linear layers.

    Returns:
        A model from images [B, in_channels, size, size] to logits [B, num_classes], a sequence of
        named layers.

    Raises:
        ValueError: If the configuration is unknown or the images are too small for it.

    Reference:
        Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition.

    Taught in: lectures/06a_classic_architectures
    """
    if isinstance(configuration, str) and configuration not in CONFIGURATIONS:
        raise ValueError(f"expected a configuration from A to E, got {configuration!r}")
    blocks = CONFIGURATIONS[configuration] if isinstance(configuration, str) else configuration
    side = size // 2 ** len(blocks)  # of the last maps
    if side < 1:
        raise ValueError(f"expected at least {2 ** len(blocks)} pixels for them, got {size}")
    channels = int(blocks[-1].rpartition("-")[2])
    layers = vgg_features(blocks, in_channels)
    layers.update(hidden_and_output(channels * side**2, num_classes, hidden))
    return initialise_he(nn.Sequential(layers))


def vgg11(num_classes: int = 1000) -> nn.Sequential:
    """Build configuration A, with 132,863,336 parameters. See `vgg`."""
    return vgg("A", num_classes)


def vgg13(num_classes: int = 1000) -> nn.Sequential:
    """Build configuration B, with 133,047,848 parameters. See `vgg`."""
    return vgg("B", num_classes)


def vgg16(num_classes: int = 1000) -> nn.Sequential:
    """Build configuration D, with 138,357,544 parameters. See `vgg`."""
    return vgg("D", num_classes)


def vgg19(num_classes: int = 1000) -> nn.Sequential:
    """Build configuration E, with 143,667,240 parameters. See `vgg`."""
    return vgg("E", num_classes)
