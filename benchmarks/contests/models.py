"""Whole detectors, a step of training and the search in new images, against torchvision's.

Both sides have the same backbone, anchors, counts of proposals and widths of heads; they differ in
how the parts around them are written. Batches hold eight of the book's scenes of 96 px.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models import detection as tv
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.detection.ssd import SSD
from torchvision.ops import MultiScaleRoIAlign

from benchmarks.contests import Contest, Pair
from dlcv.classification.backbone import backbone
from dlcv.data.scenes import KINDS, SceneConfig, Scenes, render_scenes
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.mask_rcnn import MaskRCNN
from dlcv.detection.retinanet import RATIOS, SCALES, RetinaNet, retina_pyramid
from dlcv.detection.ssd import Ssd
from dlcv.segmentation.fcn import fcn

K, SIZE, BATCH = len(KINDS), 96, 8
ASIS = {"min_size": SIZE, "max_size": SIZE, "image_mean": [0.0] * 3, "image_std": [1.0] * 3}
THIN = {"box_score_thresh": 0.05, "box_nms_thresh": 0.5, "box_detections_per_img": 100}
Models = tuple[nn.Module, nn.Module | None]


class Maps(nn.Module):
    """Our maps in the form that torchvision's detectors take."""

    def __init__(self, features: Callable, out_channels: int | list[int], *parts: nn.Module):
        super().__init__()
        self.features, self.out_channels = features, out_channels
        self.parts = nn.ModuleList(parts)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Named maps."""
        return OrderedDict((str(k), x) for k, x in enumerate(self.features(images)))


def two_stages() -> tuple[FasterRCNN, dict[str, object]]:
    """Ours, and the settings that make torchvision's Faster and Mask R-CNN like it."""
    ours = FasterRCNN(backbone(pretrained=True), K)
    config, body = ours.config, copy.deepcopy(ours.backbone)
    C = ours.channels
    rpn = RPNHead(C, len(config.scales_px[0]) * len(config.ratios))
    rpn.conv = nn.Sequential(nn.Conv2d(C, 64, 3, padding=1), nn.ReLU())
    rpn.cls_logits, rpn.bbox_pred = (nn.Conv2d(64, n, 1) for n in (9, 36))
    counts = {"rpn_pre_nms_top_n": config.before_nms, "rpn_post_nms_top_n": config.proposals}
    settings = {f"{name}_{mode}": n for name, n in counts.items() for mode in ("train", "test")}
    settings |= {
        "backbone": Maps(lambda x: body.features(x)[2:3], C, body),
        "rpn_anchor_generator": AnchorGenerator(config.scales_px, (config.ratios,)),
        "rpn_head": rpn,
        "box_roi_pool": MultiScaleRoIAlign(["0"], config.bins, sampling_ratio=2),
        "box_head": TwoMLPHead(C * config.bins**2, 128),
        "box_predictor": FastRCNNPredictor(128, K + 1),
        "rpn_nms_thresh": config.nms_threshold,
        "rpn_fg_iou_thresh": config.positive,
        "rpn_bg_iou_thresh": config.negative,
        "rpn_batch_size_per_image": config.anchors_sampled,
        "box_batch_size_per_image": config.regions_sampled,
    }
    return ours, settings | ASIS | THIN


def faster() -> Models:
    """Faster R-CNN on one map."""
    ours, settings = two_stages()
    return ours, tv.FasterRCNN(**settings)


