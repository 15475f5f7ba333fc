"""Convolution in three ways and its backward pass, in plain tensor operations.

As everywhere in deep learning, "convolution" means the correlation

    y[b, c, i, j] = bias[c] + sum over k, m, n of weight[c, k, m, n] x[b, k, S i + d m, S j + d n]

with the zero-padded x, stride S and dilation d: the kernel is not turned round.

The geometry of windows and pooling, in modules of their own, can be imported from here as well.
"""

import torch
from torch import Tensor

from dlcv.scratch.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from dlcv.scratch.windows import (
    check_images,
    col2im,
    im2col,
    output_size,
    receptive_field,
    steps,
    transposed_output_size,
    zero_pad,
)

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "col2im",
    "conv2d_as_matrix",
    "conv2d_backward",
    "conv2d_grouped",
    "conv2d_im2col",
    "conv2d_loops",
    "convolution_matrix",
    "im2col",
    "max_pool2d",
    "max_pool2d_backward",
    "output_size",
    "receptive_field",
    "transposed_output_size",
]


def conv2d_loops(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Convolve by the definition: one inner product for each channel and place of the output.

    Args:
        x: Images [B, C_in, H, W].
        weight: Kernels [C_out, C_in, Kh, Kw].
        bias: [C_out], or None for no bias.
        stride: Step between windows.
        padding: Zeros around the image.
        dilation: Distance between neighbouring taps.

    Returns:
        Feature maps [B, C_out, H', W'].

    Raises:
        ValueError: If the shapes do not belong together or the kernel does not fit.

    Taught in: lectures/04_convolutions
    """
    check_convolution(x, weight, bias)
    (B, _, H, W), (C_out, _, Kh, Kw) = x.shape, weight.shape
    H_out = output_size(H, Kh, stride, padding, dilation)
    W_out = output_size(W, Kw, stride, padding, dilation)
    x = zero_pad(x, padding)
    y = x.new_zeros(B, C_out, H_out, W_out)
    for c in range(C_out):
        for i in range(H_out):
            for j in range(W_out):
                down, right = steps(i * stride, dilation, Kh), steps(j * stride, dilation, Kw)
                window = x[:, :, down, right]  # [B, C_in, Kh, Kw]
                y[:, c, i, j] = (window * weight[c]).sum(dim=(1, 2, 3))
    return y if bias is None else y + bias[:, None, None]


def conv2d_im2col(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Convolve by one matrix product: all windows as rows times all kernels as columns.

    [H'W', C_in Kh Kw] @ [C_in Kh Kw, C_out] for each image. Arguments, result and errors are those
    of `conv2d_loops`; the price is memory: at stride 1 about Kh Kw copies of the image.

    Taught in: lectures/04_convolutions
    """
    check_convolution(x, weight, bias)
    (B, _, H, W), (C_out, _, Kh, Kw) = x.shape, weight.shape
    rows = im2col(x, (Kh, Kw), stride, padding, dilation)  # [B, H'W', C_in*Kh*Kw]
    y = rows @ weight.reshape(C_out, -1).T  # [B, H'W', C_out]
    if bias is not None:
        y = y + bias
    H_out = output_size(H, Kh, stride, padding, dilation)
    W_out = output_size(W, Kw, stride, padding, dilation)
    return y.transpose(1, 2).reshape(B, C_out, H_out, W_out)


def conv2d_grouped(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> Tensor:
    """Convolve each group of channels on its own and lay the results side by side.

    Args:
        x: Images [B, C_in, H, W].
        weight: Kernels [C_out, C_in / groups, Kh, Kw]: `groups` times fewer weights.
        bias: [C_out], or None for no bias.
        stride: Step between windows.
        padding: Zeros around the image.
        groups: Number of groups; with groups = C_in the convolution is depthwise.

    Returns:
        Feature maps [B, C_out, H', W'].

    Raises:
        ValueError: If the groups do not divide the channels, or as `conv2d_loops`.

    Taught in: lectures/04_convolutions
    """
    check_images(x)
    if groups < 1 or x.shape[1] % groups or len(weight) % groups:
        channels = f"{x.shape[1]} and {len(weight)} channels"
        raise ValueError(f"expected groups that divide {channels}, got {groups}")
    xs, weights = x.chunk(groups, dim=1), weight.chunk(groups)
    biases = [None] * groups if bias is None else bias.chunk(groups)
    ys = [
        conv2d_im2col(x_g, w_g, b_g, stride, padding)
        for x_g, w_g, b_g in zip(xs, weights, biases, strict=True)
    ]
    return torch.cat(ys, dim=1)


def convolution_matrix(
    weight: Tensor, size: tuple[int, int], stride: int = 1, padding: int = 0
) -> Tensor:
    """Write a convolution as the matrix C with y = C x for flattened images.

    Each row of C holds one kernel, spread out over the pixels that its window covers; all other
    entries are zero.

    Args:
        weight: Kernels [C_out, C_in, Kh, Kw].
        size: Image size (H, W).
        stride: Step between windows.
        padding: Zeros around the image; they have no column in C.

    Returns:
        C [C_out*H'*W', C_in*H*W], dense; `.to_sparse()` keeps only the entries that count.

    Raises:
        ValueError: If weight has not four axes or the kernel does not fit.

    Reference:
        Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning, sec. 4.1.

    Taught in: lectures/04_convolutions
    """
    check_images(weight)
    (C_out, C_in, Kh, Kw), (H, W) = weight.shape, size
    number = torch.arange(1, C_in * H * W + 1, device=weight.device)  # pixels count from 1
    pixels = im2col(number.reshape(1, C_in, H, W), (Kh, Kw), stride, padding)[0]  # padding is 0
    places = torch.arange(len(pixels), device=weight.device)[:, None]
    matrix = weight.new_zeros(C_out, len(pixels), 1 + C_in * H * W)
    matrix[:, places, pixels] = weight.reshape(C_out, 1, -1)
    return matrix[:, :, 1:].reshape(C_out * len(pixels), C_in * H * W)


def conv2d_as_matrix(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """Convolve by the matrix C of `convolution_matrix`, a product that is mostly with zeros.

    Arguments, result and errors are those of `conv2d_loops`, without dilation. C grows with the
    square of the image: this is for understanding and for small images.

    Taught in: lectures/04_convolutions
    """
    check_convolution(x, weight, bias)
    (B, _, H, W), (C_out, _, Kh, Kw) = x.shape, weight.shape
    matrix = convolution_matrix(weight, (H, W), stride, padding)
    y = x.reshape(B, matrix.shape[1]) @ matrix.T  # [B, C_out*H'*W']
    H_out, W_out = output_size(H, Kh, stride, padding), output_size(W, Kw, stride, padding)
    y = y.reshape(B, C_out, H_out, W_out)
    return y if bias is None else y + bias[:, None, None]


def conv2d_backward(
    grad_y: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of a convolution from the gradient of its output.

    With the windows as rows R, Y = R W gives dW = R^T dY and dR = dY W^T; dR goes back to the
    pixels it came from.

    Args:
        grad_y: Gradient of the loss with respect to the output, [B, C_out, H', W'].
        x: Images [B, C_in, H, W] of the forward pass.
        weight: Kernels [C_out, C_in, Kh, Kw].
        stride: Step between windows.
        padding: Zeros around the image.
        dilation: Distance between neighbouring taps.

    Returns:
        Gradients with respect to x [B, C_in, H, W], weight [C_out, C_in, Kh, Kw] and bias [C_out].

    Raises:
        ValueError: If the shapes do not belong together.

    Taught in: lectures/04_convolutions
    """
    check_convolution(x, weight, None)
    (B, _, H, W), (C_out, _, Kh, Kw) = x.shape, weight.shape
    H_out = output_size(H, Kh, stride, padding, dilation)
    W_out = output_size(W, Kw, stride, padding, dilation)
    if grad_y.shape != (B, C_out, H_out, W_out):
        expected = [B, C_out, H_out, W_out]
        raise ValueError(f"expected grad_y {expected}, got shape {list(grad_y.shape)}")
    rows = im2col(x, (Kh, Kw), stride, padding, dilation)  # [B, H'W', C_in*Kh*Kw]
    grad_out = grad_y.flatten(2)  # [B, C_out, H'W']
    grad_weight = (grad_out @ rows).sum(dim=0).reshape(weight.shape)
    grad_rows = grad_out.transpose(1, 2) @ weight.reshape(C_out, -1)  # [B, H'W', C_in*Kh*Kw]
    grad_x = col2im(grad_rows, (H, W), (Kh, Kw), stride, padding, dilation)
    return grad_x, grad_weight, grad_y.sum(dim=(0, 2, 3))


def check_convolution(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Raise unless images, kernels and biases belong together."""
    check_images(x)
    if weight.dim() != 4 or weight.shape[1] != x.shape[1]:
        expected = f"[C_out, {x.shape[1]}, Kh, Kw]"
        raise ValueError(f"expected weight {expected}, got shape {list(weight.shape)}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"expected bias [{len(weight)}], got shape {list(bias.shape)}")
