"""Detections on pictures: move the thresholds, and see what is right, what is wrong, and AP."""

import torch
import traitlets
from torch import Tensor

from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.detection.average_precision import METHODS, average_precision, precision_recall
from dlcv.detection.boxes import nms
from dlcv.detection.matching import Objects, match, overlaps
from dlcv.detection.simulated import Skill, simulate_detections
from dlcv.study.widgets.base import Widget, within
from dlcv.study.widgets.task_ladder import data_uri

RANGES = {"score_threshold": (0, 0.95), "nms_threshold": (0, 1), "iou_threshold": (0.05, 0.95)}
SIZE = 192  # px
WORLD = SceneConfig(size=SIZE, objects=(3, 6), kinds=(0, 1, 2))
SKILL = Skill(noise=0.1, missed=0.1, duplicates=1.5, confused=0.2, false_alarms=4)


class DetectionExplorer(Widget):
    """The detections of one kind of object in a few scenes, judged in the page.

    The detector is a make-believe one (`dlcv.detection.simulated`), before any suppression.

    Attributes (they follow what the reader does, and can be set from Python):
        score_threshold: detections below it are left out, 0 to 0.95.
        nms_threshold: IoU above which the worse of two boxes is dropped, 0 to 1.
        iou_threshold: IoU from which a detection is right, 0.05 to 0.95.
        method: how precision and recall become AP: one of
            `dlcv.detection.average_precision.METHODS`.
        index: which of the scenes is shown, from 0.

    Args:
        count: how many scenes, 1 to 20.
        seed: which scenes and detections.

    Raises:
        ValueError: a count, a threshold, a method or an index out of range.

    Taught in: lectures/11_detection_foundations
    """

    module = "detection_explorer"
    parts = ("detection_maths",)
    scenes = traitlets.List().tag(sync=True)
    score_threshold = traitlets.Float(0.0).tag(sync=True)
    nms_threshold = traitlets.Float(1.0).tag(sync=True)
    iou_threshold = traitlets.Float(0.5).tag(sync=True)
    method = traitlets.Unicode("area").tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)

    def __init__(self, count: int = 6, seed: int = 11):
        if not 1 <= count <= 20:
            raise ValueError(f"expected 1 to 20 scenes, got {count}")
        super().__init__(
            label="Detection explorer: thresholds, right and wrong boxes, and average precision",
            scenes=spoilt_scenes(count, seed),
        )

    @traitlets.validate(*RANGES)
    def _in_range(self, proposal):
        return within(RANGES, proposal)

    @traitlets.validate("method")
    def _method(self, proposal):
        if proposal["value"] not in METHODS:
            raise ValueError(f"expected one of {', '.join(METHODS)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("index")
    def _index(self, proposal):
        if not 0 <= proposal["value"] < len(self.scenes):
            last = len(self.scenes) - 1
            raise ValueError(f"expected an index from 0 to {last}, got {proposal['value']}")
        return proposal["value"]

    @property
    def average_precision(self) -> float:
        """What the package makes of the same scenes and thresholds, by VOC's rule of matching."""
        all_scores, all_right, count = [], [], 0
        for scene in self.scenes:
            boxes, scores = (
                as_boxes(scene["boxes"]),
                torch.tensor(scene["scores"], dtype=torch.float64),
            )
            kept = nms(boxes, scores, self.nms_threshold)
            kept = kept[scores[kept] >= self.score_threshold]
            none = torch.zeros(len(scene["objects"]), dtype=torch.bool)
            objects = Objects(as_boxes(scene["objects"]), none, none)
            right, _ = match(overlaps(boxes[kept], objects), objects, self.iou_threshold)
            all_scores.append(scores[kept])
            all_right.append(right)
            count += len(none)
        curve = precision_recall(torch.cat(all_scores), torch.cat(all_right), count)
        return average_precision(*curve, self.method)

    def fallback_html(self) -> str:
        """The first scene as a plain picture."""
        alt = "A scene by the sea with several objects"
        return f'<img src="{self.scenes[0]["image"]}" alt="{alt}" width="{SIZE}">'


def as_boxes(boxes: list) -> Tensor:
    """Boxes [N, 4] in float64 of a list that may be empty."""
    return torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)


def spoilt_scenes(count: int, seed: int) -> list[dict]:
    """Scenes with two objects of kind 0 or more, and make-believe detections of that kind."""
    scenes = render_scenes(6 * count + 10, seed, config=WORLD, masks=False)
    with_kind = ((scenes.labels == 0).sum(dim=1) >= 2).nonzero()[:count, 0]
    if len(with_kind) < count:
        raise ValueError(f"expected at most {len(with_kind)} scenes of seed {seed}, got {count}")
    scenes = scenes[with_kind]
    targets = scenes.targets()
    found = simulate_detections(targets, (SIZE, SIZE), len(WORLD.kinds), SKILL, seed)
    result = []
    for image, target, detections in zip(scenes.images, targets, found, strict=True):
        ours = detections["labels"] == 0
        result.append(
            {
                "image": data_uri(image),
                "size": SIZE,
                "kind": KINDS[0],
                "objects": target["boxes"][target["labels"] == 0].tolist(),
                "boxes": [[round(x, 1) for x in b] for b in detections["boxes"][ours].tolist()],
                "scores": [round(score, 3) for score in detections["scores"][ours].tolist()],
            }
        )
    return result
