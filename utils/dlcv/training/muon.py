"""Muon: steps for filters in which every direction has the same strength."""

from collections.abc import Iterable

import torch
from torch import Tensor

# An odd polynomial a x + b x³ + c x⁵ that lifts small numbers fast and keeps those near 1 there.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, steps: int = 3) -> Tensor:
    """Bring the singular values of a matrix towards 1 and leave its directions alone.

    Of M = U Σ Vᵀ about U Vᵀ is returned, without computing U or V: an odd polynomial of a matrix,
    a X + b (X Xᵀ) X + c (X Xᵀ)² X, acts on each singular value alone, and a few rounds of one that
    is steep at 0 lift all but the smallest to between 0.68 and 1.21. It is all products, which is
    what a GPU is for.

    Args:
        matrix: [M, N], floats.
        steps: Rounds of the polynomial.

    Returns:
        [M, N], of the same dtype unless autocast says otherwise. A matrix of zeros stays zero.

    Raises:
        ValueError: If it is no matrix.

    Reference:
        Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024.

    Taught in: lectures/08_gpu_and_distributed
    """
    if matrix.dim() != 2:
        raise ValueError(f"expected a matrix [M, N], got {list(matrix.shape)}")
    is_tall = len(matrix) > matrix.shape[1]
    x = matrix.T if is_tall else matrix  # the smaller product of the two
    x = x / (x.norm() + 1e-7)  # no singular value above 1
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if is_tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov's momentum, orthogonalised, for convolutions that a normalisation follows.

    v ← μ v + g; then W ← √O W / ‖W‖ and W ← W − η orthogonalise(g + μ v), each filter a row of W.
    After batch normalisation the scale of W does not matter, so it is set anew in every step, and
    η alone says how far the weights turn, whatever the size of the gradient.

    Args:
        params: Weights [O, ...], each taken as a matrix of O rows.
        lr: η > 0.
        momentum: μ in [0, 1).

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024; in the form
        of airbench94_muon, where the weights are normalised too.

    Taught in: lectures/08_gpu_and_distributed
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.6) -> None:
        if not lr > 0 or not 0 <= momentum < 1:
            got = f"{lr} and {momentum}"
            raise ValueError(f"expected a rate above 0 and a momentum in [0, 1), got {got}")
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient once."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group["lr"], group["momentum"])

    def _move(self, weight: Tensor, lr: float, momentum: float) -> None:
        state = self.state[weight]
        if not state:
            state["velocity"] = torch.zeros_like(weight)
        velocity = state["velocity"].mul_(momentum).add_(weight.grad)
        ahead = (weight.grad + momentum * velocity).flatten(1)
        weight.mul_(len(weight) ** 0.5 / weight.norm())
        weight.sub_(lr * orthogonalise(ahead).reshape(weight.shape))
