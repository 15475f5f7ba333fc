"""Exercises on modern architectures: costs, gates, inverted residuals, scaling, and a zoo's table.

Where an answer differs, the checks look for the mistake that would have led to exactly this
result, and name it.
"""

from collections.abc import Mapping
from numbers import Real

import torch
from torch import nn

from dlcv.classification.attention import SqueezeExcite
from dlcv.study.exercises.base import Exercise, attempt, expect
from dlcv.study.facts import load_facts


def compare(got: object, expected: float, case: str, mistakes: Mapping[str, float]) -> None:
    """Ends the check unless a number is right; a known mistake that gives it is named."""
    expect(isinstance(got, Real) and not isinstance(got, bool), f"{case}: {got!r} is no number.")
    if abs(got - expected) <= 1e-9 * abs(expected):
        return
    reason = next((why for why, value in mistakes.items() if abs(got - value) < 1e-9 * value), "")
    expect(False, f"{case}: expected {expected:,.6g}, got {got:,.6g}{reason and ': '}{reason}.")


# --------------------------------------------------------------------------- 06b.depthwise_cost
COST_CASES = ((32, 64, 3, 112), (512, 512, 3, 14), (40, 24, 5, 28))


def check_depthwise_cost(answer: object) -> None:
    """Compares multiply-adds of the pair of layers with the sum, on three layers."""
    for C, N, K, side in COST_CASES:
        places = side * side
        mistakes = {
            "the 1x1 layer that mixes the channels is missing": K * K * C * places,
            "the depthwise layer is missing": C * N * places,
            "that is the full convolution": K * K * C * N * places,
            "each depthwise kernel reads *one* channel; its cost does not depend on $N$": (
                (K * K * N + C * N) * places
            ),
            "the two layers follow each other: their costs add up, they do not multiply": (
                K * K * C * C * N * places
            ),
            "that is the number of weights; each of them is used at every place": K * K * C + C * N,
        }
        case = f"C={C}, N={N}, K={K}, {side}x{side} places"
        right = (K * K * C + C * N) * places
        compare(attempt(answer, C, N, K, side), right, case, mistakes)


def solve_depthwise_cost(C, N, K, side):
    """One kernel for each channel, then one weight for each pair of channels."""
    depthwise = K * K * C
    pointwise = C * N
    return (depthwise + pointwise) * side * side


# --------------------------------------------------------------------------- 06b.se_parameters
STAGES = {
    "SE-ResNet-50": ((3, 256), (4, 512), (6, 1024), (3, 2048)),
    "a small network": ((2, 32), (2, 64), (1, 128)),
}


