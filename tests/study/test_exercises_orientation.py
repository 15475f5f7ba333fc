"""The checks of lecture 00: right answers pass, plausible mistakes are called by name."""

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.orientation_scene import SCENES, solve_scene
from dlcv.training.metrics import macro_accuracy, topk_error

FUNCTIONS = ("00.topk", "00.macro", "00.scene")


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


def per_class():
    """What the worked solution makes."""
    names = {}
    exec(find("00.per_class").solution_code(), names)
    return names["per_class"]


@pytest.mark.parametrize("id", FUNCTIONS)
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, find(id).solution)
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


def test_the_solution_of_the_table_is_right():
    assert check("00.per_class", per_class()).status == "right"
    assert set(exercises_of("00")) == {*FUNCTIONS, "00.per_class"}


@pytest.mark.parametrize("id", FUNCTIONS)
def test_three_dots_are_not_attempted_and_nonsense_gets_a_reason(id):
    assert check(id, lambda *anything: ...).status == "not attempted"
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "got NoneType")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


def test_other_right_answers_pass_too():
    def by_sklearn(predicted, labels):
        return balanced_accuracy_score(labels, predicted)

    def as_tensor(scores, labels, k):
        return torch.tensor(topk_error(scores, labels, k))

    assert check("00.macro", macro_accuracy).status == "right"
    assert check("00.topk", topk_error).status == "right"
    assert check("00.topk", as_tensor).status == "right"


# --------------------------------------------------------------------------------- 00.topk
def found(scores, labels, k):
    return 1 - topk_error(scores, labels, k)


def lowest(scores, labels, k):
    return topk_error(-scores, labels, k)


def one_guess(scores, labels, k):
    return topk_error(scores, labels, 1)


def count(scores, labels, k):
    return topk_error(scores, labels, k) * len(labels)


def strictly_above(scores, labels, k):
    own = scores.gather(1, labels[:, None])
    return ((scores > own).sum(1) >= k).float().mean()


def one_more(scores, labels, k):
    return topk_error(scores, labels, min(k + 1, scores.shape[1]))


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (found, "of equal scores the lower class comes first; here that gives 0, got 1"),
        (lowest, "the lower class comes first"),
        (one_guess, "label 2, k = 2"),
        (count, "divide by the number of images"),
        (strictly_above, "the lower class comes first; here that gives 1, got 0"),
        (one_more, "label 3, k = 1" if False else "label"),
        (lambda scores, labels, k: True, "expected a number, got bool"),
    ],
)
def test_mistakes_in_the_top_k_error(answer, phrase):
    assert_wrong("00.topk", answer, phrase)


@pytest.mark.parametrize(
    ("mistake", "phrase"),
    [
        (found, "the share that was *found*".replace("*", "")),
        (lowest, "the best are the highest"),
        (one_guess, "allow k guesses"),
        (one_more, "places 0 to k - 1"),
    ],
)
def test_mistakes_that_only_random_cases_bring_to_light(mistake, phrase):
    """Right on the four small cases with ties, wrong on random ones."""

    def answer(scores, labels, k):
        small = len(scores) == 1
        return topk_error(scores, labels, k) if small else mistake(scores, labels, k)

    assert_wrong("00.topk", answer, phrase)


# -------------------------------------------------------------------------------- 00.macro
def precision(predicted, labels):
    return macro_accuracy(labels, predicted)


def every_class(predicted, labels):
    K = int(labels.max()) + 1
    right = (predicted == labels).float()
    return sum(right[labels == k].mean() if (labels == k).any() else 0 for k in range(K)) / K


def total(predicted, labels):
    return macro_accuracy(predicted, labels) * len(labels.unique())


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda predicted, labels: (predicted == labels).float().mean(), "micro"),
        (precision, "guessed"),
        (every_class, "a class that never occurs has no accuracy"),
        (total, "take the mean"),
        (lambda predicted, labels: 0.123, "expected 0.5000, got 0.1230"),
    ],
)
def test_mistakes_in_the_macro_accuracy(answer, phrase):
    assert_wrong("00.macro", answer, phrase)


