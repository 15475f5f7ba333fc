"""Lecture 03: He's weights, Adam, a range test, dropout, an augmentation pipeline."""

import inspect

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.training_data import (
    HALF_TURN,
    check_augment,
    check_dropout,
    solve_augment,
    solve_dropout,
)
from dlcv.study.exercises.training_steps import (
    check_adam,
    check_he,
    check_range_test,
    solve_adam,
    solve_he,
    solve_range_test,
)

EXERCISES = {
    "03.he": Exercise(
        title="He's weights",
        check=check_he,
        hints=(
            "How many products does one output add up? In a convolution each of the "
            "$C_{in}$ channels has $K_h K_w$ taps.",
            "The fan-in is the product of all sizes but the first: `math.prod(shape[1:])`.",
            "Multiply `torch.randn(shape, generator=generator)` by the *standard deviation* "
            "$\\sqrt{2/n_{in}}$.",
        ),
        solution=solve_he,
        praise="Three lines, and a network of any depth passes its signals on.",
    ),
    "03.adam": Exercise(
        title="Adam, from the formulas",
        check=check_adam,
        hints=(
            "Three things must be remembered: $m$, $s$ and the number of the step $t$, which is 1 "
            "in the first step.",
            "Begin with `m, s, t = (0, 0, 0) if state is None else state`, then `t = t + 1`.",
            "Keep $m$ and $s$ *without* the correction; divide by $1-\\beta^t$ only where they are "
            "used. $\\epsilon$ is added to the root, not under it.",
        ),
        solution=solve_adam,
        praise="Ten lines that train most of today's networks.",
    ),
    "03.range_test": Exercise(
        title="A range test",
        check=check_range_test,
        hints=(
            "Work on `copy.deepcopy(model)`. Let the rate climb from about $10^{-5}$ to 10 by a "
            "constant factor, one step of SGD for each.",
            "Stop when the loss is above three times the first one, or no number. Go round the "
            "batches as often as needed: `itertools.cycle(batches)`.",
            "Single losses jump: smooth them before you look for the lowest. Then return a rate "
            "somewhat *below* that place, for example half of it.",
        ),
        solution=solve_range_test,
        praise="A hundred steps for the most important number of a training.",
    ),
    "03.dropout": Exercise(
        title="Dropout",
        check=check_dropout,
        hints=(
            "If `training` is false there is nothing to do.",
            "A mask: `torch.rand(activations.shape, generator=generator) >= rate`. Why at least, "
            "and not below?",
            "What stays is divided by $1-p$, so that the mean is kept.",
        ),
        solution=solve_dropout,
        praise="The mean is right already while training, so that evaluation costs nothing.",
    ),
    "03.augment": Exercise(
        title="An augmentation pipeline",
        check=check_augment,
        hints=(
            "Pad with `F.pad(images, (d, d, d, d))`; every shift is a window of the padded image, "
            "which begins at a row and a column from 0 to $2d$.",
            "Draw one row and one column for each image: "
            "`torch.randint(2 * d + 1, (B, 2), generator=generator)`, cut, and stack.",
            "The noise last, then `.clamp(0, 1)`. As for the table: 0, 1 and 8 stay, 6 and 9 "
            "change places, and what of 2 and 5? Turned by 180°, not mirrored.",
        ),
        solution="\n\n".join(
            (inspect.getsource(solve_augment).rstrip(), f"my_half_turn = {HALF_TURN}")
        ),
        praise="Whoever writes down which changes keep a label has told the network what the "
        "label means.",
    ),
}
