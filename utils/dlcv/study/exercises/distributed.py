"""The exercises of lecture 08: a data-parallel step, backup workers, memory, warm-up, mirrors."""

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dlcv.device import peak_memory_mib
from dlcv.distributed.memory import saved_bytes, training_memory
from dlcv.distributed.simulation import expected_wait
from dlcv.study.exercises import alternating
from dlcv.study.exercises.base import Exercise, attempt, expect


# ------------------------------------------------------------------------ 08.data_parallel_step
def check_step(answer: object) -> None:
    """Compares the weights after one step with those of one device on all images."""
    for sizes in ((4, 4), (6, 1, 3)):
        torch.manual_seed(8)
        model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
        shards = [(torch.randn(n, 5).double(), torch.randint(0, 3, (n,))) for n in sizes]
        start = [p.detach().clone() for p in model.parameters()]
        leftover = [torch.ones_like(p) for p in model.parameters()]
        for parameter, gradient in zip(model.parameters(), leftover, strict=True):
            parameter.grad = gradient.clone()  # of some earlier step
        attempt(answer, model, shards, 0.5)
        moved = [(a - p.detach()) / 0.5 for a, p in zip(start, model.parameters(), strict=True)]
        compare_steps(moved, _with_weights(model, start), shards, leftover)


def _with_weights(model: nn.Module, weights: list[Tensor]) -> nn.Module:
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter, weight in zip(twin.parameters(), weights, strict=True):
            parameter.copy_(weight)
    return twin


def compare_steps(moved: list[Tensor], model: nn.Module, shards: list, leftover: list) -> None:
    """Ends the check unless the model moved against the gradient; a rival names the mistake."""
    sizes = [len(labels) for _, labels in shards]
    each = [_gradient(model, *shard) for shard in shards]  # of each shard's mean loss

    def mixed(shares: list[float], plus: float = 0.0) -> list[Tensor]:
        columns = zip(*each, leftover, strict=True)
        return [
            sum(s * g for s, g in zip(shares, gs, strict=True)) + plus * old for *gs, old in columns
        ]

    K, total = len(shards), sum(sizes)
    right = [n / total for n in sizes]
    if _equal(moved, mixed(right)):
        return
    case = f"shards of {sizes} images"
    zero = [torch.zeros_like(g) for g in each[0]]
    rivals = {
        "the weights did not change": zero,
        "the step went uphill": [-g for g in mixed(right)],
        "the gradients of an earlier step are still in there; clear them first": mixed(right, 1),
        "the shards have different sizes, weight each by its share $n_k/N$": mixed([1 / K] * K),
        "the gradients were added, not averaged": mixed([1.0] * K),
        "only the last shard counted; backward must add to what is there": each[-1],
        "only the first shard counted": each[0],
        "the sum over all images was used instead of their mean": mixed(sizes),
    }
    for why, rival in rivals.items():
        expect(not _equal(moved, rival), f"{case}: {why}.")
    worst = max((a - b).abs().max().item() for a, b in zip(moved, mixed(right), strict=True))
    expect(False, f"{case}: the step is off by up to {worst:.2g} in units of the gradient.")


def _gradient(model: nn.Module, images: Tensor, labels: Tensor) -> list[Tensor]:
    loss = cross_entropy(model(images), labels)
    return list(torch.autograd.grad(loss, tuple(model.parameters())))


def _equal(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.allclose(x, y, rtol=0, atol=1e-6) for x, y in zip(a, b, strict=True))


def solve_step(model, shards, lr):
    """Every worker's mean loss, weighted by its share; backward adds the gradients up."""
    total = sum(len(labels) for _, labels in shards)
    model.zero_grad()
    for images, labels in shards:
        loss = cross_entropy(model(images), labels)
        (loss * len(labels) / total).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= lr * parameter.grad


