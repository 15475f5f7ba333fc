"""Lecture 03, the exercises about what a network is shown: 03.dropout and 03.augment."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dlcv.study.exercises.base import NotAttempted, Wrong, attempt, expect

# 03.dropout


def solve_dropout(activations, rate, training, generator):
    if not training:
        return activations
    mask = torch.rand(activations.shape, generator=generator) >= rate
    return activations * mask / (1 - rate)


def check_dropout(answer: object) -> None:
    """Shape, share, scale, one chance for each entry, and the identity in evaluation."""
    ones = torch.ones(400, 500)
    for rate in (0.2, 0.5, 0.9):
        got = attempt(answer, ones, rate, True, torch.Generator().manual_seed(1))
        check_tensor(got, ones)
        zeros = (got == 0).float()
        check_share(zeros.mean().item(), rate)
        check_scale(got, rate)
        by_row, by_column = zeros.mean(dim=1), zeros.mean(dim=0)
        expect(
            by_row.std() < 0.06 and by_column.std() < 0.06,
            "whole rows or columns are dropped together: every entry needs a chance of its own.",
        )
    draws = [attempt(answer, ones, 0.5, True, torch.Generator().manual_seed(k)) for k in (1, 1, 2)]
    expect(draws[0].equal(draws[1]), "the same generator gave two masks: pass it to `torch.rand`.")
    expect(not draws[0].equal(draws[2]), "the mask must change with the generator.")
    x = torch.linspace(-2, 2, 60).reshape(6, 10)
    kept = attempt(answer, x, 0.5, False, torch.Generator().manual_seed(1))
    expect(
        isinstance(kept, Tensor) and kept.shape == x.shape and torch.allclose(kept, x),
        "with training=False nothing may change: no mask and no factor.",
    )
    signed = attempt(answer, x, 0.5, True, torch.Generator().manual_seed(1))
    ratio = signed[x != 0] / x[x != 0]
    expect(
        bool(((ratio - 2).abs() < 1e-4).logical_or(ratio.abs() < 1e-6).all()),
        "every entry becomes either 0 or itself divided by $1-p$, negative ones too.",
    )


def check_tensor(got: object, like: Tensor) -> None:
    """A tensor of the shape of the inputs."""
    expect(isinstance(got, Tensor), f"expected a tensor, got {type(got).__name__}.")
    shapes = f"expected shape {list(like.shape)}, got {list(got.shape)}"
    expect(got.shape == like.shape, f"{shapes}: dropout keeps the shape, and sets entries to 0.")


def check_share(share: float, rate: float) -> None:
    """The share of zeros."""
    if abs(share - rate) < 0.01:
        return
    found = f"rate {rate}: {share:.0%} of the entries are 0"
    turned = abs(share - (1 - rate)) < 0.01
    hint = " You keep where you should drop: `torch.rand(...) >= rate` stays." if turned else ""
    raise Wrong(f"{found}, expected {rate:.0%}.{hint}")


def check_scale(got: Tensor, rate: float) -> None:
    """What is left keeps the mean."""
    kept = got[got != 0]
    if torch.allclose(kept, torch.full_like(kept, 1 / (1 - rate)), rtol=1e-4):
        return
    mean = got.mean().item()
    slips = {
        1.0: "divide what is left by $1-p$, or the next layer gets less than in evaluation",
        1 / rate: "you divide by $p$; what is left is divided by the share that *stays*, $1-p$",
        1 - rate: "you multiply by $1-p$; training divides by it, so that evaluation need not",
    }
    for value, why in slips.items():
        if torch.allclose(kept, torch.full_like(kept, value), rtol=1e-4):
            raise Wrong(f"rate {rate}: the mean fell or rose from 1 to {mean:.2f}: {why}.")
    raise Wrong(f"rate {rate}: a kept 1 must become {1 / (1 - rate):.3g}, yours {kept[0]:.3g}.")


# 03.augment

HALF_TURN = {0: 0, 1: 1, 2: 2, 3: None, 4: None, 5: 5, 6: 9, 7: None, 8: 8, 9: 6}


def solve_augment(images, generator, d=1, std=0.05):
    B, _, H, W = images.shape
    padded = F.pad(images, (d, d, d, d))
    starts = torch.randint(2 * d + 1, (B, 2), generator=generator).tolist()
    windows = [image[:, i : i + H, j : j + W] for image, (i, j) in zip(padded, starts, strict=True)]
    noise = std * torch.randn(images.shape, generator=generator)
    return (torch.stack(windows) + noise).clamp(0, 1)


def check_augment(answer: object) -> None:
    """A pair: the function, then the table."""
    expect(
        isinstance(answer, tuple) and len(answer) == 2,
        "hand over a pair: the function and the table of half turns.",
    )
    function, table = answer
    check_pipeline(function)
    if table is ...:
        raise NotAttempted
    check_table(table)


def run(function: object, images: Tensor, seed: int, **settings: float) -> Tensor:
    """The reader's images, as a tensor of the right shape."""
    got = attempt(function, images, torch.Generator().manual_seed(seed), **settings)
    expect(isinstance(got, Tensor), f"expected a tensor of images, got {type(got).__name__}.")
    shapes = f"expected shape {list(images.shape)}, got {list(got.shape)}"
    expect(got.shape == images.shape, f"{shapes}: cut windows of the old size.")
    return got


