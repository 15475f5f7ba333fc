"""The exercise of lecture 08 on augmentation without repetition."""

import torch

from dlcv.study.exercises.base import Exercise, attempt, expect


def check_alternate(answer: object) -> None:
    """Compares four epochs of three images that a person can tell from their mirror images."""
    images = torch.arange(3 * 2 * 4).reshape(3, 1, 2, 4)
    first = torch.tensor([True, False, True])
    for epoch in range(4):
        got = attempt(answer, images.clone(), epoch, first.clone())
        expect(
            isinstance(got, torch.Tensor) and got.shape == images.shape,
            f"Expected images of shape {list(images.shape)}, got {_form(got)}.",
        )
        mirrored = [_way(one, image) for one, image in zip(got, images, strict=True)]
        wanted = [bool(flag) ^ (epoch % 2 == 1) for flag in first]
        _explain(epoch, mirrored, wanted, first.tolist())


def _form(got: object) -> str:
    return str(list(got.shape)) if isinstance(got, torch.Tensor) else type(got).__name__


def _way(got: torch.Tensor, image: torch.Tensor) -> bool | None:
    """Whether an image was mirrored left and right; None if it is neither way round."""
    if torch.equal(got, image.flip(2)):
        return True
    return False if torch.equal(got, image) else None


def _explain(
    epoch: int, mirrored: list[bool | None], wanted: list[bool], first: list[bool]
) -> None:
    """Raise what is wrong with the ways round of one epoch."""
    case = f"Epoch {epoch}, first = {first}"
    expect(
        None not in mirrored,
        f"{case}: an image is neither as it was nor its mirror image. Left and right is dimension "
        "3 of [N, C, H, W].",
    )
    expect(
        not (epoch % 2 == 0 and mirrored == [not w for w in wanted]),
        f"{case}: exactly the wrong ones are mirrored. In the first epoch, number 0, those of "
        "`first` are.",
    )
    expect(
        not (epoch % 2 == 1 and mirrored == first),
        f"{case}: the same images as in the epoch before. Now the others have their turn.",
    )
    expect(
        not all(mirrored) and any(mirrored),
        f"{case}: all images are treated alike; each has its own way round.",
    )
    expect(mirrored == wanted, f"{case}: expected mirrored {wanted}, got {mirrored}.")


def solve_alternate(images, epoch, first):
    """Those of `first` in even epochs, the others in odd ones."""
    chosen = first if epoch % 2 == 0 else ~first
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


EXERCISES = {
    "08.alternate": Exercise(
        "Both ways in any two epochs",
        check_alternate,
        (
            "Which images are mirrored in epoch 0, in epoch 1, in epoch 2?",
            "In even epochs those of `first`, in odd ones all others: `~first`.",
            "`torch.where` takes one of two images for each entry; give its condition the shape "
            "[N, 1, 1, 1], and mirror with `images.flip(3)`.",
        ),
        solve_alternate,
        "No loop over the images, and nothing that waits for a GPU: a whole epoch in one call.",
    ),
}