# -------------------------------------------------------------------------------- 08.backup_wait
def check_backup(answer: object) -> None:
    """Compares on a small table exactly, on exponential times with the formula to 3 %."""
    table = np.array([[4.0, 1.0, 9.0, 6.0, 7.0], [11.0, 3.5, 8.0, 2.5, 12.0]])
    for k, wanted in ((2, 3.75), (1, 1.75), (5, 10.5)):
        got = _number(attempt(answer, table.copy(), k))
        case = f"times {table.tolist()}, k = {k}"
        rivals = {
            "count from one: the first of all is place 0 of the sorted times": _kth(table, k + 1),
            "one place too early": _kth(table, k - 1),
            "the mean over the first k, but the round ends with the last of them": float(
                np.sort(table, axis=1)[:, :k].mean()
            ),
            "these are the first k columns, not the k fastest of each round": float(
                table[:, :k].max(axis=1).mean()
            ),
            "that is the mean of all times": float(table.mean()),
            "sort within each round (axis 1), not across rounds": float(
                np.sort(table, axis=0)[:, k - 1].mean()
            ),
            "that waits for all": float(table.max(axis=1).mean()),
            "this sorts from slow to fast": float(-np.sort(-table, axis=1)[:, k - 1].mean()),
        }
        if math.isclose(got, wanted, rel_tol=1e-9):
            continue
        for why, rival in rivals.items():
            is_rival = math.isclose(got, rival, rel_tol=1e-9)
            expect(not is_rival, f"{case}: expected {wanted}, got {got:g}: {why}.")
        expect(False, f"{case}: expected {wanted}, got {got:g}.")
    for k, n in ((10, 10), (10, 15)):
        times = np.random.default_rng(8).exponential(size=(20_000, n))
        got, formula = _number(attempt(answer, times, k)), expected_wait(k, n)
        message = f"first {k} of {n}: expected {formula:.3f} to within 3 %, got {got:.3f}."
        expect(abs(got / formula - 1) < 0.03, message)


def _kth(table: np.ndarray, k: int) -> float:
    places = np.sort(table, axis=1)
    return float(places[:, k - 1].mean()) if 1 <= k <= table.shape[1] else math.nan


def _number(value: object) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        expect(False, f"expected one number, got {type(value).__name__}.")


def solve_backup(times, k):
    """Sort each round; it ends when the k-th is done."""
    return np.sort(times, axis=1)[:, k - 1].mean()


# ------------------------------------------------------------------------------------- 08.memory
def check_memory(answer: object) -> None:
    """Compares with the book's estimate; on a GPU with the measured peak of a step as well."""
    torch.manual_seed(8)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    model[0].weight.requires_grad_(False)
    for count, optimiser in ((1, "sgd"), (4, "momentum"), (4, "adam")):
        images = torch.randn(count, 3, 8, 8)
        parts = training_memory(model, images, optimiser)
        got = _number(attempt(answer, model, images, optimiser))
        case = f"{count} image{'s' * (count > 1)}, {optimiser!r}"
        _name_memory(got, parts, case)
    if torch.cuda.is_available():
        _check_peak(answer)


