"""Lecture 02: backward through a network, new operations, XOR, log-softmax, dead units."""

import inspect
import textwrap

from dlcv.study.exercises.backpropagation_functions import (
    check_dead_units,
    check_log_softmax,
    check_operations,
    solve_dead_units,
    solve_exp,
    solve_log,
    solve_log_softmax,
    solve_matmul,
)
from dlcv.study.exercises.backpropagation_network import (
    check_mlp_backward,
    check_xor,
    gradients,
    learn_xor,
)
from dlcv.study.exercises.base import Exercise


def operations_code() -> str:
    """The three solutions as one piece of code."""
    sources = (inspect.getsource(solve) for solve in (solve_exp, solve_log, solve_matmul))
    return "\n\n".join(textwrap.dedent(source) for source in sources).replace("arrays.", "")


EXERCISES = {
    "02.mlp_backward": Exercise(
        title="The backward pass of three layers",
        check=check_mlp_backward,
        hints=(
            "Forward first, and keep every activation: $a^0$ (the inputs), $a^1$, $a^2$, and the "
            "probabilities $p$.",
            "At the logits $\\delta^3 = (p - \\mathrm{onehot}(y)) / N$. Rows are examples, so the "
            "formulas turn round: the gradient of $W^l$ is $\\delta^{l\\top} a^{l-1}$, and that of "
            "$b^l$ the sum of the rows of $\\delta^l$.",
            "One layer down: `delta = (delta @ weights) * (1 - a**2)`, with the weights of the "
            "layer above and the activations of this one.",
        ),
        solution=gradients,
        praise="That is all that `loss.backward()` does for such a network: two matrix products "
        "for each layer on the way back, against one on the way forward.",
    ),
    "02.operations": Exercise(
        title="Three new operations",
        check=check_operations,
        hints=(
            "Every operation needs three things: its value, its inputs, and a function from the "
            "gradient that arrives to a tuple with one gradient for each input.",
            "For an operation on single entries the gradient is `grad` times the local slope: "
            "`exp(x)` for exp, `1 / x` for log.",
            "For $Y = AB$ the shapes leave no choice: $\\partial L/\\partial A$ is "
            "`grad @ B.T`, and $\\partial L/\\partial B$ is `A.T @ grad`.",
        ),
        solution=operations_code(),
        praise="You have extended a differentiation engine. The rest of it never changes: an "
        "operation that knows its own backward step fits into every graph.",
    ),
    "02.xor": Exercise(
        title="XOR by gradient descent",
        check=check_xor,
        hints=(
            "Three steps: make `MLP([2, 4, 1], ..., seed)`, call `train`, return the model.",
            "The loss compares `outputs.reshape(-1)` with the targets 0 and 1: "
            "`binary_cross_entropy` from `dlcv.scratch.losses`.",
            'With "tanh", `lr=0.5` and `epochs=500` ten of ten starts work.',
        ),
        solution=learn_xor,
        praise="In lecture 1 you set these layers by hand. Now nobody did, and no hidden unit was "
        "ever told what to say.",
    ),
    "02.log_softmax": Exercise(
        title="A log-softmax that nothing breaks",
        check=check_log_softmax,
        hints=(
            "$\\log p_k = x_k - \\log \\sum_j e^{x_j}$: no quotient, and no probability.",
            "Nothing changes if the same number is subtracted from all logits of a row. Which "
            "number keeps every exponential at most 1?",
            "`shifted = logits - logits.amax(dim=1, keepdim=True)`; then take the logarithm of "
            "the sum of `shifted.exp()` away.",
        ),
        solution=solve_log_softmax,
        praise="Three operations, and no logit can break them. Every library computes it so.",
    ),
    "02.dead_units": Exercise(
        title="Counting dead units",
        check=check_dead_units,
        hints=(
            "Compute $z$ for all examples and units at once: `inputs @ weights.T + bias`, "
            "$[N, D_{out}]$.",
            "A unit is a column. It is dead if $z \\le 0$ for *all* rows.",
            "`(z <= 0).all(dim=0).sum()`.",
        ),
        solution=solve_dead_units,
        praise="Such a unit has slope 0 on every example: no gradient reaches its weights, and on "
        "these data it stays dead.",
    ),
}
