"""Exercises on one-stage detectors: YOLO's targets and loss, default boxes, matching, focal loss.

The checks compare with the package, which the tests compare with plain loops and torchvision.
"""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.one_stage_boxes import (
    check_defaults,
    check_matching,
    solve_defaults,
    solve_matching,
)
from dlcv.study.exercises.one_stage_checks import (
    check_focal,
    check_targets,
    check_tiny_yolo,
    solve_focal,
    solve_targets,
    solve_tiny_yolo,
)

EXERCISES = {
    "13.yolo_targets": Exercise(
        title="YOLO's target tensor",
        check=check_targets,
        hints=(
            "The centre, as a share of the picture times `grid`, has a whole part and a fraction. "
            "The whole part is the cell, the fraction is where in the cell.",
            "Rows go with $y$ and columns with $x$: `target[row, column]`.",
            "One vector fits it all: `[x - column, y - row, w / size, h / size, 1, *one_hot]`.",
        ),
        solution=solve_targets,
        praise="One assignment a cell, and the second object in it is gone: YOLO's blind spot.",
    ),
    "13.default_boxes": Exercise(
        title="SSD's default boxes",
        check=check_defaults,
        hints=(
            "Build the list of shapes (w, h) of a map first: two squares, then two for each ratio.",
            "Three loops remain: rows `i`, columns `j`, shapes. The centre is "
            "`((j + 0.5) / side, (i + 0.5) / side)`.",
        ),
        solution=solve_defaults,
        praise="8,732 boxes, and 5,776 of them on the finest map.",
    ),
    "13.matching": Exercise(
        title="Matching default boxes",
        check=check_matching,
        hints=(
            "Begin with the boxes above the threshold: `iou.max(dim=1)` gives for each box the "
            "object that it overlaps most.",
            "Then the own boxes. If each object simply takes its best box, two may take the same. "
            "Take the largest entry of the whole matrix instead.",
            "After that, strike out its row and its column, and take the largest entry again.",
        ),
        solution=solve_matching,
        praise="Each object is matched at least once, whatever the default boxes look like.",
    ),
    "13.focal_loss": Exercise(
        title="Focal loss",
        check=check_focal,
        hints=(
            "Where the target is 1, $p_t$ is the sigmoid of the logit; where it is 0, it is the "
            "sigmoid of *minus* the logit.",
            "$\\log p_t$ of a very wrong answer overflows; `logsigmoid` does not. And $1-p_t$ is "
            "the sigmoid of the opposite sign.",
            "`alpha` where the target is 1, `1 - alpha` where it is 0; nothing if it is None.",
        ),
        solution=solve_focal,
        praise="With γ = 0 it is the cross-entropy, to the last digit.",
    ),
    "13.tiny_yolo": Exercise(
        title="A tiny YOLO",
        check=check_tiny_yolo,
        hints=(
            "`there = targets[..., 4] > 0` picks the cells with an object; "
            "`output[there]` is [objects, 5 + C].",
            "The confidence in these cells shall be the IoU of the predicted box with the object: "
            "`cell_boxes` and `paired_iou` of `dlcv.detection.yolo`, and `.detach()`.",
            "Five sums, the first two times 5, that of the empty cells times 0.5; divide by the "
            "number of pictures.",
        ),
        solution=solve_tiny_yolo,
        praise="A detector in a few seconds: one convolutional network and five sums.",
    ),
}
