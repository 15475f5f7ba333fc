"""Exercises on detection: overlap, suppression, average precision, counting, grouping.

The checks compare with the package, which the tests compare with torchvision and pycocotools.
"""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.detection_checks import (
    check_average_precision,
    check_iou,
    check_nms,
    solve_average_precision,
    solve_iou,
    solve_nms,
)
from dlcv.study.exercises.detection_search import (
    check_count,
    check_grouping,
    solve_count,
    solve_grouping,
)

EXERCISES = {
    "11.iou": Exercise(
        title="Intersection over union",
        check=check_iou,
        hints=(
            "The box that two boxes have in common begins at the *larger* of the two left edges "
            "and ends at the *smaller* of the two right ones; likewise down.",
            "`boxes1[:, None, :2]` against `boxes2[None, :, :2]` gives $[N, M, 2]$: all pairs at "
            "once. Where a side comes out negative, the boxes do not meet: clamp it at 0.",
            "The union is the sum of both areas less the intersection, which was counted twice.",
        ),
        solution=solve_iou,
        praise="Right for boxes that meet, hold one another or lie apart. Every number in this "
        "lecture rests on these five lines.",
    ),
    "11.nms": Exercise(
        title="Non-maximum suppression",
        check=check_nms,
        hints=(
            "Sort the boxes by score. Keep the first. Who has to go because of it?",
            "Then go on with the best of those that are *left*. A box that is gone must not "
            "suppress others.",
            "`while left: best = left.pop(0)`, keep it, and leave in `left` only those whose IoU "
            "with `best` is at most the threshold.",
        ),
        solution=solve_nms,
        praise="A hundred random cases agree. Greedy, and short: it has outlived "
        "many cleverer ways to say `one object, one box`.",
    ),
    "11.average_precision": Exercise(
        title="Average precision, three times",
        check=check_average_precision,
        hints=(
            "All three first raise the curve: the precision at a recall becomes the largest at "
            "this or any larger recall.",
            "`area` sums rectangles: how far recall went up, times the raised precision there. "
            "Detections that do not move recall add nothing.",
            "`voc07` and `coco` read the raised curve at 11 and 101 marks from 0 to 1 and take the "
            "mean; beyond the largest recall they read 0.",
        ),
        solution=solve_average_precision,
        praise="Five toys by three definitions, all as on the fact sheet. You can now read a table "
        "of results and ask which of the three it used.",
    ),
    "11.count_boxes": Exercise(
        title="Count the boxes",
        check=check_count,
        hints=(
            "How many vertical lines can a box's left edge lie on, in a picture two pixels wide? "
            "Three, the two borders counted.",
            "Four loops: `x1`, `x2`, `y1`, `y2`, with $x_1<x_2$ and $y_1<y_2$. Count what comes "
            "out.",
        ),
        solution=solve_count,
        praise="As many as $\\binom{H+1}{2}\\binom{W+1}{2}$ says, found the hard way. Do not "
        "try it on a photograph.",
    ),
    "11.grouping": Exercise(
        title="The order of merging",
        check=check_grouping,
        hints=(
            "`similarity(a, b, area)` and `merge(a, b)` are done. What is left is the loop: which "
            "pair next, and who touches the new region?",
            "The first merge makes region 6, the next 7, and so on. Whoever touched one of the two "
            "merged regions touches the new one.",
            "Remove every pair that holds `i` or `j`; add `(k, new)` for each former neighbour "
            "`k`; and go on until no pair is left.",
        ),
        solution=solve_grouping,
        praise="The order is the right one. Six regions gave eleven proposals: each merge adds "
        "one, at every size from part to whole.",
    ),
}
