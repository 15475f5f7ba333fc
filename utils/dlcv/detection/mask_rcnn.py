"""Mask R-CNN: a third branch says which pixels of a detected box belong to the object."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlcv.data.scenes import Scenes
from dlcv.detection.box_head import RegionTargets
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.masks import paste_masks
from dlcv.detection.pipeline import Detections, turn
from dlcv.detection.roi import roi_align


class MaskHead(nn.Module):
    """Convolutions on a region's features, enlarged once, then one map of logits for each class.

    Args:
        channels: Channels of the features.
        classes: Number of classes K.
        convs: 3×3 convolutions before the enlargement; 4 in the paper with a pyramid.

    Reference:
        He, Gkioxari, Dollár and Girshick, Mask R-CNN, fig. 4, right.

    Taught in: lectures/14_segmentation
    """

    def __init__(self, channels: int, classes: int, convs: int = 2) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(convs):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
        layers += [nn.ConvTranspose2d(channels, channels, 2, stride=2), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, classes, 1))
        for layer in self.layers:
            if hasattr(layer, "weight"):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """From features [P, C, m/2, m/2] to mask logits [P, K, m, m]."""
        return self.layers(features)


def mask_targets(masks: Tensor, regions: Tensor, side: int) -> Tensor:
    """Cut each object's mask out by its region, as m × m shares of covered area.

    The mask is cut to the *proposal*, not to the object's own box: what is asked for is the part of
    the object that the region sees.

    Args:
        masks: bool [P, H, W], the object of each region.
        regions: [P, 4], xyxy in px.
        side: m.

    Returns:
        float [P, m, m] in [0, 1].

    Taught in: lectures/14_segmentation
    """
    if len(regions) == 0:
        return regions.new_zeros(0, side, side)
    which = torch.arange(len(regions), device=regions.device)[:, None].to(regions)
    rois = torch.cat([which, regions], dim=1)  # region i lies in mask i
    return roi_align(masks[:, None].float(), rois, side, sampling_ratio=2, aligned=True)[:, 0]


def mask_loss(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of the map of each region's true class.

    The maps of the other classes take no part, so classes do not compete for pixels.

    Args:
        logits: [P, K, m, m].
        labels: int64 [P], the true classes.
        targets: [P, m, m] in [0, 1].

    Returns:
        A scalar; 0 if there is no region.

    Raises:
        ValueError: If the shapes do not belong together.

    Reference:
        He et al., Mask R-CNN, sec. 3, "Mask representation" and the paragraph before.

    Taught in: lectures/14_segmentation
    """
    if logits.ndim != 4 or targets.shape != (len(labels), *logits.shape[2:]):
        got = f"{list(logits.shape)}, {list(labels.shape)}, {list(targets.shape)}"
        raise ValueError(f"expected logits [P, K, m, m], labels [P], targets [P, m, m], got {got}")
    ours = logits[torch.arange(len(labels), device=labels.device), labels]
    total = nn.functional.binary_cross_entropy_with_logits(ours, targets, reduction="sum")
    return total / max(1, ours.numel())


