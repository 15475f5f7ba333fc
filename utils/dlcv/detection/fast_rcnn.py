"""Fast R-CNN: one network from an image and its proposals to classes and boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlcv.data.real_boxes import BoxedPhotos
from dlcv.data.scenes import Scenes
from dlcv.detection.box_head import BoxHead, Pool, class_boxes, head_losses, region_targets
from dlcv.detection.pipeline import Detections, thin_out, turn
from dlcv.detection.roi import compiled_roi_pool


@dataclass(frozen=True)
class ProposedScenes:
    """Scenes together with proposals made beforehand, which `Batches` can pick from.

    Attributes:
        scenes: N scenes or photographs.
        proposals: float32 [N, P, 4], xyxy in px, zeros in empty slots.
        given: bool [N, P], which slots hold a proposal.
    """

    scenes: Scenes | BoxedPhotos
    proposals: Tensor
    given: Tensor

    def __len__(self) -> int:
        """Number of scenes."""
        return len(self.scenes)

    def __getitem__(self, which: slice | Tensor) -> "ProposedScenes":
        """Some of the scenes, by a slice or a tensor of indices."""
        return ProposedScenes(self.scenes[which], self.proposals[which], self.given[which])


def with_proposals(scenes: Scenes | BoxedPhotos, proposals: Sequence[Tensor]) -> ProposedScenes:
    """Put proposals, [n, 4] for each scene, beside the scenes.

    Raises:
        ValueError: If there are not as many lists of proposals as scenes.
    """
    if len(proposals) != len(scenes):
        raise ValueError(f"expected proposals of {len(scenes)} scenes, got {len(proposals)}")
    padded = nn.utils.rnn.pad_sequence(list(proposals), batch_first=True)
    counts = torch.tensor([len(p) for p in proposals], device=padded.device)
    given = torch.arange(padded.shape[1], device=padded.device) < counts[:, None]
    return ProposedScenes(scenes, padded, given)


class FastRCNN(nn.Module):
    """A backbone, RoI pooling, and a head with class scores and one box for each class.

    Args:
        backbone: Anything with `features(images) -> maps`, `channels` and `strides`.
        classes: Number of classes K, background not counted.
        level: Which of the backbone's maps is pooled from.
        bins: Rows and columns of a region's features; 7 in the paper.
        hidden: Units of the head's hidden layers; 4096 in the paper.
        regions: Regions of an image in a training step, at most a quarter of them objects; 64 in
            the paper, from two images. They share the image's pass through the backbone.
        pool: Function (map, regions, bins, scale) -> features.

    Reference:
        Girshick, Fast R-CNN, ICCV 2015.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(
        self,
        backbone: nn.Module,
        classes: int,
        level: int = 2,
        bins: int = 5,
        hidden: int = 128,
        regions: int = 24,
        pool: Pool = compiled_roi_pool,
    ) -> None:
        super().__init__()
        self.backbone, self.classes, self.level = backbone, classes, level
        self.bins, self.regions, self.pool = bins, regions, pool
        self.head = BoxHead(backbone.channels[level], bins, classes, hidden)

    def look(self, images: Tensor, proposals: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return class logits [R, K + 1] and offsets [R, K, 4] of the regions of all images."""
        maps = self.backbone.features(images)[self.level]
        scale = 1 / self.backbone.strides[self.level]
        return self.head(self.pool(maps, proposals, self.bins, scale))

    def losses(
        self, images: Tensor, boxes: Tensor, labels: Tensor, proposals: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Return the losses on regions sampled from the proposals.

        Args:
            images: float [B, 3, H, W] in [0, 1].
            boxes: [B, K, 4], xyxy in px.
            labels: int64 [B, K], -1 in empty slots.
            proposals: For each image [n, 4], xyxy in px.

        Returns:
            `label` and `box`, scalars.
        """
        targets = region_targets(proposals, boxes, labels, self.classes, self.regions)
        return head_losses(*self.look(images, targets.regions), targets)

    @torch.no_grad()
    def detect(
        self,
        images: Tensor,
        proposals: Sequence[Tensor],
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
    ) -> list[Detections]:
        """Find objects among proposals; call it in evaluation mode.

        Args:
            images: float [B, 3, H, W] in [0, 1].
            proposals: For each image [n, 4], xyxy in px.
            score_threshold: See `dlcv.detection.pipeline.thin_out`, likewise iou_threshold.
            iou_threshold: IoU above which the worse of two detections of a class is dropped.

        Returns:
            The detections of each image.
        """
        scores, offsets = self.look(images, list(proposals))
        counts = [len(p) for p in proposals]
        parts = zip(proposals, scores.split(counts), offsets.split(counts), strict=True)
        return [
            thin_out(*class_boxes(*part, images.shape[-2:]), score_threshold, iou_threshold)
            for part in parts
        ]


def proposed_loss(model: FastRCNN, batch: tuple[Tensor, ProposedScenes]) -> Tensor:
    """Sum the losses on a batch, its scenes and proposals turned alike by a random symmetry.

    The counterpart of `dlcv.detection.pipeline.detector_loss` for given proposals; it is used with
    `Batches(scenes.images, with_proposals(scenes, proposals), batch_size)`.

    Taught in: lectures/12_rcnn_family
    """
    images, proposed = batch
    K = proposed.scenes.boxes.shape[1]
    boxes = torch.cat([proposed.scenes.boxes, proposed.proposals], dim=1)
    symmetry = int(torch.randint(proposed.scenes.symmetries, ()))
    images, boxes = turn(images.float() / 255, boxes, symmetry)
    proposals = [b[g] for b, g in zip(boxes[:, K:], proposed.given, strict=True)]
    losses = model.losses(images, boxes[:, :K], proposed.scenes.labels, proposals)
    return torch.stack(list(losses.values())).sum()


def truncated_svd(layer: nn.Linear, rank: int) -> nn.Sequential:
    """Replace a linear layer by two smaller ones in a row: W ≈ U_t S_t V_t'.

    The first has the weights S_t V_t' and no bias, the second U_t and the old bias: instead of u v
    weights they have t (u + v). Of all matrices of rank t their product is the nearest to W.

    Args:
        layer: From v to u values.
        rank: t, from 1 to min(u, v).

    Returns:
        The two layers.

    Raises:
        ValueError: If the rank is out of range.

    Reference:
        Girshick, Fast R-CNN, sec. 3.1.

    Taught in: lectures/12_rcnn_family
    """
    u, v = layer.weight.shape
    if not 1 <= rank <= min(u, v):
        raise ValueError(f"expected a rank from 1 to {min(u, v)}, got {rank}")
    U, S, Vt = torch.linalg.svd(layer.weight.detach(), full_matrices=False)
    squeeze = nn.Linear(v, rank, bias=False).to(layer.weight)
    spread = nn.Linear(rank, u, bias=layer.bias is not None).to(layer.weight)
    with torch.no_grad():
        squeeze.weight.copy_(S[:rank, None] * Vt[:rank])
        spread.weight.copy_(U[:, :rank])
        if layer.bias is not None:
            spread.bias.copy_(layer.bias)
    return nn.Sequential(squeeze, spread)
