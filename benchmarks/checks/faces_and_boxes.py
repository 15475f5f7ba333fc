"""Lectures 9 to 11: verification, localisation, and what detection begins with."""

import contextlib
import io

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from skimage.segmentation import felzenszwalb
from torch import Tensor

from benchmarks.checks import Check, count, difference, draw, draw_boxes
from dlcv.classification.backbone import backbone
from dlcv.data.scenes import KINDS
from dlcv.detection.average_precision import mean_average_precision
from dlcv.detection.box_losses import giou_loss, iou_loss
from dlcv.detection.boxes import batched_nms
from dlcv.detection.graph_segmentation import graph_segments
from dlcv.detection.localiser import TwoHeads
from dlcv.detection.overfeat import DenseWindowNet, WindowNet, crop_by_crop
from dlcv.verification.losses import triplet_loss
from dlcv.verification.margins import arcface_logits, cosface_logits
from dlcv.verification.network import FaceNetwork

COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10))


def verification() -> Check:
    """The triplet loss, and the two additive margins written with angles."""
    a, p, n, weight, labels = *(draw(20, 8, seed=i) for i in range(4)), torch.arange(20) % 5
    weight = weight[:5]
    triplets = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda x, y: ((x - y) ** 2).sum(1), margin=9
    )
    cos = F.cosine_similarity(a[:, None], weight[None], dim=2)
    own = F.one_hot(labels, 5)
    widened = torch.where(own > 0, (cos.acos() + 0.5).cos(), cos)
    ours = [
        triplet_loss(a, p, n, 9),
        cosface_logits(a, weight, labels, 0.35, 12),
        arcface_logits(a, weight, labels, 0.5, 12),
    ]
    found = difference(ours, [triplets(a, p, n), 12 * (cos - 0.35 * own), 12 * widened])
    network = FaceNetwork(classes=1)
    size = count(network) - network.weight.numel()
    reference = "torch's triplet loss; margins by angles"
    return Check("verification.network.FaceNetwork", size, reference, found)


def localiser() -> Check:
    """The IoU and GIoU losses."""
    boxes, others = draw_boxes(30).double(), draw_boxes(30, seed=1).double()
    iou = torchvision.ops.box_iou(boxes, others).diagonal()
    giou = torchvision.ops.generalized_box_iou(boxes, others).diagonal()
    got = [iou_loss(boxes, others), giou_loss(boxes, others)]
    found = difference(got, [(1 - iou).mean(), (1 - giou).mean()])
    size = count(backbone()) + count(TwoHeads(112, 4, len(KINDS)))
    return Check("detection.localiser.TwoHeads", size, "torchvision's IoU and GIoU", found)


@torch.no_grad()
def overfeat() -> Check:
    """All windows of an image in one pass."""
    torch.manual_seed(0)
    net, image = WindowNet(4).eval(), torch.rand(3, 40, 47)
    dense = [found[0] for found in DenseWindowNet(net)(image[None])]
    found = difference(dense, crop_by_crop(net, image, 2))
    return Check("detection.overfeat.WindowNet", count(net), "one crop after the other", found)


def judged() -> Check:
    """Which boxes are kept, and the COCO average precision of what is kept."""
    boxes, scores, labels = draw_boxes(200), draw(200).sigmoid(), torch.arange(200) % 3
    kept = batched_nms(boxes, scores.float(), labels, 0.5)
    expected = torchvision.ops.batched_nms(boxes, scores.float(), labels, 0.5)
    predictions, targets = [], []
    for seed in range(6):
        truth = draw_boxes(7, seed=seed).double()
        noisy = torch.cat([truth + 2 * draw(7, 4, seed=9), draw_boxes(5, seed=seed + 50).double()])
        classes = torch.arange(12) % 3
        predictions.append(
            {"boxes": noisy, "scores": draw(12, seed=seed).sigmoid(), "labels": classes}
        )
        targets.append({"boxes": truth, "labels": classes[:7]})
    ours = mean_average_precision(predictions, targets, COCO_THRESHOLDS, "coco")["map"]
    pairs = [kept, ours], [expected, by_pycocotools(predictions, targets)]
    return Check(
        "detection.average_precision",
        None,
        "torchvision's batched_nms; pycocotools",
        difference(*pairs),
    )


def by_pycocotools(predictions: list[dict], targets: list[dict]) -> float:
    """Return COCO's own mean average precision, all areas, at most 100 detections."""

    def rows(entries: list[dict]) -> list[dict]:
        found = []
        for image, entry in enumerate(entries, start=1):
            scores = entry.get("scores", torch.ones(len(entry["boxes"]))).tolist()
            for box, label, score in zip(
                entry["boxes"].tolist(), entry["labels"].tolist(), scores, strict=True
            ):
                x1, y1, x2, y2 = box
                size = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
                named = {"image_id": image, "category_id": label, "iscrowd": 0}
                found.append({"id": len(found) + 1, "score": score, **named, **size})
        return found

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        images = [{"id": i + 1} for i in range(len(targets))]
        categories = [{"id": k} for k in range(3)]
        truth.dataset = {"images": images, "categories": categories, "annotations": rows(targets)}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows(predictions)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    return float(precision[precision > -1].mean())


def segments() -> Check:
    """Which pixels belong together in the segmentation that the search begins with."""
    image = np.random.default_rng(4).random((23, 17, 3))
    image[:, 8:] += 0.7
    ours = graph_segments(image / 2, 60 / 255)
    theirs = felzenszwalb(image / 2, scale=60, sigma=0, min_size=0)

    def together(numbers: np.ndarray) -> Tensor:
        flat = torch.as_tensor(numbers.ravel())
        return (flat[:, None] == flat).double()

    found = difference([together(ours)], [together(theirs)])
    return Check("detection.selective_search", None, "scikit-image's felzenszwalb", found)


CHECKS = {
    "face verification": verification,
    "localiser": localiser,
    "OverFeat": overfeat,
    "suppression and AP": judged,
    "selective search": segments,
}
