"""Measure the losses of lecture 09: `make verification`, about twenty minutes on one core.

Every loss gets the same faces, the same number of steps and the same network. Each is tried with
the same four learning rates, for half as many steps, and judged on validation people; then it is
trained in full with three new seeds at its best rate and judged on test people, and once more three
times as long. A run that was stopped goes on where it was; to measure anew, delete the file.
"""

import csv
import sys

from dlcv.verification.comparison import COLUMNS, FILE, LONGER, Budget, judge_verifier
from dlcv.verification.recipes import RATES, RECIPES, train_verifier
from tools.executions import ROOT

PATH = ROOT / "utils" / "dlcv" / "verification" / "measured" / FILE
TUNING_SEED, SEEDS = 0, (1, 2, 3)
SHARE = {"validation": 0.5, "test": 1, "longer": LONGER}  # of the epochs


def rows() -> list[dict[str, str]]:
    """The trainings that were measured already."""
    if not PATH.exists():
        return []
    return list(csv.DictReader(PATH.read_text("utf-8").splitlines()))


def measure(name: str, part: str, seed: int, lr: float, budget: Budget) -> None:
    """Train once, judge, and add a row to the file, unless it is there already."""
    key = [name, part, str(seed), f"{lr:g}"]
    if any([row[column] for column in COLUMNS[:4]] == key for row in rows()):
        return
    recipe, epochs = RECIPES[name].but(lr=lr), int(SHARE[part] * budget.epochs)
    model, _ = train_verifier(recipe, budget.training_faces(), epochs, seed, budget.width)
    verdict = judge_verifier(model, *budget.strangers_of(part))
    line = [*key, *[f"{value:.4f}" for value in verdict]]
    PATH.parent.mkdir(exist_ok=True)
    new = not PATH.exists()
    with PATH.open("a", encoding="utf-8") as file:
        file.write(("" if not new else ",".join(COLUMNS) + "\n") + ",".join(line) + "\n")
    print(*line, flush=True)


def best_rate(name: str) -> float:
    """The rate that did best on the validation people."""
    tried = [row for row in rows() if row["loss"] == name and row["part"] == "validation"]
    return float(max(tried, key=lambda row: float(row["accuracy"]))["lr"])


def main() -> None:
    """Tune every loss, then measure it."""
    budget = Budget()
    for name in RECIPES:
        for lr in RATES:
            measure(name, "validation", TUNING_SEED, lr, budget)
    for part in ("test", "longer"):
        for name in RECIPES:
            for seed in SEEDS:
                measure(name, part, seed, best_rate(name), budget)


if __name__ == "__main__":
    sys.exit(main())
