"""Exercises on localisation: IoU for batches, layers as convolutions, windows, heads and a pose."""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.localisation_training import (
    check_pose,
    check_two_heads,
    solve_pose,
    solve_two_heads,
)
from dlcv.study.exercises.localisation_windows import (
    check_batch_iou,
    check_fc_to_conv,
    check_sliding_window,
    solve_batch_iou,
    solve_fc_to_conv,
    solve_sliding_window,
)

EXERCISES = {
    "10.batch_iou": Exercise(
        title="IoU for batches",
        check=check_batch_iou,
        hints=(
            "`boxes1[:, :, None]` is $[B, N, 1, 4]$ and `boxes2[:, None]` is $[B, 1, M, 4]$: "
            "everything that is computed from both has the shape $[B, N, M]$.",
            "The common box goes from the larger of the left and upper edges to the smaller of the "
            "right and lower ones. Where it would be negative, it is nothing: `clamp(min=0)`.",
            "Union: both areas, less the intersection, which would otherwise count twice.",
        ),
        solution=solve_batch_iou,
        praise="Equal to torchvision on every slice. With a leading axis a loss over a whole batch "
        "needs no loop.",
    ),
    "10.fc_to_conv": Exercise(
        title="A fully connected layer as a convolution",
        check=check_fc_to_conv,
        hints=(
            "The kernel is as large as the whole map: `nn.Conv2d(C, layer.out_features, (H, W))`.",
            "The weights $[O, CHW]$ are laid out channel by channel, each row by row; `reshape` to "
            "$[O, C, H, W]$ does exactly that.",
            "Copy under `torch.no_grad()`, the bias too, if there is one.",
        ),
        solution=solve_fc_to_conv,
        praise="Right on its own size and beyond it. You have just made a network that takes "
        "pictures of any size.",
    ),
    "10.sliding_window": Exercise(
        title="A sliding window",
        check=check_sliding_window,
        hints=(
            "Along an axis of $N$ pixels there are `(N - window) // stride + 1` places.",
            "Window $(i, j)$ is `image[:, i * stride : i * stride + window, j * stride : ...]`: "
            "rows are $y$, columns are $x$.",
            "`divmod(int(scores.argmax()), w)` gives row and column of the best; its box is "
            "`(x, y, x + window, y + window)`.",
        ),
        solution=solve_sliding_window,
        praise="The fifth window wins, as it should. Now imagine the loop around VGG-16, and you "
        "know why OverFeat was invented.",
    ),
    "10.two_heads": Exercise(
        title="A class head and a box head",
        check=check_two_heads,
        hints=(
            "For the boxes, flatten the map; its mean over places has forgotten where things are. "
            "`nn.Sequential(nn.Flatten(), nn.Linear(112 * 16, 96), nn.ReLU(), ...)` will do.",
            "Sum both losses: `F.cross_entropy(logits, labels) + F.smooth_l1_loss(boxes, wanted, "
            "beta=0.1)`, and weight the second, say by 10.",
            "AdamW with a rate of 0.002, some 150 steps on all maps at once; then return a "
            "function that calls both heads under `torch.no_grad()`.",
        ),
        solution=solve_two_heads,
        praise="Label and box from one look. The trunk has never seen a box in its life.",
    ),
    "10.pose": Exercise(
        title="Joints by regression",
        check=check_pose,
        hints=(
            "Train on coordinates relative to the box: `(joint - middle) / size`, for $x$ and $y$.",
            "The head has $2 · 5$ outputs; `unflatten(1, (5, 2))` makes joints of them.",
            "When predicting, go back to pixels with the boxes of the *new* fish: "
            "`relative * size + middle`.",
        ),
        solution=solve_pose,
        praise="You have built the first stage of DeepPose. It knows left-swimming fish from "
        "right-swimming ones by itself.",
    ),
}
