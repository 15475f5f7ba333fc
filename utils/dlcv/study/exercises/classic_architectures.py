"""Exercises on the classic architectures: counting, repairing and rebuilding them."""

from dlcv.study.exercises.architecture_counts import (
    check_config_358,
    check_count,
    check_vgg_table,
    solve_count,
)
from dlcv.study.exercises.architecture_networks import (
    check_label_smoothing,
    check_resnet20,
    solve_label_smoothing,
    solve_resnet20,
)
from dlcv.study.exercises.base import Exercise

EXERCISES = {
    "06a.count": Exercise(
        title="Count any network",
        check=check_count,
        hints=(
            "The parameters are one line: `sum(p.numel() for p in model.parameters())`.",
            "For the multiply-adds you need the size of every layer's output. Register a forward "
            "hook on each `nn.Conv2d` and `nn.Linear`, and send one image of zeros through.",
            "Each value of a layer's output takes as many multiply-adds as one kernel has weights: "
            "`output[0].numel() * layer.weight[0].numel()`. That is right for groups, too, as "
            "`weight[0]` reaches through the channels of one group only.",
        ),
        solution=solve_count,
        praise="Right on a network with groups, on one with branches and on one with shortcuts. "
        "With these few lines you can audit any table.",
    ),
    "06a.vgg_table": Exercise(
        title="Repair VGG's table",
        check=check_vgg_table,
        hints=(
            "C has one layer too few, and so has E. Both lost it in the same block.",
            "The totals tell which: subtract the parameters of what is printed. A 1×1 layer from "
            "256 to 256 channels has $256·256+256=65{,}792$ parameters, a 3×3 layer 590,080.",
            "In C each of the last three blocks ends in a 1×1 layer. In E the last three blocks "
            "have four layers each.",
        ),
        solution="""
            my_columns = {
                "C": (
                    "conv3-64 conv3-64",
                    "conv3-128 conv3-128",
                    "conv3-256 conv3-256 conv1-256",
                    "conv3-512 conv3-512 conv1-512",
                    "conv3-512 conv3-512 conv1-512",
                ),
                "E": (
                    "conv3-64 conv3-64",
                    "conv3-128 conv3-128",
                    "conv3-256 conv3-256 conv3-256 conv3-256",
                    "conv3-512 conv3-512 conv3-512 conv3-512",
                    "conv3-512 conv3-512 conv3-512 conv3-512",
                ),
            }
        """,
        praise="16 and 19 layers, and both totals to the last parameter. A count is a check sum: "
        "it finds a line that a copyist lost.",
    ),
    "06a.resnet20": Exercise(
        title="ResNet-20",
        check=check_resnet20,
        hints=(
            "Count first: one convolution, then $3·3$ blocks of two, then a linear layer: 20. No "
            "convolution has a bias, as a batch normalisation follows each of them.",
            "A block: 3×3 with the block's stride, BN, ReLU, 3×3, BN, plus the shortcut, ReLU. The "
            "stride is 2 in the first block of the second and of the third stage.",
            "The shortcut where sizes change: `F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, new))` "
            "with as many new channels as there are old ones.",
        ),
        solution=solve_resnet20,
        praise="269,722 parameters, and it still passes on the image with every block at zero. "
        "Trained on CIFAR-10 for 64,000 steps, this network reaches 8.75 % error.",
    ),
    "06a.config_358": Exercise(
        title="A module for 358 million",
        check=check_config_358,
        hints=(
            "Divide by the $28·28=784$ places: $456{,}704$ multiply-adds at each. How many of them "
            "do not depend on the three reductions?",
            "The 1×1 branch takes $256·128$ of them. A channel before the 3×3 costs "
            "$256+9·192=1984$, one before the 5×5 costs $256+25·96=2656$, one after the pooling "
            "costs 256. So $1984\\,a+2656\\,b+256\\,c=423{,}936$ with whole numbers.",
            "Two loops over $a$ and $b$ and a division find all answers. One of them has no pool "
            "projection and twice as many channels before the 3×3 as before the 5×5.",
        ),
        solution="my_reductions = (128, 64, 0)",
        praise="To the last digit. Of the modules that cost this much, the one with 128, 64 and no "
        "projection is the likeliest to have been meant; but its output has 672 channels, and "
        "the slides say 480. So it was the sum.",
    ),
    "06a.label_smoothing": Exercise(
        title="Label smoothing",
        check=check_label_smoothing,
        hints=(
            "Cross-entropy is minus the log-probability of the right class. With smooth labels it "
            "is minus a weighted sum over *all* classes.",
            "Split it: $(1-\\epsilon)$ times the usual loss, plus $\\epsilon$ times the mean of "
            "$-\\log p_k$ over the $K$ classes.",
        ),
        solution=solve_label_smoothing,
        praise="It agrees with torch for every epsilon. At 1 the labels do not matter any more.",
    ),
}