def check_se_parameters(answer: object) -> None:
    """Compares with the parameters of real gates, biases included."""
    for name, stages in STAGES.items():
        for r in (16, 4):
            gates = [SqueezeExcite(C, C // r) for n, C in stages for _ in range(n)]
            expected = sum(p.numel() for gate in gates for p in gate.parameters())
            weights = sum(n * 2 * C * C // r for n, C in stages)
            mistakes = {
                "the biases are missing: $C/r$ of the first layer, $C$ of the second": weights,
                "there are *two* layers, down and up": sum(n * C * C // r for n, C in stages),
                "a stage of $n$ blocks has $n$ gates": sum(
                    2 * C * C // r + C + C // r for _, C in stages
                ),
                "the biases are those of the *outputs*: $C/r$ and $C$, not $2C$": weights
                + sum(n * 2 * C for n, C in stages),
            }
            compare(attempt(answer, stages, r), expected, f"{name}, r={r}", mistakes)


def solve_se_parameters(stages, r):
    """Two layers a gate, with their biases; a gate for each block."""
    total = 0
    for blocks, C in stages:
        hidden = C // r
        total += blocks * (C * hidden + hidden + hidden * C + C)
    return total


# ------------------------------------------------------------------------ 06b.inverted_residual
def check_inverted_residual(answer: object) -> None:
    """Counts weights, silences the projection, and looks at the sizes without a shortcut."""
    block = attempt(answer, 24, 24, 1, 6)
    expect(isinstance(block, nn.Module), f"expected an nn.Module, got {type(block).__name__}.")
    _check_layers(block)
    _check_shortcut(block)
    for c_in, c_out, stride in ((24, 32, 1), (24, 24, 2)):
        block = attempt(answer, c_in, c_out, stride, 6).eval()
        got = block(torch.ones(2, c_in, 8, 6))
        shape = [2, c_out, 8 // stride, 6 // stride]
        case = f"{c_in} to {c_out} channels, stride {stride}"
        expect(list(got.shape) == shape, f"{case}: expected shape {shape}, got {list(got.shape)}.")
        _silence(block)
        quiet = block(torch.ones(2, c_in, 8, 6)).abs().max() < 1e-6
        expect(quiet, f"{case}: there must be no shortcut where the sizes of the ends differ.")


def _check_layers(block: nn.Module) -> None:
    convs = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]
    expect(len(convs) == 3, f"expected three convolutions, found {len(convs)}.")
    middle = convs[1]
    expect(all(c.bias is None for c in convs), "normalisation follows: leave out the biases.")
    expect(
        middle.groups == middle.in_channels,
        "the middle convolution is depthwise: `groups` is its number of channels.",
    )
    weights = sum(conv.weight.numel() for conv in convs)
    wide = middle.in_channels
    expect(
        wide == 144,
        f"inside, 24 channels become 6 times as many, 144; yours become {wide}: the block is wide "
        "in the middle and narrow at its ends.",
    )
    expect(weights == 8208, f"expected 8,208 weights in the convolutions, got {weights:,}.")


def _silence(block: nn.Module) -> None:
    """Makes the projection zero: its convolution, and what its normalisation would add."""
    last = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)][-1]
    norms = [layer for layer in block.modules() if isinstance(layer, nn.BatchNorm2d)]
    nn.init.zeros_(last.weight)
    for norm in norms[-1:]:
        nn.init.zeros_(norm.bias)
        norm.running_mean.zero_()


@torch.no_grad()
def _check_shortcut(block: nn.Module) -> None:
    x = torch.randn(2, 24, 7, 5, generator=torch.Generator().manual_seed(0))
    block.eval()
    before = block(x)
    expect(before.shape == x.shape, f"expected shape {list(x.shape)}, got {list(before.shape)}.")
    _silence(block)
    after = block(x)
    if torch.allclose(after, x, atol=1e-6):
        return
    rectified = torch.allclose(after, x.clamp(min=0), atol=1e-6) or torch.allclose(
        after, x.clamp(0, 6), atol=1e-6
    )
    expect(not rectified, "something rectifies the sum: the narrow ends are linear, no ReLU there.")
    gone = after.abs().max() < 1e-6
    expect(not gone, "with a projection of zeros nothing is left: the shortcut is missing.")
    expect(False, "with a projection of zeros the block must give back its input exactly.")


def solve_inverted_residual(C_in, C_out, stride, t):
    """Wide, depthwise, narrow and linear; a shortcut between equal ends."""

    class InvertedResidual(nn.Module):
        def __init__(self):
            super().__init__()
            wide = t * C_in
            self.has_shortcut = stride == 1 and C_in == C_out
            self.body = nn.Sequential(
                nn.Conv2d(C_in, wide, 1, bias=False),
                nn.BatchNorm2d(wide),
                nn.ReLU6(),
                nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
                nn.BatchNorm2d(wide),
                nn.ReLU6(),
                nn.Conv2d(wide, C_out, 1, bias=False),
                nn.BatchNorm2d(C_out),
            )

        def forward(self, x):
            return x + self.body(x) if self.has_shortcut else self.body(x)

    return InvertedResidual()


# --------------------------------------------------------------------------- 06b.compound_scale
def check_compound_scale(answer: object) -> None:
    """Compares the three factors and the cost for several phi, whole and not."""
    for phi in (1, 2, 3.5, 0):
        got = attempt(answer, phi, 1.2, 1.1, 1.15)
        ok = isinstance(got, tuple | list) and len(got) == 4
        expect(ok, f"expected depth, width, resolution and cost, four numbers, got {got!r}.")
        depth, width, resolution = 1.2**phi, 1.1**phi, 1.15**phi
        names = ("depth", "width", "resolution")
        for name, value, right, base in zip(
            names, got, (depth, width, resolution), (1.2, 1.1, 1.15), strict=False
        ):
            mistakes = {"$\\phi$ is an exponent, not a factor": base * phi} if phi else {}
            compare(value, right, f"phi={phi}, {name}", mistakes)
        mistakes = {
            "width and resolution count twice: a layer has width times width weights, and a map "
            "has two sides": depth * width * resolution,
            "the width counts twice: channels in and channels out": depth * width * resolution**2,
            "the resolution counts twice, height and width": depth * width**2 * resolution,
            "that is the rule of thumb; the exact base is $\\alpha\\beta^2\\gamma^2$": 2.0**phi,
            "the depth counts once: twice the layers, twice the work": (depth * width * resolution)
            ** 2,
        }
        cost = depth * width**2 * resolution**2
        compare(got[3], cost, f"phi={phi}, cost", {k: v for k, v in mistakes.items() if v != cost})


def solve_compound_scale(phi, alpha, beta, gamma):
    """Three powers; channels enter and leave a layer, and a map has two sides."""
    depth, width, resolution = alpha**phi, beta**phi, gamma**phi
    return depth, width, resolution, depth * width**2 * resolution**2


# ------------------------------------------------------------------------------ 06b.zoo_errors
ZOO = (
    ("Inception V1", 89.8, 89.6),
    ("Inception V2", 73.9, 91.8),
    ("Inception V3", 78.0, 93.9),
    ("ResNet V1 50", 75.2, 92.2),
    ("ResNet V1 101", 76.4, 92.9),
    ("ResNet V1 152", 76.8, 93.2),
    ("ResNet V2 152", 77.8, 94.1),
    ("ResNet V2 200", 79.0, 95.2),
    ("VGG 16", 71.5, 89.8),
    ("MobileNet v1 1.0_224", 70.9, 89.9),
    ("MobileNet v1 0.50_160", 69.1, 81.9),
    ("MobileNet v1 0.25_128", 41.5, 66.3),
)
"""Rows of TF-Slim's table (name, top-1, top-5) as once read from a scan; three are wrong."""


def check_zoo_errors(answer: object) -> None:
    """Takes a function (top-1, top-5 of all rows) -> names of the rows that cannot be right."""
    names = attempt(answer, [list(row) for row in ZOO])
    ok = isinstance(names, list | tuple | set) and all(isinstance(name, str) for name in names)
    expect(ok, f"expected a list of names, got {names!r}.")
    known, got = {name for name, *_ in ZOO}, set(names)
    expect(got <= known, f"these are no rows of the table: {', '.join(sorted(got - known))}.")
    impossible = {name for name, top1, top5 in ZOO if top1 > top5}
    missed = impossible - got
    expect(
        not missed,
        f"{', '.join(missed)}: a picture whose first guess is right is also right among five. "
        "Can top-1 be above top-5?",
    )
    wrong = {"Inception V1", "MobileNet v1 0.50_160"}
    extra = got - wrong - {"ResNet V2 200"}
    expect(
        not extra,
        f"{', '.join(sorted(extra))}: nothing is odd here. From the first guess to five, the other "
        "networks gain 15 to 25 points, more where the first guess is worse.",
    )
    expect(
        got >= wrong,
        "one more: look at top-5 minus top-1. All networks gain 15 points or more by four further "
        "guesses, weak ones most; one weak network gains hardly 13.",
    )


def solve_zoo_errors(rows):
    """Impossible below 0; and all others gain more than 15 points by four further guesses."""
    return [name for name, top1, top5 in rows if top5 - top1 < 15]


def printed_and_true() -> dict[str, tuple[float, float]]:
    """The three misread top-1 numbers with those of the zoo: name -> (misread, true)."""
    facts = load_facts()
    ids = {
        "Inception V1": "L06-SLIM-INCEPTION-V1-T1",
        "ResNet V2 200": "L06-SLIM-RESNET-V2-200-T1",
        "MobileNet v1 0.50_160": "L06-SLIM-MOBILENET-V1-0.50-160-T1",
    }
    return {name: (top1, facts[ids[name]].value) for name, top1, _ in ZOO if name in ids}


EXERCISES = {
    "06b.depthwise_cost": Exercise(
        title="What does a depthwise separable convolution cost?",
        check=check_depthwise_cost,
        hints=(
            "Two layers follow each other. Count each by itself and add.",
            "The depthwise layer has one $K\\times K$ kernel for each of the $C$ channels. The "
            "1x1 layer has a weight for each pair of an input and an output channel.",
            "Each weight does one multiply-add at each of the `side * side` places.",
        ),
        solution=solve_depthwise_cost,
        praise="Right on all three. Divide by $K^2CN$ and you have the ratio $1/N+1/K^2$: with "
        "many channels it is the kernel that saves, never more than $K^2$ times.",
    ),
    "06b.se_parameters": Exercise(
        title="The price of the gates",
        check=check_se_parameters,
        hints=(
            "A gate is two linear layers: from $C$ to $C/r$ and back to $C$.",
            "Each linear layer has a weight for each pair, and a bias for each output.",
            "Every *block* has its own gate: multiply by the number of blocks of a stage.",
        ),
        solution=solve_se_parameters,
        praise="Right. Most of it sits in the last stage, where channels are many: that is why "
        "SENet's authors found that leaving its gates out saves most of the price for little loss.",
    ),
    "06b.inverted_residual": Exercise(
        title="An inverted residual with a linear bottleneck",
        check=check_inverted_residual,
        hints=(
            "Three convolutions, each followed by a normalisation: 1x1 to $tC$ channels, 3x3 "
            "depthwise, 1x1 to the output channels.",
            "Only the first two are followed by a ReLU6. The stride sits in the depthwise one, "
            "with `padding=1` and `groups` equal to its channels.",
            "Add the input only if the stride is 1 *and* the channels agree; nothing after the "
            "sum.",
        ),
        solution=solve_inverted_residual,
        praise="8,208 weights, and the identity when the projection is silent. Against a ResNet "
        "bottleneck it is inside out: the shortcut joins the narrow ends.",
    ),
    "06b.compound_scale": Exercise(
        title="Deeper, wider and larger by one number",
        check=check_compound_scale,
        hints=(
            "Depth, width and resolution are powers: $\\alpha^\\phi,\\ \\beta^\\phi,\\ "
            "\\gamma^\\phi$.",
            "Twice the layers cost twice as much. Twice the channels: how many weights has a "
            "layer then? Twice the side: how many places has a map?",
            "The cost is depth times width squared times resolution squared.",
        ),
        solution=solve_compound_scale,
        praise="Right, for $\\phi$ that are not whole as well. With the paper's numbers each step "
        "costs 1.92 times the one before, not quite the 2 that the rule aims at.",
    ),
    "06b.zoo_errors": Exercise(
        title="Numbers that cannot be right",
        check=check_zoo_errors,
        hints=(
            "If the first of five guesses is right, one of the five is. What follows for the two "
            "columns?",
            "For the second one take top-5 minus top-1 and sort. Where is there still much to "
            "gain by four further guesses?",
            "`top1 > top5` finds the first. Of all other networks, one gains less than 15 points.",
        ),
        solution=solve_zoo_errors,
        praise="The zoo says 69.8 and 59.1: digits that a scan has changed. The third misread "
        "row, ResNet V2 200 (79.0 for 79.9), no rule can find. Only the source can: so go back to "
        "it.",
    ),
}
