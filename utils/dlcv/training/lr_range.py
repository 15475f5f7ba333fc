"""The learning-rate range test: one short training whose rate climbs until it breaks."""

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

STOP_AT = 3.0  # times the first loss


class RangeTest(NamedTuple):
    """What a range test saw, and the rate it suggests."""

    rates: list[float]
    losses: list[float]
    suggestion: float


def lr_range_test(
    model: nn.Module,
    batches: Iterable,
    loss_fn: Callable[[nn.Module, Any], Tensor],
    *,
    low: float = 1e-5,
    high: float = 10.0,
    steps: int = 100,
    momentum: float = 0.0,
) -> RangeTest:
    """Take SGD steps at η_i = low (high / low)^(i / (steps − 1)) and record the loss before each.

    It stops where the loss exceeds three times the first one, or is no longer finite. A copy of the
    model is trained: the model, its modes and its gradients stay as they are.

    Args:
        model: The model, with the weights it would start from.
        batches: Mini-batches, repeated as often as needed.
        loss_fn: Function (model, batch) -> loss.
        low: First rate, above 0.
        high: Last rate, above low.
        steps: At least 2.
        momentum: Of SGD. The best rate depends on it: use what the training will use.

    Returns:
        The rates and losses, and a rate to begin with; see :func:`suggest_rate`.

    Raises:
        ValueError: If the range, the number of steps or the batches leave nothing to do.

    Reference:
        L. N. Smith, Cyclical learning rates for training neural networks, WACV 2017, section 3.3.

    Taught in: lectures/03_training
    """
    if not 0 < low < high or steps < 2:
        raise ValueError(f"expected 0 < low < high and steps >= 2, got {low}, {high}, {steps}")
    trial = copy.deepcopy(model)
    optimiser = torch.optim.SGD(trial.parameters(), lr=low, momentum=momentum)
    rates, losses = [], []
    for i, batch in zip(range(steps), endless(batches), strict=False):
        optimiser.param_groups[0]["lr"] = low * (high / low) ** (i / (steps - 1))
        loss = loss_fn(trial, batch)
        rates.append(optimiser.param_groups[0]["lr"])
        losses.append(loss.item())
        if not losses[-1] <= STOP_AT * losses[0]:  # also where it is no number
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return RangeTest(rates, losses, suggest_rate(rates, losses))


def endless(batches: Iterable) -> Iterable:
    """The batches, epoch after epoch, each with its own order where they know epochs."""
    for number in itertools.count():
        batch = None
        for batch in batches.epoch(number) if hasattr(batches, "epoch") else batches:
            yield batch
        if batch is None:
            raise ValueError("expected at least one batch, got none")


def smooth(values: Iterable[float], keep: float = 0.8) -> list[float]:
    """A moving mean, v̄ ← β v̄ + (1 − β) v, corrected for its start at zero as in Adam.

    Args:
        values: Numbers.
        keep: β in [0, 1).
    """
    mean, smoothed = 0.0, []
    for i, value in enumerate(values, start=1):
        mean = keep * mean + (1 - keep) * value
        smoothed.append(mean / (1 - keep**i))
    return smoothed


def suggest_rate(rates: list[float], losses: list[float], share: float = 0.5) -> float:
    """A rule of thumb: half the rate at which the smoothed loss was lowest.

    The loss is lowest just before the steps begin to do harm; a training needs some distance.

    Args:
        rates: Rising.
        losses: As many, the last of which may be infinite or no number.
        share: Of the rate at the lowest point; teaching value.

    Raises:
        ValueError: If no loss is finite.
    """
    finite = [(rate, loss) for rate, loss in zip(rates, losses, strict=True) if math.isfinite(loss)]
    if not finite:
        raise ValueError(f"expected a finite loss, got {losses}")
    smoothed = smooth(loss for _, loss in finite)
    return share * finite[min(range(len(finite)), key=smoothed.__getitem__)][0]
