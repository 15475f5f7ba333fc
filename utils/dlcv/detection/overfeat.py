"""A sliding window in one pass: fully connected layers as convolutions, pooling with offsets."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WINDOW_PX = 28
POOL = 3  # the last pooling, which is repeated at all its offsets, as in the paper
STEP_PX = 2  # pixels between windows with offsets; POOL times as many without


def fc_to_conv(layer: nn.Linear, channels: int, size: tuple[int, int] = (1, 1)) -> nn.Conv2d:
    """Turn a fully connected layer on a map into the convolution with the same weights.

    Weights [O, C H W] become [O, C, H, W]: on a map of the size H×W the kernel fits in one place
    and gives the layer's output; on a larger map it slides.

    Args:
        layer: A layer of C H W inputs.
        channels: Channels C of the map.
        size: Height H and width W of the map that the layer was made for.

    Returns:
        A convolution with a kernel H×W, stride 1 and no padding.

    Raises:
        ValueError: If the layer has another number of inputs.

    Reference:
        Sermanet et al., OverFeat, ICLR 2014, sec. 3.5.

    Taught in: lectures/10_localisation
    """
    inputs = channels * size[0] * size[1]
    if layer.in_features != inputs:
        raise ValueError(f"expected a layer of {inputs} inputs, got {layer.in_features}")
    has_bias = layer.bias is not None
    conv = nn.Conv2d(channels, layer.out_features, size, bias=has_bias).to(layer.weight)
    with torch.no_grad():
        conv.weight.copy_(layer.weight.reshape(conv.weight.shape))
        if has_bias:
            conv.bias.copy_(layer.bias)
    return conv


def fully_convolutional(model: nn.Sequential, input_size: tuple[int, int, int]) -> nn.Sequential:
    """Turn the flattening and all fully connected layers of a network into convolutions.

    Args:
        model: A flat sequence: layers on maps, one `nn.Flatten`, then fully connected layers with
            activations and dropout between them.
        input_size: (C, H, W) of the input that the network was made for.

    Returns:
        A network with copies of the fully connected weights and the very layers before them; from
        [B, C, H, W] it gives [B, O, 1, 1], from larger images larger maps.

    Raises:
        ValueError: If there is no flattening in the sequence.

    Taught in: lectures/10_localisation
    """
    kinds = [type(layer) for layer in model]
    if nn.Flatten not in kinds:
        raise ValueError(f"expected an nn.Flatten, got {[kind.__name__ for kind in kinds]}")
    flat = kinds.index(nn.Flatten)
    shape = output_shape(model[:flat], input_size)
    channels, size, layers = shape[0], shape[1:], list(model[:flat])
    for layer in model[flat + 1 :]:
        if isinstance(layer, nn.Linear):
            layer = fc_to_conv(layer, channels, size)
            channels, size = layer.out_channels, (1, 1)
        layers.append(layer)
    return nn.Sequential(*layers)


@torch.no_grad()
def output_shape(model: nn.Module, input_size: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the shape of a model's output for one image, without the batch axis."""
    weight = next(model.parameters(), torch.empty(()))
    return tuple(model(weight.new_zeros(1, *input_size)).shape[1:])


