"""Exercises on convolution: sizes, im2col, the matrix C, pooling backwards, receptive field, C3.

The checks compare with torch. Where an answer differs, they look for the mistake that would have
led to exactly this result, and name it.
"""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.convolution_layers import (
    check_im2col,
    check_lenet_c3,
    check_matrix,
    check_max_pool_backward,
    solve_im2col,
    solve_lenet_c3,
    solve_matrix,
    solve_max_pool_backward,
)
from dlcv.study.exercises.convolution_sizes import (
    check_output_size,
    check_receptive_field,
    solve_output_size,
    solve_receptive_field,
)

EXERCISES = {
    "04.output_size": Exercise(
        title="How many windows fit?",
        check=check_output_size,
        hints=(
            "How many pixels does the kernel span from its first to its last tap? With dilation "
            "$d$ there are $d-1$ pixels between neighbouring taps.",
            "Put the first window at the left end. How many pixels are left to its right, padding "
            "on both sides counted? Every further window needs $S$ of them.",
            "`steps // stride + 1`, where `steps` are the pixels to the right of the first window.",
        ),
        solution=solve_output_size,
        praise="Right on all four, the one that does not fit included. With these five numbers "
        "you can follow an image through any network in this book.",
    ),
    "04.im2col": Exercise(
        title="A convolution as one matrix product",
        check=check_im2col,
        hints=(
            "Pad first. Then window $(r, c)$ is `padded[:, :, r * stride : r * stride + K, ...]`; "
            "cut it out for all images and channels at once.",
            "`reshape(N, -1)` makes a row of each window: channel by channel, each row by row. "
            "`weight.reshape(C_out, -1)` lays out the kernels in the same order.",
            "`torch.stack` the windows along axis 1 and multiply: $[N, H'W', C K K]$ times "
            "$[C K K, C_{out}]$. The channels are now last: transpose, then reshape into maps.",
        ),
        solution=solve_im2col,
        praise="Fifty random layers agree with torch to round-off. Your two loops run over places "
        "only: all images, all channels and all kernels meet in a single product.",
    ),
    "04.matrix": Exercise(
        title="The matrix C",
        check=check_matrix,
        hints=(
            "One row of $C$ for each output, one column for each pixel. How many are there?",
            "Draw the row as an image: zeros of shape `[H, W]`, with the kernel written over the "
            "window that this output reads.",
            "`flatten()` that image; it is row `r * W_out + c` of $C$.",
        ),
        solution=solve_matrix,
        praise="Exact on whole numbers, forward and transposed. You have just shown that a "
        "convolution is a fully connected layer with most weights zero and the rest shared.",
    ),
    "04.max_pool_backward": Exercise(
        title="Max pooling, backwards",
        check=check_max_pool_backward,
        hints=(
            "Nudge one pixel of a window: does the maximum move? Only if this pixel *is* the "
            "maximum. What is the derivative there?",
            "For output $(i, j)$ find the `argmax` of its window in `images`, and add "
            "`upstream[:, :, i, j]` at that place.",
            "Add with `+=`: where windows overlap, one pixel may win several of them.",
        ),
        solution=solve_max_pool_backward,
        praise="Right, overlapping windows too. Count the zeros in a gradient of 2x2 pooling: "
        "three in four pixels learn nothing from each step.",
    ),
    "04.receptive_field": Exercise(
        title="The receptive field of a network",
        check=check_receptive_field,
        hints=(
            "Walk through the layers with two numbers: the field so far, and how many input pixels "
            "lie between two neighbouring outputs.",
            "A kernel of $K$ taps reaches $d(K-1)$ neighbours further, each worth one step; only "
            "then does the layer's own stride lengthen the step.",
            "`nn.Conv2d` keeps pairs and `nn.MaxPool2d` whole numbers: take `v[0]` of a tuple. "
            "All other layers look at one pixel.",
        ),
        solution=solve_receptive_field,
        praise="Right for AlexNet, VGG-16 and two ResNets. From 224-pixel images the last layer of "
        "ResNet-34 could see 899: more than there is.",
    ),
    "04.lenet_c3": Exercise(
        title="LeNet-5 with the connections of 1998",
        check=check_lenet_c3,
        hints=(
            "Each of the 16 maps has its own list of inputs. Give each map its own little "
            "convolution, `nn.Conv2d(len(row), 1, 5)`, in an `nn.ModuleList`.",
            "Pick channels by a list: `maps[:, row]`. `torch.cat(..., dim=1)` puts 16 single maps "
            "side by side.",
            "The count must come out as 156 + 12 + 1,516 + 32 + 48,120 + 10,164: trainable "
            "subsampling in S2 and S4, and no weights at all in the output.",
        ),
        solution=solve_lenet_c3,
        praise="Exactly 60,000, as the paper says. Sparse connections saved 900 weights and, more "
        "important in 1998, forced the maps to differ by giving them different inputs.",
    ),
}
