"""Lecture 01: the learning rule, gates by weights, a second network for XOR, a pocket."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcv.scratch.perceptron import boolean_inputs, sign, threshold_layer, threshold_net
from dlcv.study.exercises.base import Exercise, NotAttempted, expect
from dlcv.study.exercises.perceptron_learning import check_learn, check_pocket, learn, pocket

XOR = torch.tensor([-1, 1, 1, -1])
NAND = torch.tensor([1, 1, 1, -1])
GATES = {  # truth tables that a wrong answer may hit, in the order of `boolean_inputs(2)`
    "AND": -NAND,
    "OR": torch.tensor([-1, 1, 1, 1]),
    "NOR": torch.tensor([1, -1, -1, -1]),
    "the first input alone": torch.tensor([-1, -1, 1, 1]),
    "the second input alone": torch.tensor([-1, 1, -1, 1]),
    "always true": torch.ones(4),
    "always false": -torch.ones(4),
}


# 01.gates: NAND and a majority by weights


def check_gates(answer: object) -> None:
    """Both truth tables, whichever of the two has been attempted."""
    wanted = {"nand": (2, NAND), "majority": (3, sign(boolean_inputs(3).sum(dim=1)))}
    expect(isinstance(answer, dict) and answer.keys() == wanted.keys(), "keep both names.")
    for name, (count, table) in wanted.items():
        if answer[name] is not ...:
            check_gate(name, as_tensor(name, answer[name], (count + 1,)), table)
    if ... in answer.values():
        raise NotAttempted


def as_tensor(name: str, values: object, shape: Sequence[int]) -> Tensor:
    """The reader's numbers as a float64 tensor of the wanted shape."""
    try:
        weights = torch.as_tensor(values).double()
    except (TypeError, ValueError, RuntimeError):
        weights = torch.empty(0)
    expect(
        weights.shape == torch.Size(shape),
        f"{name}: expected numbers of shape {list(shape)}, the bias last, got {values}.",
    )
    return weights


def check_gate(name: str, weights: Tensor, table: Tensor) -> None:
    """One unit against its truth table; the first input it gets wrong is named."""
    inputs = boolean_inputs(len(weights) - 1)
    got = threshold_layer(inputs, weights[None])[:, 0]
    if (got == table).all():
        return
    expect(not (got == -table).all(), f"{name}: true and false are swapped: turn all signs round.")
    zeros_and_ones = threshold_layer((inputs + 1) / 2, weights[None])[:, 0]
    expect(
        not (zeros_and_ones == table).all(),
        f"{name}: right if false were 0. Here false is −1, so a sum is lower by its weights.",
    )
    row = int((got != table).nonzero()[0])
    score = float(inputs[row] @ weights[:-1] + weights[-1])
    expect(
        False,
        f"{name}: {name_table(got)}for {in_words(inputs[row])} the score is {score:g}, so the "
        f"unit says {got[row]:+.0f}, and it should say {table[row]:+.0f}.",
    )


def name_table(table: Tensor) -> str:
    """A gate that a wrong answer computes, if it has a name."""
    names = [name for name, gate in GATES.items() if torch.equal(gate.to(table), table)]
    return f"this is {names[0]}: " if names else ""


def in_words(inputs: Tensor) -> str:
    """An input as it is written in a truth table."""
    return "(" + ", ".join(f"{value:+.0f}" for value in inputs) + ")"


# 01.xor_net: XOR from two other hidden units


