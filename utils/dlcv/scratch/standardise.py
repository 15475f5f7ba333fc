"""The one formula of all normalisations, forwards and backwards, over any axes."""

from torch import Tensor

BATCH, LAYER, INSTANCE = (0, 2, 3), (1, 2, 3), (2, 3)  # axes of [N, C, H, W] that share statistics


def statistics(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance over some axes.

    mu = mean of x, sigma² = mean of (x - mu)².

    Args:
        x: Any shape.
        axes: The axes that share their statistics; they stay, with length 1.

    Returns:
        (mean, variance), both of x's shape with length 1 along `axes`.

    Raises:
        ValueError: If an axis does not exist or is named twice, or a set is empty.

    Taught in: lectures/05_normalisation
    """
    named = {axis % x.dim() for axis in axes if -x.dim() <= axis < x.dim()}
    if not axes or len(named) != len(axes):
        raise ValueError(f"expected different axes of {list(x.shape)}, got {axes}")
    if any(x.shape[axis] == 0 for axis in axes):
        raise ValueError(f"expected at least one value in a set, got {list(x.shape)} over {axes}")
    mean = x.mean(dim=axes, keepdim=True)
    variance = (x - mean).square().mean(dim=axes, keepdim=True)
    return mean, variance


def normalise(x: Tensor, axes: tuple[int, ...], eps: float = 1e-5) -> Tensor:
    """Standardise all values that share statistics: (x - mu) / sqrt(sigma² + eps).

    On [N, C, H, W]: `BATCH` axes give batch norm, `LAYER` layer norm, `INSTANCE` instance norm.

    Args:
        x: Any shape.
        axes: The axes over which mean and variance are taken.
        eps: Keeps the root away from zero; 1e-5 is torch's default.

    Returns:
        A tensor of x's shape.

    Raises:
        ValueError: As `statistics`.

    Reference:
        Wu and He, Group Normalization, 2018, eq. 1-2.

    Taught in: lectures/05_normalisation
    """
    mean, variance = statistics(x, axes)
    return (x - mean) / (variance + eps).sqrt()


def normalise_backward(
    grad_hat: Tensor, x: Tensor, axes: tuple[int, ...], eps: float = 1e-5
) -> Tensor:
    """Send a gradient back through `normalise`: along x itself, the variance and the mean.

    dL/dx = (g - mean(g) - x_hat mean(g x_hat)) / sqrt(sigma² + eps), means over `axes`.

    Args:
        grad_hat: Gradient g of the loss with respect to the normalised values, of x's shape.
        x: What went in.
        axes, eps: As in `normalise`.

    Returns:
        dL/dx, of x's shape; it sums to zero over `axes`.

    Raises:
        ValueError: If the shapes differ; otherwise as `statistics`.

    Reference:
        Ioffe and Szegedy, Batch Normalization, 2015, sec. 3.

    Taught in: lectures/05_normalisation
    """
    check_same_shape(grad_hat, x)
    mean, variance = statistics(x, axes)
    std = (variance + eps).sqrt()
    x_hat = (x - mean) / std
    through_mean = grad_hat.mean(dim=axes, keepdim=True)
    through_variance = x_hat * (grad_hat * x_hat).mean(dim=axes, keepdim=True)
    return (grad_hat - through_mean - through_variance) / std


def check_same_shape(grad: Tensor, x: Tensor) -> None:
    """Raise ValueError unless a gradient has the shape of its tensor."""
    if grad.shape != x.shape:
        raise ValueError(f"expected a gradient {list(x.shape)}, got {list(grad.shape)}")
