"""The exercises of lecture 14."""

from dlcv.study.exercises import mask_rcnn
from dlcv.study.exercises import segmentation_checks as checks
from dlcv.study.exercises.base import Exercise

EXERCISES = {
    "14.metrics": Exercise(
        title="Four measures from one table",
        check=checks.check_metrics,
        hints=(
            "The truth is in the rows. So $t_i$ is the sum of row $i$, and the sum of column $i$ "
            "says how many pixels were called $i$. The right ones are on the diagonal.",
            "A union counts the right pixels once: $t_i+\\sum_jn_{ji}-n_{ii}$. The weighted IoU is "
            "a mean of the IoUs with the weights $t_i/\\sum_kt_k$.",
        ),
        solution=checks.solve_metrics,
        praise="On the worked table 0.84, 0.722, 0.622 and 0.735: four answers to the question how "
        "good one segmentation is.",
    ),
    "14.bilinear": Exercise(
        title="The kernel of linear interpolation",
        check=checks.check_bilinear,
        hints=(
            "In one dimension first. For $f=2$ the taps are 0.25, 0.75, 0.75, 0.25: they fall by "
            "$1/f$ from tap to tap, on both sides of the middle $c$.",
            "The size is $2f$ for even and $2f-1$ for odd $f$, in short `2 * f - f % 2`, and "
            "$c$ = (size - 1) / 2. Then take all products of two taps.",
        ),
        solution=checks.solve_bilinear,
        praise="A transposed convolution that begins with this kernel begins as a good "
        "interpolation, and can only get better.",
    ),
    "14.conversion": Exercise(
        title="A fully connected layer as a convolution",
        check=checks.check_conversion,
        hints=(
            "A unit of the layer reads all numbers of a $C×size×size$ map. So does a kernel that "
            "is as large as the map.",
            "`flatten` runs channel, row, column, and so does a row of the weight: "
            "`layer.weight.reshape(conv.weight.shape)`. Copy under `torch.no_grad()`, and mind "
            "the bias.",
        ),
        solution=checks.solve_conversion,
        praise="Not a single weight has changed, and the classifier now answers for every window "
        "of a picture of any size, at the cost of one pass.",
    ),
    **mask_rcnn.EXERCISES,
    "14.fuse": Exercise(
        title="FCN-8s: three score maps become one",
        check=checks.check_fuse,
        hints=(
            "Double the coarsest map, add the next, double the sum, add the last. The result has "
            "stride 8.",
            "`F.conv_transpose2d(x, weight, stride=f, padding=f // 2, groups=K)` with a weight of "
            "shape [K, 1, k, k]: `groups=K` enlarges each class for itself.",
        ),
        solution=checks.solve_fuse,
        praise="Addition is all that a skip needs: each map says how sure it is, and the sum "
        "weighs the votes.",
    ),
}
