"""Lecture 03, the exercises about weights and steps: 03.he, 03.adam and 03.range_test."""

import copy
import itertools
import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.data.bundled import load_digits_split
from dlcv.scratch.initialisation import initialise
from dlcv.study.exercises.base import Wrong, attempt, expect

# 03.he


def solve_he(shape, generator):
    fan_in = math.prod(shape[1:])
    return math.sqrt(2 / fan_in) * torch.randn(shape, generator=generator)


def check_he(answer: object) -> None:
    """Spread, mean and reproducibility, for a linear layer and a convolution."""
    for shape in ((700, 300), (150, 40, 3, 5), (64, 800)):
        got = attempt(answer, shape, torch.Generator().manual_seed(0))
        expect(isinstance(got, Tensor), f"expected a tensor, got {type(got).__name__}.")
        expect(got.shape == shape, f"expected shape {list(shape)}, got {list(got.shape)}.")
        again = attempt(answer, shape, torch.Generator().manual_seed(0))
        expect(got.equal(again), "the same generator must give the same weights.")
        std = got.std().item()
        expect(abs(got.mean().item()) < 0.2 * std + 1e-12, "the mean must be 0.")
        right = math.sqrt(2 / math.prod(shape[1:]))
        if abs(std / right - 1) > 0.05:
            raise Wrong(
                f"shape {list(shape)}: spread {std:.4f}, expected {right:.4f}.{why(shape, std)}"
            )


def why(shape: tuple[int, ...], std: float) -> str:
    """Which slip leads to a spread."""
    fan_in, fan_out = math.prod(shape[1:]), shape[0] * math.prod(shape[2:])
    slips = {
        math.sqrt(1 / fan_in): "That is Xavier's: the ReLU needs twice the variance.",
        2 / fan_in: "That is the *variance*; the spread is its root.",
        math.sqrt(2 / fan_out): "You divide by the fan-out: shape[0] is what goes out.",
        math.sqrt(2 / shape[1]): "Each of the $K_h K_w$ taps adds a product: count them too.",
        math.sqrt(2 / (fan_in + fan_out)): "That is Xavier's compromise of fan-in and fan-out.",
        1.0: "These are plain standard normal numbers: scale them.",
    }
    for value, message in slips.items():
        if abs(std / value - 1) < 0.05:
            return " " + message
    return ""


# 03.adam