def check_xor_net(answer: object) -> None:
    """The truth table, then that the hidden units are not those of the lecture."""
    names = {"hidden", "output"}
    expect(isinstance(answer, dict) and answer.keys() == names, "keep both names.")
    if ... in answer.values():
        raise NotAttempted
    hidden = as_tensor("hidden", answer["hidden"], (2, 3))
    output = as_tensor("output", answer["output"], (3,))
    inputs = boolean_inputs(2)
    units, got = threshold_layer(inputs, hidden), threshold_net(inputs, hidden, output)
    expect(not (got == -XOR).all(), "this is XNOR: turn all signs of the output unit round.")
    expect(
        not units[:, 0].equal(units[:, 1]) and not units[:, 0].equal(-units[:, 1]),
        "both hidden units draw the same line, so two of the four corners cannot be told apart.",
    )
    check_xor_rows(inputs, units, got)
    for unit in units.T:
        lesson = [name for name in ("AND", "OR") if (unit == GATES[name]).all()]
        expect(
            not lesson,
            f"right for all four inputs, but a hidden unit computes {''.join(lesson)}, as in the "
            "lecture. Let each unit fire for one corner alone.",
        )


def check_xor_rows(inputs: Tensor, units: Tensor, got: Tensor) -> None:
    """Names the first input on which the network is wrong, with what its hidden units say."""
    for x, unit, y, wanted in zip(inputs, units, got, XOR, strict=True):
        expect(
            y == wanted,
            f"for {in_words(x)} your hidden units say {in_words(unit)} and the output unit makes "
            f"{y:+.0f} of it; XOR is {wanted:+d}. Check the hidden units one by one, then the "
            "output unit on what they say.",
        )


EXERCISES = {
    "01.perceptron": Exercise(
        title="The learning rule",
        check=check_learn,
        hints=(
            "Append a 1 to every point, start from $\\tilde{w} = 0$, and write the loop over one "
            "pass first: it is the loop of section 1.3.",
            "A point is a mistake if `y * (weights @ x) <= 0`. Then `weights = weights + y * x`, "
            "with the label, and the count goes up by one.",
            "Put the pass into `for _ in range(max_passes):` and compare the count after a pass "
            "with the count before it: equal means no mistake, so `break`.",
        ),
        solution=learn,
        praise="No error is left on 20 random sets, and never more mistakes than $(R/\\gamma)^2$: "
        "you have tested a theorem.",
    ),
    "01.gates": Exercise(
        title="NAND and a majority of three",
        check=check_gates,
        hints=(
            "NAND is the negation of AND. What happens to every decision if all weights change "
            "their sign?",
            "For the majority, add up three inputs of $\\pm 1$: the sum is −3, −1, 1 or 3.",
            "NAND is AND $(1, 1, -1)$ with all signs turned round; the majority needs equal "
            "weights and no bias.",
        ),
        solution="nand = (-1, -1, 1)\nmajority = (1, 1, 1, 0)",
        praise="From NAND alone one can build every circuit; and a vote is a perceptron, too.",
    ),
    "01.xor_net": Exercise(
        title="A second network for XOR",
        check=check_xor_net,
        hints=(
            "XOR is true at two corners. Let each hidden unit look after one of them: "
            "$a \\wedge \\neg b$ and $\\neg a \\wedge b$.",
            "$a \\wedge \\neg b$ is AND with the sign of the second weight turned round.",
            "The output unit asks whether one *or* the other unit fires: OR, $(1, 1, 1)$.",
        ),
        solution="hidden = [(1, -1, -1), (-1, 1, -1)]\noutput = (1, 1, 1)",
        praise="So the answer is not unique. A learning rule has to choose among many networks, "
        "and no single unit can be told what it did wrong.",
    ),
    "01.pocket": Exercise(
        title="A pocket for the best weights",
        check=check_pocket,
        hints=(
            "The rule itself stays as it is. Beside it, remember the best weights so far and how "
            "many points they get wrong.",
            "After every update count the wrong points, `(labels * (inputs @ weights) <= 0).sum()`,"
            " and replace what is in the pocket if there are fewer.",
            "Write `weights = weights + y * x` (a new tensor), or put `weights.clone()` into the "
            "pocket: with `+=` the pocket would change along.",
        ),
        solution=pocket,
        praise="On overlapping data the last weights are a matter of luck; the best ones, or the "
        "average of all, are not.",
    ),
}
