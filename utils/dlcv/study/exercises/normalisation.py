"""Exercises on normalisation: backward, batch norm for maps, folding, group norm.

The checks compare with torch. Where an answer differs, they look for the mistake that would have
led to exactly this result, and name it.
"""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.normalisation_layers import (
    MyBatchNorm2d,
    check_backward,
    check_batch_norm_2d,
    check_fold,
    check_group_norm,
    solve_backward,
    solve_fold,
    solve_group_norm,
)

EXERCISES = {
    "05.backward": Exercise(
        title="Batch normalisation, backwards",
        check=check_backward,
        hints=(
            "Compute $\\hat x$ first, with the biased variance and with $\\epsilon$. Two of the "
            "three gradients are then one line each.",
            "$\\partial L/\\partial\\beta=\\sum_i g_i$ and "
            "$\\partial L/\\partial\\gamma=\\sum_i g_i\\hat x_i$. Both sums turn up again in the "
            "compact form of $\\partial L/\\partial x$.",
            "`dx = gamma / (m * s) * (m * upstream - dbeta - x_hat * dgamma)`",
        ),
        solution=solve_backward,
        praise="It agrees with the slopes, and the gradients of each feature add up to zero. Note "
        "that the two sums you needed are the gradients of $\\beta$ and $\\gamma$ themselves.",
    ),
    "05.batch_norm_2d": Exercise(
        title="Batch norm for maps",
        check=check_batch_norm_2d,
        hints=(
            "All places of a channel in all images share one mean: `x.mean(dim=(0, 2, 3))`.",
            "Normalise with `x.var(..., correction=0)`; move the running variance towards the "
            "unbiased one. $m$ is `x.numel() / x.shape[1]`.",
            "Change the buffers in place and under `torch.no_grad()`. One value per channel meets "
            "the maps as `v[:, None, None]`.",
        ),
        solution=MyBatchNorm2d,
        praise="Equal to torch in both modes, and the running variance is the unbiased one. You "
        "can now tell why a network may be fine in training and wrong in evaluation.",
    ),
    "05.fold": Exercise(
        title="Folding a batch norm into its convolution",
        check=check_fold,
        hints=(
            "In evaluation mode the batch norm is a factor and a shift for each output channel. "
            "What is the factor?",
            "$\\gamma/\\sqrt{v+\\epsilon}$ multiplies the weights *and* what is added before: the "
            "convolution's bias, if it has one, and minus the running mean.",
            "Make a new `nn.Conv2d` with the same settings, stride, padding and groups too, and "
            "set `weight.data` and `bias.data`; the factor meets the weights as "
            "`factor[:, None, None, None]`.",
        ),
        solution=solve_fold,
        praise="Right with bias, stride and groups. This is what tools do before they put a "
        "network on a phone: at inference batch norm costs nothing.",
    ),
    "05.group_norm": Exercise(
        title="Group norm",
        check=check_group_norm,
        hints=(
            "Give the groups an axis of their own: `x.reshape(N, groups, C // groups, H, W)`.",
            "Which of the five axes share statistics? All but the image and the group.",
            "Mean and biased variance over `(2, 3, 4)` with `keepdim=True`, then reshape back.",
        ),
        solution=solve_group_norm,
        praise="One reshape, and the same formula gives layer norm at one end and instance norm at "
        "the other. No image looked at another one.",
    ),
}