def solve_adam(theta, gradient, state, lr, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, s, t = (0, 0, 0) if state is None else state
    t = t + 1
    m = beta1 * m + (1 - beta1) * gradient
    s = beta2 * s + (1 - beta2) * gradient**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return theta - lr * m_hat / (s_hat.sqrt() + epsilon), (m, s, t)


ADAM_SLIPS = {
    "your step goes uphill: subtract it": {"sign": 1.0},
    "the bias correction is missing: $m$ and $s$ are divided by $1-\\beta^t$ before use": {
        "is_corrected": False
    },
    "the root is missing: divide by $\\sqrt{\\hat s}$": {"root": 1.0},
    "$t$ is the number of the step and begins at 1; yours stays 1": {"is_counting": False},
    "the second mean is of $g^2$; yours is of $|g|$": {"power": 1.0},
}


def slipped_adam(
    theta: Tensor,
    gradients: list[Tensor],
    lr: float,
    sign: float = -1.0,
    is_corrected: bool = True,
    root: float = 0.5,
    is_counting: bool = True,
    power: float = 2.0,
) -> Tensor:
    """Where Adam with a slip in it ends."""
    m = s = torch.zeros_like(theta)
    for step, g in enumerate(gradients, start=1):
        t = step if is_counting else 1
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g.abs() ** power
        m_hat, s_hat = (m / (1 - 0.9**t), s / (1 - 0.999**t)) if is_corrected else (m, s)
        theta = theta + sign * lr * m_hat / (s_hat**root + 1e-8)
    return theta


def check_adam(answer: object) -> None:
    """Fifty steps against torch, at the first step and at the last."""
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(5, 3, generator=draw, dtype=torch.float64)
    gradients = [torch.randn(5, 3, generator=draw, dtype=torch.float64) for _ in range(50)]
    reference = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([reference], lr=0.02)
    mine, state = start.clone(), None
    for step, gradient in enumerate(gradients, start=1):
        result = attempt(answer, mine, gradient.clone(), state, 0.02)
        expect(
            isinstance(result, tuple) and len(result) == 2,
            "return a pair: the new weights and the new state.",
        )
        mine, state = result
        expect(
            isinstance(mine, Tensor) and mine.shape == start.shape,
            "the first of the pair must be the new weights, of the shape of the old ones.",
        )
        reference.grad = gradient
        optimiser.step()
        if step in (1, 50) and (mine - reference.detach()).abs().max() > 1e-6:
            explain_adam(mine, start, gradients[:step])
    settings = {"beta1": 0.5, "beta2": 0.5, "epsilon": 1.0}
    moved, _ = attempt(answer, torch.zeros(1), torch.full((1,), 3.0), None, 0.1, **settings)
    expect(
        abs(moved.item() + 0.1 * 3 / 4) < 1e-6,
        "use the arguments `beta1`, `beta2` and `epsilon`; $\\epsilon$ stands beside the root.",
    )


def explain_adam(mine: Tensor, start: Tensor, gradients: list[Tensor]) -> None:
    """Say which slip leads to the same weights, or how far off they are."""
    for message, slip in ADAM_SLIPS.items():
        if torch.allclose(mine, slipped_adam(start, gradients, 0.02, **slip), rtol=1e-6, atol=1e-8):
            raise Wrong(f"after step {len(gradients)}: {message}.")
    right = slipped_adam(start, gradients, 0.02)
    error = (mine - right).abs().max().item()
    raise Wrong(f"after step {len(gradients)} you are {error:.2g} away from torch's Adam.")


# 03.range_test


def solve_range_test(model, batches, loss_fn):
    trial, rates, smoothed, mean = copy.deepcopy(model), [], [], 0.0
    for i, batch in zip(range(100), itertools.cycle(batches), strict=False):
        lr = 1e-4 * 10 ** (i / 20)  # from 0.0001 to 10
        loss = loss_fn(trial, batch)
        mean = 0.8 * mean + 0.2 * loss.item()
        rates.append(lr)
        smoothed.append(mean / (1 - 0.8 ** (i + 1)))
        if not loss.item() < 3 * smoothed[0]:
            break
        trial.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in trial.parameters():
                parameter -= lr * parameter.grad
    lowest = min(range(len(rates)), key=smoothed.__getitem__)
    return 0.5 * rates[lowest]


SWEEP = [10 ** (k / 4) for k in range(-14, 5)]
WITHIN = 3.0  # times the best rate of the sweep
SAME_LOSS = 1.25  # or a loss this near to the best one


def range_case(size: float) -> tuple[nn.Module, list, list]:
    """A network, its batches of digits with values up to `size`, and the same for validation."""
    split = load_digits_split()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    initialise(model, "he", torch.Generator().manual_seed(3))
    order = torch.randperm(len(split.train.labels), generator=torch.Generator().manual_seed(0))
    images, labels = size * split.train.images[order], split.train.labels[order]
    batches = list(zip(images.split(32), labels.split(32), strict=True))
    return model, batches, [(size * split.validation.images, split.validation.labels)]


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of a batch."""
    return F.cross_entropy(model(batch[0]), batch[1])


def loss_after(model: nn.Module, batches: list, validation: list, lr: float) -> float:
    """The validation loss after two epochs of SGD at a rate; infinite where it broke down."""
    model = copy.deepcopy(model)
    optimiser = torch.optim.SGD(model.parameters(), lr)
    for batch in batches * 2:
        loss = loss_of(model, batch)
        if not loss.isfinite():
            return math.inf
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        loss = loss_of(model, validation[0]).item()
    return loss if math.isfinite(loss) else math.inf


@cache
def sweep(size: float) -> list[float]:
    """The loss after two epochs at every rate of the sweep."""
    model, batches, validation = range_case(size)
    return [loss_after(model, batches, validation, lr) for lr in SWEEP]


def check_range_test(answer: object) -> None:
    """Two networks with different good rates; the model must stay as it was."""
    for size in (1.0, 16.0):
        model, batches, validation = range_case(size)
        before = copy.deepcopy(model.state_dict())
        rate = attempt(answer, model, list(batches), loss_of)
        expect(
            all(before[name].equal(value) for name, value in model.state_dict().items()),
            "the model has changed: train a copy, `copy.deepcopy(model)`.",
        )
        expect(
            isinstance(rate, int | float) and math.isfinite(rate) and rate > 0,
            f"return one rate above 0, got {rate!r}.",
        )
        losses = sweep(size)
        best = SWEEP[losses.index(min(losses))]
        reached = loss_after(model, batches, validation, rate)
        if best / WITHIN <= rate <= best * WITHIN or reached <= SAME_LOSS * min(losses):
            continue
        way = "too low" if rate < best else "too high"
        hint = (
            "Look where the loss is lowest, not where it begins to fall."
            if rate < best
            else "At the lowest loss, the rate is already on the edge: stay below it."
        )
        raise Wrong(f"pixels up to {size:g}: {rate:.2g} is {way}; a sweep says {best:.2g}. {hint}")
