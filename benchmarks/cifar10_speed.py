"""How long until 94 % of CIFAR-10's test images are right: ours, and a reference beside it.

python -m benchmarks.cifar10_speed                               ours, three seeds
python -m benchmarks.cifar10_speed --reference "python theirs.py"    and, by turns, yours
python -m benchmarks.cifar10_speed --reduced                     the same on a small stand-in

The fastest public recipes are no packages, so the reference is any command that trains once, on
the GPU that is named to it as it is to us. The last line that it prints holds two numbers, the
seconds of training and the test accuracy, such as "3.29 0.9401". Without a GPU, or with
`--reduced`, a narrow network learns the book's scenes through the same code.

A training of a planned length counts, evaluation excluded, and the median over the seeds: the time
to 94 % is the time of the plan if the mean accuracy over the seeds gets there. What compiles or
warms up is done before the clock runs, on both sides: the reference must see to that by itself.
Whitening is not on our clock either. Airbench's own clock counts it, and the last test: take both
off before you print its seconds.
"""

import argparse
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from dlcv.classification.speed_net import SpeedNet, whitening_filters
from dlcv.device import environment_report, pick_device
from dlcv.distributed.costs import compile_problem
from dlcv.distributed.speedrun import Images, Machinery, Recipe, Run, accuracy_of_views, race_data

GOAL = 0.94
FULL = Recipe()
REDUCED = Recipe(epochs=2, batch_size=32, lr=1.0, bias_factor=16.0)
WIDTHS = {True: (16, 24, 24), False: (64, 256, 256)}
NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"


@dataclass(frozen=True)
class Outcome:
    """One training: seconds, and the share of test images right."""

    seconds: float
    accuracy: float


def train_once(
    data: tuple[Images, Images], recipe: Recipe, machinery: Machinery, reduced: bool, seed: int
) -> Outcome:
    """Train our network with one seed."""
    (images, labels), test = data
    device = pick_device()
    torch.manual_seed(seed)
    whitening = whitening_filters(images[:5000] / 255)
    model = SpeedNet(int(labels.max()) + 1, WIDTHS[reduced], whitening)
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


def run_reference(command: str) -> Outcome:
    """Run the reference once and read what it says last.

    Raises:
        ValueError: If its last line does not hold two numbers, the second from 0 to 1.
        subprocess.CalledProcessError: If it fails.
    """
    done = subprocess.run(shlex.split(command), check=True, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    numbers = [float(n) for n in re.findall(NUMBER, lines[-1])] if lines else []
    if len(numbers) != 2 or not 0 <= numbers[1] <= 1:
        got = lines[-1] if lines else "nothing"
        raise ValueError(f"expected seconds and accuracy in the reference's last line, got {got!r}")
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


def report(outcomes: dict[str, list[Outcome]], goal: float = GOAL) -> str:
    """Return a line for each side and, if there are two, the ratio of their seconds."""
    lines, medians = [], []
    for name, runs in outcomes.items():
        seconds = statistics.median(run.seconds for run in runs)
        shares = [run.accuracy for run in runs]
        mean = statistics.fmean(shares)
        medians.append(seconds)
        reached = f"{seconds:.2f} s to {goal:.0%}" if mean >= goal else f"{goal:.0%} not reached"
        lines.append(
            f"{name}: {reached}; {len(runs)} seeds, {seconds:.2f} s, accuracy {mean:.2%} "
            f"({min(shares):.2%} to {max(shares):.2%})"
        )
    if len(medians) == 2:
        lines.append(f"ours takes {medians[0] / medians[1]:.2f} times as long as the reference")
    return "\n".join(lines)


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", help="a command whose last line holds seconds and accuracy")
    parser.add_argument("--reduced", action="store_true", help="a small stand-in for CIFAR-10")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    options = parser.parse_args()
    if options.seeds < 1:
        sys.exit(f"Expected at least one seed, got {options.seeds}.")
    reduced = options.reduced or not torch.cuda.is_available()
    recipe = REDUCED if reduced else FULL
    recipe = replace(recipe, epochs=options.epochs or recipe.epochs)
    machinery = Machinery(compiled=not reduced and compile_problem() is None)
    print(environment_report())
    print("the book's scenes, not CIFAR-10: no time to 94 %" if reduced else "CIFAR-10")
    data = race_data("scenes" if reduced else "cifar10")
    sides = {"ours": lambda seed: train_once(data, recipe, machinery, reduced, seed)}
    if options.reference:
        sides["reference"] = lambda seed: run_reference(options.reference)
    print(report(take_turns(sides, options.seeds)))


if __name__ == "__main__":
    main()