def mask() -> Models:
    """Mask R-CNN on one map."""
    detector, settings = two_stages()
    ours, C = MaskRCNN(detector), detector.channels
    settings |= {
        "mask_roi_pool": MultiScaleRoIAlign(["0"], ours.mask_side // 2, sampling_ratio=2),
        "mask_head": MaskRCNNHeads(C, (C, C), 1),
        "mask_predictor": MaskRCNNPredictor(C, C, K + 1),
    }
    return ours, tv.MaskRCNN(**settings)


def ssd() -> Models:
    """SSD on three maps."""
    ours = Ssd(backbone(pretrained=True), K)
    body, extra = copy.deepcopy(ours.body), copy.deepcopy(ours.extra)

    def features(images: Tensor) -> list[Tensor]:
        maps = body.features(images)[-2:]
        return [*maps, extra(maps[-1])]

    widths = [*ours.body.channels[-2:], ours.body.channels[-1]]
    boxes = DefaultBoxGenerator([[2], [2], [2]], scales=[0.2, 0.35, 0.5, 0.65])
    settings = {"image_mean": [0.0] * 3, "image_std": [1.0] * 3, "score_thresh": 0.05}
    settings |= {"nms_thresh": 0.5, "detections_per_img": 100}
    return ours, SSD(Maps(features, widths, body, extra), boxes, (SIZE, SIZE), K + 1, **settings)


def retina() -> Models:
    """RetinaNet on two maps, its heads without hidden layers as ours are."""
    ours = RetinaNet(retina_pyramid(backbone(pretrained=True)), K)
    body, C = copy.deepcopy(ours.body), ours.body.channels[0]
    sizes = tuple(
        tuple(ours.anchor_share * stride * s for s in SCALES) for stride in ours.body.strides
    )
    anchors = AnchorGenerator(sizes, (tuple(RATIOS),) * len(sizes))
    head = RetinaNetHead(C, anchors.num_anchors_per_location()[0], K)
    head.classification_head.conv = head.regression_head.conv = nn.Identity()
    theirs = tv.RetinaNet(
        Maps(body.features, C, body), K, anchor_generator=anchors, head=head,
        score_thresh=0.05, nms_thresh=0.5, detections_per_img=100, **ASIS,
    )  # fmt: skip
    return ours, theirs


def segmenter() -> Models:
    """FCN-8s alone: torchvision's FCN has other maps (dilated) and no skips."""
    return fcn(backbone(pretrained=True), K + 1), None


def stepper(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """One step of training; the rate is tiny, so that the model stays what it is."""
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)

    def step() -> Tensor:
        optimiser.zero_grad()
        total = loss()
        total.backward()
        optimiser.step()
        return total.detach()

    return step


def our_loss(model: nn.Module, images: Tensor, scenes: Scenes) -> Tensor:
    """All losses of ours together."""
    if hasattr(model, "losses"):
        masks = [scenes.masks] if isinstance(model, MaskRCNN) else []
        return sum(model.losses(images, scenes.boxes, scenes.labels, *masks).values())
    return nn.functional.cross_entropy(model(images), scenes.semantic.long())


def training(make: Callable[[], Models], device: torch.device) -> Pair:
    """A step on one batch."""
    ours, theirs, images, scenes = prepare(make, device)
    mine = stepper(ours.train(), partial(our_loss, ours, images, scenes))
    if theirs is None:
        return Pair(mine, None)
    has_background = not isinstance(theirs, tv.RetinaNet)  # which decides class by class
    targets = scenes.targets(first_label=int(has_background))
    targets = [t | {"masks": t["masks"].to(torch.uint8)} for t in targets]
    theirs.train()
    return Pair(mine, stepper(theirs, lambda: sum(theirs(list(images), targets).values())))


def searching(make: Callable[[], Models], device: torch.device) -> Pair:
    """Finding the objects of one batch."""
    ours, theirs, images, _ = prepare(make, device)
    find = getattr(ours.eval(), "detect", ours)
    mine = torch.no_grad()(lambda: find(images))
    if theirs is None:
        return Pair(mine, None)
    theirs.eval()
    return Pair(mine, torch.no_grad()(lambda: theirs(list(images))))


def prepare(
    make: Callable[[], Models], device: torch.device
) -> tuple[nn.Module, nn.Module | None, Tensor, Scenes]:
    """Both models and one batch, on the device."""
    torch.manual_seed(0)
    ours, theirs = make()
    scenes = render_scenes(BATCH, seed=1, config=SceneConfig(size=SIZE), device=device)
    theirs = None if theirs is None else theirs.to(device)
    return ours.to(device), theirs, scenes.images / 255, scenes


MODELS = {
    "Faster R-CNN": ("12", "torchvision's FasterRCNN", faster),
    "SSD": ("13", "torchvision's SSD", ssd),
    "RetinaNet": ("13", "torchvision's RetinaNet", retina),
    "Mask R-CNN": ("14", "torchvision's MaskRCNN", mask),
    "FCN-8s": ("14", "torchvision's has other maps", segmenter),
}
CONTESTS = [
    Contest(f"{name}, {what}", lecture, reference, partial(way, make), same=False)
    for name, (lecture, reference, make) in MODELS.items()
    for what, way in (("a step", training), ("a search", searching))
]
