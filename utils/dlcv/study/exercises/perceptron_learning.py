"""Lecture 01, the two exercises in which a rule learns: 01.perceptron and 01.pocket."""

from collections.abc import Callable

import torch
from torch import Tensor

from dlcv.scratch.perceptron import Perceptron, augment, boolean_inputs, sign
from dlcv.scratch.separability import max_margin_separator, novikoff_bound
from dlcv.study.exercises.base import NotAttempted, Wrong, attempt, expect

# 01.perceptron: the learning rule as a function


def learn(points, labels, max_passes):
    """Returns the learnt weights, the bias last, and the number of mistakes."""
    inputs = torch.cat([points, torch.ones(len(points), 1)], dim=1).double()
    weights, mistakes = torch.zeros(inputs.shape[1]).double(), 0
    for _ in range(max_passes):
        mistakes_before = mistakes
        for x, y in zip(inputs, labels, strict=True):
            if y * (weights @ x) <= 0:
                weights = weights + y * x
                mistakes += 1
        if mistakes == mistakes_before:
            break
    return weights, mistakes


SLIPS = {  # what to tell the reader: (when the slip updates, what it adds times x̃)
    "your update adds the *prediction* (or $-y$, which on a mistake is the same) times "
    "$\\tilde{x}$. A wrong prediction then pushes the weights further the wrong way, and they run "
    "away: add the *label* times $\\tilde{x}$.": (
        lambda agreement: agreement <= 0,
        lambda y, score: sign(score),
    ),
    "the weights never leave 0. All scores are 0 there, so a test for $< 0$ sees no mistake: "
    "a score of exactly 0 has to count as one ($\\le 0$).": (
        lambda agreement: agreement < 0,
        lambda y, score: y,
    ),
    "you update on every point. The rule leaves the weights alone where the point is right "
    "already ($y\\tilde{w}^\\top\\tilde{x} > 0$).": (
        lambda agreement: True,
        lambda y, score: y,
    ),
    "you stop after the first update. Go on to the next point, and pass over the data until a "
    "whole pass is free of mistakes.": (
        lambda agreement: agreement == 0,  # on all sets here, only the very first score is 0
        lambda y, score: y,
    ),
}


def run_rule(
    points: Tensor, labels: Tensor, passes: int, is_mistake: Callable, amount: Callable
) -> Tensor:
    """The rule with a slip in it: another test for a mistake, or another amount to add."""
    weights = torch.zeros(points.shape[1] + 1, dtype=torch.float64)
    for _ in range(passes):
        for x, y in zip(augment(points), labels, strict=True):
            score = weights @ x
            if is_mistake(y * score):
                weights = weights + amount(y, score) * x
    return weights


def check_learn(answer: object) -> None:
    """Two cases worked by hand, then 20 random separable sets."""
    check_by_hand(answer, "AND", [-1, -1, -1, 1], [1.0, 1.0, -1.0], 1)
    check_by_hand(answer, "OR", [-1, 1, 1, 1], [1.0, 1.0, 1.0], 3)
    points, labels = separable_set(0)
    weights, _ = unpack(attempt(answer, points, labels, 10))
    expect_no_slip("40 random points", weights, points, labels)
    for seed in range(20):
        check_separable_set(answer, *separable_set(seed))


def check_by_hand(answer: object, gate: str, table: list, expected: list, mistakes: int) -> None:
    """A gate that one can learn on paper: its weights up to a factor, and its mistakes."""
    points, labels = boolean_inputs(2), torch.tensor(table)
    weights, count = unpack(attempt(answer, points, labels, 10))
    if not same_direction(weights, torch.tensor(expected).double()):
        expect_no_slip(gate, weights, points, labels)
        expect(
            not same_direction(weights.roll(-1), torch.tensor(expected).double()),
            f"{gate}: the bias comes first in your weights; the book keeps it last.",
        )
        expect(
            weights[-1] != 0,
            f"{gate}: your bias stays at 0. It learns like every weight, from the appended 1.",
        )
        raise Wrong(f"{gate}: by hand one gets {expected}, you return {weights.tolist()}.")
    check_count(gate, count, mistakes)


def check_count(gate: str, count: int, mistakes: int) -> None:
    """Holds the number of mistakes to the one counted by hand."""
    expect(count != 0, f"{gate}: you return 0. Count the updates made, not the errors left.")
    expect(
        count != 2,
        f"{gate}: you return 2, the number of passes. Count the updates: there are {mistakes}.",
    )
    expect(
        count % 4 != 0,
        f"{gate}: you return {count}, a multiple of 4: do you update on, or count, every point "
        "you visit? Only the mistakes count.",
    )
    expect(count == mistakes, f"{gate}: by hand one counts {mistakes} mistakes, you {count}.")


def expect_no_slip(name: str, weights: Tensor, points: Tensor, labels: Tensor) -> None:
    """Says which slip leads to exactly these weights after 10 passes, if one does."""
    for message, slip in SLIPS.items():
        expect(
            not torch.allclose(weights, run_rule(points, labels, 10, *slip)), f"{name}: {message}"
        )