def map_side(image: int, window: int, stride: int) -> int:
    """Return how many windows fit along an image: (N - N0) / S + 1, rounded down.

    Args:
        image: Side N of the image, px.
        window: Side N0 of the window, px.
        stride: Step S of the window, px.

    Returns:
        At least 0.

    Taught in: lectures/10_localisation
    """
    return max(0, (image - window) // stride + 1)


def offset_max_pool2d(x: Tensor, size: int) -> dict[tuple[int, int], Tensor]:
    """Pool a map at every offset, so that pooling costs no resolution.

    Args:
        x: [B, C, H, W], sides of at least 2 size - 1, so that each offset leaves a window.
        size: Side of the pooling windows, which lie side by side; offsets run from 0 to size - 1.

    Returns:
        Offset (dy, dx) → [B, C, (H - dy) // size, (W - dx) // size].

    Reference:
        Sermanet et al., OverFeat, ICLR 2014, fig. 3.

    Taught in: lectures/10_localisation
    """
    offsets = [(dy, dx) for dy in range(size) for dx in range(size)]
    return {(dy, dx): F.max_pool2d(x[:, :, dy:, dx:], size) for dy, dx in offsets}


def slide_head(head: nn.Sequential, maps: Tensor) -> Tensor:
    """Apply a head of convolutions; a map that is smaller than its first kernel gives no places.

    Args:
        head: From maps of its kernel's size to one place, its first layer a convolution.
        maps: [B, C, h, w].

    Returns:
        [B, O, h', w'], with h' or w' 0 where the kernel does not fit.
    """
    h, w = (
        side - kernel + 1 for side, kernel in zip(maps.shape[2:], head[0].kernel_size, strict=True)
    )
    if min(h, w) < 1:
        return maps.new_empty(len(maps), head[-1].out_channels, max(0, h), max(0, w))
    return head(maps)


def interleave(parts: dict[tuple[int, int], Tensor], size: int) -> Tensor:
    """Lay the maps of all offsets into one: place (i, j) of offset (dy, dx) at (size i + dy, …).

    Args:
        parts: Offset → [B, C, h, w], where the sizes shrink by one at most, as windows run out.
        size: Offsets along each axis.

    Returns:
        [B, C, sum of heights, sum of widths].

    Taught in: lectures/10_localisation
    """
    height = sum(parts[dy, 0].shape[2] for dy in range(size))
    width = sum(parts[0, dx].shape[3] for dx in range(size))
    first = parts[0, 0]
    whole = first.new_empty(*first.shape[:2], height, width)
    for (dy, dx), part in parts.items():
        whole[:, :, dy::size, dx::size] = part
    return whole


class WindowNet(nn.Module):
    """A classifier and box regressor for windows of 28×28 px, in OverFeat's form but small.

    Trunk: 5×5 convolution, pooling 2, 4×4 convolution, pooling 3; no padding anywhere. Both heads:
    fully connected on 3×3 places. Classes: K kinds and, last, background.

    Args:
        num_classes: Kinds of objects K.
        widths: Channels of the two convolutions; teaching values, as the next.
        hidden: Hidden units of each head.

    Taught in: lectures/10_localisation
    """

    def __init__(
        self, num_classes: int, widths: tuple[int, int] = (16, 32), hidden: int = 64
    ) -> None:
        super().__init__()
        first, second = widths
        self.trunk = nn.Sequential(
            nn.Conv2d(3, first, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 4),
            nn.ReLU(),
        )
        self.pool = nn.MaxPool2d(POOL)
        self.scorer = self._head(9 * second, hidden, num_classes + 1)
        self.boxer = self._head(9 * second, hidden, 4)

    @staticmethod
    def _head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
        connected = nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        return nn.Sequential(nn.Flatten(), *connected)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [B, K + 1] and boxes [B, 4] in shares of the window.

        Args:
            windows: float [B, 3, 28, 28] in [0, 1].
        """
        maps = self.pool(self.trunk(4 * (windows - 0.5)))
        return self.scorer(maps), self.boxer(maps)


class DenseWindowNet(nn.Module):
    """A trained `WindowNet` with its heads as convolutions: every window of an image in one pass.

    Args:
        net: The network; trunk and weights are its own, the heads are copies.

    Taught in: lectures/10_localisation
    """

    def __init__(self, net: WindowNet) -> None:
        super().__init__()
        self.trunk = net.trunk
        size = output_shape(nn.Sequential(net.trunk, net.pool), (3, WINDOW_PX, WINDOW_PX))
        self.scorer = fully_convolutional(net.scorer, size)
        self.boxer = fully_convolutional(net.boxer, size)

    def forward(self, images: Tensor, offsets: bool = True) -> tuple[Tensor, Tensor]:
        """Return the score map and the box map.

        Args:
            images: float [B, 3, H, W] in [0, 1], sides >= 28.
            offsets: Whether the last pooling is repeated at all offsets.

        Returns:
            Logits [B, K + 1, h, w] and boxes [B, 4, h, w] in shares of their window; window (i, j)
            begins at 2 (i, j) px with offsets and at 6 (i, j) px without.
        """
        maps = self.trunk(4 * (images - 0.5))
        if not offsets:
            pooled = F.max_pool2d(maps, POOL)
            return self.scorer(pooled), self.boxer(pooled)
        parts = offset_max_pool2d(maps, POOL)
        scores = {at: slide_head(self.scorer, part) for at, part in parts.items()}
        boxes = {at: slide_head(self.boxer, part) for at, part in parts.items()}
        return interleave(scores, POOL), interleave(boxes, POOL)


def crop_by_crop(net: WindowNet, image: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Do the same the slow way: cut out every window and run the network on each.

    Args:
        net: The network.
        image: float [3, H, W] in [0, 1].
        stride: Step of the window, px.

    Returns:
        Logits [K + 1, h, w] and boxes [4, h, w].

    Taught in: lectures/10_localisation
    """
    cut = image.unfold(1, WINDOW_PX, stride).unfold(2, WINDOW_PX, stride)  # [3, h, w, 28, 28]
    h, w = cut.shape[1:3]
    windows = cut.permute(1, 2, 0, 3, 4).reshape(h * w, 3, WINDOW_PX, WINDOW_PX)
    logits, boxes = net(windows)
    return logits.T.reshape(-1, h, w), boxes.T.reshape(4, h, w)
