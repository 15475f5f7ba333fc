"""Where the windows of a convolution or a pooling lie: how many fit, what they hold and see.

Everything that slides over an image is built on two functions here: `im2col` lays the windows out
as rows, and `col2im`, its transpose, adds rows back to the places they came from.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Count the positions of a window along one axis.

    (size - d (kernel - 1) - 1 + 2 padding) // stride + 1, with dilation d. The floor means that
    pixels at the far edge are left out when the stride does not divide the remaining distance.

    Args:
        size: Input length in pixels, at least 1.
        kernel: Window length, at least 1.
        stride: Step between windows, at least 1.
        padding: Zeros added at each of the two ends.
        dilation: Distance between neighbouring taps of the window, at least 1.

    Returns:
        Output length in pixels, at least 1.

    Raises:
        ValueError: If a setting is out of range or the window is longer than the padded input.

    Reference:
        Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning, sec. 2 and 5.

    Taught in: lectures/04_convolutions
    """
    check_whole("size", size, least=1)
    check_window(kernel, stride, padding, dilation)
    span = dilation * (kernel - 1) + 1
    if span > size + 2 * padding:
        got = f"{span} pixels on {size} with padding {padding}"
        raise ValueError(f"expected a window that fits, got one of {got}")
    return (size + 2 * padding - span) // stride + 1


def transposed_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Compute the output length of a transposed convolution along one axis.

    (size - 1) stride - 2 padding + d (kernel - 1) + 1, with dilation d: the smallest input from
    which a convolution with the same settings makes `size` outputs.

    Args:
        size: Input length in pixels, at least 1.
        kernel: Kernel length, at least 1.
        stride: Step between the placed kernels, at least 1.
        padding: Pixels cut off at each of the two ends.
        dilation: Distance between neighbouring taps, at least 1.

    Returns:
        Output length in pixels, at least 1.

    Raises:
        ValueError: If a setting is out of range or nothing is left after the cut.

    Reference:
        Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning, sec. 4.

    Taught in: lectures/04_convolutions
    """
    check_whole("size", size, least=1)
    check_window(kernel, stride, padding, dilation)
    length = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
    if length < 1:
        raise ValueError(f"expected a padding that leaves a pixel, got a length of {length}")
    return length


def receptive_field(layers: Iterable[tuple[int, ...]]) -> int:
    """Compute how many input pixels one output of a stack of layers depends on, along one axis.

    r <- r + d (kernel - 1) j and j <- j stride, from r = j = 1: j is the distance in input pixels
    between neighbouring outputs.

    Args:
        layers: (kernel, stride) or (kernel, stride, dilation) of each layer, first layer first.

    Returns:
        The theoretical receptive field in input pixels; 1 for no layers.

    Raises:
        ValueError: If a layer has not two or three numbers, or one of them is below 1.

    Taught in: lectures/04_convolutions
    """
    field, jump = 1, 1
    for layer in layers:
        if len(layer) not in (2, 3):
            raise ValueError(
                f"expected (kernel, stride) or (kernel, stride, dilation), got {layer}"
            )
        kernel, stride, dilation = (*layer, 1)[:3]
        check_window(kernel, stride, 0, dilation)
        field += dilation * (kernel - 1) * jump
        jump *= stride
    return field


def im2col(
    x: Tensor, kernel: tuple[int, int], stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """Lay out the windows of an image as the rows of a matrix.

    Args:
        x: Images [B, C, H, W].
        kernel: Window size (Kh, Kw).
        stride: Step between windows.
        padding: Zeros around the image.
        dilation: Distance between neighbouring taps.

    Returns:
        [B, H'W', C*Kh*Kw]: row i W' + j holds the window in row i and column j of the output,
        channel by channel, each channel row by row.

    Raises:
        ValueError: If x is not [B, C, H, W] or the window does not fit.

    Taught in: lectures/04_convolutions
    """
    check_images(x)
    (B, C, H, W), (Kh, Kw) = x.shape, kernel
    H_out = output_size(H, Kh, stride, padding, dilation)
    W_out = output_size(W, Kw, stride, padding, dilation)
    x = zero_pad(x, padding)
    taps = [  # what tap (i, j) sees, in all windows at once: [B, C, H', W']
        x[:, :, steps(i * dilation, stride, H_out), steps(j * dilation, stride, W_out)]
        for i in range(Kh)
        for j in range(Kw)
    ]
    patches = torch.stack(taps, dim=2)  # [B, C, Kh*Kw, H', W']
    return patches.reshape(B, C * Kh * Kw, H_out * W_out).transpose(1, 2)


def col2im(
    rows: Tensor,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Add the rows of `im2col` back to the pixels they came from: its transpose, not its inverse.

    A pixel that lies in three windows receives three summands.

    Args:
        rows: [B, H'W', C*Kh*Kw], as `im2col` lays them out.
        size: Image size (H, W), without the padding.
        kernel: Window size (Kh, Kw).
        stride: Step between windows.
        padding: Zeros that were put around the image.
        dilation: Distance between neighbouring taps.

    Returns:
        Images [B, C, H, W].

    Raises:
        ValueError: If the shape of the rows does not belong to these settings.

    Taught in: lectures/04_convolutions
    """
    (H, W), (Kh, Kw) = size, kernel
    H_out = output_size(H, Kh, stride, padding, dilation)
    W_out = output_size(W, Kw, stride, padding, dilation)
    if rows.dim() != 3 or rows.shape[1] != H_out * W_out or rows.shape[2] % (Kh * Kw):
        expected = f"[B, {H_out * W_out}, C*{Kh * Kw}]"
        raise ValueError(f"expected rows {expected}, got {list(rows.shape)}")
    B, C = rows.shape[0], rows.shape[2] // (Kh * Kw)
    taps = rows.transpose(1, 2).reshape(B, C, Kh, Kw, H_out, W_out)
    x = rows.new_zeros(B, C, H + 2 * padding, W + 2 * padding)
    for i in range(Kh):
        for j in range(Kw):
            down, right = steps(i * dilation, stride, H_out), steps(j * dilation, stride, W_out)
            x[:, :, down, right] += taps[:, :, i, j]
    return x[:, :, padding : padding + H, padding : padding + W]


def steps(first: int, stride: int, count: int) -> slice:
    """Return the slice that takes `count` entries from `first` on, `stride` apart."""
    return slice(first, first + stride * (count - 1) + 1, stride)


def zero_pad(x: Tensor, padding: int) -> Tensor:
    """Put `padding` rows and columns of zeros around every image of [B, C, H, W]."""
    B, C, H, W = x.shape
    padded = x.new_zeros(B, C, H + 2 * padding, W + 2 * padding)
    padded[:, :, padding : padding + H, padding : padding + W] = x
    return padded


def check_window(kernel: int, stride: int, padding: int, dilation: int) -> None:
    """Raise unless the settings of a window are whole numbers in range."""
    check_whole("kernel", kernel, least=1)
    check_whole("stride", stride, least=1)
    check_whole("padding", padding, least=0)
    check_whole("dilation", dilation, least=1)


def check_whole(name: str, value: int, least: int) -> None:
    """Raise unless the value is a whole number that is not too small."""
    if not isinstance(value, int):
        raise TypeError(f"expected {name} to be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"expected {name} of at least {least}, got {value}")


def check_images(x: Tensor) -> None:
    """Raise unless x has four axes [B, C, H, W]."""
    if x.dim() != 4:
        raise ValueError(f"expected images [B, C, H, W], got shape {list(x.shape)}")
