"""Measure what lecture 13 has no time for: `python -m tools.measure_one_stage NAME`.

Three experiments: "grid", YOLO with 3, 6 and 12 cells in a row; "maps", SSD on one map and on
several; "loss", RetinaNet's anchors with cross-entropy, with mined negatives and with the focal
loss. For each arm the learning rate is chosen on validation scenes, by one training at each rate
with a seed of its own: first at three rates, then at twice or half of them as long as the best lies
at an end. Three seeds are then trained and judged on test scenes. What is done is kept in
`_build/measurements`, so that a run that was stopped goes on. The numbers go to
`utils/dlcv/detection/measured/one_stage.json`; the data card beside it says what they are.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, Scenes, render_scenes
from dlcv.detection.average_precision import mean_average_precision
from dlcv.detection.boxes import box_iou
from dlcv.detection.measured import BATCH, CLASSES, IOU_THRESHOLDS
from dlcv.detection.measured.one_stage import FILE, is_small, shares_a_cell
from dlcv.detection.pipeline import Detections, detect_all, detector_loss, judge
from dlcv.detection.retinanet import RetinaNet, retina_pyramid
from dlcv.detection.ssd import BoxMap, Ssd, linear_scales
from dlcv.detection.yolo import Yolo
from dlcv.device import seed_everything
from dlcv.training import fit
from tools.measure_detectors import KEPT, SEEDS, TUNING_SEED, best_rate, recipe

SPLITS = {"train": (200, 1), "validation": (100, 2), "test": (200, 3)}  # scenes, seed
COARSEST = 3  # cells in a row: objects that share one of its cells are judged apart
Judge = Callable[[list[Detections], Scenes], dict[str, float]]


class FoldedBody(nn.Module):
    """The backbone and one map more: its last, each 2×2 places folded into one with all channels.

    Nothing is lost, and nothing new has to be learnt before the head.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = backbone(pretrained=True)
        self.channels = (*self.body.channels, 4 * self.body.channels[-1])
        self.strides = (*self.body.strides, 2 * self.body.strides[-1])

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the five maps, see `dlcv.detection.yolo.Body`."""
        maps = self.body.features(images)
        return [*maps, pixel_unshuffle(maps[-1], 2)]


def yolo(cells: int) -> Yolo:
    """YOLO with 3, 6 or 12 cells in a row on 96 px."""
    if cells == COARSEST:
        return Yolo(FoldedBody(), CLASSES)
    return Yolo(backbone(pretrained=True), CLASSES, level={6: -1, 12: -2}[cells])


def ssd(levels: Sequence[int]) -> Ssd:
    """SSD with the same three groups of default boxes, laid on these maps."""
    scales = linear_scales(3, 0.14, 0.44)  # for objects of 0.12 to 0.52 of the picture
    groups = [BoxMap(scales[k], scales[k + 1], (2.0,)) for k in range(3)]
    return Ssd(backbone(pretrained=True), CLASSES, groups, levels=levels)


def retina(**loss: float | None) -> RetinaNet:
    """RetinaNet with this loss."""
    return RetinaNet(retina_pyramid(backbone(pretrained=True)), CLASSES, **loss)


def judge_sharing(found: list[Detections], scenes: Scenes) -> dict[str, float]:
    """Recall of the objects that share a cell of the coarsest grid, and of all others."""
    hits: dict[bool, list[float]] = {True: [], False: []}
    for one, target in zip(found, scenes.targets(), strict=True):
        same = one["labels"][:, None] == target["labels"]
        reached = ((box_iou(one["boxes"], target["boxes"]) >= 0.5) & same).any(dim=0)
        shared = shares_a_cell(target["boxes"], scenes.images.shape[-1], COARSEST)
        for is_shared, hit in zip(shared.tolist(), reached.tolist(), strict=True):
            hits[is_shared].append(float(hit))
    return {name: sum(hits[k]) / len(hits[k]) for name, k in (("shared", True), ("alone", False))}


def judge_sizes(found: list[Detections], scenes: Scenes) -> dict[str, float]:
    """Mean average precision of small and of large objects at IoU 0.5, counted as in COCO.

    An object of the other size need not be found, and a box of the other size that finds nothing is
    no error.
    """
    score = {}
    for name, small in (("small", True), ("large", False)):
        kept, targets = [], []
        for one, target in zip(found, scenes.targets(), strict=True):
            other = is_small(target["boxes"]) != small
            reached = (box_iou(one["boxes"], target["boxes"][~other]) >= 0.5).any(dim=1)
            counts = (is_small(one["boxes"]) == small) | reached
            kept.append({key: x[counts] for key, x in one.items()})
            targets.append({**target, "difficult": other})
        score[name] = mean_average_precision(kept, targets)["map"]
    return score


@dataclass(frozen=True)
class Experiment:
    """Several arms on the same scenes, with the same rates to choose from.

    Attributes:
        world: The scenes.
        arms: For each arm a function that builds its network.
        rates: Learning rates that are tried at first, each twice the one before.
        judge: What is measured beside the mean average precision.
    """

    world: SceneConfig
    arms: dict[str, Callable[[], nn.Module]]
    rates: tuple[float, ...]
    judge: Judge = lambda found, scenes: {}


EXPERIMENTS = {
    "grid": Experiment(
        SceneConfig(96, objects=(4, 6)),
        {f"{n}×{n}": partial(yolo, n) for n in (3, 6, 12)},
        (3e-3, 6e-3, 1.2e-2),
        judge_sharing,
    ),
    "maps": Experiment(
        SceneConfig(96, objects=(2, 4), radius=(0.06, 0.26)),
        {
            "12×12, 6×6, 3×3": partial(ssd, (0, 1, 2)),
            "12×12 alone": partial(ssd, (0, 0, 0)),
        },
        (3e-3, 6e-3, 1.2e-2),
        judge_sizes,
    ),
    "loss": Experiment(
        SceneConfig(96),
        {
            "cross-entropy": partial(retina, gamma=0, alpha=None),
            "mined negatives": partial(retina, gamma=0, alpha=None, negatives=3),
            "focal, α = 0.25": partial(retina),
        },
        (1.5e-3, 3e-3, 6e-3),
    ),
}


@cache
def scenes_of(name: str, split: str) -> Scenes:
    """Render the scenes of an experiment's split."""
    return render_scenes(*SPLITS[split], config=EXPERIMENTS[name].world, masks=False)


