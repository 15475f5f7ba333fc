"""What to look at beside the loss: how far the weights move in a step, and what the units say."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def update_ratios(before: Iterable[Tensor], after: Iterable[Tensor]) -> list[float]:
    """‖ΔW‖ / ‖W‖ for each tensor: the length of a step as a share of what is moved.

    Args:
        before: Copies of the weights before a step.
        after: The weights after it, in the same order.

    Returns:
        One ratio each; infinite where the weights were all zero and moved, 0 where nothing moved.

    Raises:
        ValueError: If the shapes differ.

    Taught in: lectures/03_training
    """
    ratios = []
    for old, new in zip(before, after, strict=True):
        if old.shape != new.shape:
            raise ValueError(f"expected equal shapes, got {list(old.shape)}, {list(new.shape)}")
        moved, size = (new - old).norm().item(), old.norm().item()
        ratios.append(moved / size if size else float("inf") if moved else 0.0)
    return ratios


@torch.no_grad()
def activation_statistics(model: nn.Sequential, inputs: Tensor) -> list[dict[str, float]]:
    """Mean, spread and share of zeros of what comes out of each layer of a chain.

    Args:
        model: Layers in a row, in the mode in which they shall run.
        inputs: [N, ...].

    Returns:
        For each layer a dict with "mean", "std" and "zeros" (a share).

    Taught in: lectures/03_training
    """
    found = []
    for layer in model:
        inputs = layer(inputs)
        zeros = (inputs == 0).float().mean().item()
        found.append({"mean": inputs.mean().item(), "std": inputs.std().item(), "zeros": zeros})
    return found
