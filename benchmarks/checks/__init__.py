"""Every system of the course against an independent reference: what the appendix's table says.

Each module holds functions without arguments, one for a system, which build it, count it and
compare it; `CHECKS` names them. `benchmarks.systems` makes the table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Numbers = Tensor | float | Sequence[float]


@dataclass(frozen=True)
class Check:
    """A system, and how far it is from what it was compared with.

    Attributes:
        package: Where it lies below `dlcv`, with its settings where they decide its size.
        parameters: Trainable numbers; None where there are none.
        reference: What it was compared with, on the same random input and with the same weights.
        difference: See `difference`.
    """

    package: str
    parameters: int | None
    reference: str
    difference: float


def difference(ours: Iterable[Numbers], theirs: Iterable[Numbers]) -> float:
    """Return the largest difference, as a share of the reference's largest number in each pair.

    Args:
        ours: Tensors or numbers.
        theirs: What each of them should be.

    Raises:
        ValueError: If the two have different lengths or shapes, or nothing but zeros to compare.
    """
    worst = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        a, b = (torch.as_tensor(values, dtype=torch.float64).detach() for values in (mine, other))
        if a.shape != b.shape or not b.abs().max() > 0:
            raise ValueError(f"expected numbers of one shape, got {a.shape} and {b.shape}")
        worst = max(worst, float((a - b).abs().max() / b.abs().max()))
    return worst


def count(model: nn.Module) -> int:
    """Return how many trainable numbers a network has."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return normal noise, the same on every machine."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def draw_boxes(number: int, seed: int = 0, size: float = 96, smallest: float = 12) -> Tensor:
    """Return random boxes [number, 4] inside a square of `size` px, xyxy."""
    generator = torch.Generator().manual_seed(seed)
    sides = smallest + 0.3 * size * torch.rand(number, 2, generator=generator)
    corner = torch.rand(number, 2, generator=generator) * (size - sides)
    return torch.cat([corner, corner + sides], dim=1)
