"""Measure every detector of the book on the same scenes: `python -m tools.measure_detectors NAME`.

For each system, and for few and for many scenes to learn from, the learning rate is chosen on the
validation scenes, by one training at each rate with a seed of its own: first at `RATES`, then at
twice or half of them as long as the best lies at an end. Three seeds are then trained and judged on
the test scenes, and their rows in the package's table are replaced. What is done is kept in
`_build/measurements`, so that a run that was stopped goes on; delete the folder to begin anew.
Without a name, lists the names. To add a detector, add a line to `SYSTEMS`.
"""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.detection.box_head import align
from dlcv.detection.fast_rcnn import FastRCNN, proposed_loss, with_proposals
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.four_steps import train_in_four_steps
from dlcv.detection.fpn import FeaturePyramid, PyramidRCNN
from dlcv.detection.measured import (
    BATCH,
    CLASSES,
    EPOCHS,
    FEW,
    IOU_THRESHOLDS,
    MANY,
    RESULTS,
    TEST,
    VALIDATION,
    Result,
    measuring_scenes,
)
from dlcv.detection.pipeline import Detections, detector_loss, judge
from dlcv.detection.rcnn import RCNNConfig, train_rcnn
from dlcv.detection.retinanet import RetinaNet, retina_pyramid
from dlcv.detection.roi import compiled_roi_pool
from dlcv.detection.selective_search import ALL_CUES, selective_search
from dlcv.detection.sppnet import train_sppnet
from dlcv.detection.ssd import Ssd
from dlcv.detection.yolo import Yolo
from dlcv.device import seed_everything
from dlcv.training import TrainConfig, eval_mode, fit
from tools.executions import ROOT

FILE = ROOT / "utils" / "dlcv" / "detection" / "measured" / RESULTS
KEPT = ROOT / "_build" / "measurements"
RATES = (1.5e-3, 3e-3, 6e-3)
SEEDS, TUNING_SEED = (0, 1, 2), 9
Proposals = list[Tensor]
Split = tuple[int, int]


@dataclass(frozen=True)
class System:
    """How a detector is trained and used.

    Attributes:
        train: Function (learning rate, seed, split to learn from) -> whatever `detect` takes.
        detect: Function (trained, images float [B, 3, S, S], proposals or None) -> detections.
        given: Whether proposals are made beforehand.
    """

    train: Callable[[float, int, Split], Any]
    detect: Callable[[Any, Tensor, Proposals | None], list[Detections]]
    given: bool = False


def recipe(lr: float, epochs: int = EPOCHS) -> TrainConfig:
    """The recipe of all: AdamW, 10 steps of warm-up, half a cosine, gradients of length <= 10."""
    return TrainConfig(epochs, lr, "adamw", schedule="cosine", warmup_steps=10, clip_norm=10.0)


def propose(image: Tensor) -> Tensor:
    """Selective search as the lectures use it on 96 px, on one picture uint8 [3, S, S]."""
    return selective_search(image / 255, (60, 150), ("hsv",), (ALL_CUES,), min_size=40)


@cache
def prepared(split: Split, given: bool) -> tuple[Any, Proposals | None, float]:
    """Scenes of a split, their proposals if asked for, and the milliseconds of these an image."""
    scenes = measuring_scenes(split)
    if not given:
        return scenes, None, 0.0
    kept = KEPT / f"proposals-{split[0]}-{split[1]}.pt"
    if not kept.exists():
        start = time.process_time()
        proposals = [propose(image) for image in scenes.images]
        proposals_ms = 1e3 * (time.process_time() - start) / len(scenes)
        KEPT.mkdir(parents=True, exist_ok=True)
        torch.save((proposals, proposals_ms), kept)
    return scenes, *torch.load(kept)


def train_network(make: Callable[[], nn.Module], lr: float, seed: int, split: Split) -> nn.Module:
    """Train a detector that has `losses(images, boxes, labels)`."""
    scenes, _, _ = prepared(split, given=False)
    model = make()
    batches = Batches(scenes.images, scenes, BATCH, seed=seed)
    fit(model, batches, detector_loss, recipe(lr))
    return model


def train_fast(pool: Callable, lr: float, seed: int, split: Split) -> nn.Module:
    """Train Fast R-CNN on the proposals of selective search."""
    scenes, proposals, _ = prepared(split, given=True)
    model = FastRCNN(backbone(pretrained=True), CLASSES, pool=pool)
    batches = Batches(scenes.images, with_proposals(scenes, proposals), BATCH, seed=seed)
    fit(model, batches, proposed_loss, recipe(lr))
    return model


