"""Batch, layer, instance and group normalisation, forwards and backwards, and folding."""

import torch
from torch import Tensor

from dlcv.scratch.standardise import (
    BATCH,
    INSTANCE,
    LAYER,
    check_same_shape,
    normalise,
    normalise_backward,
    statistics,
)

__all__ = [
    "BATCH",
    "INSTANCE",
    "LAYER",
    "batch_norm_backward",
    "batch_norm_forward",
    "fold_batch_norm",
    "group_norm",
    "group_norm_backward",
    "normalise",
    "normalise_backward",
    "statistics",
    "update_running",
]


def batch_norm_forward(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch normalisation of vectors or maps: y = gamma (x - mu) / sqrt(sigma² + eps) + beta.

    While training, mu and sigma² are those of the batch, one of each per channel, and the running
    values move towards them. Afterwards the running values are used instead.

    Args:
        x: [N, C], or [N, C, ...] with any number of axes behind, such as maps [N, C, H, W].
        gamma, beta: Learnt scale and shift [C].
        running_mean, running_var: [C]; changed in place while training. The variance is the
            unbiased one, as torch keeps it.
        training: Whether to use the statistics of this batch.
        momentum: Weight rho of the new value, r <- (1 - rho) r + rho s; 0.1 is torch's default.
        eps: Keeps the root away from zero; 1e-5 is torch's default.

    Returns:
        A tensor of x's shape.

    Raises:
        ValueError: If the shapes do not fit, running values are missing where they are used, or a
            batch has too few values for a variance.

    Reference:
        Ioffe and Szegedy, Batch Normalization, 2015, Alg. 1 and 2.

    Taught in: lectures/05_normalisation
    """
    check_batch_norm(x, gamma, beta, running_mean, running_var, training)
    if training:
        mean, variance = statistics(x, channel_axes(x))
        if running_mean is not None:
            update_running(running_mean, running_var, x, momentum)
    else:
        mean, variance = per_channel(running_mean, x), per_channel(running_var, x)
    x_hat = (x - mean) / (variance + eps).sqrt()
    return per_channel(gamma, x) * x_hat + per_channel(beta, x)


def batch_norm_backward(
    grad_y: Tensor, x: Tensor, gamma: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Send a gradient back through batch normalisation in training.

    dL/dbeta = sum g, dL/dgamma = sum g x_hat, and with m values in a set
    dL/dx = gamma / (m sqrt(sigma² + eps)) (m g - sum g - x_hat sum g x_hat).

    Args:
        grad_y: Gradient g of the loss with respect to the output, of x's shape.
        x: What went in, [N, C, ...].
        gamma: Scale [C].
        eps: As in `batch_norm_forward`.

    Returns:
        (dL/dx of x's shape, dL/dgamma [C], dL/dbeta [C]).

    Raises:
        ValueError: If the shapes do not fit.

    Reference:
        Ioffe and Szegedy, Batch Normalization, 2015, sec. 3.

    Taught in: lectures/05_normalisation
    """
    check_same_shape(grad_y, x)
    check_batch_norm(x, gamma, gamma, None, None, training=True)
    axes = channel_axes(x)
    x_hat = normalise(x, axes, eps)
    grad_beta = grad_y.sum(dim=axes)
    grad_gamma = (grad_y * x_hat).sum(dim=axes)
    grad_x = normalise_backward(grad_y * per_channel(gamma, x), x, axes, eps)
    return grad_x, grad_gamma, grad_beta


def update_running(
    running_mean: Tensor, running_var: Tensor, x: Tensor, momentum: float = 0.1
) -> None:
    """Move running statistics towards those of a batch, in place: r <- (1 - rho) r + rho s.

    For the variance, s is unbiased: m / (m - 1) times the batch's, with m values per channel.

    Args:
        running_mean, running_var: [C].
        x: [N, C, ...].
        momentum: rho in [0, 1]; 1 / k for the k-th batch gives the plain average of all.

    Raises:
        ValueError: If there are fewer than two values per channel.

    Reference:
        Ioffe and Szegedy, Batch Normalization, 2015, Alg. 2, where m is the size of a batch.

    Taught in: lectures/05_normalisation
    """
    m = x.numel() // x.shape[1]  # values per channel
    if m < 2:
        raise ValueError(f"expected at least 2 values per channel, got {m}")
    mean, variance = statistics(x.detach(), channel_axes(x))
    unbiased = variance.flatten() * m / (m - 1)
    running_mean.lerp_(mean.flatten(), momentum)
    running_var.lerp_(unbiased, momentum)


def group_norm(x: Tensor, groups: int, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> Tensor:
    """Group normalisation: each image's channels in G groups, each group with its own statistics.

    G = 1 is layer normalisation over (C, H, W), G = C instance normalisation.

    Args:
        x: [N, C, ...].
        groups: G, a divisor of C.
        gamma, beta: Learnt scale and shift [C].
        eps: As in `normalise`.

    Returns:
        A tensor of x's shape.

    Raises:
        ValueError: If G does not divide C or the shapes do not fit.

    Reference:
        Wu and He, Group Normalization, 2018, sec. 3.

    Taught in: lectures/05_normalisation
    """
    check_batch_norm(x, gamma, beta, None, None, training=True)
    grouped = in_groups(x, groups)  # [N, G, C / G * ...]
    x_hat = normalise(grouped, (2,), eps).reshape(x.shape)
    return per_channel(gamma, x) * x_hat + per_channel(beta, x)


def group_norm_backward(
    grad_y: Tensor, x: Tensor, groups: int, gamma: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Send a gradient back through `group_norm`.

    Args:
        grad_y: Gradient of the loss with respect to the output, of x's shape.
        x, groups, gamma, eps: As in `group_norm`.

    Returns:
        (dL/dx of x's shape, dL/dgamma [C], dL/dbeta [C]).

    Raises:
        ValueError: As `group_norm`.

    Taught in: lectures/05_normalisation
    """
    check_same_shape(grad_y, x)
    check_batch_norm(x, gamma, gamma, None, None, training=True)
    grouped, axes = in_groups(x, groups), channel_axes(x)
    x_hat = normalise(grouped, (2,), eps).reshape(x.shape)
    grad_hat = in_groups(grad_y * per_channel(gamma, x), groups)
    grad_x = normalise_backward(grad_hat, grouped, (2,), eps).reshape(x.shape)
    return grad_x, (grad_y * x_hat).sum(dim=axes), grad_y.sum(dim=axes)


def fold_batch_norm(
    weight: Tensor,
    bias: Tensor | None,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor]:
    """Work a trained batch normalisation into the linear map or convolution before it.

    W' = gamma / sqrt(v + eps) W and b' = beta + gamma / sqrt(v + eps) (b - r), for each output.

    Args:
        weight: [C, ...], outputs first, as torch keeps both kinds of layer.
        bias: [C], or None for zeros.
        gamma, beta, running_mean, running_var: [C], of the normalisation behind the layer.
        eps: Of that normalisation.

    Returns:
        (weight of the same shape, bias [C]) of one layer that does the work of both in evaluation.

    Raises:
        ValueError: If the numbers of outputs differ.

    Taught in: lectures/05_normalisation
    """
    lengths = [len(values) for values in (gamma, beta, running_mean, running_var)]
    if set(lengths) != {len(weight)} or (bias is not None and len(bias) != len(weight)):
        raise ValueError(f"expected {len(weight)} values of each kind, got {lengths}")
    factor = gamma / (running_var + eps).sqrt()  # [C]
    bias = torch.zeros_like(beta) if bias is None else bias
    folded = weight * factor.reshape(-1, *[1] * (weight.dim() - 1))
    return folded, beta + factor * (bias - running_mean)


def channel_axes(x: Tensor) -> tuple[int, ...]:
    """Return all axes of [N, C, ...] but the channels: those that batch norm averages over."""
    return (0, *range(2, x.dim()))


def per_channel(values: Tensor, x: Tensor) -> Tensor:
    """Shape one value per channel, [C], so that it meets the channels of [N, C, ...]."""
    return values.reshape(1, -1, *[1] * (x.dim() - 2))


def in_groups(x: Tensor, groups: int) -> Tensor:
    """Lay out [N, C, ...] as [N, G, values of a group].

    Raises:
        ValueError: If G does not divide C.
    """
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"expected groups that divide {x.shape[1]} channels, got {groups}")
    return x.unflatten(1, (groups, -1)).flatten(2)


def check_batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
) -> None:
    """Raise ValueError unless the arguments of a per-channel normalisation fit together."""
    if x.dim() < 2:
        raise ValueError(f"expected [N, C, ...], got {list(x.shape)}")
    names = {"gamma": gamma, "beta": beta, "running_mean": running_mean, "running_var": running_var}
    for name, values in names.items():
        if values is not None and values.shape != x.shape[1:2]:
            raise ValueError(f"expected {name} [{x.shape[1]}], got {list(values.shape)}")
    if (running_mean is None) != (running_var is None):
        raise ValueError("expected both running_mean and running_var or none, got one of them")
    if not training and running_mean is None:
        raise ValueError("expected running_mean and running_var in evaluation, got None")
