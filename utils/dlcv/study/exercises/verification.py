"""Exercises on verification: triplets, their mining, a margin, ten folds, the shape of a batch."""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.verification_checks import (
    check_arcface,
    check_batch_all,
    check_batch_shape,
    check_semi_hard,
    check_ten_folds,
    solve_arcface,
    solve_batch_all,
    solve_batch_shape,
    solve_semi_hard,
    solve_ten_folds,
)

EXERCISES = {
    "09.batch_all": Exercise(
        title="The triplet loss of a whole batch",
        check=check_batch_all,
        hints=(
            "Start with one matrix of squared distances: "
            "`d = ((x[:, None] - x[None]) ** 2).sum(2)`.",
            "`d[:, :, None] - d[:, None, :]` has an entry for every (a, p, n). Which of them are "
            "valid triplets?",
            "Two masks: labels equal and $a\\ne p$ on the first two axes, labels different on the "
            "first and third. Then `losses[valid].mean()`.",
        ),
        solution=solve_batch_all,
        praise="The triple loop is gone, and a batch of 96 has its tens of thousands of triplets "
        "in one go. Its memory grows with the cube of the batch, which is the price.",
    ),
    "09.semi_hard": Exercise(
        title="A miner of semi-hard triplets",
        check=check_semi_hard,
        hints=(
            "Valid triplets as in the exercise before; then two inequalities more.",
            "How much farther is the negative? `gap = d[:, None, :] - d[:, :, None]`.",
            "Semi-hard is `(gap > 0) & (gap < margin)`; `nonzero()` turns a mask into indices.",
        ),
        solution=solve_semi_hard,
        praise="Every triplet it returns has something left to learn, and none asks for a step "
        "that would tear the embedding apart.",
    ),
    "09.arcface": Exercise(
        title="The head of ArcFace",
        check=check_arcface,
        hints=(
            "Cosines first: normalise both, then one matrix product.",
            "Only the own class is widened: `one_hot(labels, K).bool()` and `torch.where`.",
            "`acos` has an infinite slope at ±1. Clamp the cosine a little inside before it, or use "
            "$\\cos(\\theta+m)=\\cos\\theta\\cos m-\\sin\\theta\\sin m$ with a root that is careful "
            "at 0.",
        ),
        solution=solve_arcface,
        praise="Five lines on top of a softmax. Without the margin it is NormFace, and it stays "
        "finite where an embedding sits exactly on its class vector.",
    ),
    "09.ten_folds": Exercise(
        title="The ten-fold evaluator",
        check=check_ten_folds,
        hints=(
            "`torch.arange(M).tensor_split(folds)` gives the indices of each fold.",
            "For each fold, choose the threshold on all *other* pairs. `best_threshold` "
            "from the package finds the best one for the pairs that it is given.",
            "Then count on the fold: `((scores[fold] >= threshold) == same[fold]).double().mean()`, "
            "and take the mean of the folds.",
        ),
        solution=solve_ten_folds,
        praise="No pair is judged by a threshold that has seen it. On many pairs it makes little "
        "difference; on sixty it made one.",
    ),
    "09.batch_shape": Exercise(
        title="The shape of a batch",
        check=check_batch_shape,
        hints=(
            "Positive pairs: each of $P$ people has $K(K-1)/2$ of them.",
            "Triplets: choose an anchor, then a positive, then a negative, and multiply.",
            "$PK$ anchors, $K-1$ positives for each, $(P-1)K$ negatives for each.",
        ),
        solution=solve_batch_shape,
        praise="With 96 images, 2 people give the most triplets (216,576), but only two people to "
        "tell apart; 12 × 8 has 59,136 among twelve. 48 × 2 shows the most people and has the "
        "fewest positives, 48. FaceNet took about 40 images a person, in batches of 1,800.",
    ),
}
