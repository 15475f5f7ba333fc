"""Centring, standardising, PCA and whitening: fitted to the training set, applied to everything."""

import torch
from torch import Tensor


class Standardise:
    """x' = (x − μ) / σ for each feature by itself; features stay correlated as they were.

    Args:
        train: [N, D], N ≥ 2: the training set, from which alone μ and σ come.
        epsilon: The smallest σ that counts: a feature that never changes is only centred.

    Raises:
        ValueError: If there are fewer than two rows.

    Taught in: lectures/03_training
    """

    def __init__(self, train: Tensor, epsilon: float = 1e-6) -> None:
        check_rows(train)
        self.mean = train.mean(dim=0)
        std = train.std(dim=0, correction=0)
        self.std = torch.where(std > epsilon, std, torch.ones_like(std))

    def __call__(self, x: Tensor) -> Tensor:
        """Standardise rows [..., D]."""
        return (x - self.mean) / self.std


class PCA:
    """Principal component analysis: the axes along which the training set spreads most.

    C = (1/N) Σ (x − μ)(x − μ)ᵀ = U Λ Uᵀ. The rotation Uᵀ(x − μ) has no correlations left; its
    first k coordinates keep the most variance that k numbers can.

    Args:
        train: [N, D], N ≥ 2.

    Raises:
        ValueError: If there are fewer than two rows.

    Taught in: lectures/03_training
    """

    def __init__(self, train: Tensor) -> None:
        check_rows(train)
        self.mean = train.mean(dim=0)
        covariance = (train - self.mean).T @ (train - self.mean) / len(train)
        variances, axes = torch.linalg.eigh(covariance)  # ascending
        self.variances = variances.flip(0).clamp(min=0)  # [D]
        self.axes = axes.flip(1)  # [D, D], one a column

    def __call__(self, x: Tensor, count: int | None = None) -> Tensor:
        """Rotate rows [..., D] and keep the first `count` coordinates, [..., count]."""
        return (x - self.mean) @ self.axes[:, :count]

    def back(self, scores: Tensor) -> Tensor:
        """Return the points [..., D] with these first coordinates [..., k], all others 0."""
        return scores @ self.axes[:, : scores.shape[-1]].T + self.mean


class Whiten:
    """x' = Λ^(−1/2) Uᵀ(x − μ): no correlations, and the same spread along every axis.

    Args:
        train: [N, D], N ≥ 2.
        epsilon: Added to each variance, so that an axis along which almost nothing happens is not
            blown up to the size of the others.

    Raises:
        ValueError: If there are fewer than two rows or epsilon is negative.

    Taught in: lectures/03_training
    """

    def __init__(self, train: Tensor, epsilon: float = 1e-5) -> None:
        if epsilon < 0:
            raise ValueError(f"expected epsilon >= 0, got {epsilon}")
        self.pca = PCA(train)
        self.scale = (self.pca.variances + epsilon).rsqrt()

    def __call__(self, x: Tensor) -> Tensor:
        """Whiten rows [..., D]."""
        return self.pca(x) * self.scale


def check_rows(train: Tensor) -> None:
    """Raise ValueError unless there are at least two rows of at least one feature."""
    if train.dim() != 2 or len(train) < 2 or train.shape[1] < 1:
        raise ValueError(f"expected a training set [N >= 2, D], got {list(train.shape)}")
