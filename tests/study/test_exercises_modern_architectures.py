"""The exercises on modern architectures: solutions pass, plausible mistakes are named."""

import pytest
from torch import nn

from dlcv.study import check
from dlcv.study.exercises import exercises_of
from dlcv.study.exercises.modern_architectures import (
    ZOO,
    printed_and_true,
    solve_compound_scale,
    solve_zoo_errors,
)

EXERCISES = exercises_of("06b")


@pytest.mark.parametrize("id", EXERCISES)
def test_the_solution_passes(id):
    verdict = check(id, EXERCISES[id].solution)
    assert verdict.status == "right", verdict.message


@pytest.mark.parametrize("id", EXERCISES)
def test_three_dots_are_not_attempted_and_nonsense_is_wrong(id):
    assert check(id, ...).status == "not attempted"
    assert check(id, lambda *args: ...).status == "not attempted"
    assert check(id, lambda *args: "nonsense").status == "wrong"
    assert check(id, lambda *args: 1 / 0).status == "wrong"


@pytest.mark.parametrize("id", EXERCISES)
def test_there_are_hints(id):
    assert len(EXERCISES[id].hints) >= 2
    assert EXERCISES[id].praise


def message(id, answer):
    verdict = check(id, answer)
    assert verdict.status == "wrong"
    return verdict.message


DEPTHWISE = {
    "is missing": lambda C, N, K, side: K * K * C * side**2,
    "depthwise layer is missing": lambda C, N, K, side: C * N * side**2,
    "full convolution": lambda C, N, K, side: K * K * C * N * side**2,
    "does not depend on": lambda C, N, K, side: (K * K * N + C * N) * side**2,
    "do not multiply": lambda C, N, K, side: K * K * C * C * N * side**2,
    "number of weights": lambda C, N, K, side: K * K * C + C * N,
}


@pytest.mark.parametrize("reason", DEPTHWISE)
def test_mistakes_in_the_cost_are_named(reason):
    assert reason in message("06b.depthwise_cost", DEPTHWISE[reason])


GATES = {
    "biases are missing": lambda n, C, r: n * 2 * C * C // r,
    "*two* layers": lambda n, C, r: n * C * C // r,
    "has $n$ gates": lambda n, C, r: 2 * C * C // r + C + C // r,
    "not $2C$": lambda n, C, r: n * (2 * C * C // r + 2 * C),
}


@pytest.mark.parametrize("reason", GATES)
def test_mistakes_in_the_gates_are_named(reason):
    def answer(stages, r):
        return sum(GATES[reason](n, C, r) for n, C in stages)

    assert reason in message("06b.se_parameters", answer)


def block(
    c_in,
    c_out,
    stride,
    t,
    *,
    bias=False,
    depthwise=True,
    last=nn.Identity,
    skip=None,
    after=nn.Identity,
):
    """An inverted residual with a choice of mistakes."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            wide = t * c_in
            self.body = nn.Sequential(
                nn.Conv2d(c_in, wide, 1, bias=bias),
                nn.BatchNorm2d(wide),
                nn.ReLU6(),
                nn.Conv2d(wide, wide, 3, stride, 1, groups=wide if depthwise else 1, bias=bias),
                nn.BatchNorm2d(wide),
                nn.ReLU6(),
                nn.Conv2d(wide, c_out, 1, bias=bias),
                nn.BatchNorm2d(c_out),
                last(),
            )
            self.after = after()
            self.skip = (stride == 1 and c_in == c_out) if skip is None else skip

        def forward(self, x):
            y = self.body(x)
            return self.after(y + x if self.skip and y.shape == x.shape else y)

    return Block()


INVERTED = {
    "leave out the biases": {"bias": True},
    "depthwise": {"depthwise": False},
    "no ReLU there": {"after": nn.ReLU},
    "shortcut is missing": {"skip": False},
}


@pytest.mark.parametrize("reason", INVERTED)
def test_mistakes_in_the_inverted_residual_are_named(reason):
    def answer(c_in, c_out, stride, t):
        return block(c_in, c_out, stride, t, **INVERTED[reason])

    assert reason in message("06b.inverted_residual", answer)


def test_a_relu6_after_the_sum_is_named_too():
    def answer(c_in, c_out, stride, t):
        return block(c_in, c_out, stride, t, after=nn.ReLU6)

    assert "no ReLU there" in message("06b.inverted_residual", answer)


def test_a_bottleneck_the_other_way_round_is_named():
    def answer(c_in, c_out, stride, t):
        inner = c_in // t
        return nn.Sequential(
            nn.Conv2d(c_in, inner, 1, bias=False),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False),
            nn.Conv2d(inner, c_out, 1, bias=False),
        )

    assert "wide in the middle" in message("06b.inverted_residual", answer)


def test_a_stride_that_is_forgotten_shows_in_the_shape():
    def answer(c_in, c_out, stride, t):
        return block(c_in, c_out, 1, t)

    assert "stride 2: expected shape" in message("06b.inverted_residual", answer)


SCALING = {
    "not a factor": lambda phi, a, b, g: (a * phi, b * phi, g * phi, a * b**2 * g**2 * phi**5),
    "width and resolution count twice": lambda phi, a, b, g: (
        a**phi, b**phi, g**phi, (a * b * g) ** phi
    ),
    "channels in and channels out": lambda phi, a, b, g: (
        a**phi, b**phi, g**phi, (a * b * g * g) ** phi
    ),
    "height and width": lambda phi, a, b, g: (a**phi, b**phi, g**phi, (a * b * b * g) ** phi),
    "rule of thumb": lambda phi, a, b, g: (a**phi, b**phi, g**phi, 2.0**phi),
    "twice the work": lambda phi, a, b, g: (a**phi, b**phi, g**phi, (a * b * g) ** (2 * phi)),
    "four numbers": lambda phi, a, b, g: a**phi,
}  # fmt: skip


@pytest.mark.parametrize("reason", SCALING)
def test_mistakes_in_the_scaling_are_named(reason):
    assert reason in message("06b.compound_scale", SCALING[reason])


def test_the_worked_scaling():
    """phi = 1: 20 % deeper, 10 % wider, 15 % larger, 92 % dearer."""
    assert solve_compound_scale(1, 1.2, 1.1, 1.15)[3] == pytest.approx(1.92027)


ROWS = {
    "Inception V1": lambda rows: ["MobileNet v1 0.50_160"],
    "one more": lambda rows: ["Inception V1"],
    "nothing is odd": lambda rows: [name for name, *_ in rows],
    "no rows of the table": lambda rows: ["Inception V1", "GoogLeNet"],
}


@pytest.mark.parametrize("reason", ROWS)
def test_mistakes_in_the_zoo_are_named(reason):
    assert reason in message("06b.zoo_errors", ROWS[reason])


def test_the_misread_rows_differ_from_the_zoo_in_one_digit():
    pairs = printed_and_true()
    assert set(solve_zoo_errors(ZOO)) < set(pairs)
    assert pairs == {
        "Inception V1": (89.8, 69.8),
        "ResNet V2 200": (79.0, 79.9),
        "MobileNet v1 0.50_160": (69.1, 59.1),
    }
