"""What every detector of the book reaches on the same scenes; the data card says how."""

import csv
from dataclasses import dataclass
from importlib.resources import files
from statistics import fmean

from dlcv.data.scenes import KINDS, SceneConfig, Scenes, render_scenes

RESULTS = "detectors.csv"
SCENES = SceneConfig(size=96)
TRAIN, VALIDATION, TEST = (200, 1), (100, 2), (200, 3)
"""How many scenes, and the seed that they are drawn from: to learn from, to choose the learning
rate on, and to report on."""
EPOCHS, BATCH = 8, 8
IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
CLASSES = len(KINDS)


@dataclass(frozen=True)
class Result:
    """One training of one detector, judged on the test scenes.

    Attributes:
        system: Its name.
        seed: Of the training.
        lr: Learning rate, the best on the validation scenes.
        train_s: CPU seconds of the training, without proposals that are made beforehand.
        image_ms: CPU milliseconds for an image, likewise without such proposals.
        proposals_ms: CPU milliseconds for these proposals; 0 where the network makes its own.
        map50: Mean average precision at IoU 0.5.
        map: The same, averaged over IoU 0.5, 0.55, ..., 0.95.
    """

    system: str
    seed: int
    lr: float
    train_s: float
    image_ms: float
    proposals_ms: float
    map50: float
    map: float


def measured_detectors() -> dict[str, list[Result]]:
    """Read what `tools/measure_detectors.py` measured: for each system the trainings of all seeds.

    Taught in: lectures/12_rcnn_family
    """
    text = (files("dlcv.detection.measured") / RESULTS).read_text()
    results: dict[str, list[Result]] = {}
    for row in csv.DictReader(text.splitlines()):
        name, seed, *numbers = row.values()
        result = Result(name, int(seed), *map(float, numbers))
        results.setdefault(name, []).append(result)
    return results


def mean_of(results: list[Result], quantity: str) -> float:
    """Return the mean of a quantity, such as "map50", over the seeds."""
    return fmean(getattr(result, quantity) for result in results)


def measuring_scenes(split: tuple[int, int]) -> Scenes:
    """Render the scenes of a split: TRAIN, VALIDATION or TEST."""
    count, seed = split
    return render_scenes(count, seed=seed, config=SCENES, masks=False)