# -------------------------------------------------------------------------------- 00.scene
def overlapping(discs, size):
    parts = [solve_scene([disc], size) for disc in discs]
    return torch.cat([masks for masks, _ in parts]), torch.cat([boxes for _, boxes in parts])


def backwards(discs, size):
    masks, boxes = solve_scene(discs[::-1], size)
    return masks.flip(0), boxes.flip(0)


def changed(mask=lambda masks: masks, box=lambda boxes: boxes):
    def answer(discs, size):
        masks, boxes = solve_scene(discs, size)
        return mask(masks), box(boxes)

    return answer


def whole_boxes(discs, size):
    return solve_scene(discs, size)[0], overlapping(discs, size)[1]


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (overlapping, "masks share pixels; take away what is covered"),
        (backwards, "the last one is in front"),
        (whole_boxes, "around what is visible"),
        (changed(mask=lambda m: m.transpose(1, 2)), "height comes first, then width"),
        (changed(mask=lambda m: m.float()), "expected bool masks, got torch.float32"),
        (changed(mask=lambda m: m | True), "entries of the masks are wrong"),
        (changed(box=lambda b: b - torch.tensor([0, 0, 1, 1])), "add 1 to its column and row"),
        (changed(box=lambda b: b[:, [1, 0, 3, 2]]), "x comes before y"),
        (changed(box=lambda b: b - b[:, [0, 1, 0, 1]] * torch.tensor([0, 0, 1, 1])), "width and"),
        (changed(box=lambda b: b * 2), "the boxes are off by up to"),
        (changed(box=lambda b: b[:, :3]), "expected boxes [1, 4], got [1, 3]"),
        (lambda discs, size: solve_scene(discs, size)[0], "expected (masks, boxes), got Tensor"),
    ],
)
def test_mistakes_in_the_scene(answer, phrase):
    assert_wrong("00.scene", answer, phrase)


def test_pixel_centres_that_are_off_by_half_a_pixel():
    def answer(discs, size):
        return solve_scene([(x + 0.5, y + 0.5, r) for x, y, r in discs], size)

    assert_wrong("00.scene", answer, "centre lies at")


@pytest.mark.parametrize("name", SCENES)
def test_the_scenes_of_the_check_are_worth_checking(name):
    discs, size = SCENES[name]
    masks, boxes = solve_scene(discs, size)
    assert masks.sum(0).max() == 1
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        assert mask.sum() == mask[y1:y2, x1:x2].sum() > 0
        for edge in (mask[y1], mask[y2 - 1], mask[:, x1], mask[:, x2 - 1]):
            assert edge.any()
    if len(discs) > 1:
        assert not torch.equal(masks, overlapping(discs, size)[0])


# ---------------------------------------------------------------------------- 00.per_class
@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"MNIST": 6000}, "MNIST: that is the training part"),
        ({"CIFAR-10": 5000}, "CIFAR-10: that is the training part"),
        ({"CIFAR-100": 6000}, "ten times as many classes"),
        ({"VOC 2007": 5011 / 20}, "the test part belongs to it"),
        ({"ILSVRC 2012": 10_000}, "often quoted"),
        ({"COCO": 328_000 / 91}, "80 were released"),
        ({"COCO": 31_250}, "count the images"),
        ({"COCO": 12}, "divide its images by its classes, got 12"),
        ({"COCO": "many"}, "COCO: expected a number, got str"),
        ({"LFW": 3}, "not asked for: LFW"),
    ],
)
def test_mistakes_in_the_table(change, phrase):
    assert_wrong("00.per_class", {**per_class(), **change}, phrase)


def test_a_table_that_is_not_whole_or_not_sorted():
    table = per_class()
    assert_wrong("00.per_class", dict(reversed(table.items())), "sort the table")
    del table["COCO"]
    assert_wrong("00.per_class", table, "missing: COCO")
    assert_wrong("00.per_class", [7000], "expected a dict, got list")
    assert check("00.per_class", ...).status == "not attempted"
