"""What each system of the course reached, noted by the lecture that trained it.

The noted line is all there is: the appendix's table reads it from the lectures as they ran
(`python -m benchmarks.systems --write`).
"""

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

LECTURE_OF = {
    "perceptron": "01_perceptron",
    "MLP on our autograd": "02_backpropagation",
    "optimisers": "03_training",
    "convolution": "04_convolutions",
    "LeNet-5": "04_convolutions",
    "batch normalisation": "05_normalisation",
    "AlexNet": "06a_classic_architectures",
    "VGG-16": "06a_classic_architectures",
    "GoogLeNet": "06a_classic_architectures",
    "Inception v3": "06a_classic_architectures",
    "ResNet-50": "06a_classic_architectures",
    "ResNeXt-50": "06b_modern_architectures",
    "DenseNet-121": "06b_modern_architectures",
    "MobileNet v2": "06b_modern_architectures",
    "MNASNet": "06b_modern_architectures",
    "EfficientNet-B0": "06b_modern_architectures",
    "transfer backbone": "07_transfer",
    "data parallel by hand": "08_gpu_and_distributed",
    "face verification": "09_verification",
    "localiser": "10_localisation",
    "OverFeat": "10_localisation",
    "suppression and AP": "11_detection_foundations",
    "selective search": "11_detection_foundations",
    "R-CNN": "12_rcnn_family",
    "SPPNet": "12_rcnn_family",
    "Fast R-CNN": "12_rcnn_family",
    "Faster R-CNN": "12_rcnn_family",
    "FPN": "12_rcnn_family",
    "YOLO": "13_one_stage",
    "SSD": "13_one_stage",
    "RetinaNet": "13_one_stage",
    "FCN-8s": "14_segmentation",
    "DeconvNet": "14_segmentation",
    "U-Net": "14_segmentation",
    "Mask R-CNN": "14_segmentation",
    "LSTM captioner": "15_captioning",
    "attention captioner": "15_captioning",
    "BLEU": "15_captioning",
}
"""System → the lecture that builds it, in the order of the appendix's table."""

NUMBER = r"-?[\d.]+(?:e[+-]\d+)?"
LINE = re.compile(
    rf"Result: (?P<system>.+?), (?P<metric>.+): (?P<value>{NUMBER})"
    rf"(?: \((?P<least>{NUMBER}) to (?P<most>{NUMBER}), (?P<runs>\d+) runs\))?"
    rf"(?:, (?P<seconds>{NUMBER}) s)?"
)


@dataclass(frozen=True)
class Result:
    """What a system reached when its lecture ran.

    Attributes:
        system: one of `LECTURE_OF`.
        metric: what was measured, in words.
        value: its mean over the runs.
        least: smallest of the runs.
        most: largest of the runs.
        runs: how many there were.
        seconds: for one run, or None where nothing was trained.
    """

    system: str
    metric: str
    value: float
    least: float
    most: float
    runs: int = 1
    seconds: float | None = None

    def __str__(self) -> str:
        spread = f" ({self.least:.4g} to {self.most:.4g}, {self.runs} runs)"
        seconds = "" if self.seconds is None else f", {self.seconds:.3g} s"
        start = f"Result: {self.system}, {self.metric}: {self.value:.4g}"
        return start + (spread if self.runs > 1 else "") + seconds


def record_result(
    system: str, value: float | Sequence[float], metric: str, seconds: float | None = None
) -> None:
    """Prints what a system reached, in one line that the appendix's table is made of.

    Args:
        system: one of `LECTURE_OF`, for example ``"Fast R-CNN"``.
        value: the metric, or its values from several runs (of three seeds, say).
        metric: what was measured, short and in words: ``"mAP at IoU 0.5"``.
        seconds: to train one run, as measured; None where nothing is trained.

    Raises:
        ValueError: the system is unknown, the metric has no name, or a number is not finite.
    """
    if system not in LECTURE_OF:
        near = difflib.get_close_matches(system, LECTURE_OF, n=3, cutoff=0.3) or list(LECTURE_OF)
        raise ValueError(f"expected a system such as {', '.join(near)}; got {system!r}")
    values = [float(one) for one in value] if isinstance(value, Sequence) else [float(value)]
    numbers = values + ([] if seconds is None else [seconds])
    if not values or not metric.strip() or not all(math.isfinite(number) for number in numbers):
        got = f"{metric!r}, {value}, {seconds}"
        raise ValueError(f"expected the metric's name and finite numbers, got {got}")
    mean = sum(values) / len(values)
    print(Result(system, metric, mean, min(values), max(values), len(values), seconds))


def parse_results(text: str) -> list[Result]:
    """Returns the results in what a lecture printed, in their order.

    Args:
        text: any number of lines; those that `record_result` did not print are passed over.
    """
    found = (LINE.fullmatch(line.strip()) for line in text.splitlines())
    return [_as_result(line.groupdict()) for line in found if line]


def _as_result(parts: dict[str, str | None]) -> Result:
    value = float(parts["value"])
    return Result(
        parts["system"],
        parts["metric"],
        value,
        least=float(parts["least"] or value),
        most=float(parts["most"] or value),
        runs=int(parts["runs"] or 1),
        seconds=float(parts["seconds"]) if parts["seconds"] else None,
    )
