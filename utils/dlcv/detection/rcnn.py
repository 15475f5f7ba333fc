"""R-CNN: warp every proposal, describe it by a CNN, judge it by SVMs, correct its box by ridge."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from dlcv.data.scenes import Scenes
from dlcv.detection.boxes import clip_boxes, decode_boxes, encode_boxes
from dlcv.detection.pipeline import SYMMETRIES, Detections, thin_out, turn
from dlcv.detection.region_svm import mine_hard_negatives, with_bias
from dlcv.detection.windows import BiasedBatches, Crops, Windows, describe_windows, warp_regions
from dlcv.training import TrainConfig, eval_mode, fit

FEATURE_NORM = 20.0  # R-CNN scales its features to this mean length, so that C means the same


@dataclass(frozen=True)
class RCNNConfig:
    """The constants of R-CNN.

    Attributes:
        size: Side of the warped proposals, px; 227 for AlexNet.
        context: Border around the proposal as a share of `size`; 16 of 227 px in the paper.
        steps: Batches in an epoch of fine-tuning.
        svm_negative: IoU with every object of a class below which a window is a negative of it.
        C: What a violated margin costs in an SVM, for features scaled to a mean length of 20; 1e-3
            in the published code, 1e-2 scored better on our validation scenes.
        regress_iou: IoU from which a window takes part in box regression.
        ridge: Penalty on the weights of the box regressors.
        nms_iou: IoU above which the worse of two detections is dropped.
        score_threshold: Detections with a lower SVM score are dropped.
    """

    size: int = 32
    context: float = 16 / 227
    steps: int = 25
    svm_negative: float = 0.3
    C: float = 1e-2
    regress_iou: float = 0.6
    ridge: float = 1000.0
    nms_iou: float = 0.3
    score_threshold: float = -1.0


class RegionNetwork(nn.Module):
    """A trunk that describes a window, two hidden layers, and a score for each class.

    Args:
        trunk: From what is given for a window to features [R, D].
        inputs: D.
        classes: Number of classes K, background not counted.
        hidden: Units of the hidden layers; 4096 in AlexNet.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(self, trunk: nn.Module, inputs: int, classes: int, hidden: int = 128) -> None:
        super().__init__()
        self.trunk = trunk
        self.body = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.scores = nn.Linear(hidden, classes + 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Return class logits [R, K + 1], background last."""
        return self.scores(self.body(self.trunk(windows)))

    @torch.no_grad()
    def describe(self, windows: Tensor | Crops, batch_size: int = 512) -> tuple[Tensor, Tensor]:
        """Return the features before the hidden layers [R, D] and after them [R, hidden]."""
        with eval_mode(self):
            before = torch.cat([self.trunk(part) for part in windows.split(batch_size)])
            return before, self.body(before)


class LastMap(nn.Module):
    """The deepest map of a backbone, as one vector.

    Args:
        backbone: Anything with `features(images) -> maps`.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, crops: Tensor) -> Tensor:
        """From crops [R, 3, S, S] in [0, 1] to [R, C times places]."""
        return self.backbone.features(crops)[-1].flatten(1)


