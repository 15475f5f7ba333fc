"""Measure what lecture 14 has no time for: `python -m tools.measure_segmenters`, four minutes.

First the learning rate of every network, on validation scenes and one seed; then a longer training
of most with its best rate, three seeds, judged on test scenes. The numbers go to
`utils/dlcv/segmentation/measured/segmenters.json`; the data card beside it says what they are.
"""

import json
import sys
import time

import torch

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, Scenes, render_scenes
from dlcv.segmentation.deconvnet import deconvnet
from dlcv.segmentation.fcn import fcn
from dlcv.segmentation.pipeline import judge, segmentation_loss
from dlcv.segmentation.unet import unet
from dlcv.training import TrainConfig, fit
from tools.executions import ROOT

FILE = ROOT / "utils" / "dlcv" / "segmentation" / "measured" / "segmenters.json"
WORLD = SceneConfig(size=64, objects=(1, 3), radius=(0.16, 0.32), kinds=range(5))
SMALL_WORLD = SceneConfig(size=48, objects=(1, 2), radius=(0.16, 0.32))
RATES, SEEDS, BATCH = (1e-3, 3e-3, 1e-2), (0, 1, 2), 8
SHORT, LONG = (240, 5), (640, 5)  # scenes, epochs
IN_LECTURE = ("FCN-32s", "FCN-16s")  # trained there at all seeds: only the rates are needed
NETWORKS = {
    "FCN-32s": lambda: fcn(backbone(True), 6, 32),
    "FCN-16s": lambda: fcn(backbone(True), 6, 16),
    "FCN-8s": lambda: fcn(backbone(True), 6, 8),
    "U-Net": lambda: unet(backbone(True), 6),
    "FCN-8s, learnt": lambda: fcn(backbone(True), 6, 8, "learnt"),
    "FCN-8s, nearest": lambda: fcn(backbone(True), 6, 8, "nearest"),
}
SILHOUETTES = {"DeconvNet, switches": lambda: deconvnet(2, 48, "switches")}


def scenes_for(name: str, count: int, seed: int) -> Scenes:
    """Scenes of the network's world; DeconvNets tell objects from water only."""
    return render_scenes(count, seed, config=SMALL_WORLD if name in SILHOUETTES else WORLD)


def mean_iou_of(
    name: str, rate: float, seed: int, amount: tuple[int, int], held_out: int
) -> tuple[float, float]:
    """Train once; return the mean IoU on held-out scenes and the CPU seconds."""
    torch.manual_seed(seed)
    build = (NETWORKS | SILHOUETTES)[name]
    model = build().to(memory_format=torch.channels_last)
    count, epochs = amount
    train, test = scenes_for(name, count, 140), scenes_for(name, 200, held_out)
    classes = 2 if name in SILHOUETTES else 6
    start = time.process_time()
    config = TrainConfig(epochs, rate, "adamw", schedule="cosine", warmup_steps=10)
    batches = Batches(train.images, train.semantic.clamp(max=classes - 1), BATCH, seed=seed)
    fit(model, batches, segmentation_loss, config, progress=False)
    seconds = time.process_time() - start
    scores = judge(model, test.images, test.semantic.clamp(max=classes - 1), classes)
    return scores.mean_iou, seconds


def tune(name: str) -> dict[str, float]:
    """Mean IoU on the validation scenes for each rate."""
    return {f"{r:g}": round(mean_iou_of(name, r, 9, SHORT, 141)[0], 4) for r in RATES}


def long_runs(name: str, rate: float) -> dict[str, object]:
    """Mean IoU on the test scenes after a longer training, for each seed."""
    amount = LONG if name in NETWORKS else SHORT
    runs = [mean_iou_of(name, rate, seed, amount, 142) for seed in SEEDS]
    seconds = round(min(seconds for _, seconds in runs), 1)
    return {"long": [round(value, 4) for value, _ in runs], "long_seconds": seconds}


def main() -> None:
    """Measure the networks named on the command line, or all, and add them to the file."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or [*NETWORKS, *SILHOUETTES]:
        row = {"rates": tune(name)}
        best = float(max(row["rates"], key=row["rates"].get))
        if name not in IN_LECTURE:
            row |= long_runs(name, best)
        found = json.loads(FILE.read_text()) if FILE.exists() else {}
        FILE.write_text(json.dumps(found | {name: row}, indent=1, sort_keys=True) + "\n")
        print(name, row, flush=True)


if __name__ == "__main__":
    main()
