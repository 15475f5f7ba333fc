"""The checks of lecture 06a: right answers pass, plausible mistakes are called by name."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.classification.complexity import summarise
from dlcv.classification.inception import inception
from dlcv.classification.residual import resnet_cifar
from dlcv.classification.vgg import CONFIGURATIONS
from dlcv.study import check
from dlcv.study.exercises import exercises_of, find
from dlcv.study.exercises.architecture_counts import TARGET, module_cost

FUNCTIONS = ("06a.count", "06a.resnet20", "06a.label_smoothing")
COLUMNS = {letter: CONFIGURATIONS[letter] for letter in "CE"}


def assert_wrong(id, answer, *phrases):
    verdict = check(id, answer)
    assert verdict.status == "wrong", verdict
    for phrase in phrases:
        assert phrase in repr(verdict)


def solution(id):
    """The worked solution as an answer: the function, or the value of its code."""
    exercise = find(id)
    if callable(exercise.solution):
        return exercise.solution
    names = {}
    exec(exercise.solution_code(), names)
    (value,) = (value for name, value in names.items() if name.startswith("my_"))
    return value


@pytest.mark.parametrize("id", exercises_of("06a"))
def test_the_worked_solution_is_right_and_earns_the_praise(id):
    verdict = check(id, solution(id))
    assert (verdict.status, verdict.message) == ("right", find(id).praise)


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_function_that_still_gives_three_dots_is_not_attempted(id):
    assert check(id, lambda *anything: ...).status == "not attempted"


@pytest.mark.parametrize("id", FUNCTIONS)
def test_nonsense_gets_a_reason_and_never_an_exception(id):
    assert_wrong(id, 55, "expected a function, got int")
    assert_wrong(id, lambda *anything: None, "None")
    assert_wrong(id, lambda *anything: 1 / 0, "ZeroDivisionError")


# -------------------------------------------------------------------------------------- 06a.count
def counter(rule, count_parameters=lambda model: sum(p.numel() for p in model.parameters())):
    """A reader's counter: a rule for each layer's multiply-adds, and one for the parameters."""

    def my_count(model, size):
        counts = []

        def hook(layer, inputs, output):
            counts.append(rule(layer, inputs[0], output))

        layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        handles = [layer.register_forward_hook(hook) for layer in layers]
        model.eval()(torch.zeros(1, *size))
        for handle in handles:
            handle.remove()
        return count_parameters(model), sum(counts)

    return my_count


def exact(layer, x, y):
    return y.numel() * math.prod(layer.weight.shape[1:])


def test_a_counter_with_summarise_is_right_too():
    def my_count(model, size):
        summary = summarise(model, size)
        return summary.parameters, summary.multiply_adds

    assert check("06a.count", my_count).status == "right"


@pytest.mark.parametrize(
    ("rule", "phrase"),
    [
        (lambda layer, x, y: 2 * exact(layer, x, y), "counts once"),
        (lambda layer, x, y: exact(layer, x, y) * (y.dim() == 4), "linear layers are missing"),
        (
            lambda layer, x, y: layer.weight.numel() * (x[0, 0].numel() if x.dim() == 4 else 1),
            "not of its input",
        ),
        (lambda layer, x, y: exact(layer, x, y) + y.numel(), "bias multiplies nothing"),
        (lambda layer, x, y: layer.weight.numel(), "these are the weights"),
        (
            lambda layer, x, y: y.numel() * x.shape[1] * math.prod(layer.weight.shape[2:]),
            "own group's channels",
        ),
        (lambda layer, x, y: 7, "multiply-adds, got"),
    ],
)
def test_wrong_multiply_adds_are_named(rule, phrase):
    assert_wrong("06a.count", counter(rule), phrase)


@pytest.mark.parametrize(
    ("rule", "phrase"),
    [
        (
            lambda m: sum(p.numel() for n, p in m.named_parameters() if not n.endswith("bias")),
            "biases are missing",
        ),
        (
            lambda m: sum(
                p.numel()
                for layer in m.modules()
                if isinstance(layer, nn.Conv2d)
                for p in layer.parameters()
            ),
            "linear layers are missing",
        ),
        (
            lambda m: sum(
                p.numel()
                for layer in m.modules()
                if isinstance(layer, nn.Conv2d | nn.Linear)
                for p in layer.parameters()
            ),
            "normalisations have parameters",
        ),
        (lambda m: 12, "expected 12,"),
    ],
)
def test_wrong_parameters_are_named(rule, phrase):
    assert_wrong(
        "06a.count", counter(exact, rule), phrase if phrase != "expected 12," else "got 12"
    )


def test_a_count_of_another_form_is_wrong():
    assert_wrong("06a.count", lambda model, size: 3, "expected (parameters, multiply_adds)")
    assert_wrong("06a.count", lambda model, size: ("many", 3), "expected a number, got str")


def test_the_check_leaves_the_model_in_its_mode():
    seen = []

    def my_count(model, size):
        seen.append(model.training)
        return counter(exact)(model, size)

    assert check("06a.count", my_count).status == "right"
    assert all(seen)


# ---------------------------------------------------------------------------------- 06a.vgg_table
def with_block(letter, index, block):
    blocks = list(COLUMNS[letter])
    blocks[index] = block
    return COLUMNS | {letter: tuple(blocks)}


@pytest.mark.parametrize(
    ("answer", "phrases"),
    [
        (with_block("C", 2, "conv3-256 conv3-256"), ["C: expected 16 layers", "got 15"]),
        (with_block("E", 2, "conv3-256 conv3-256 conv3-256"), ["E: expected 19", "got 18"]),
        (with_block("C", 2, "conv3-256 conv3-256 conv3-256"), ["C: the right number", "133,638"]),
        (with_block("C", 2, "conv3-256 conv1-256 conv3-256"), ["C:", "1×1 layer comes last"]),
        (with_block("C", 2, "conv3-256 conv3-256 256"), ['"conv3-256"']),
        (COLUMNS | {"C": COLUMNS["C"][:4]}, ["C: expected five blocks"]),
        ({"C": COLUMNS["C"]}, ['the columns "C" and "E"']),
        ("nothing", ['the columns "C" and "E"']),
    ],
)
def test_a_table_that_is_still_wrong_is_told_where(answer, phrases):
    assert_wrong("06a.vgg_table", answer, *phrases)


def test_a_list_with_more_spaces_is_right():
    answer = {letter: [block.replace(" ", "  ") for block in COLUMNS[letter]] for letter in "CE"}
    assert check("06a.vgg_table", answer).status == "right"


# ----------------------------------------------------------------------------------- 06a.resnet20
def test_the_packages_resnet_is_right():
    assert check("06a.resnet20", resnet_cifar).status == "right"


def replaced(change):
    """A ResNet-20 in which every module was offered to a function that may change it."""

    def my_resnet20():
        model = resnet_cifar(20)
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                module._modules[name] = change(child)
        return model

    return my_resnet20


def biased(module):
    if not isinstance(module, nn.Conv2d):
        return module
    sizes = module.in_channels, module.out_channels, module.kernel_size, module.stride
    return nn.Conv2d(*sizes, padding=module.padding)


@pytest.mark.parametrize(
    ("answer", "phrases"),
    [
        (lambda: resnet_cifar(14), ["expected 19 convolutions", "got 13"]),
        (lambda: resnet_cifar(20, num_classes=100), ["expected logits [4, 10]", "got [4, 100]"]),
        (lambda: resnet_cifar(20, residual=False), ["no longer depend", "shortcut is missing"]),
        (replaced(biased), ["got 270,410", "biases"]),
        (
            replaced(lambda m: nn.Identity() if isinstance(m, nn.BatchNorm2d) else m),
            ["got 268,346", "normalisations"],
        ),
        (lambda: resnet_cifar(20, width=8), ["parameters, got"]),
        (lambda: 3, ["expected a module, got int"]),
    ],
)
def test_other_networks_are_told_apart(answer, phrases):
    assert_wrong("06a.resnet20", answer, *phrases)


def test_shortcuts_with_weights_are_seen():
    class Projection(nn.Module):
        def __init__(self, c_in, c_out):
            super().__init__()
            self.conv = nn.Conv2d(c_in, c_out, 1, stride=2, bias=False)
            self.bn = nn.BatchNorm2d(c_out)

        def forward(self, x):
            return self.bn(self.conv(x))

    def my_resnet20():
        model = resnet_cifar(20)
        model.stage2[0].shortcut = Projection(16, 32)
        model.stage3[0].shortcut = Projection(32, 64)
        return model

    assert_wrong("06a.resnet20", my_resnet20, "got 272,474", "kind B")


def test_maps_of_another_size_are_seen():
    def my_resnet20():
        model = resnet_cifar(20)
        model.stem.append(nn.MaxPool2d(2))
        return model

    assert_wrong("06a.resnet20", my_resnet20, "expected maps of 32, 16 and 8", "[32, 16, 8, 4]")


# --------------------------------------------------------------------------------- 06a.config_358
@pytest.mark.parametrize("widths", [(64, 64, 64), (128, 64, 1), (7, 5, 3)])
def test_the_cost_is_that_of_the_module(widths):
    before_3x3, before_5x5, after_pool = widths
    module = inception(256, 128, before_3x3, 192, before_5x5, 96, after_pool)
    assert module_cost(*widths) == summarise(module, (256, 28, 28)).multiply_adds


def test_any_module_of_that_cost_is_right():
    found = [
        (a, b, c // 256)
        for a in range(1, 214)
        for b in range(1, 160)
        if (c := TARGET // 784 - 256 * 128 - 1984 * a - 2656 * b) >= 0 and c % 256 == 0
    ]
    assert (128, 64, 0) in found
    assert len(found) > 10
    for answer in found[:: len(found) // 5]:
        assert check("06a.config_358", list(answer)).status == "right"


@pytest.mark.parametrize(
    ("answer", "phrases"),
    [
        ((64, 64, 64), ["271,351,808", "the module of the audit", "-86,704,128"]),
        ((128, 64, 64), ["pool projection that is still there", "+12,845,056"]),
        ((129, 64, 0), ["cost 359,611,392"]),
        ((0, 64, 0), ["at least one channel"]),
        ((128.0, 64, 0), ["whole numbers"]),
        ((128, 64), ["three whole numbers"]),
    ],
)
def test_other_reductions_are_told_what_they_cost(answer, phrases):
    assert_wrong("06a.config_358", answer, *phrases)


# ---------------------------------------------------------------------------- 06a.label_smoothing
def test_torchs_own_smoothing_is_right():
    def my_loss(logits, labels, epsilon):
        return F.cross_entropy(logits, labels, label_smoothing=epsilon)

    assert check("06a.label_smoothing", my_loss).status == "right"


def smoothed(targets, combine=lambda terms: -terms.sum(dim=1).mean()):
    """A reader's loss: targets from (one-hot labels, epsilon, K), and how the terms are summed."""

    def my_loss(logits, labels, epsilon):
        K = logits.shape[1]
        one_hot = F.one_hot(labels, K).to(logits)
        return combine(targets(one_hot, epsilon, K) * logits.log_softmax(dim=1))

    return my_loss


def usual(one_hot, epsilon, K):
    return (1 - epsilon) * one_hot + epsilon / K


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (
            smoothed(lambda y, e, K: (1 - e) * y + e / (K - 1) * (1 - y)),
            "among all K classes",
        ),
        (smoothed(lambda y, e, K: (1 - e) * y + e), "epsilon / K, not epsilon"),
        (smoothed(lambda y, e, K: y), "epsilon has no effect"),
        (smoothed(usual, lambda terms: -terms.sum()), "not the mean"),
        (smoothed(usual, lambda terms: -terms.mean()), "over the classes"),
        (smoothed(usual, lambda terms: terms.sum(dim=1).mean()), "the wrong way round"),
        (smoothed(usual, lambda terms: -terms.sum(dim=1)), "expected one number"),
        (lambda logits, labels, epsilon: logits.mean(), "expected"),
    ],
)
def test_slips_in_the_loss_are_named(answer, phrase):
    assert_wrong("06a.label_smoothing", answer, phrase)
