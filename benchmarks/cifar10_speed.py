"""How long until 94 % of CIFAR-10's test images are right: ours, and a reference beside it.

python -m benchmarks.cifar10_speed                                   ours, three seeds
python -m benchmarks.cifar10_speed --reference "python theirs.py"    and, by turns, yours
python -m benchmarks.cifar10_speed --data scenes                     the same on a small stand-in

The fastest public recipes are no packages, so the reference is any command that trains once, on
the GPU that is named to it as it is to us. The last line that it prints holds two numbers, the
seconds of training and the test accuracy, such as "3.29 0.9401". Without a GPU, or with
`--data scenes`, a narrow network learns the book's scenes through the same code.

A training of a planned length counts, evaluation excluded, and the median over the seeds: the time
to 94 % is the time of the plan if the mean accuracy over the seeds gets there. What compiles or
warms up is done before the clock runs, on both sides: the reference must see to that by itself.
Whitening is not on our clock either. Airbench's own clock counts it, and the last test: take both
off before you print its seconds.
"""

import argparse
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from dlcv.classification.speed_net import SpeedNet
from dlcv.device import environment_report, pick_device
from dlcv.distributed.costs import compile_problem
from dlcv.distributed.speedrun import Images, Machinery, Recipe, Run, accuracy_of_views, race_data

GOAL = 0.94
OF_SCENES = Recipe(2, 32, lr_filters=0.12, lr_head=2.7, lr_biases=0.2, first_epochs=1)
RECIPES = {"cifar10": Recipe(), "scenes": OF_SCENES}
WIDTHS = {"cifar10": (64, 256, 256), "scenes": (16, 24, 24)}
NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"


@dataclass(frozen=True)
class Outcome:
    """One training: seconds, and the share of test images right."""

    seconds: float
    accuracy: float


class ReferenceFailed(Exception):
    """The reference did not say how long it took and how well it did."""


def train_once(
    data: tuple[Images, Images],
    recipe: Recipe,
    machinery: Machinery,
    widths: tuple[int, int, int],
    seed: int,
) -> Outcome:
    """Train our network with one seed."""
    (images, labels), test = data
    device = pick_device()
    torch.manual_seed(seed)
    model = SpeedNet(int(labels.max()) + 1, images[:5000] / 255, widths)
    warm_up(model, (images, labels), recipe, machinery, device)
    run = Run(model, (images, labels), recipe, machinery, device, seed)
    seconds = run.finish()
    return Outcome(seconds, accuracy_of_views(run.model, test))


def warm_up(
    model: SpeedNet, data: Images, recipe: Recipe, machinery: Machinery, device: torch.device
) -> None:
    """Take two steps that do not count, so that kernels are chosen, then forget them."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run = Run(model, data, recipe, machinery, device)
    for _ in range(min(2, run.steps)):
        run.step()
    model.load_state_dict(before)


def run_reference(command: Sequence[str]) -> Outcome:
    """Run the reference once and read what it says last; its errors are shown as they come.

    Raises:
        ReferenceFailed: If it fails, or its last line does not hold two numbers, the second from 0
            to 1.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise ReferenceFailed(f"it ended with status {done.returncode}")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    numbers = [float(n) for n in re.findall(NUMBER, lines[-1])] if lines else []
    if len(numbers) != 2 or not 0 <= numbers[1] <= 1:
        got = repr(lines[-1]) if lines else "nothing"
        raise ReferenceFailed(f"expected seconds and accuracy in its last line, got {got}")
    return Outcome(*numbers)


def take_turns(sides: dict[str, Callable[[int], Outcome]], seeds: int) -> dict[str, list[Outcome]]:
    """Run every side with every seed, the first one first in every other round."""
    outcomes = {name: [] for name in sides}
    for seed in range(seeds):
        names = list(sides) if seed % 2 == 0 else list(reversed(sides))
        for name in names:
            outcomes[name].append(sides[name](seed))
            print(f"{name}, seed {seed}: {in_words(outcomes[name][-1])}", flush=True)
    return outcomes


def in_words(outcome: Outcome) -> str:
    """Return an outcome as text."""
    return f"{outcome.seconds:.2f} s, {outcome.accuracy:.2%} right"


def report(outcomes: dict[str, list[Outcome]], goal: float | None = GOAL) -> str:
    """Return a line for each side and, if there are two, the ratio of their seconds."""
    lines, medians = [], []
    for name, runs in outcomes.items():
        seconds = statistics.median(run.seconds for run in runs)
        shares = [run.accuracy for run in runs]
        mean = statistics.fmean(shares)
        medians.append(seconds)
        line = f"{name}: {seconds:.2f} s, accuracy {mean:.2%} ({min(shares):.2%} to "
        line += f"{max(shares):.2%}), seeds: {len(runs)}"
        if goal is not None:
            line += f"; {goal:.0%} {'reached' if mean >= goal else 'not reached'}"
        lines.append(line)
    if len(medians) == 2:
        lines.append(f"ours takes {medians[0] / medians[1]:.2f} times as long as the reference")
    return "\n".join(lines)


def at_least_one(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1, got {text!r}")
    return int(text)


def words(command: str) -> list[str]:
    """Take a command apart, and see that its program can be found."""
    try:
        parts = shlex.split(command)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error} in {command!r}") from error
    if not parts or shutil.which(parts[0]) is None:
        raise argparse.ArgumentTypeError(f"expected a command that can be run, got {command!r}")
    return parts


def read_options() -> argparse.Namespace:
    """Read the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    add = parser.add_argument
    add("--reference", type=words, metavar="COMMAND", help="its last line: seconds and accuracy")
    add("--data", choices=RECIPES, help="by default cifar10 on a GPU, else scenes")
    add("--seeds", type=at_least_one, default=3, help="trainings of each side, by default 3")
    add("--epochs", type=at_least_one, help="of ours, instead of the recipe's")
    return parser.parse_args()


def main() -> None:
    """Train, compare, print."""
    options = read_options()
    has_gpu = torch.cuda.is_available()
    name = options.data or ("cifar10" if has_gpu else "scenes")
    print(environment_report())
    if name == "scenes":
        why = "as asked for" if options.data else "as there is no GPU"
        print(f"The book's scenes instead of CIFAR-10, {why}: no time to {GOAL:.0%}.")
    recipe = replace(RECIPES[name], epochs=options.epochs or RECIPES[name].epochs)
    machinery = Machinery(compiled=has_gpu and name == "cifar10" and compile_problem() is None)
    try:
        data = race_data(name)
    except RuntimeError as error:
        sys.exit(str(error))
    sides = {"ours": lambda seed: train_once(data, recipe, machinery, WIDTHS[name], seed)}
    if options.reference:
        sides["reference"] = lambda _: run_reference(options.reference)
    try:
        outcomes = take_turns(sides, options.seeds)
    except ReferenceFailed as error:
        sys.exit(f"The reference, {shlex.join(options.reference)}, gave no result: {error}.")
    print(report(outcomes, GOAL if name == "cifar10" else None))


if __name__ == "__main__":
    main()
