"""From proposals to detections: refinement, the score threshold and suppression, step by step."""

from collections.abc import Sequence

import torch
import traitlets
from torch import Tensor

from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.detection.boxes import box_iou, check_boxes, clip_boxes, decode_boxes, encode_boxes
from dlcv.detection.pipeline import Detections, thin_out
from dlcv.detection.proposals import random_boxes
from dlcv.study.widgets.base import Widget, pack, within
from dlcv.study.widgets.task_ladder import data_uri

RANGES = {"score_threshold": (0.01, 0.99), "nms_threshold": (0, 1), "step": (0, 10_000)}
MOST_PROPOSALS = 500


class DetectionCascade(Widget):
    """A picture, its proposals, and what becomes of them on the way to detections.

    The notebook hands in what its network said about each proposal; the page decodes, clips,
    thresholds and suppresses by the rules of `decode_boxes`, `clip_boxes` and `thin_out`.

    Attributes (they follow what the reader does, and can be set from Python):
        step: 0 the proposals, 1 the refined boxes, 2 those above the least score, 3 and more
            the boxes that suppression keeps, one after the other.
        score_threshold: scores below it are dropped, 0.01 to 0.99.
        nms_threshold: IoU above which the worse of two boxes of a class is dropped, 0 to 1.

    Args:
        image: uint8 [3, H, W].
        proposals: [N, 4], xyxy in px; N from 1 to 500.
        deltas: [N, K, 4] for each class, or [N, 4] for all, (tx, ty, tw, th) as `decode_boxes`
            takes them.
        scores: [N, K], the probability of each class (without the background's), in [0, 1].
        names: of the K classes.
        objects: [M, 4], the true boxes, xyxy in px; M may be 0.
        labels: int64 [M], the classes of the objects, 0 to K - 1.

    Raises:
        ValueError: a shape or a number that is not as said above.

    Taught in: lectures/12_rcnn_family
    """

    module = "detection_cascade"
    parts = ("detection_maths", "cascade_maths")
    image = traitlets.Unicode().tag(sync=True)
    size = traitlets.List().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    objects = traitlets.List().tag(sync=True)
    proposals = traitlets.Dict().tag(sync=True)
    deltas = traitlets.Dict().tag(sync=True)
    scores = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    score_threshold = traitlets.Float(0.3).tag(sync=True)
    nms_threshold = traitlets.Float(0.5).tag(sync=True)

    def __init__(
        self,
        image: Tensor,
        proposals: Tensor,
        deltas: Tensor,
        scores: Tensor,
        names: Sequence[str],
        objects: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        score_threshold: float = 0.3,
        nms_threshold: float = 0.5,
    ):
        objects = proposals[:0] if objects is None else objects
        labels = torch.zeros(0, dtype=torch.int64) if labels is None else labels
        _check(image, proposals, deltas, scores, names, objects, labels)
        self._tensors = [part.detach().cpu().float() for part in (proposals, deltas, scores)]
        packed = [pack(part.numpy()) for part in self._tensors]
        super().__init__(
            label="Detection cascade: proposals, refinement, least score and suppression",
            image=data_uri(image.cpu()),
            size=list(image.shape[1:]),
            names=list(names),
            objects=[
                {"box": box, "label": label}
                for box, label in zip(objects.tolist(), labels.tolist(), strict=True)
            ],
            proposals=packed[0],
            deltas=packed[1],
            scores=packed[2],
            score_threshold=score_threshold,
            nms_threshold=nms_threshold,
        )

    @traitlets.validate(*RANGES)
    def _in_range(self, proposal):
        return within(RANGES, proposal)

    @property
    def refined(self) -> Tensor:
        """Each proposal moved and stretched for each class, and clipped: [N, K, 4]."""
        proposals, deltas, scores = self._tensors
        K = scores.shape[1]
        deltas = deltas.reshape(len(proposals), -1, 4).expand(-1, K, -1).reshape(-1, 4)
        boxes = decode_boxes(deltas, proposals.repeat_interleave(K, dim=0))
        return clip_boxes(boxes, tuple(self.size)).reshape(-1, K, 4)

    @property
    def detections(self) -> Detections:
        """What is left at the end, by the package."""
        scores = self._tensors[2]
        labels = torch.arange(scores.shape[1]).expand_as(scores).flatten()
        thresholds = (self.score_threshold, self.nms_threshold)
        boxes = self.refined.reshape(-1, 4)
        return thin_out(boxes, scores.flatten(), labels, *thresholds, most=len(boxes))

    def fallback_html(self) -> str:
        """The picture."""
        alt = f"A picture with {len(self.objects)} objects"
        return f'<img src="{self.image}" alt="{alt}" width="{self.size[1]}">'


def _check(
    image: Tensor,
    proposals: Tensor,
    deltas: Tensor,
    scores: Tensor,
    names: Sequence[str],
    objects: Tensor,
    labels: Tensor,
) -> None:
    check_boxes(proposals, "proposals")
    check_boxes(objects, "objects")
    N, K = len(proposals), len(names)
    if image.ndim != 3 or len(image) != 3 or image.dtype != torch.uint8:
        raise ValueError(f"expected an image uint8 [3, H, W], got {image.dtype} {image.shape}")
    if not 1 <= N <= MOST_PROPOSALS:
        raise ValueError(f"expected 1 to {MOST_PROPOSALS} proposals, got {N}")
    if deltas.shape not in {(N, 4), (N, K, 4)}:
        got = list(deltas.shape)
        raise ValueError(f"expected deltas [{N}, 4] or [{N}, {K}, 4], got {got}")
    if scores.shape != (N, K) or K == 0 or scores.min() < 0 or scores.max() > 1:
        got = f"{list(scores.shape)} from {scores.min():g} to {scores.max():g}"
        raise ValueError(f"expected scores [{N}, {K}] in [0, 1], got {got}")
    if labels.shape != objects.shape[:1] or any(label not in range(K) for label in labels.tolist()):
        got = labels.tolist()
        raise ValueError(f"expected a label from 0 to {K - 1} for each object, got {got}")


def made_up_cascade(count: int = 80, seed: int = 12) -> tuple:
    """The arguments of `DetectionCascade` without a network: a scene, and a head that half knows.

    Args:
        count: proposals, 1 to 500: three of four near an object, the others anywhere.
        seed: of the scene and of every draw.
    """
    config = SceneConfig(size=192, objects=(4, 5))
    scene = render_scenes(1, seed, config=config, masks=False)
    target = scene.targets()[0]
    objects, labels = target["boxes"], target["labels"]
    generator = torch.Generator().manual_seed(seed)
    near = objects[torch.arange(count) % len(objects)]
    sides = (near[:, 2:] - near[:, :2]).repeat(1, 2)
    moved = near + 0.14 * sides * torch.randn(count, 4, generator=generator)
    proposals = clip_boxes(moved, (192, 192))
    proposals[::4] = random_boxes((192, 192), len(proposals[::4]), seed)
    iou, nearest = box_iou(proposals, objects).max(dim=1)
    aim = encode_boxes(objects[nearest], proposals) + 0.08 * torch.randn(
        count, 4, generator=generator
    )
    deltas = torch.where(iou[:, None] > 0.3, aim, 0.1 * aim)
    logits = torch.randn(count, len(KINDS) + 1, generator=generator)
    logits[torch.arange(count), labels[nearest]] += 9 * iou
    logits[:, -1] += 3.5  # background
    scores = logits.softmax(dim=1)[:, :-1]
    return scene.images[0], proposals, deltas, scores, KINDS, objects, labels
