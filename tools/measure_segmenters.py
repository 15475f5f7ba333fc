"""Measure what lecture 14 has no time for: `python -m tools.measure_segmenters`, fifteen minutes.

First the learning rate of every network, on validation scenes and one seed: three rates, and more
for as long as the best lies at an end. Then most are trained longer with their best rate, three
seeds, and judged on test scenes. Every training is added to
`utils/dlcv/segmentation/measured/segmenters.json` when it is done, and not repeated: to measure a
network anew, take its entry out. One that was stopped goes on after its last epoch. The data card
beside the file says what the numbers are.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.segmentation.deconvnet import deconvnet
from dlcv.segmentation.fcn import fcn
from dlcv.segmentation.pipeline import judge, segmentation_loss
from dlcv.segmentation.unet import unet
from dlcv.training import TrainConfig, fit
from tools.executions import ROOT

FILE = ROOT / "utils" / "dlcv" / "segmentation" / "measured" / "segmenters.json"
LADDER = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # learning rates; the middle three come first
TUNING_SEED, SEEDS = 9, (0, 1, 2)
TRAINING, VALIDATION, TEST = 140, 141, 142  # seeds of scenes


@dataclass(frozen=True)
class World:
    """Scenes to label, and how much training there is.

    Attributes:
        scenes: What they look like.
        classes: Classes with the background; kinds beyond them count as the last class.
        short: Scenes and epochs for choosing the rate.
        long: Scenes and epochs of the measurement.
        batch: Scenes in a batch.
    """

    scenes: SceneConfig
    classes: int
    short: tuple[int, int]
    long: tuple[int, int]
    batch: int = 8


LECTURE = World(
    SceneConfig(size=64, objects=(1, 3), radius=(0.16, 0.32), kinds=range(5)), 6, (240, 5), (640, 5)
)
LARGE = World(SceneConfig(size=96, kinds=range(6)), 7, (300, 8), (800, 8), batch=4)
SILHOUETTES = World(
    SceneConfig(size=48, objects=(1, 2), radius=(0.16, 0.32)), 2, (240, 5), (240, 5)
)
IN_LECTURE = ("FCN-32s", "FCN-16s", "U-Net")  # trained there: only the rates are needed
NETWORKS: dict[str, tuple[World, Callable[[], nn.Module]]] = {
    "FCN-32s": (LECTURE, lambda: fcn(backbone(True), 6, 32)),
    "FCN-16s": (LECTURE, lambda: fcn(backbone(True), 6, 16)),
    "FCN-8s": (LECTURE, lambda: fcn(backbone(True), 6, 8)),
    "U-Net": (LECTURE, lambda: unet(backbone(True), 6)),
    "DeconvNet, switches": (SILHOUETTES, lambda: deconvnet(2, 48, "switches")),
    "FCN-4s": (LECTURE, lambda: fcn(backbone(True), 6, 4)),
    "U-Net, 96 px": (LARGE, lambda: unet(backbone(True), 7)),
    "FCN-8s, 96 px": (LARGE, lambda: fcn(backbone(True), 7, 8)),
    "DeconvNet, corner": (SILHOUETTES, lambda: deconvnet(2, 48, "corner")),
    "DeconvNet, nearest": (SILHOUETTES, lambda: deconvnet(2, 48, "nearest")),
    "FCN-8s, learnt": (LECTURE, lambda: fcn(backbone(True), 6, 8, "learnt")),
    "FCN-8s, nearest": (LECTURE, lambda: fcn(backbone(True), 6, 8, "nearest")),
}


def train_and_judge(
    name: str, rate: float, seed: int, amount: tuple[int, int], held_out: int
) -> tuple[float, float]:
    """Train once; return the mean IoU on held-out scenes and the CPU seconds."""
    world, build = NETWORKS[name]
    torch.manual_seed(seed)
    model, last = build().to(memory_format=torch.channels_last), world.classes - 1
    train = render_scenes(amount[0], TRAINING, config=world.scenes)
    test = render_scenes(200, held_out, config=world.scenes)
    warmup = 80 // world.batch  # the same number of scenes
    config = TrainConfig(amount[1], rate, "adamw", schedule="cosine", warmup_steps=warmup)
    batches = Batches(train.images, train.semantic.clamp(max=last), world.batch, seed=seed)
    file = ROOT / "_build" / "segmenters" / f"{name}, {rate:g}, {seed}, {amount[0]}.pt"
    file.parent.mkdir(parents=True, exist_ok=True)
    history = fit(
        model,
        batches,
        segmentation_loss,
        config,
        validate=lap_clock(),
        checkpoint=file,
    )
    file.unlink()
    scores = judge(model, test.images, test.semantic.clamp(max=last), world.classes)
    return scores.mean_iou, sum(epoch["seconds"] for epoch in history.epochs)


def lap_clock() -> Callable[[nn.Module], dict[str, float]]:
    """Make a `validate` for `fit` that notes the CPU seconds of every epoch."""
    laps = [time.process_time()]

    def lap(_: nn.Module) -> dict[str, float]:
        laps.append(time.process_time())
        return {"seconds": laps[-1] - laps[-2]}

    return lap


def read() -> dict[str, dict]:
    """What was measured already."""
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def write(name: str, row: dict) -> None:
    """Keep what is known of a network."""
    FILE.write_text(json.dumps(read() | {name: row}, indent=1, sort_keys=True) + "\n", "utf-8")
    print(name, row, flush=True)


def next_rate(tried: dict[str, float]) -> float | None:
    """The rate to try next, or None if the best of those tried lies between two others."""
    for rate in LADDER[2:5]:
        if f"{rate:g}" not in tried:
            return rate
    at = LADDER.index(float(max(tried, key=tried.get)))
    beside = [rate for rate in LADDER[max(0, at - 1) : at + 2] if f"{rate:g}" not in tried]
    return beside[0] if beside else None


def measure(name: str) -> None:
    """Choose the rate of a network, then train it longer, unless the lecture does."""
    world, row = NETWORKS[name][0], read().get(name, {"rates": {}})
    while (rate := next_rate(row["rates"])) is not None:
        value, _ = train_and_judge(name, rate, TUNING_SEED, world.short, VALIDATION)
        row["rates"][f"{rate:g}"] = round(value, 4)
        write(name, row)
    best = float(max(row["rates"], key=row["rates"].get))
    for seed in () if name in IN_LECTURE else SEEDS[len(row.get("long", [])) :]:
        value, seconds = train_and_judge(name, best, seed, world.long, TEST)
        row["long"] = [*row.get("long", []), round(value, 4)]
        row["long_seconds"] = round(min(seconds, row.get("long_seconds", seconds)), 1)
        write(name, row)


def main() -> None:
    """Measure the networks named on the command line, or all."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or NETWORKS:
        measure(name)


if __name__ == "__main__":
    main()
