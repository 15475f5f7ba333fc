"""Checks and solutions of the exercises on counting: any network, VGG's table, 358 million."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from dlcv.classification.complexity import summarise
from dlcv.classification.inception import inception
from dlcv.classification.residual import resnet_cifar
from dlcv.classification.vgg import CONFIGURATIONS, vgg_features
from dlcv.study.exercises.base import attempt, expect

# What one layer adds to a count, given its input and its output for one image.
Rule = Callable[[nn.Module, Tensor, Tensor], int]


# ------------------------------------------------------------------------------------ 06a.count
def networks() -> dict[str, tuple[nn.Module, tuple[int, int, int]]]:
    """The networks that a counter is tried on, and the size of their images."""
    small_vgg = nn.Sequential(
        *vgg_features(("conv3-8 conv3-8", "conv3-16")).values(),
        *(nn.Flatten(), nn.Linear(16 * 4 * 6, 32), nn.ReLU(), nn.Linear(32, 10)),
    )
    towers = nn.Sequential(
        *(nn.Conv2d(3, 24, 5, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        nn.Conv2d(24, 32, 5, padding=2, groups=2),
    )
    module = inception(16, 8, 8, 16, 4, 8, 4)
    return {
        "a small VGG": (small_vgg, (3, 16, 24)),
        "two towers with a stride": (towers, (3, 35, 35)),
        "an Inception module": (module, (16, 7, 9)),
        "ResNet-20": (resnet_cifar(20), (3, 32, 32)),
    }


def check_count(answer: object) -> None:
    """Compares both counts with `summarise`, and looks for the usual slips."""
    for name, (model, size) in networks().items():
        got = attempt(answer, model, size)
        is_pair = isinstance(got, tuple | list) and len(got) == 2
        expect(is_pair, f"expected (parameters, multiply_adds), got {got!r}.")
        expected = summarise(model, size)
        _compare(name, "parameters", got[0], expected.parameters, partial(parameter_slips, model))
        _compare(
            name, "multiply-adds", got[1], expected.multiply_adds, partial(mac_slips, model, size)
        )


def _compare(name: str, what: str, got: object, right: int, slips: Callable[[], dict]) -> None:
    expect(isinstance(got, int | float), f"{what}: expected a number, got {type(got).__name__}.")
    if got == right:
        return
    for why, count in slips().items():
        expect(got != count, f"{name}: expected {right:,} {what}, got {got:,}: {why}.")
    expect(False, f"{name}: expected {right:,} {what}, got {got:,}.")


def mac_slips(model: nn.Module, size: tuple[int, int, int]) -> dict[str, int]:
    """What each of the usual mistakes makes of the multiply-adds."""
    return {why: run(model, size, rule) for why, rule in MAC_SLIPS.items()}


def parameter_slips(model: nn.Module) -> dict[str, int]:
    """What each of the usual mistakes makes of the parameters."""
    named = {name: p.numel() for name, p in model.named_parameters()}
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    own = sum(p.numel() for layer in layers for p in layer.parameters())
    of_convs = sum(p.numel() for m in layers if isinstance(m, nn.Conv2d) for p in m.parameters())
    return {
        "the normalisations have parameters too, two for each channel": own,
        "the linear layers are missing": of_convs,
        "the biases are missing": sum(n for name, n in named.items() if not name.endswith("bias")),
        "a group's kernel reaches only through the channels of its own group": sum(
            layer.weight.numel() * getattr(layer, "groups", 1)
            + (0 if layer.bias is None else layer.bias.numel())
            for layer in layers
        ),
    }


def run(model: nn.Module, size: tuple[int, int, int], rule: Rule) -> int:
    """Add up what a rule says of every convolution and linear layer, for one image."""
    counts: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        counts.append(rule(layer, inputs[0], output))

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    was_training = model.training
    with torch.no_grad():
        model.eval()(torch.zeros(1, *size))
    model.train(was_training)
    for handle in handles:
        handle.remove()
    return sum(counts)


def _exact(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    return y.numel() * layer.weight[0].numel()


def _without_linear(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    return _exact(layer, x, y) if isinstance(layer, nn.Conv2d) else 0


def _without_groups(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    return _exact(layer, x, y) * getattr(layer, "groups", 1)


def _at_input(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    places = x[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
    return layer.weight.numel() * places


def _with_bias(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    return _exact(layer, x, y) + (0 if layer.bias is None else y.numel())


MAC_SLIPS: dict[str, Rule] = {
    "a multiply-add counts once, not as two operations": lambda *a: 2 * _exact(*a),
    "the linear layers are missing": _without_linear,
    "with groups, a kernel reaches only through its own group's channels": _without_groups,
    "a layer works once for each place of its *output*, not of its input": _at_input,
    "adding a bias multiplies nothing": _with_bias,
    "these are the weights; each of them is used at every place of the output": (
        lambda layer, x, y: layer.weight.numel()
    ),
}


def solve_count(model, size):
    """One image of zeros, and a hook on every layer that multiplies."""
    multiply_adds = []

    def hook(layer, inputs, output):
        multiply_adds.append(output[0].numel() * layer.weight[0].numel())

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    handles = [layer.register_forward_hook(hook) for layer in layers]
    with torch.no_grad():
        model.eval()(torch.zeros(1, *size))
    for handle in handles:
        handle.remove()
    return sum(p.numel() for p in model.parameters()), sum(multiply_adds)


# -------------------------------------------------------------------------------- 06a.vgg_table
LAYERS = {"C": 16, "E": 19}
HEAD = 25_088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000  # fc6, fc7, fc8


def check_vgg_table(answer: object) -> None:
    """Looks at the form, then at each column's layers, its parameters and its order."""
    is_table = isinstance(answer, dict) and set(answer) == set(LAYERS)
    expect(is_table, f'expected a dict with the columns "C" and "E", got {answer!r:.80}.')
    for column, layers in LAYERS.items():
        blocks = answer[column]
        is_column = isinstance(blocks, tuple | list) and len(blocks) == 5
        is_column = is_column and all(isinstance(block, str) for block in blocks)
        expect(is_column, f"{column}: expected five blocks, each a text, got {blocks!r:.80}.")
        try:
            parameters = _vgg_parameters(blocks)
        except ValueError:
            expect(False, f'{column}: every layer is written like "conv3-256"; got {blocks!r:.80}.')
        count = len(" ".join(blocks).split()) + 3
        expect(count == layers, f"{column}: expected {layers} layers with weights, got {count}.")
        right = _vgg_parameters(CONFIGURATIONS[column])
        message = f"{column}: the right number of layers, but {parameters:,} parameters in place "
        expect(parameters == right, message + f"of {right:,}. Which kernel, how many channels?")
        same = [" ".join(block.split()) for block in blocks] == list(CONFIGURATIONS[column])
        message = f"{column}: layers and parameters are right, but the layers are not in the order "
        expect(same, message + "of the table: within a block, the 1×1 layer comes last.")


