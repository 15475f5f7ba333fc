"""Lectures 12 and 13: the detectors, on the book's backbone and its eight kinds of objects."""

from collections import OrderedDict
from types import SimpleNamespace

import torch
import torch.nn.functional as F
import torchvision
from sklearn.linear_model import Ridge
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.roi_heads import fastrcnn_loss
from torchvision.models.detection.rpn import RPNHead, concat_box_prediction_layers
from torchvision.models.detection.ssd import SSD
from torchvision.ops import FeaturePyramidNetwork, box_iou, sigmoid_focal_loss

from benchmarks.checks import Check, count, difference, draw, draw_boxes
from dlcv.classification.backbone import backbone
from dlcv.data.scenes import KINDS
from dlcv.detection.box_head import RegionTargets, head_losses
from dlcv.detection.fast_rcnn import FastRCNN
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.fpn import FeaturePyramid, PyramidRCNN
from dlcv.detection.rcnn import RCNNConfig, RegionNetwork, crop_network, ridge_regression
from dlcv.detection.region_proposals import RegionProposalNetwork
from dlcv.detection.retinanet import RetinaNet, focal_loss, retina_pyramid
from dlcv.detection.roi import roi_pool, spatial_pyramid_pool
from dlcv.detection.sppnet import PyramidFeatures
from dlcv.detection.ssd import Ssd, match_defaults, ssd_losses, ssd_targets
from dlcv.detection.yolo import Yolo, yolo_losses

K = len(KINDS)


def rcnn() -> Check:
    """The box regressors' ridge regression."""
    features, targets = draw(40, 12), draw(40, 4, seed=1)
    theirs = Ridge(alpha=7.0, fit_intercept=False).fit(features.numpy(), targets.numpy())
    got = ridge_regression(features, targets, 7.0)
    found = difference([got], [torch.from_numpy(theirs.coef_.T)])
    size = count(crop_network(backbone(), K, RCNNConfig()))
    return Check("detection.rcnn.crop_network", size, "scikit-learn's Ridge", found)


def sppnet() -> Check:
    """The pyramid over a whole map whose sides no level divides."""
    maps, levels = draw(2, 5, 11, 13), (6, 3, 2, 1)
    expected = [F.adaptive_max_pool2d(maps, n).flatten(1) for n in levels]
    found = difference([spatial_pyramid_pool(maps, levels)], [torch.cat(expected, dim=1)])
    trunk = backbone()
    size = count(trunk) + count(RegionNetwork(nn.Identity(), PyramidFeatures(trunk).size, K))
    return Check("detection.sppnet", size, "torch's adaptive_max_pool2d", found)


def fast() -> Check:
    """RoI pooling of fractional regions, and both losses of the head."""
    maps, regions = draw(2, 5, 12, 12), draw_boxes(8).double()
    boxes = torch.cat([torch.arange(8)[:, None] % 2, regions], dim=1)
    pooled = [pool(maps, boxes, 5, 1 / 8) for pool in (roi_pool, torchvision.ops.roi_pool)]
    labels, scores, offsets = torch.arange(12) % (K + 1), draw(12, K + 1), draw(12, K, 4, seed=1)
    objects = labels < K
    goals = draw(12, 4, seed=2) * objects[:, None]
    targets = RegionTargets([regions], labels, goals[objects], torch.zeros(int(objects.sum())))
    ours = head_losses(scores, offsets, targets)
    # torchvision's background is class 0, and has offsets too, which nobody uses
    padded = torch.cat([torch.zeros(12, 1, 4), offsets], dim=1).flatten(1)
    theirs = fastrcnn_loss(scores.roll(1, 1), padded, [(labels + 1) % (K + 1)], [goals])
    found = difference([pooled[0], ours["label"], ours["box"]], [pooled[1], *theirs])
    size = count(FastRCNN(backbone(), K))
    reference = "torchvision's roi_pool and fastrcnn_loss"
    return Check("detection.fast_rcnn.FastRCNN", size, reference, found)


def faster() -> Check:
    """What the region proposal network says about two maps, with torchvision's weights."""
    torch.manual_seed(0)
    ours, head = RegionProposalNetwork(8, 3, hidden=8), RPNHead(8, 3)
    pairs = (ours.conv, head.conv[0][0]), (ours.objectness, head.cls_logits)
    for mine, other in (*pairs, (ours.offsets, head.bbox_pred)):
        mine.load_state_dict(other.state_dict())
    maps = [draw(2, 8, 6, 9, dtype=torch.float32), draw(2, 8, 3, 5, dtype=torch.float32)]
    logits, offsets = ours(maps)
    expected = concat_box_prediction_layers(*head(maps))
    found = difference([logits.reshape(-1, 1), offsets.reshape(-1, 4)], expected)
    size = count(FasterRCNN(backbone(), K))
    reference = "torchvision's RPN, with its weights"
    return Check("detection.faster_rcnn.FasterRCNN", size, reference, found)


