"""Dropout: switching units off at random, and why nothing has to change afterwards."""

import torch
from torch import Tensor, nn


def dropout(
    activations: Tensor, rate: float, training: bool, generator: torch.Generator | None = None
) -> Tensor:
    """ã = a ⊙ m / (1 − p) with m = 1 with probability 1 − p, else 0; the identity in evaluation.

    The division keeps the mean, E[ã] = a, so that evaluation needs no correction ("inverted"
    dropout; the paper multiplies the weights by 1 − p afterwards instead).

    Args:
        activations: Any shape, which is kept.
        rate: p in [0, 1), the share that is switched off; 0.5 is the paper's for hidden units.
        training: Whether to drop at all.
        generator: On the activations' device; None for torch's own.

    Raises:
        ValueError: If the rate is outside [0, 1).

    Reference:
        Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting,
        JMLR 15, 2014, section 4 and 10.

    Taught in: lectures/03_training
    """
    if not 0 <= rate < 1:
        raise ValueError(f"expected a rate in [0, 1), got {rate}")
    if not training:
        return activations
    draws = torch.rand(activations.shape, generator=generator, device=activations.device)
    return activations * (draws >= rate) / (1 - rate)


class Dropout(nn.Module):
    """Dropout as a layer: it follows the model's `train()` and `eval()`.

    Args:
        rate: As in :func:`dropout`.

    Raises:
        ValueError: If the rate is outside [0, 1).

    Taught in: lectures/03_training
    """

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"expected a rate in [0, 1), got {rate}")
        self.rate = rate

    def forward(self, activations: Tensor) -> Tensor:
        """Drop in training mode, pass on in evaluation mode."""
        return dropout(activations, self.rate, self.training)