def check_pipeline(function: object) -> None:
    """Shape, range, the generator, the shifts, the noise."""
    images = torch.rand(8, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    noisy = run(function, images, 1, std=0.3)
    expect(
        noisy.min() >= 0 and noisy.max() <= 1,
        f"values from {noisy.min():.2f} to {noisy.max():.2f}: clip to [0, 1] after the noise.",
    )
    expect(
        noisy.equal(run(function, images, 1, std=0.3)),
        "the same generator gave two results: draw shifts *and* noise from it.",
    )
    expect(not noisy.equal(run(function, images, 2, std=0.3)), "another generator, same result.")
    for d in (1, 2):
        check_shifts(function, images, d)
    flat = torch.full((4, 1, 40, 40), 0.5)
    spread = run(function, flat, 1, d=0, std=0.05).std().item()
    expect(
        abs(spread - 0.05) < 0.005, f"the noise has a spread of {spread:.3f}, expected std = 0.05."
    )


def check_shifts(function: object, images: Tensor, d: int) -> None:
    """Without noise every result is one of the (2d + 1)² windows, and all of them occur."""
    one = images[:1]
    H, W = one.shape[2:]
    padded = F.pad(one, (d, d, d, d))[0]
    windows = torch.stack(
        [padded[:, i : i + H, j : j + W] for i in range(2 * d + 1) for j in range(2 * d + 1)]
    )
    got = run(function, one.expand(400, -1, -1, -1), 3, d=d, std=0.0)
    match = (got[:, None] - windows[None]).abs().amax(dim=(2, 3, 4)) < 1e-6  # [400, windows]
    wrapped = torch.stack(
        [one[0].roll((i, j), (1, 2)) for i in range(-d, d + 1) for j in range(-d, d + 1)]
    )
    if not match.any(dim=1).all():
        rolls = (got[:, None] - wrapped[None]).abs().amax(dim=(2, 3, 4)) < 1e-6
        expect(
            not rolls.any(dim=1).all(),
            "what leaves on one side comes back on the other: `roll` wraps round. Fill with zeros.",
        )
        raise Wrong(f"d = {d}, std = 0: some image is no shift by whole pixels, filled with zeros.")
    seen = int(match.any(dim=0).sum())
    expect(seen > 1, "all images of a batch are shifted alike: each needs a draw of its own.")
    total = (2 * d + 1) ** 2
    expect(
        seen == total,
        f"d = {d}: {seen} different shifts in 400 draws, expected all {total}, from $-d$ to $d$ "
        "in both directions (`torch.randint(2 * d + 1, ...)`: its end is excluded).",
    )


def check_table(table: object) -> None:
    """What becomes of each digit by a half turn."""
    expect(isinstance(table, dict), f"the table is a dict, got {type(table).__name__}.")
    missing = sorted(set(range(10)) - set(table))
    expect(not missing, f"the table lacks {missing}.")
    for digit, becomes in HALF_TURN.items():
        name = "no digit (None)" if becomes is None else f"a {becomes}"
        expect(table[digit] == becomes, f"a {digit} turned by 180° is {name}: try it on paper.")