def _vgg_parameters(blocks: tuple[str, ...]) -> int:
    with torch.device("meta"):
        layers = nn.Sequential(*vgg_features(tuple(blocks)).values())
    return sum(p.numel() for p in layers.parameters()) + HEAD


# ------------------------------------------------------------------------------- 06a.config_358
TARGET = 358_055_936


def module_cost(before_3x3: int, before_5x5: int, after_pool: int) -> int:
    """Count the multiply-adds of the example's module with other reductions."""
    places, c_in = 28 * 28, 256
    one = c_in * 128
    three = before_3x3 * (c_in + 9 * 192)
    five = before_5x5 * (c_in + 25 * 96)
    return places * (one + three + five + c_in * after_pool)


def check_config_358(answer: object) -> None:
    """Computes what the reductions cost, and says by how much they miss."""
    is_triple = isinstance(answer, tuple | list) and len(answer) == 3
    is_triple = is_triple and all(type(width) is int for width in answer)
    expect(is_triple, f"expected three whole numbers of channels, got {answer!r:.80}.")
    before_3x3, before_5x5, after_pool = answer
    positive = before_3x3 >= 1 and before_5x5 >= 1 and after_pool >= 0
    expect(positive, f"expected at least one channel before each kernel, got {answer}.")
    cost = module_cost(*answer)
    known = {
        271_351_808: ": the module of the audit, counted right",
        TARGET + 784 * 256 * 64: ": right, but for a pool projection that is still there",
    }.get(cost, "")
    message = f"these reductions cost {cost:,} multiply-adds{known}. "
    expect(cost == TARGET, message + f"That is {cost - TARGET:+,} against {TARGET:,}.")
