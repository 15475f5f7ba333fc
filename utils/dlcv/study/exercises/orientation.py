"""Exercises on tasks, measures and data sets: top-k, macro accuracy, overlapping discs, a table."""

from itertools import pairwise
from numbers import Real

import torch
from torch import Tensor

from dlcv.study.exercises.base import Exercise, attempt, expect
from dlcv.study.exercises.orientation_scene import check_scene, solve_scene
from dlcv.study.facts import load_facts
from dlcv.training.metrics import macro_accuracy, micro_accuracy, topk_error


def number(got: object, case: str) -> float:
    """The reader's number, whether Python's or a tensor of one element."""
    if isinstance(got, Tensor) and got.numel() == 1:
        got = got.item()
    is_number = isinstance(got, Real) and not isinstance(got, bool)
    expect(is_number, f"{case}: expected a number, got {type(got).__name__}.")
    return float(got)


def compare(got: float, expected: float, rivals: dict[str, float], case: str) -> None:
    """Ends the check unless two numbers agree; a rival that agrees instead names the mistake."""
    if abs(got - expected) < 1e-6:
        return
    for why, rival in rivals.items():
        expect(abs(got - rival) >= 1e-6, f"{case}: {why}.")
    expect(False, f"{case}: expected {expected:.4f}, got {got:.4f}.")


# ------------------------------------------------------------------------------------- 00.topk
def check_topk(answer: object) -> None:
    """Compares with the book's function on a tie and on a thousand random cases."""
    tied = torch.tensor([[1.0, 3.0, 3.0, 3.0]])
    for label, k in ((1, 1), (3, 1), (3, 2), (2, 2)):
        case = f"scores {tied[0].tolist()}, label {label}, k = {k}"
        labels = torch.tensor([label])
        got = number(attempt(answer, tied, labels, k), case)
        why = f"{case}: of equal scores the lower class comes first; here that gives"
        expected = topk_error(tied, labels, k)
        expect(abs(got - (1 - expected)) >= 1e-6, f"{why} {expected:.0f}, got {got:.0f}.")
        compare(got, expected, {}, case)
    generator = torch.Generator().manual_seed(0)
    for _ in range(1000):
        N, K = (int(torch.randint(2, 9, (), generator=generator)) for _ in range(2))
        k = int(torch.randint(1, K + 1, (), generator=generator))
        scores = torch.randint(6, (N, K), generator=generator).float()  # with many ties
        labels = torch.randint(K, (N,), generator=generator)
        case = f"{N} images, {K} classes, k = {k}"
        got = number(attempt(answer, scores, labels, k), case)
        compare(got, topk_error(scores, labels, k), _topk_rivals(scores, labels, k), case)


def _topk_rivals(scores: Tensor, labels: Tensor, k: int) -> dict[str, float]:
    error = topk_error(scores, labels, k)
    lowest = topk_error(-scores, labels, k)
    above = (scores > scores.gather(1, labels[:, None])).sum(dim=1)
    return {
        "this is the share that was *found*; the error is the rest": 1 - error,
        "these are the *lowest* scores; the best are the highest": lowest,
        "this only looks at the best score; allow k guesses": topk_error(scores, labels, 1),
        "this is the number of errors; divide by the number of images": error * len(labels),
        "the places are counted from 0: k guesses are the places 0 to k - 1": (
            topk_error(scores, labels, min(k + 1, scores.shape[1]))
        ),
        "of equal scores the lower class comes first": (above >= k).float().mean().item(),
    }


def solve_topk(scores, labels, k):
    """Sort so that ties keep their order, and look for the label among the first k."""
    best = scores.argsort(dim=1, descending=True, stable=True)[:, :k]  # [N, k]
    missed = ~(best == labels[:, None]).any(dim=1)
    return missed.float().mean().item()


# ------------------------------------------------------------------------------------ 00.macro
def check_macro(answer: object) -> None:
    """Compares on the example by hand, on a class that never occurs, and on random labels."""
    generator = torch.Generator().manual_seed(1)
    labels = (torch.rand(60, generator=generator).square() * 5).long()
    guesses = torch.where(torch.rand(60, generator=generator) < 0.6, labels, 0)
    cases = {
        "nine of class 0, one of class 1, always guessed 0": (torch.zeros(10), [0] * 9 + [1]),
        "classes 0 and 2 only": ([0, 2, 2, 1], [0, 2, 2, 2]),
        "sixty images of five classes": (guesses, labels),
    }
    for case, (predicted, truth) in cases.items():
        predicted, truth = (torch.as_tensor(values).long() for values in (predicted, truth))
        got = number(attempt(answer, predicted, truth), case)
        compare(got, macro_accuracy(predicted, truth), _macro_rivals(predicted, truth), case)


def _macro_rivals(predicted: Tensor, labels: Tensor) -> dict[str, float]:
    K = int(labels.max()) + 1
    present = len(labels.unique())
    return {
        "this is the *micro* accuracy, in which every image counts alike": (
            micro_accuracy(predicted, labels)
        ),
        "you divide by the images that were *guessed* to be of a class, which is its precision; "
        "divide by those that are": macro_accuracy(labels, predicted),
        "a class that never occurs has no accuracy: leave it out of the mean": (
            macro_accuracy(predicted, labels) * present / K
        ),
        "this is the sum over the classes; take the mean": (
            macro_accuracy(predicted, labels) * present
        ),
    }


def solve_macro(predicted, labels):
    """One accuracy for each class that occurs, then their mean."""
    right = (predicted == labels).float()
    of_class = [right[labels == k].mean() for k in labels.unique()]
    return torch.stack(of_class).mean().item()


