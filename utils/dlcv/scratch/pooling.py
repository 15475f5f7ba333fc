"""Max and average pooling with their backward passes, in plain tensor operations.

Pooling takes each channel for itself, so its windows are those of B*C one-channel images.
"""

import torch
from torch import Tensor

from dlcv.scratch.windows import check_images, col2im, im2col, output_size


def max_pool2d(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Keep the largest value of every window of every channel.

    Args:
        x: Images [B, C, H, W].
        kernel: Side of the square window in pixels.
        stride: Step between windows; smaller than the side, the windows overlap.

    Returns:
        [B, C, H', W'].

    Raises:
        ValueError: If x has not four axes or the window does not fit.

    Taught in: lectures/04_convolutions
    """
    return pooling_windows(x, kernel, stride).amax(dim=-1)


def max_pool2d_backward(grad_y: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
    """Send the gradient of every window to the pixel that won it; the others get nothing.

    A tie goes to the first winner in reading order. A pixel that wins several overlapping windows
    gets the sum of their gradients.

    Args:
        grad_y: Gradient of the loss with respect to the output, [B, C, H', W'].
        x: Images [B, C, H, W] of the forward pass.
        kernel: Side of the square window in pixels.
        stride: Step between windows.

    Returns:
        Gradient with respect to x, [B, C, H, W].

    Raises:
        ValueError: If the shapes do not belong together.

    Taught in: lectures/04_convolutions
    """
    windows = pooling_windows(x, kernel, stride)  # [B, C, H', W', kernel²]
    check_gradient(grad_y, windows)
    winners = windows.argmax(dim=-1, keepdim=True)  # [B, C, H', W', 1]
    grad_windows = torch.zeros_like(windows).scatter(-1, winners, grad_y[..., None])
    return add_windows(grad_windows, x, kernel, stride)


def avg_pool2d(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Take the mean of every window of every channel.

    Arguments, result and errors are those of `max_pool2d`.

    Taught in: lectures/04_convolutions
    """
    return pooling_windows(x, kernel, stride).mean(dim=-1)


def avg_pool2d_backward(grad_y: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
    """Share the gradient of every window equally among its pixels.

    Arguments, result and errors are those of `max_pool2d_backward`; of x only the shape matters.

    Taught in: lectures/04_convolutions
    """
    windows = pooling_windows(x, kernel, stride)  # [B, C, H', W', kernel²]
    check_gradient(grad_y, windows)
    shares = grad_y[..., None].expand_as(windows) / kernel**2
    return add_windows(shares, x, kernel, stride)


def pooling_windows(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Lay out the windows of every channel: [B, C, H', W', kernel²]."""
    check_images(x)
    B, C, H, W = x.shape
    H_out, W_out = output_size(H, kernel, stride), output_size(W, kernel, stride)
    rows = im2col(x.reshape(B * C, 1, H, W), (kernel, kernel), stride)
    return rows.reshape(B, C, H_out, W_out, kernel**2)


def add_windows(windows: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
    """Add what `pooling_windows` laid out back to the pixels of x: [B, C, H, W]."""
    rows = windows.flatten(0, 1).flatten(1, 2)  # [B*C, H'W', kernel²]
    return col2im(rows, x.shape[2:], (kernel, kernel), stride).reshape(x.shape)


def check_gradient(grad_y: Tensor, windows: Tensor) -> None:
    """Raise unless there is one gradient for each window."""
    if grad_y.shape != windows.shape[:4]:
        expected, got = list(windows.shape[:4]), list(grad_y.shape)
        raise ValueError(f"expected grad_y {expected}, got shape {got}")
