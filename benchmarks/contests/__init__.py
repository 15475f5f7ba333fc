"""Speed as a ratio: two ways to the same result, by turns, on the same machine in the same run.

A second on one machine says nothing about another; how much longer one way takes than the other
travels better. `benchmarks.speed` runs all contests.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

ENOUGH_S = 0.02  # a turn lasts at least this long, so that the clock's own time does not count
BUDGET_S = 4.0  # all turns of a contest together, about
FEWEST, MOST = 5, 15  # turns of each side


class Pair(NamedTuple):
    """Both sides of a contest, on the same input; `theirs` is None where nobody else has one."""

    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None


@dataclass(frozen=True)
class Contest:
    """What is compared.

    Attributes:
        what: What both do, and at which size.
        lecture: Where ours is taught.
        reference: What it is compared with, or why with nothing.
        make: Function (device) -> the two sides.
        same: Whether both return the same numbers; if not, the data card says what differs.
        needs: A package that the reference needs besides torchvision.
    """

    what: str
    lecture: str
    reference: str
    make: Callable[[torch.device], Pair]
    same: bool = True
    needs: str | None = None


@dataclass(frozen=True)
class Timing:
    """What was measured: medians of both sides in milliseconds, and quartiles of their ratio."""

    ours_ms: float
    theirs_ms: float | None
    ratio: float | None
    low: float | None
    high: float | None


def clock_of(device: torch.device) -> Callable[[], float]:
    """Return a clock in seconds that waits until the device has done its work."""
    if device.type != "cuda":
        return time.perf_counter

    def now() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def turn_s(call: Callable[[], Any], calls: int, clock: Callable[[], float]) -> float:
    """Return the seconds of one call, the mean over one turn."""
    start = clock()
    for _ in range(calls):
        call()
    return (clock() - start) / calls


def time_pair(
    pair: Pair, clock: Callable[[], float] = time.perf_counter, budget_s: float = BUDGET_S
) -> Timing:
    """Time both sides by turns, ours first in every other round, after a warm-up.

    Args:
        pair: The sides.
        clock: Returns seconds.
        budget_s: How long all turns may take together, about.

    Returns:
        The medians, and the median and quartiles of the ratio ours / theirs within each round.
    """
    sides = [side for side in pair if side is not None]
    warm = [turn_s(side, 2, clock) for side in sides]  # caches, lazy initialisation, kernels
    calls = [max(1, math.ceil(ENOUGH_S / max(seconds, 1e-9))) for seconds in warm]
    calls = [min(count, 10_000) for count in calls]
    round_s = sum(count * seconds for count, seconds in zip(calls, warm, strict=True))
    rounds = min(MOST, max(FEWEST, int(budget_s / max(round_s, 1e-9))))
    times = [[] for _ in sides]
    for number in range(rounds):
        order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
        for side in order:
            times[side].append(turn_s(sides[side], calls[side], clock))
    return summarise(*times)


def summarise(ours: list[float], theirs: list[float] | None = None) -> Timing:
    """Return medians and the ratio's quartiles, from the seconds of each round."""
    if theirs is None:
        return Timing(1e3 * statistics.median(ours), None, None, None, None)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    medians = (1e3 * statistics.median(times) for times in (ours, theirs))
    return Timing(*medians, middle, low, high)
