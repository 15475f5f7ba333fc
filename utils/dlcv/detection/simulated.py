"""A make-believe detector: true boxes, spoilt by as much as is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcv.detection.boxes import clip_boxes
from dlcv.detection.proposals import random_boxes


@dataclass(frozen=True)
class Skill:
    """How good the make-believe detector is; all defaults are teaching values.

    Args:
        noise: Standard deviation of each edge, as a share of the box's side, at least 0.
        missed: Share of objects without any detection, in [0, 1].
        duplicates: Mean number of further detections of a found object, at least 0.
        confused: Share of detections with a random label, in [0, 1].
        false_alarms: Mean number of boxes around nothing in an image, at least 0.
    """

    noise: float = 0.06
    missed: float = 0.1
    duplicates: float = 1.0
    confused: float = 0.05
    false_alarms: float = 2.0

    def __post_init__(self) -> None:
        shares = (self.missed, self.confused)
        if min(self.noise, self.duplicates, self.false_alarms, *shares) < 0 or max(shares) > 1:
            raise ValueError(f"expected amounts >= 0 and shares in [0, 1], got {self}")


def simulate_detections(
    targets: Sequence[dict[str, Tensor]],
    size: tuple[int, int],
    classes: int,
    skill: Skill | None = None,
    seed: int = 0,
) -> list[dict[str, Tensor]]:
    """Pretend to have run a detector, without suppression of duplicates.

    The first detection of an object scores about 0.82, a further one, which is noisier, about 0.67,
    a false alarm about 0.27: the logistic function of 1.5, 0.7 and -1 plus normal noise.

    Args:
        targets: For each image a dict with `boxes` [M, 4] (xyxy in px) and `labels` int64 [M].
        size: (H, W) of all images in px.
        classes: How many there are.
        skill: See `Skill`; None for its defaults.
        seed: Of all draws.

    Returns:
        For each image `boxes` [N, 4], `scores` [N] in (0, 1) and `labels` int64 [N].

    Taught in: lectures/11_detection_foundations
    """
    skill, generator = skill or Skill(), torch.Generator().manual_seed(seed)
    return [simulate_one(target, size, classes, skill, generator) for target in targets]


def simulate_one(
    target: dict[str, Tensor],
    size: tuple[int, int],
    classes: int,
    skill: Skill,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the detections of one image, see `simulate_detections`."""
    seen = torch.rand(len(target["boxes"]), generator=generator) >= skill.missed
    boxes, labels = target["boxes"][seen], target["labels"][seen]
    further = torch.poisson(torch.full((len(boxes),), float(skill.duplicates)), generator).long()
    again = torch.arange(len(boxes)).repeat_interleave(further)
    alarms = int(torch.poisson(torch.tensor([float(skill.false_alarms)]), generator))
    spread = torch.cat([torch.ones(len(boxes)), 1.5 * torch.ones(len(again))]) * skill.noise
    boxes, labels = torch.cat([boxes, boxes[again]]), torch.cat([labels, labels[again]])
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    boxes = boxes + torch.randn(boxes.shape, generator=generator) * spread[:, None] * sides
    lt, rb = boxes.split(2, dim=1)
    boxes = torch.cat([lt, torch.maximum(rb, lt + 1)], dim=1)
    nowhere = random_boxes(size, alarms, int(torch.randint(2**31, (1,), generator=generator)))
    boxes = clip_boxes(torch.cat([boxes, nowhere]), size)
    logits = torch.tensor([1.5] * int(seen.sum()) + [0.7] * len(again) + [-1.0] * alarms)
    scores = (logits + torch.randn(len(logits), generator=generator)).sigmoid()
    drawn = torch.randint(classes, (len(boxes),), generator=generator)
    confused = torch.rand(len(labels), generator=generator) < skill.confused
    labels = torch.cat([labels.where(~confused, drawn[: len(labels)]), drawn[len(labels) :]])
    return {"boxes": boxes, "scores": scores, "labels": labels}