def unpack(result: object) -> tuple[Tensor, int]:
    """Takes the returned pair apart, or says what it should have been."""
    is_pair = isinstance(result, (tuple, list)) and len(result) == 2
    expect(is_pair, "return two things: the weights and the number of mistakes.")
    if any(part is ... for part in result):
        raise NotAttempted
    expect(isinstance(result[1], int | Tensor), "the second thing you return is no number.")
    return as_weights(result[0]), int(result[1])


def as_weights(values: object) -> Tensor:
    """Three weights for points in the plane, as float64."""
    expect(isinstance(values, Tensor), f"expected a tensor of weights, got {values}.")
    expect(
        values.shape != (2,),
        "you return two weights for points of two numbers. Append a 1 to every point: its weight "
        "is the bias.",
    )
    expect(values.shape == (3,), f"expected 3 weights, the bias last; got {list(values.shape)}.")
    return values.detach().double()


def same_direction(weights: Tensor, expected: Tensor) -> bool:
    """Whether the weights agree up to a positive factor: the learning rate is free."""
    length = weights.norm()
    return bool(length > 0) and torch.allclose(weights / length, expected / expected.norm())


def separable_set(seed: int) -> tuple[Tensor, Tensor]:
    """Forty points in the plane on both sides of a random line, the nearest ones left out."""
    draw = torch.Generator().manual_seed(seed)
    points = torch.randn(50, 2, generator=draw, dtype=torch.float64) + 0.5
    line = torch.randn(3, generator=draw, dtype=torch.float64) * torch.tensor([1.0, 1.0, 0.5])
    scores = augment(points) @ line
    far = scores.abs().argsort(descending=True)[:40].sort().values
    return points[far], sign(scores[far])


def check_separable_set(answer: object, points: Tensor, labels: Tensor) -> None:
    """No error left, and no more mistakes than the bound allows."""
    weights, mistakes = unpack(attempt(answer, points, labels, 10_000))
    wrong = int((sign(augment(points) @ weights) != labels).sum())
    expect(
        wrong == 0,
        f"on {len(points)} random points that a line separates, {wrong} are still wrong when you "
        "stop. Go on until a whole pass is free of mistakes.",
    )
    bound = novikoff_bound(points, labels, max_margin_separator(points, labels))
    expect(
        mistakes <= bound,
        f"{mistakes} mistakes where the bound allows {bound:.0f}: do you count visits, or update "
        "where the point is right already?",
    )


# 01.pocket: the best weights on data that no line separates


def pocket(points, labels, max_passes):
    """Returns the weights with the fewest wrong points among all that the rule passes through."""
    inputs = torch.cat([points, torch.ones(len(points), 1)], dim=1).double()
    weights = best = torch.zeros(inputs.shape[1]).double()
    fewest = len(points)
    for _ in range(max_passes):
        for x, y in zip(inputs, labels, strict=True):
            if y * (weights @ x) <= 0:
                weights = weights + y * x
                wrong = (labels * (inputs @ weights) <= 0).sum()
                if wrong < fewest:
                    best, fewest = weights, wrong
    return best


def overlapping_set(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Two Gaussian clouds, one standard deviation from the middle each, the points mixed."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(count // 2)
    centres = labels[:, None] * torch.tensor([1.0, 0.5], dtype=torch.float64)
    return centres + torch.randn(count, 2, generator=draw, dtype=torch.float64), labels


def check_pocket(answer: object) -> None:
    """Training and held-out accuracy, averaged over 20 overlapping sets, against the plain rule."""
    rows = [compare_with_plain(answer, seed) for seed in range(20)]
    train, held, plain_train, plain_held, is_last = torch.tensor(rows, dtype=torch.float64).T
    expect(
        not is_last.all(),
        "you return the last weights, not the best ones. If you keep them with `best = weights` "
        "and then write `weights += ...`, the pocket changes too: keep `weights.clone()`.",
    )
    summary = f"training {train.mean():.1%} against {plain_train.mean():.1%}, held-out "
    summary += f"{held.mean():.1%} against {plain_held.mean():.1%}"
    expect(
        train.mean() >= plain_train.mean() and held.mean() >= plain_held.mean(),
        f"worse than the plain rule, on average over 20 sets: {summary}. Is the comparison with "
        "the weights in the pocket the right way round, and made after every update?",
    )


def compare_with_plain(answer: object, seed: int) -> tuple[float, float, float, float, bool]:
    """One overlapping set: accuracies of the answer and of the plain rule, and if they agree."""
    points, labels = overlapping_set(seed, 40)
    new_points, new_labels = overlapping_set(1000 + seed, 1000)
    weights = as_weights(attempt(answer, points, labels, 20))
    plain = Perceptron(max_passes=20).fit(points, labels).weights
    accuracies = [
        float((sign(augment(x) @ w) == y).double().mean())
        for w in (weights, plain)
        for x, y in ((points, labels), (new_points, new_labels))
    ]
    return *accuracies, same_direction(weights, plain)
