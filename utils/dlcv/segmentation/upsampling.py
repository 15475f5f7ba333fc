"""From a small map to a large one: transposed convolution, bilinear kernels, unpooling."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    r"""Stamp a kernel onto the output for every value of the input: the transpose of a convolution.

    $$y = C^\top x$$

    where $C$ is the matrix of the convolution with the same weight, stride and padding.

    Args:
        x: Maps [B, C_in, H, W].
        weight: Kernels [C_in, C_out, Kh, Kw], the order that torch has here: C is the convolution
            from C_out to C_in channels.
        bias: [C_out], or None for no bias.
        stride: Distance between stamps.
        padding: Pixels cut off on all sides.

    Returns:
        [B, C_out, (H - 1) S - 2 P + Kh, (W - 1) S - 2 P + Kw].

    Raises:
        ValueError: If the shapes do not belong together or nothing is left after the cut.

    Reference:
        Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning, sec. 4.

    Taught in: lectures/14_segmentation
    """
    check_stamps(x, weight, stride, padding)
    (B, _, H, W), (_, C_out, Kh, Kw) = x.shape, weight.shape
    y = x.new_zeros(B, C_out, (H - 1) * stride + Kh, (W - 1) * stride + Kw)
    down, across = (H - 1) * stride + 1, (W - 1) * stride + 1
    for m in range(Kh):
        for n in range(Kw):
            tap = torch.einsum("bchw,cd->bdhw", x, weight[:, :, m, n])  # [B, C_out, H, W]
            y[:, :, m : m + down : stride, n : n + across : stride] += tap
    y = y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]
    return y if bias is None else y + bias[:, None, None]


def check_stamps(x: Tensor, weight: Tensor, stride: int, padding: int) -> None:
    """Raise unless maps, kernels and settings of a transposed convolution belong together."""
    if x.dim() != 4 or weight.dim() != 4 or len(weight) != x.shape[1] or 0 in x.shape[2:]:
        got = f"{list(x.shape)} and {list(weight.shape)}"
        raise ValueError(f"expected x [B, C_in, H, W] and weight [C_in, C_out, Kh, Kw], got {got}")
    sides = [
        (n - 1) * stride - 2 * padding + k
        for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)
    ]
    if stride < 1 or padding < 0 or min(sides) < 1:
        got = f"stride {stride}, padding {padding} and an output {sides}"
        raise ValueError(f"expected stride >= 1, padding >= 0 and a pixel left, got {got}")


def bilinear_kernel(factor: int) -> Tensor:
    r"""Make the kernel with which a transposed convolution interpolates linearly.

    $$w_i = 1 - \frac{|i-c|}{f},\qquad w_{ij} = w_i\,w_j$$

    The size is 2 f, or 2 f - 1 for an odd factor f, and c is its middle.

    Args:
        factor: How many times larger the map shall be, at least 1.

    Returns:
        [size, size], with the sum f². Use it with stride f and padding f // 2.

    Raises:
        ValueError: If the factor is not a whole number of at least 1.

    Reference:
        Long, Shelhamer and Darrell, CVPR 2015, Section 3.3.

    Taught in: lectures/14_segmentation
    """
    if not isinstance(factor, int) or factor < 1:
        raise ValueError(f"expected a whole factor of at least 1, got {factor}")
    size = 2 * factor - factor % 2
    taps = 1 - (torch.arange(size) - (size - 1) / 2).abs() / factor
    return taps[:, None] * taps


class Enlarge(nn.Module):
    """Make maps a whole number of times larger, each channel for itself or mixed by learnt weights.

    Args:
        channels: Channels C.
        factor: How many times larger.
        kind: "bilinear", a transposed convolution with a fixed bilinear kernel for each channel;
            "learnt", a full one that begins as the bilinear one (Long et al., Section 4.3, do so
            for the factor 2); or "nearest", which repeats each value.

    Raises:
        ValueError: If the kind or the factor is unknown.
    """

    def __init__(self, channels: int, factor: int, kind: str = "bilinear") -> None:
        super().__init__()
        if kind not in ("bilinear", "learnt", "nearest"):
            raise ValueError(f"expected 'bilinear', 'learnt' or 'nearest', got {kind!r}")
        self.factor, self.kind, self.channels = factor, kind, channels
        kernel = bilinear_kernel(factor)
        if kind == "learnt":  # [C, C, K, K]: a channel first goes to itself alone
            self.weight = nn.Parameter(torch.eye(channels)[:, :, None, None] * kernel)
        else:
            taps = kernel.diagonal().sqrt()  # [K]: the kernel is the product of two rows
            self.register_buffer("taps", taps.repeat(channels, 1), persistent=False)  # [C, K]

    def forward(self, x: Tensor) -> Tensor:
        """From [B, C, H, W] to [B, C, f H, f W]."""
        f = self.factor
        if self.kind == "nearest":
            return F.interpolate(x, scale_factor=f, mode="nearest")
        if self.kind == "learnt":
            return F.conv_transpose2d(x, self.weight, stride=f, padding=f // 2)
        for axis, steps, cut in ((3, (f, 1), (f // 2, 0)), (2, (1, f), (0, f // 2))):
            weight = self.taps[:, None].unsqueeze(axis)  # first down, then across
            x = F.conv_transpose2d(x, weight, None, steps, cut, groups=self.channels)
        return x


def max_pool_with_switches(x: Tensor, kernel: int = 2) -> tuple[Tensor, Tensor]:
    """Pool windows that lie side by side, and remember where each maximum was.

    Args:
        x: Maps [B, C, H, W].
        kernel: Window and stride; rows and columns that fill no window are left out.

    Returns:
        The maxima [B, C, H', W'] and the switches int64 [B, C, H', W']: row · W + column of the
        place that won, the first of equal ones.

    Raises:
        ValueError: If x is not [B, C, H, W] or holds no window.

    Taught in: lectures/14_segmentation
    """
    if x.dim() != 4 or kernel < 1 or min(x.shape[2:]) < kernel:
        raise ValueError(f"expected x [B, C, H, W] and a window that fits, got {list(x.shape)}")
    windows = x.unfold(2, kernel, kernel).unfold(3, kernel, kernel)  # [B, C, H', W', k, k]
    values, winner = windows.flatten(4).max(dim=4)  # [B, C, H', W']
    H_out, W_out = values.shape[2:]
    row = torch.arange(H_out, device=x.device)[:, None] * kernel + winner // kernel
    column = torch.arange(W_out, device=x.device) * kernel + winner % kernel
    return values, row * x.shape[3] + column


def max_unpool(x: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
    r"""Put each value back to where its maximum came from; every other place becomes 0.

    $$y_{s(i)} = x_i$$

    Args:
        x: Maps [B, C, H', W'].
        switches: int64, the same shape: row · W + column, as `max_pool_with_switches` gives them.
        size: Size (H, W) of the map that was pooled.

    Returns:
        [B, C, H, W].

    Raises:
        ValueError: If the shapes differ or a switch points outside.

    Reference:
        Noh, Hong and Han, Learning Deconvolution Network for Semantic Segmentation, ICCV 2015,
        Section 3.2.1; Zeiler and Fergus, ECCV 2014, Section 2.1.

    Taught in: lectures/14_segmentation
    """
    H, W = size
    if x.dim() != 4 or x.shape != switches.shape:
        got = f"{list(x.shape)} and {list(switches.shape)}"
        raise ValueError(f"expected x and switches [B, C, H', W'], got {got}")
    if switches.numel() and not (switches.min() >= 0 and switches.max() < H * W):
        got = f"{switches.min()} to {switches.max()}"
        raise ValueError(f"expected switches in [0, {H * W}), got {got}")
    y = x.new_zeros(*x.shape[:2], H * W)
    return y.scatter(2, switches.flatten(2), x.flatten(2)).reshape(*x.shape[:2], H, W)
