"""Exercises on transfer: a new head, a linear probe, rates by layer, a source that hurts."""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.transfer_checks import (
    check_groups,
    check_head,
    check_hurts,
    check_probe,
    solve_groups,
    solve_head,
    solve_hurts,
    solve_probe,
)

EXERCISES = {
    "07.head_swap": Exercise(
        title="A new head on frozen features",
        check=check_head,
        hints=(
            "The order matters: freeze everything first, then put in the new layer. A new layer "
            "is born with gradients switched on.",
            "`requires_grad_(False)` stops the optimiser. What keeps batch normalisation from "
            "following the new images? `eval()`.",
            "`model[-1].in_features` says how wide the features are; "
            "`model[-1] = nn.Linear(..., num_classes)` replaces the head in place.",
        ),
        solution=solve_head,
        praise="Only the new weights learn, and what the body says about an image stays the same "
        "to the last bit, whatever batches come through.",
    ),
    "07.linear_probe": Exercise(
        title="A linear probe in closed form",
        check=check_probe,
        hints=(
            "Make the targets first: one row for each image, 1 at its class and 0 elsewhere, "
            "`F.one_hot(labels, num_classes)`.",
            "The bias takes no penalty. Subtract the column means from features and targets, solve "
            "for $W$, and put the means back into the bias.",
            "`W = torch.linalg.solve(X.T @ X + penalty * torch.eye(D), X.T @ Y)`, then "
            "`b = y_mean - x_mean @ W`.",
        ),
        solution=solve_probe,
        praise="One linear system, no learning rate, no epochs, and as good as a head trained by "
        "gradient descent. Try it first whenever you borrow features.",
    ),
    "07.layer_rates": Exercise(
        title="A learning rate for each layer",
        check=check_groups,
        hints=(
            "A group is a dict with `params` and `lr`; an optimiser takes a list of them.",
            "Keep only parameters with `requires_grad`, and only stages that have some left.",
            "With $L$ the last of the stages that are left, stage $l$ gets "
            "`lr * factor ** (L - l)`: the head the full rate.",
        ),
        solution=solve_groups,
        praise="Exactly one group for each stage that learns. `torch.optim.SGD(groups)` takes it "
        "as it is, and a schedule multiplies every rate alike.",
    ),
    "07.source_that_hurts": Exercise(
        title="A source that hurts",
        check=check_hurts,
        hints=(
            "What would a network have to throw away in order to solve your source task? Choose a "
            "source that rewards throwing away what the digits 5 to 9 need.",
            "The narrower the source, the better: fewer classes, or labels that say nothing about "
            "the shape.",
            "`return digits.images, (digits.labels == 1).long()`: is it a one or not?",
        ),
        solution=solve_hurts,
        praise="Worse than no help at all, seed after seed. A borrowed network is a hypothesis "
        "about your task, and training from scratch is its test.",
    ),
}
