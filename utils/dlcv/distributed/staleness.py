"""What a stale gradient does to descent, on the simplest bowl there is."""

import math


def delayed_descent(lr: float, delay: int, steps: int, start: float = 1.0) -> list[float]:
    """Descend on f(x) = x^2 / 2 with gradients that are `delay` steps old.

    x_{t+1} = x_t - lr x_{t - delay}; before the first step, x was always at the start.

    Args:
        lr: Learning rate times curvature.
        delay: Steps, at least 0.
        steps: How many to take.
        start: x_0.

    Returns:
        x_0 ... x_steps.

    Raises:
        ValueError: If delay or steps is negative.

    Taught in: lectures/08_gpu_and_distributed
    """
    if delay < 0 or steps < 0:
        raise ValueError(f"expected delay and steps >= 0, got {delay} and {steps}")
    path = [start]
    for t in range(steps):
        seen = path[max(0, t - delay)]
        path.append(path[t] - lr * seen)
    return path


def largest_stable_rate(delay: int) -> float:
    """Return the rate (times curvature) below which `delayed_descent` converges.

    2 sin(pi / (2 (2 delay + 1))): 2 without delay, 1 with one step, about pi / (2 delay) for many.

    Args:
        delay: Steps, at least 0.

    Raises:
        ValueError: If delay is negative.

    Reference: Levin and May (1976), A note on difference-delay equations.
    """
    if delay < 0:
        raise ValueError(f"expected delay >= 0, got {delay}")
    return 2 * math.sin(math.pi / (2 * (2 * delay + 1)))
