"""What every detector of the book shares: pictures with boxes turned, answers thinned, judged."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from dlcv.data.real_boxes import BoxedPhotos
from dlcv.data.scenes import Scenes
from dlcv.detection.average_precision import mean_average_precision
from dlcv.detection.boxes import batched_nms, check_boxes
from dlcv.training import eval_mode

SYMMETRIES = 8  # of a square: four quarter turns, each with or without a flip

Detections = dict[str, Tensor]  # boxes [N, 4], scores [N] by falling score, labels int64 [N]


def turn(images: Tensor, boxes: Tensor, symmetry: int) -> tuple[Tensor, Tensor]:
    """Turn and flip square images together with their boxes.

    Args:
        images: [B, C, S, S].
        boxes: [B, K, 4], xyxy in px. Empty slots of zeros do not stay zeros; their labels say that
            they are empty.
        symmetry: Which of the eight symmetries of a square: bit 0 flips left and right, bit 1 flips
            top and bottom, bit 2 swaps rows and columns. 0 leaves everything as it is.

    Returns:
        Images and boxes, of the same shapes.

    Raises:
        ValueError: If the images are not square or there is no such symmetry.

    Taught in: lectures/12_rcnn_family
    """
    size = images.shape[-1]
    if images.shape[-2] != size or symmetry not in range(SYMMETRIES):
        got = f"{list(images.shape)} and {symmetry}"
        raise ValueError(f"expected square images and a symmetry from 0 to 7, got {got}")
    x1, y1, x2, y2 = boxes.unbind(-1)
    if symmetry & 1:
        images, x1, x2 = images.flip(-1), size - x2, size - x1
    if symmetry & 2:
        images, y1, y2 = images.flip(-2), size - y2, size - y1
    if symmetry & 4:
        images, x1, y1, x2, y2 = images.transpose(-1, -2), y1, x1, y2, x2
    return images, torch.stack([x1, y1, x2, y2], dim=-1)


def detector_loss(model: nn.Module, batch: tuple[Tensor, Scenes | BoxedPhotos]) -> Tensor:
    """Sum a detector's losses on a batch of scenes, all turned alike by a symmetry drawn at random.

    This is what `dlcv.training.fit` takes, with `Batches(scenes.images, scenes, batch_size)`.

    Args:
        model: A detector whose `losses(images, boxes, labels)` takes images float [B, 3, S, S] in
            [0, 1], boxes [B, K, 4] in xyxy px and labels int64 [B, K], -1 in empty slots, and
            returns a dict of scalar losses by name.
        batch: Images uint8 [B, 3, S, S] and their scenes, or photographs, which only flip left and
            right.

    Returns:
        The sum of the losses, a scalar.

    Taught in: lectures/12_rcnn_family
    """
    images, scenes = batch
    symmetry = int(torch.randint(scenes.symmetries, ()))
    images, boxes = turn(images.float() / 255, scenes.boxes, symmetry)
    return torch.stack(list(model.losses(images, boxes, scenes.labels).values())).sum()


def thin_out(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    score_threshold: float = 0.05,
    iou_threshold: float = 0.5,
    most: int = 100,
) -> Detections:
    """Drop what is unlikely, suppress duplicates within each class, keep the best.

    Args:
        boxes: [N, 4], xyxy in px.
        scores: [N] in [0, 1].
        labels: int64 [N].
        score_threshold: Detections below it are dropped.
        iou_threshold: See `dlcv.detection.boxes.nms`.
        most: How many detections an image may have.

    Returns:
        `boxes` [n, 4], `scores` [n] and `labels` [n], by falling score.

    Raises:
        ValueError: If a shape or a threshold is off.

    Taught in: lectures/12_rcnn_family
    """
    check_boxes(boxes)
    likely = scores >= score_threshold
    boxes, scores, labels = boxes[likely], scores[likely], labels[likely]
    kept = batched_nms(boxes, scores, labels, iou_threshold)[:most]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


@torch.no_grad()
def detect_all(
    model: nn.Module,
    detect: Callable[[nn.Module, Tensor], list[Detections]],
    images: Tensor,
    batch_size: int = 50,
) -> list[Detections]:
    """Run a detector over many images, in evaluation mode.

    Args:
        model: The detector; every module keeps its mode.
        detect: Function (model, images float [B, 3, S, S] in [0, 1]) -> detections of each image.
        images: uint8 or float [N, 3, S, S].
        batch_size: Images at once.

    Returns:
        The detections of each image.

    Taught in: lectures/12_rcnn_family
    """
    found: list[Detections] = []
    with eval_mode(model):
        for part in images.split(batch_size):
            found += detect(model, part / 255 if part.dtype == torch.uint8 else part)
    return found


def judge(
    detections: Sequence[Detections],
    scenes: Scenes | BoxedPhotos,
    iou_thresholds: Sequence[float] = (0.5,),
    method: str = "area",
) -> dict[str, object]:
    """Return the mean average precision of detections in scenes or photographs.

    Args:
        detections: One for each scene.
        scenes: The scenes or photographs, with their objects; whoever finds one that is difficult
            or a crowd is neither right nor wrong.
        iou_thresholds: See `mean_average_precision`, also for what is returned.
        method: Likewise.

    Taught in: lectures/12_rcnn_family
    """
    return mean_average_precision(detections, scenes.targets(), iou_thresholds, method)