class MaskRCNN(nn.Module):
    """Faster R-CNN, on one map or on a pyramid, with a mask head beside the box head.

    In training the mask head sees the sampled proposals that stand for objects. In testing it sees
    the final boxes, and of its K maps only the one of the detected class counts.

    Args:
        detector: A `FasterRCNN` or a `PyramidRCNN`.
        mask_side: m, rows and columns of a predicted mask, even; 14 in the paper on one map, 28 on
            a pyramid.
        convs: See `MaskHead`.

    Reference:
        He, Gkioxari, Dollár and Girshick, Mask R-CNN, ICCV 2017.

    Taught in: lectures/14_segmentation
    """

    def __init__(self, detector: FasterRCNN, mask_side: int = 14, convs: int = 2) -> None:
        super().__init__()
        if mask_side < 2 or mask_side % 2:
            raise ValueError(f"expected an even mask_side of at least 2, got {mask_side}")
        self.detector, self.mask_side = detector, mask_side
        self.mask_head = MaskHead(detector.channels, detector.classes, convs)

    def losses(
        self, images: Tensor, boxes: Tensor, labels: Tensor, masks: Tensor
    ) -> dict[str, Tensor]:
        """Return all five losses.

        Args:
            images: float [B, 3, H, W] in [0, 1].
            boxes: [B, K, 4], xyxy in px.
            labels: int64 [B, K], -1 in empty slots.
            masks: bool [B, K, H, W], the pixels of each object.

        Returns:
            `objectness`, `rpn_box`, `label`, `box` and `mask`, scalars.
        """
        base, maps = self.detector, self.detector.features(images)
        losses, proposals = base.rpn_step(maps, images.shape[-2:], boxes, labels)
        head, targets = base.head_step(maps, proposals, boxes, labels)
        return losses | head | {"mask": self.mask_step(maps, targets, masks)}

    def mask_step(self, maps: Sequence[Tensor], targets: RegionTargets, masks: Tensor) -> Tensor:
        """Return the loss of the mask head on the sampled regions that stand for objects."""
        objects = targets.labels < self.detector.classes
        counts = [len(regions) for regions in targets.regions]
        split = zip(targets.regions, objects.split(counts), strict=True)
        regions = [boxes[which] for boxes, which in split]
        logits = self.mask_head(self.detector.pool(maps, regions, self.mask_side // 2))
        own = masks.flatten(0, 1)[targets.objects]
        wanted = mask_targets(own, torch.cat(regions), self.mask_side)
        return mask_loss(logits, targets.labels[objects], wanted)

    @torch.no_grad()
    def detect(
        self,
        images: Tensor,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        mask_threshold: float = 0.5,
    ) -> list[Detections]:
        """Find objects and their pixels; call it in evaluation mode.

        Args:
            images: float [B, 3, H, W] in [0, 1].
            score_threshold: See `dlcv.detection.pipeline.thin_out`, likewise iou_threshold.
            iou_threshold: IoU above which the worse of two detections of a class is dropped.
            mask_threshold: Probability from which a pixel belongs to the object.

        Returns:
            The detections of each image, with `mask_probs` [n, m, m] and `masks` bool [n, H, W].
        """
        maps, size = self.detector.features(images), images.shape[-2:]
        found = self.detector.detect_on(maps, size, score_threshold, iou_threshold)
        boxes, labels = [f["boxes"] for f in found], torch.cat([f["labels"] for f in found])
        logits = self.mask_head(self.detector.pool(maps, boxes, self.mask_side // 2))
        probs = logits[torch.arange(len(labels), device=labels.device), labels].sigmoid()
        for f, own in zip(found, probs.split([len(b) for b in boxes]), strict=True):
            f["mask_probs"] = own
            f["masks"] = paste_masks(own, f["boxes"], size) >= mask_threshold
        return found


def mask_detector_loss(model: nn.Module, batch: tuple[Tensor, Scenes]) -> Tensor:
    """Sum a detector's losses on a batch of scenes, all turned alike, masks included.

    This is what `dlcv.training.fit` takes; see `dlcv.detection.pipeline.detector_loss`. The masks
    are turned as further channels of the images.

    Args:
        model: A detector whose `losses` takes images, boxes, labels and masks.
        batch: Images uint8 [B, 3, S, S] and their scenes, rendered with masks.

    Returns:
        The sum of the losses, a scalar.

    Raises:
        ValueError: If the scenes have no masks.

    Taught in: lectures/14_segmentation
    """
    images, scenes = batch
    if scenes.masks is None:
        raise ValueError("expected scenes with masks, got scenes rendered with masks=False")
    layers = torch.cat([images.float() / 255, scenes.masks.float()], dim=1)
    layers, boxes = turn(layers, scenes.boxes, int(torch.randint(scenes.symmetries, ())))
    losses = model.losses(layers[:, :3], boxes, scenes.labels, layers[:, 3:] > 0)
    return torch.stack(list(losses.values())).sum()