def crop_network(backbone: nn.Module, classes: int, config: RCNNConfig) -> RegionNetwork:
    """Build R-CNN's network on a backbone, for windows of the size in config."""
    places = -(-config.size // backbone.strides[-1])
    return RegionNetwork(LastMap(backbone), backbone.channels[-1] * places**2, classes)


def crop_loss(
    network: RegionNetwork, batch: tuple[Tensor, Tensor], symmetries: int = SYMMETRIES
) -> Tensor:
    """Return the mean cross-entropy of warped windows, all turned alike by a symmetry at random.

    Args:
        network: See `RegionNetwork`.
        batch: Crops [R, 3, S, S] in [0, 1] and their classes [R], background last.
        symmetries: The first so many are drawn from; 2 of them keep top and bottom.
    """
    crops, classes = batch
    crops, _ = turn(crops, crops.new_zeros(1, 4), int(torch.randint(symmetries, ())))
    return nn.functional.cross_entropy(network(crops), classes)


def ridge_regression(features: Tensor, targets: Tensor, penalty: float) -> Tensor:
    """Minimise sum of |t - W x|² plus penalty times |W|², in closed form.

    W = (X'X + penalty I)^-1 X' T.

    Args:
        features: X, [N, D].
        targets: T, [N, M].
        penalty: At least 0; above 0 the solution is unique.

    Returns:
        [D, M].

    Raises:
        ValueError: If the shapes do not fit or the penalty is negative.

    Reference:
        Girshick et al., Rich Feature Hierarchies, appendix C, eq. 5.

    Taught in: lectures/12_rcnn_family
    """
    if features.ndim != 2 or targets.ndim != 2 or len(features) != len(targets) or penalty < 0:
        got = f"{list(features.shape)}, {list(targets.shape)} and {penalty}"
        raise ValueError(f"expected features [N, D], targets [N, M], penalty >= 0, got {got}")
    D = features.shape[1]
    gram = features.T @ features + penalty * torch.eye(D).to(features)
    return torch.linalg.solve(gram, features.T @ targets)


class Judges:
    """The SVMs and the box regressors of all classes.

    Attributes:
        svms: [hidden + 1, K].
        regressors: [K, D + 1, 4].
        scales: What features before and after the hidden layers are multiplied by.
        rounds: For each class how many negatives each round of mining used.

    Args:
        windows: R windows.
        before: [R, D], their features before the hidden layers.
        after: [R, hidden], their features after them.
        config: See `RCNNConfig`.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(self, windows: Windows, before: Tensor, after: Tensor, config: RCNNConfig) -> None:
        self.scales = [FEATURE_NORM / x.norm(dim=1).mean().item() for x in (before, after)]
        close = windows.overlaps.amax(dim=1) > config.regress_iou
        labels = windows.labels[close]
        deep, last = self.prepare(before[close], 0), self.prepare(after, 1)
        offsets = encode_boxes(windows.objects[close], windows.boxes[close]).double()
        svms, regressors, self.rounds = [], [], []
        for c in range(windows.overlaps.shape[1]):
            positives = last[windows.exact & (windows.labels == c)]
            negatives = last[windows.overlaps[:, c] < config.svm_negative]
            mined = mine_hard_negatives(positives, negatives, config.C)
            svms.append(mined.weight)
            self.rounds.append(mined.cached)
            mine = labels == c
            regressors.append(ridge_regression(deep[mine], offsets[mine], config.ridge))
        self.svms, self.regressors = torch.stack(svms, dim=1), torch.stack(regressors)

    def prepare(self, features: Tensor, stage: int) -> Tensor:
        """Scale features to a common length and append the constant input, as float64.

        Args:
            features: From before the hidden layers (stage 0) or after them (stage 1).
            stage: Which of `scales` is theirs.
        """
        return with_bias(features.double() * self.scales[stage])

    def scores(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the SVM scores [n, K]."""
        return (self.prepare(after, 1) @ self.svms).float()

    def boxes(self, boxes: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Return the corrected boxes of each class [n, K, 4]."""
        deep = self.prepare(before, 0)
        offsets = torch.einsum("nd,kdf->nkf", deep, self.regressors).float()
        spread = boxes[:, None].expand_as(offsets)
        return decode_boxes(offsets.flatten(0, 1), spread.flatten(0, 1)).unflatten(
            0, spread.shape[:2]
        )


@dataclass
class RCNN:
    """A trained R-CNN, or an SPPnet: what describes windows, and who judges the description.

    Attributes:
        network: See `RegionNetwork`.
        look: Function (images, image, boxes) -> what the network is given for each window.
        judges: See `Judges`.
        config: See `RCNNConfig`.
        regress: Whether boxes are corrected.
    """

    network: RegionNetwork
    look: Callable[[Tensor, Tensor, Tensor], Tensor]
    judges: Judges
    config: RCNNConfig
    regress: bool = True

    @torch.no_grad()
    def detect(self, images: Tensor, proposals: Sequence[Tensor]) -> list[Detections]:
        """Find objects among proposals.

        Args:
            images: float [B, 3, H, W] in [0, 1].
            proposals: For each image [n, 4], xyxy in px.

        Returns:
            The detections of each image; scores are SVM scores, about 1 and more where it is sure.
        """
        counts, boxes = [len(p) for p in proposals], torch.cat(list(proposals))
        image = torch.arange(len(images)).repeat_interleave(torch.tensor(counts)).to(boxes.device)
        features = self.network.describe(self.look(images, image, boxes))
        scores = self.judges.scores(*features)  # [n, K]
        moved = self.judges.boxes(boxes, *features)
        if not self.regress:
            moved = boxes[:, None].expand_as(moved)
        moved = clip_boxes(moved.flatten(0, 1), images.shape[-2:]).unflatten(0, moved.shape[:2])
        labels = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
        c = self.config
        return [
            thin_out(b.flatten(0, 1), s.flatten(), k.flatten(), c.score_threshold, c.nms_iou)
            for b, s, k in zip(
                moved.split(counts), scores.split(counts), labels.split(counts), strict=True
            )
        ]


def train_rcnn(
    backbone: nn.Module,
    scenes: Scenes,
    proposals: Sequence[Tensor],
    classes: int,
    training: TrainConfig,
    config: RCNNConfig | None = None,
    seed: int = 0,
) -> RCNN:
    """Train R-CNN in its three stages: fine-tune, then SVMs, then box regressors.

    Args:
        backbone: Pretrained; anything with `features(images) -> maps`, `channels`, `strides`.
        scenes: Scenes with at least one object each.
        proposals: For each scene [n, 4], xyxy in px.
        classes: Number of classes K.
        training: How to fine-tune.
        config: See `RCNNConfig`.
        seed: Of the batches.

    Reference:
        Girshick et al., Rich Feature Hierarchies, CVPR 2014.

    Taught in: lectures/12_rcnn_family
    """
    config = config or RCNNConfig()

    def look(images: Tensor, image: Tensor, boxes: Tensor) -> Tensor:
        return warp_regions(images, image, boxes, config.size, config.context)

    windows = describe_windows(proposals, scenes, classes)
    crops = Crops(scenes.images, windows, config.size, config.context)
    network = crop_network(backbone, classes, config).to(scenes.images.device)
    batches = BiasedBatches(crops, windows.classes(), classes, config.steps, seed=seed)
    loss = partial(crop_loss, symmetries=scenes.symmetries)
    fit(network, batches, loss, training)
    judges = Judges(windows, *network.describe(crops), config)
    return RCNN(network, look, judges, config)
