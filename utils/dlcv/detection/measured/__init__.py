"""What every detector of the book reaches on the same scenes; the data card says how."""

import csv
from dataclasses import dataclass
from importlib.resources import files
from statistics import fmean

from dlcv.data.scenes import KINDS, SceneConfig, Scenes, render_scenes

RESULTS = "detectors.csv"
SCENES = SceneConfig(size=96)
FEW, MANY, VALIDATION, TEST = (200, 1), (600, 1), (100, 2), (200, 3)
"""How many scenes, and the seed that they are drawn from: a few to learn from, the same and more,
others to choose the learning rate on, and others to report on."""
EPOCHS, BATCH = 8, 8
IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
CLASSES = len(KINDS)


@dataclass(frozen=True)
class Result:
    """One training of one detector, judged on the test scenes.

    Attributes:
        scenes: Number of scenes it learnt from.
        system: Its name.
        seed: Of the training.
        lr: Learning rate, the best on the validation scenes.
        train_s: CPU seconds of the training, without proposals that are made beforehand.
        image_ms: CPU milliseconds for an image, likewise without such proposals.
        proposals_ms: CPU milliseconds for these proposals; 0 where the network makes its own.
        map50: Mean average precision at IoU 0.5.
        map: The same, averaged over IoU 0.5, 0.55, ..., 0.95.
    """

    scenes: int
    system: str
    seed: int
    lr: float
    train_s: float
    image_ms: float
    proposals_ms: float
    map50: float
    map: float


def measured_detectors(scenes: int = FEW[0]) -> dict[str, list[Result]]:
    """Read what `tools/measure_detectors.py` measured: for each system the trainings of all seeds.

    Args:
        scenes: How many scenes they learnt from: the first number of `FEW` or of `MANY`.

    Raises:
        ValueError: If nothing was measured with so many scenes.

    Taught in: lectures/12_rcnn_family
    """
    if scenes not in (FEW[0], MANY[0]):
        raise ValueError(f"expected {FEW[0]} or {MANY[0]} scenes, got {scenes}")
    text = (files("dlcv.detection.measured") / RESULTS).read_text()
    results: dict[str, list[Result]] = {}
    for row in csv.DictReader(text.splitlines()):
        count, name, seed, *numbers = row.values()
        if int(count) == scenes:
            result = Result(scenes, name, int(seed), *map(float, numbers))
            results.setdefault(name, []).append(result)
    return results


def mean_of(results: list[Result], quantity: str) -> float:
    """Return the mean of a quantity, such as "map50", over the seeds."""
    return fmean(getattr(result, quantity) for result in results)


def measuring_scenes(split: tuple[int, int]) -> Scenes:
    """Render the scenes of a split: FEW, MANY, VALIDATION or TEST."""
    count, seed = split
    return render_scenes(count, seed=seed, config=SCENES, masks=False)