def train_and_judge(name: str, arm: str, lr: float, seed: int, split: str) -> dict[str, float]:
    """Train once and judge on a split."""
    experiment, train = EXPERIMENTS[name], scenes_of(name, "train")
    seed_everything(seed)
    model = experiment.arms[arm]()
    batches = Batches(train.images, train, BATCH, seed=seed)
    start = time.process_time()
    fit(model, batches, detector_loss, recipe(lr))
    seconds = time.process_time() - start
    scenes = scenes_of(name, split)
    found = detect_all(model, type(model).detect, scenes.images)
    score = judge(found, scenes, IOU_THRESHOLDS)
    numbers = {"map50": score["per_threshold"][0.5], "map": score["map"]}
    numbers |= experiment.judge(found, scenes)
    return {key: round(x, 4) for key, x in numbers.items()} | {"train_s": round(seconds, 1)}


def judged(name: str, arm: str, lr: float, seed: int, split: str) -> dict[str, float]:
    """Train once and judge on a split, or read what was kept of it."""
    kept = KEPT / f"one-stage-{name}-{arm}-{lr}-{seed}-{split}.json"
    if not kept.exists():
        numbers = train_and_judge(name, arm, lr, seed, split)
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(numbers))
    numbers = json.loads(kept.read_text())
    print(name, arm, lr, seed, split, numbers, flush=True)
    return numbers


def measure(name: str, arm: str) -> dict[str, object]:
    """Choose an arm's learning rate on the validation scenes, then train and judge all seeds."""

    tried: dict[float, float] = {}

    def judge_rate(lr: float) -> float:
        tried[lr] = judged(name, arm, lr, TUNING_SEED, "validation")["map"]
        return tried[lr]

    best = best_rate(judge_rate, EXPERIMENTS[name].rates)
    runs = [judged(name, arm, best, seed, "test") for seed in SEEDS]
    quantities = {key: [run[key] for run in runs] for key in runs[0]}
    return {"rates": {f"{lr:g}": x for lr, x in tried.items()}, "lr": best, **quantities}


def write(name: str, arm: str, row: dict[str, object]) -> None:
    """Put an arm into the file, in the order of `EXPERIMENTS`."""
    found = json.loads(FILE.read_text()) if FILE.exists() else {}
    found.setdefault(name, {})[arm] = row
    ordered = {
        key: {arm: found[key][arm] for arm in experiment.arms if arm in found[key]}
        for key, experiment in EXPERIMENTS.items()
        if key in found
    }
    FILE.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Measure the experiments named on the command line."""
    torch.set_num_threads(1)
    names = sys.argv[1:]
    if not names or not set(names) <= set(EXPERIMENTS):
        sys.exit("Which? " + " · ".join(EXPERIMENTS))
    for name in names:
        for arm in EXPERIMENTS[name].arms:
            write(name, arm, measure(name, arm))


if __name__ == "__main__":
    main()