def pyramid() -> Check:
    """The merged maps, with torchvision's weights, of sizes that are no halves."""
    torch.manual_seed(0)
    ours = FeaturePyramid(backbone(), levels=(1, 2, 3), channels=8)
    theirs = FeaturePyramidNetwork([32, 64, 112], 8)
    for k in range(3):
        ours.lateral[k].load_state_dict(theirs.inner_blocks[k][0].state_dict())
        ours.smooth[k].load_state_dict(theirs.layer_blocks[k][0].state_dict())
    shapes = (2, 32, 11, 14), (2, 64, 6, 7), (2, 112, 3, 4)
    maps = [draw(*shape, dtype=torch.float32) for shape in shapes]
    found = difference(ours.merge(maps), theirs(OrderedDict(enumerate(maps))).values())
    size = count(PyramidRCNN(FeaturePyramid(backbone()), K))
    reference = "torchvision's FeaturePyramidNetwork, with its weights"
    return Check("detection.fpn.PyramidRCNN", size, reference, found)


def yolo() -> Check:
    """The five terms of the loss, by the paper's formula in loops over cells."""
    S, classes = 4, 3
    output, truth = draw(S, S, 10 + classes).sigmoid(), torch.zeros(S, S, 5 + classes).double()
    for i, j, *box, label in ((1, 2, 0.3, 0.6, 0.4, 0.5, 0), (3, 0, 0.9, 0.1, 0.2, 0.7, 2)):
        truth[i, j, :5], truth[i, j, 5 + label] = torch.tensor([*box, 1]), 1
    sums = dict.fromkeys(("centre", "size", "object", "no object", "class"), 0.0)
    for i in range(S):
        for j in range(S):
            for name, value in yolo_cell(output[i, j], truth[i, j], S).items():
                sums[name] += value
    losses = yolo_losses(output[None], truth[None], 2)
    found = difference([losses[name] for name in sums], sums.values())
    return Check(
        "detection.yolo.Yolo", count(Yolo(backbone(), K)), "its equation 3 in loops", found
    )


def yolo_cell(numbers: Tensor, truth: Tensor, S: int) -> dict[str, float]:
    """Return one cell's part of equation 3, with two boxes."""

    def corners(x: Tensor, y: Tensor, w: Tensor, h: Tensor) -> Tensor:
        return torch.stack([x / S - w / 2, y / S - h / 2, x / S + w / 2, y / S + h / 2])[None]

    boxes = [numbers[:5], numbers[5:10]]
    if truth[4] == 0:
        return {"no object": 0.5 * sum(float(c) ** 2 for *_, c in boxes)}
    overlap = [
        float(box_iou(corners(x, y, w**2, h**2), corners(*truth[:4]))) for x, y, w, h, _ in boxes
    ]
    best = overlap.index(max(overlap))
    x, y, w, h, c = boxes[best].tolist()
    tx, ty, tw, th = truth[:4].tolist()
    return {
        "centre": 5 * ((x - tx) ** 2 + (y - ty) ** 2),
        "size": 5 * ((w - tw**0.5) ** 2 + (h - th**0.5) ** 2),
        "object": (c - overlap[best]) ** 2,
        "no object": 0.5 * float(boxes[1 - best][4]) ** 2,
        "class": float(((numbers[10:] - truth[5:]) ** 2).sum()),
    }


def ssd() -> Check:
    """Both losses, with its mining of hard negatives."""
    defaults = torch.cat([draw_boxes(60, seed=5), draw_boxes(6, seed=1)])
    boxes = torch.stack([draw_boxes(3, seed=1), draw_boxes(3, seed=2)])
    labels = torch.tensor([[0, 3, 1], [2, 2, -1]])
    logits = draw(2, 66, 5, dtype=torch.float32)
    offsets = draw(2, 66, 4, seed=1, dtype=torch.float32)
    ours = ssd_losses(logits, offsets, *ssd_targets(defaults, boxes, labels))
    there = labels >= 0
    targets = [{"boxes": boxes[b, there[b]], "labels": labels[b, there[b]] + 1} for b in (0, 1)]
    found = [match_defaults(defaults, target["boxes"]) for target in targets]
    heads = {"cls_logits": logits, "bbox_regression": offsets}
    model = SimpleNamespace(box_coder=BoxCoder((10, 10, 5, 5)), neg_to_pos_ratio=3)
    theirs = SSD.compute_loss(model, targets, heads, [defaults, defaults], found)
    expected = [theirs["classification"], theirs["bbox_regression"]]
    apart = difference([ours["class"], ours["box"]], expected)
    return Check("detection.ssd.Ssd", count(Ssd(backbone(), K)), "torchvision's SSD losses", apart)


def retinanet() -> Check:
    """The focal loss of each number and its gradient."""
    targets = (draw(40, K) > 1).double()
    mine, other = (draw(40, K, seed=1).requires_grad_() for _ in range(2))
    ours = focal_loss(mine, targets, 2.0, 0.25)
    theirs = sigmoid_focal_loss(other, targets, 0.25, 2.0, reduction="none")
    gradients = [
        torch.autograd.grad(loss.sum(), x)[0] for loss, x in ((ours, mine), (theirs, other))
    ]
    found = difference([ours.sum(), gradients[0]], [theirs.sum(), gradients[1]])
    size = count(RetinaNet(retina_pyramid(backbone()), K))
    return Check("detection.retinanet.RetinaNet", size, "torchvision's sigmoid_focal_loss", found)


CHECKS = {
    "R-CNN": rcnn,
    "SPPNet": sppnet,
    "Fast R-CNN": fast,
    "Faster R-CNN": faster,
    "FPN": pyramid,
    "YOLO": yolo,
    "SSD": ssd,
    "RetinaNet": retinanet,
}