def _name_memory(got: float, parts: object, case: str) -> None:
    if abs(got / parts.total - 1) < 1e-6:
        return
    weights, state = parts.parameters, parts.optimiser
    rivals = {
        "that is the number of values; float32 has 4 bytes each": parts.total / 4,
        "in MiB, but bytes are asked for": parts.total / 2**20,
        "the optimiser's state is missing": parts.total - state,
        "momentum keeps one number for each weight, Adam two": parts.total - state // 2,
        "the gradients are missing": parts.total - parts.gradients,
        "the activations are missing": parts.total - parts.activations,
        "the parameters themselves are missing": parts.total - weights,
        "frozen weights have no gradient and no state": parts.total
        + (weights - parts.gradients) * (1 + state // parts.gradients),
    }
    for why, rival in rivals.items():
        expect(abs(got - rival) > 1e-6 * rival, f"{case}: expected {parts.total:,}: {why}.")
    expect(False, f"{case}: expected {parts.total:,} bytes, got {got:,.0f}.")


def _check_peak(answer: object) -> None:
    layers = [nn.Linear(4096, 4096) for _ in range(4)]
    before = peak_of(lambda: None)
    model = nn.Sequential(*layers).cuda()
    images = torch.randn(64, 4096, device="cuda")
    adam = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        model(images).sum().backward()
        adam.step()

    measured = (peak_of(step) - before) * 2**20
    got = _number(attempt(answer, model, images, "adam"))
    message = f"on this GPU: the peak was {measured:,.0f} bytes, you estimate {got:,.0f}."
    expect(abs(got / measured - 1) < 0.1, message)


def peak_of(call: object) -> float:
    """The peak of a call's memory on the GPU, in MiB."""
    torch.cuda.reset_peak_memory_stats()
    call()
    return peak_memory_mib("cuda")


def solve_memory(model, images, optimiser):
    """Weights; a gradient and the optimiser's numbers for each that is trained; activations."""
    states = {"sgd": 0, "momentum": 1, "adam": 2}[optimiser]
    weights = sum(p.nbytes for p in model.parameters())
    trained = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    return weights + trained + states * trained + saved_bytes(model, images)


# ------------------------------------------------------------------------------------- 08.warmup
def check_warmup(answer: object) -> None:
    """Compares at the first step, in the middle, at the end, and after it."""
    for t, rate, k, steps in ((0, 0.1, 32, 10), (5, 0.1, 32, 10), (10, 0.1, 32, 10),
                              (37, 0.1, 32, 10), (1, 0.2, 8, 4), (0, 0.2, 8, 0)):  # fmt: skip
        wanted = k * rate if t >= steps else rate + (k * rate - rate) * t / steps
        got = _number(attempt(answer, t, rate, k, steps))
        case = f"t = {t}, rate {rate}, k = {k}, warmup_steps = {steps}"
        part = t / max(1, steps)
        rivals = {
            "it begins at 0; begin at the small batch's own rate": k * rate * part,
            "step 0 has the small rate itself; t counts from 0": rate
            + (k * rate - rate) * (t + 1) / max(1, steps),
            "after the warm-up the rate stays at k times the rate": rate + (k * rate - rate) * part,
            "the rate must rise to k times the rate": rate,
            "there must be a rise, not a jump": k * rate,
            "linear, not exponential": rate * k**part,
        }
        if math.isclose(got, wanted, rel_tol=1e-6):
            continue
        for why, rival in rivals.items():
            is_rival = math.isclose(got, rival, rel_tol=1e-6, abs_tol=1e-12)
            expect(not is_rival, f"{case}: expected {wanted:g}, got {got:g}: {why}.")
        expect(False, f"{case}: expected {wanted:g}, got {got:g}.")


def solve_warmup(t, rate, k, warmup_steps):
    """A straight line from rate to k rate, then flat."""
    if t >= warmup_steps:
        return k * rate
    return rate + (k * rate - rate) * t / warmup_steps


EXERCISES = {
    "08.data_parallel_step": Exercise(
        "A data-parallel step by hand",
        check_step,
        (
            "The gradient of a mean over all images: what is each shard's part in it?",
            "Multiply each shard's mean loss by $n_k/N$ and call `backward()` on it; gradients "
            "add up in `.grad`. What must `.grad` hold before the first one?",
            "`model.zero_grad()`, then for each shard `(loss * len(labels) / total).backward()`, "
            "then under `torch.no_grad()`: `parameter -= lr * parameter.grad`.",
        ),
        solve_step,
        "The same lines are gradient accumulation, if the shards come one after the other.",
    ),
    "08.backup_wait": Exercise(
        "Waiting for the first k",
        check_backup,
        (
            "When does a round end, if you wait for the first $k$ of its workers?",
            "Sort each row of `times`. Which place holds the $k$-th fastest?",
            "`np.sort(times, axis=1)[:, k - 1]` holds the end of each round.",
        ),
        solve_backup,
        "Try it with `np.random.default_rng(0).pareto(2, (20000, 15))`: the tail is what counts.",
    ),
    "08.memory": Exercise(
        "What a training holds",
        check_memory,
        (
            "Four parts. Which of them do frozen weights (`requires_grad=False`) not have?",
            "`p.nbytes` is the memory of a parameter. Plain descent remembers nothing, momentum "
            "one number a trained weight, Adam two.",
            "All parameters, plus trained parameters times (1 + states), plus "
            "`saved_bytes(model, images)`.",
        ),
        solve_memory,
        "With Adam, weights cost four times their own size before the first image arrives.",
    ),
    "08.warmup": Exercise(
        "Gradual warm-up",
        check_warmup,
        (
            "A straight line through two points: which, and at which steps?",
            "At $t=0$ the rate is $\\eta$, at $t=T$ it is $k\\eta$. From there on it stays.",
            "`rate + (k * rate - rate) * t / warmup_steps` while `t < warmup_steps`.",
        ),
        solve_warmup,
        "With $T=0$ this is no warm-up at all, and no division by zero either.",
    ),
} | alternating.EXERCISES