def train_stages(train: Callable, lr: float, seed: int, split: Split) -> Any:
    """Train R-CNN or SPPnet, with as many steps as the others take."""
    scenes, proposals, _ = prepared(split, given=True)
    config, body = RCNNConfig(steps=len(scenes) // BATCH), backbone(pretrained=True)
    return train(body, scenes, proposals, CLASSES, recipe(lr), config, seed)


def four_steps(lr: float, seed: int, split: Split) -> nn.Module:
    """Train Faster R-CNN alternately, a quarter of the epochs for each step."""
    scenes, _, _ = prepared(split, given=False)
    batches = Batches(scenes.images, scenes, BATCH, seed=seed)
    return train_in_four_steps(faster, batches, [recipe(lr, EPOCHS // 4)] * 4)[0]


def faster() -> FasterRCNN:
    """Faster R-CNN on the backbone's third map."""
    return FasterRCNN(backbone(pretrained=True), CLASSES)


def pyramid() -> PyramidRCNN:
    """Faster R-CNN on a feature pyramid."""
    return PyramidRCNN(FeaturePyramid(backbone(pretrained=True)), CLASSES)


def yolo() -> Yolo:
    """YOLO on a grid of 12×12 cells."""
    return Yolo(backbone(pretrained=True), CLASSES, level=-2)


def ssd() -> Ssd:
    """SSD on the backbone's last two maps and one more."""
    return Ssd(backbone(pretrained=True), CLASSES)


def retina() -> RetinaNet:
    """RetinaNet with alpha 0.5."""
    return RetinaNet(retina_pyramid(backbone(pretrained=True)), CLASSES, alpha=0.5)


def use(model: nn.Module, images: Tensor, proposals: Proposals | None) -> list[Detections]:
    """Detect with a network, which may be given proposals."""
    with eval_mode(model):
        return model.detect(images) if proposals is None else model.detect(images, proposals)


def use_stages(model: Any, images: Tensor, proposals: Proposals | None) -> list[Detections]:
    """Detect with R-CNN or SPPnet."""
    return model.detect(images, proposals)


SYSTEMS = {
    "R-CNN": System(partial(train_stages, train_rcnn), use_stages, given=True),
    "SPPnet": System(partial(train_stages, train_sppnet), use_stages, given=True),
    "Fast R-CNN": System(partial(train_fast, compiled_roi_pool), use, given=True),
    "Fast R-CNN, RoIAlign": System(partial(train_fast, align), use, given=True),
    "Faster R-CNN": System(partial(train_network, faster), use),
    "Faster R-CNN, four steps": System(four_steps, use),
    "FPN": System(partial(train_network, pyramid), use),
    "YOLO": System(partial(train_network, yolo), use),
    "SSD": System(partial(train_network, ssd), use),
    "RetinaNet": System(partial(train_network, retina), use),
}


def judged(name: str, lr: float, seed: int, learn: Split, split: Split) -> dict[str, float]:
    """Train once and judge on a split; return the numbers of a `Result`, or read them if kept."""
    kept = KEPT / f"{name}-{learn[0]}-{lr}-{seed}-{split[1]}.json"
    if not kept.exists():
        numbers = train_and_judge(SYSTEMS[name], lr, seed, learn, split)
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(numbers))
    return json.loads(kept.read_text())


def train_and_judge(
    system: System, lr: float, seed: int, learn: Split, split: Split
) -> dict[str, float]:
    """Train once and judge on a split."""
    seed_everything(seed)
    prepared(learn, system.given)
    scenes, proposals, proposals_ms = prepared(split, system.given)
    start = time.process_time()
    trained = system.train(lr, seed, learn)
    middle = time.process_time()
    found: list[Detections] = []
    for first in range(0, len(scenes), 50):
        part = slice(first, first + 50)
        given = None if proposals is None else proposals[part]
        found += system.detect(trained, scenes.images[part] / 255, given)
    image_ms = 1e3 * (time.process_time() - middle) / len(scenes)
    score = judge(found, scenes, IOU_THRESHOLDS)
    return {
        "train_s": round(middle - start, 2),
        "image_ms": round(image_ms, 2),
        "proposals_ms": round(proposals_ms, 2),
        "map50": round(score["per_threshold"][0.5], 4),
        "map": round(score["map"], 4),
    }


def best_rate(judge_rate: Callable[[float], float], rates: Iterable[float] = RATES) -> float:
    """Return the rate of the highest score, looking further while it lies at an end.

    Args:
        judge_rate: Function (learning rate) -> score, higher is better.
        rates: Rates to begin with; neighbours differ by a factor of 2.
    """
    tried = {lr: judge_rate(lr) for lr in rates}
    while (best := max(tried, key=tried.get)) in (min(tried), max(tried)):
        further = best * 2 if best == max(tried) else best / 2
        tried[further] = judge_rate(further)
    return best


def measure(name: str, learn: Split) -> list[Result]:
    """Choose the learning rate on the validation scenes, then train and judge all seeds."""

    def judge_rate(lr: float) -> float:
        numbers = judged(name, lr, TUNING_SEED, learn, VALIDATION)
        print(name, learn[0], "validation", lr, numbers, flush=True)
        return numbers["map"]

    best = best_rate(judge_rate)
    results = []
    for seed in SEEDS:
        numbers = judged(name, best, seed, learn, TEST)
        results.append(Result(learn[0], name, seed, best, **numbers))
        print(results[-1], flush=True)
    return results


def write(results: list[Result]) -> None:
    """Replace the rows of the same system and scenes; rows stand in the order of `SYSTEMS`."""
    old = csv.DictReader(FILE.read_text().splitlines()) if FILE.exists() else []
    new = [{key: str(value) for key, value in asdict(result).items()} for result in results]
    same = {(row["scenes"], row["system"]) for row in new}
    rows = [row for row in old if (row["scenes"], row["system"]) not in same] + new
    order = list(SYSTEMS)
    rows.sort(key=lambda row: (int(row["scenes"]), order.index(row["system"]), int(row["seed"])))
    with FILE.open("w", newline="") as file:
        table = csv.DictWriter(file, asdict(results[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main() -> None:
    """Measure the systems named on the command line."""
    torch.set_num_threads(1)
    names = sys.argv[1:]
    if not names or not set(names) <= set(SYSTEMS):
        sys.exit("Which? " + " · ".join(SYSTEMS))
    for name in names:
        for learn in (FEW, MANY):
            write(measure(name, learn))


if __name__ == "__main__":
    main()