# -------------------------------------------------------------------------------- 00.per_class
def _value(id: str) -> float:
    return load_facts()[id].value


def _per_class() -> dict[str, float]:
    """Images per class, from the fact sheet."""
    return {
        "MNIST": (_value("L00-MNIST-TRAIN") + _value("L00-MNIST-TEST")) / 10,
        "CIFAR-10": _value("L00-CIFAR-TOTAL") / 10,
        "CIFAR-100": _value("L00-CIFAR-TOTAL") / 100,
        "VOC 2007": _value("L00-VOC07-IMAGES") / _value("L00-VOC-CLASSES"),
        "ILSVRC 2012": _value("L00-ILSVRC12-TRAIN") / 1000,
        "COCO": _value("L00-COCO-TOTAL") / _value("L00-COCO-CLASSES"),
    }


NEAR: dict[str, dict[float, str]] = {
    "MNIST": {6000: "that is the training part; count the test images too"},
    "CIFAR-10": {5000: "that is the training part; count the test images too"},
    "CIFAR-100": {
        6000: "it has ten times as many classes as CIFAR-10, and as many images",
        500: "that is the training part; count the test images too",
    },
    "VOC 2007": {5011 / 20: "that is the trainval part; the test part belongs to it"},
    "ILSVRC 2012": {
        1431.167: "here only the training images count",
        10_000.0: "the ten million that are often quoted are not what networks are trained on",
    },
    "COCO": {
        328_000 / 91: "91 classes were planned, 80 were released",
        2_500_000 / 80: "those are the *objects*; count the images",
    },
}


def check_per_class(answer: object) -> None:
    """Looks for every data set, then at its number, then at the order."""
    table = attempt(answer) if callable(answer) else answer
    expected = _per_class()
    expect(isinstance(table, dict), f"expected a dict, got {type(table).__name__}.")
    missing = [name for name in expected if name not in table]
    expect(not missing, f"missing: {', '.join(missing)}.")
    unknown = [str(name) for name in table if name not in expected]
    expect(not unknown, f"not asked for: {', '.join(unknown)}.")
    for name, count in expected.items():
        got = number(table[name], name)
        for wrong, why in NEAR[name].items():
            expect(abs(got - wrong) > 1, f"{name}: {why}.")
        expect(abs(got - count) <= 1, f"{name}: divide its images by its classes, got {got:g}.")
    counts = [number(count, name) for name, count in table.items()]
    falling = all(a >= b for a, b in pairwise(counts))
    expect(falling, "the numbers are right; sort the table, most images per class first.")


SOLUTION_PER_CLASS = """
images_and_classes = {
    "MNIST": (70_000, 10),
    "CIFAR-10": (60_000, 10),
    "CIFAR-100": (60_000, 100),
    "VOC 2007": (9_963, 20),
    "ILSVRC 2012": (1_281_167, 1000),
    "COCO": (328_000, 80),
}
per_class = {name: images / classes for name, (images, classes) in images_and_classes.items()}
per_class = dict(sorted(per_class.items(), key=lambda entry: -entry[1]))
"""

EXERCISES = {
    "00.topk": Exercise(
        title="Top-k error",
        check=check_topk,
        hints=(
            "For each image you need the k classes with the highest scores, then whether the label "
            "is one of them.",
            "`argsort` with `descending=True` sorts classes by score. With `stable=True`, equal "
            "scores keep their order, so that the lower class comes first.",
            "`best == labels[:, None]` compares all k guesses of an image with its label; `any` "
            "over the guesses says whether it was found. The error counts those that were not.",
        ),
        solution=solve_topk,
        praise="Right on a thousand cases, ties included. For k = 1 it is one minus the accuracy.",
    ),
    "00.macro": Exercise(
        title="Macro accuracy",
        check=check_macro,
        hints=(
            "First the accuracy of each class on its own, then the mean of these.",
            "`labels == k` picks the images of class k. Which classes occur? `labels.unique()`.",
            "`(predicted == labels)[labels == k].float().mean()` is the accuracy of class k.",
        ),
        solution=solve_macro,
        praise="Right. A classifier that never names a rare class can no longer hide it.",
    ),
    "00.scene": Exercise(
        title="A scene with overlapping discs",
        check=check_scene,
        hints=(
            "Pixel $(i, j)$ has its centre at $x=j+0.5$, $y=i+0.5$. A disc holds the pixels whose "
            "centre is nearer to its centre than the radius.",
            "Go through the discs from the last, which lies in front, to the first, and remember "
            "which pixels are taken.",
            "A box goes from the first pixel's left edge to the last pixel's *right* edge: the "
            "column of the last pixel plus 1. It goes around what is visible.",
        ),
        solution=solve_scene,
        praise="Right: masks that share no pixel, and boxes tight to the pixel. This is how the "
        "scenes of this book get their labels, for nothing.",
    ),
    "00.per_class": Exercise(
        title="Images per class",
        check=check_per_class,
        hints=(
            "The table of 0.4 holds the images; of MNIST, CIFAR and VOC all parts count, of ILSVRC "
            "2012 the training part.",
            "MNIST and CIFAR-10 have 10 classes, CIFAR-100 has 100, VOC 20, ILSVRC 1,000, COCO 80.",
            "`dict(sorted(table.items(), key=lambda entry: -entry[1]))` sorts by falling value.",
        ),
        solution=SOLUTION_PER_CLASS,
        praise="Right. Between the first and the last lies more than a factor of ten, and the "
        "smallest sets have the most labour in each image.",
    ),
}
