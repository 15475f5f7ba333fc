"""Exercises on the R-CNN family: offsets, ridge, RoI pooling, anchors' labels, truncated SVD."""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.rcnn_checks import (
    check_encode,
    check_labels,
    check_ridge,
    check_roi_pool,
    check_svd,
    solve_encode,
    solve_labels,
    solve_ridge,
    solve_roi_pool,
    solve_svd,
)

EXERCISES = {
    "12.encode": Exercise(
        title="Encode and decode",
        check=check_encode,
        hints=(
            '`box_convert(boxes, "xyxy", "cxcywh")` gives centres and sizes; `.split(2, dim=1)` '
            "takes them apart.",
            "Moves are divided by the *proposal's* size; sizes are compared by the logarithm of "
            "their ratio.",
            "Backwards: centre plus size times move, size times `exp`, then "
            '`box_convert(…, "cxcywh", "xyxy")`.',
        ),
        solution=solve_encode,
        praise="There and back without loss. Every detector of this lecture and the next speaks "
        "this language.",
    ),
    "12.ridge": Exercise(
        title="The ridge regressor",
        check=check_ridge,
        hints=(
            "Set the gradient of the loss to zero: $(\\Phi^\\top\\Phi+\\lambda I)\\,w="
            "\\Phi^\\top t$.",
            "All four targets at once: $t$ is a matrix with four columns, and so is $w$.",
            "`torch.linalg.solve(A, B)` solves $AX=B$; no inverse is needed.",
        ),
        solution=solve_ridge,
        praise="One linear system, no learning rate. With fewer examples than features the "
        "penalty is what makes it solvable at all.",
    ),
    "12.roi_pool": Exercise(
        title="RoI pooling, forwards and backwards",
        check=check_roi_pool,
        hints=(
            "Both ends belong to the region, so it has $h=y_2-y_1+1$ rows.",
            "Bin $i$ holds rows `y1 + i * h // bins` up to, not including, "
            "`y1 - (-(i + 1) * h // bins)`: that is the floor and the ceiling.",
            "The gradient of a bin goes to the place of its maximum. Two bins can share that "
            "place, so *add*.",
        ),
        solution=solve_roi_pool,
        praise="Values and gradients are those of the package, and of torchvision.",
    ),
    "12.anchor_labels": Exercise(
        title="Labels of anchors",
        check=check_labels,
        hints=(
            "`iou = box_iou(anchors, objects)` is $[A, M]$. Its largest value in a *row* says "
            "how well an anchor fits, in a *column* how well an object is met.",
            "An anchor is positive from 0.7 on, or where it holds the largest value of a column.",
            "Negative: below 0.3 with all objects, and not positive. The rest is ignored.",
        ),
        solution=solve_labels,
        praise="Exact counts, and no object is left without an anchor.",
    ),
    "12.svd": Exercise(
        title="Truncated SVD",
        check=check_svd,
        hints=(
            "`torch.linalg.svd(matrix, full_matrices=False)` gives $U$, the singular values from "
            "large to small, and $V^\\top$.",
            "Keep $t$ columns of $U$, $t$ singular values, $t$ rows of $V^\\top$. The singular "
            "values go into one of the two factors.",
            "$t$ columns of length $u$ and $t$ rows of length $v$: $t(u+v)$.",
        ),
        solution=solve_svd,
        praise="No matrix of this rank is nearer. The error is what the left-out singular values "
        "add up to.",
    ),
}
