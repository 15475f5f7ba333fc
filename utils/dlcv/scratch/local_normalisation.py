"""Normalisation by the neighbourhood of a pixel, as it was done before batch normalisation."""

import torch
from torch import Tensor

from dlcv.scratch.windows import check_images, im2col


def local_contrast_normalise(x: Tensor, window: int = 9, epsilon: float = 0.01) -> Tensor:
    """Subtract the mean of a pixel's neighbourhood and divide by its spread.

    (x - mu) / max(epsilon, sigma), where mu and sigma are the mean and the standard deviation over
    the window around the pixel in its own channel. At the border the window holds only the pixels
    that exist.

    Args:
        x: Images [B, C, H, W].
        window: Odd side of the square neighbourhood; 9 as in the paper, which weights it by a
            Gaussian where we weight all pixels alike.
        epsilon: Smallest spread to divide by, in units of x: it keeps the noise of flat areas
            small. The default is a teaching value for intensities in [0, 1].

    Returns:
        [B, C, H, W].

    Raises:
        ValueError: If x has not four axes, the window is not odd or epsilon is not positive.

    Reference:
        Jarrett et al., What is the Best Multi-Stage Architecture for Object Recognition?, sec. 2.

    Taught in: lectures/04_convolutions
    """
    check_images(x)
    if window < 1 or window % 2 == 0 or epsilon <= 0:
        raise ValueError(f"expected an odd window and epsilon > 0, got {window} and {epsilon}")
    B, C, H, W = x.shape
    kernel, padding = (window, window), window // 2
    inside = im2col(x.new_ones(1, 1, H, W), kernel, padding=padding)  # 1 inside the image, else 0
    values = im2col(x.reshape(B * C, 1, H, W), kernel, padding=padding)  # [B*C, H*W, window²]
    count = inside.sum(dim=2)
    mean = values.sum(dim=2) / count
    variance = (inside * (values - mean[:, :, None]) ** 2).sum(dim=2) / count
    spread = variance.clamp(min=epsilon**2).sqrt()
    return (x - mean.reshape(x.shape)) / spread.reshape(x.shape)


def local_response_normalise(
    x: Tensor, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> Tensor:
    """Divide each value by what its neighbouring channels say at the same place.

    b_i = a_i / (k + alpha sum of a_j² over the n channels around i) ** beta. The sum is not divided
    by n; torch divides it, so that torch needs n times this alpha.

    Args:
        x: Feature maps [B, C, H, W].
        n: Odd number of channels in the neighbourhood; fewer exist beside the first and the last.
        k: Constant that bounds the divisor from below, positive.
        alpha: Weight of the squares, at least 0.
        beta: Exponent. The four defaults are those of the paper.

    Returns:
        [B, C, H, W].

    Raises:
        ValueError: If x has not four axes, n is not odd, or k or alpha is out of range.

    Reference:
        Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural
        Networks, sec. 3.3.

    Taught in: lectures/04_convolutions
    """
    check_images(x)
    if n < 1 or n % 2 == 0 or k <= 0 or alpha < 0:
        raise ValueError(f"expected odd n, k > 0 and alpha >= 0, got {n}, {k} and {alpha}")
    B, C, H, W = x.shape
    border = x.new_zeros(B, n // 2, H, W)
    squares = torch.cat([border, x**2, border], dim=1)  # [B, C + n - 1, H, W]
    energy = sum(squares[:, i : i + C] for i in range(n))  # [B, C, H, W]
    return x / (k + alpha * energy) ** beta
