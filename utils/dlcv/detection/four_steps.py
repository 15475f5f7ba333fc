"""The paper's way of training Faster R-CNN: two networks in turn, which share one at the end."""

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn

from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.pipeline import detector_loss
from dlcv.training import History, TrainConfig, eval_mode, fit

STEPS = ("proposals", "head on these proposals", "proposals, maps fixed", "head, maps fixed")


class ProposalPart(nn.Module):
    """What trains the region proposal network and the backbone, and leaves the head alone.

    Args:
        detector: A Faster R-CNN.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(self, detector: FasterRCNN) -> None:
        super().__init__()
        self.detector = detector

    def losses(self, images: Tensor, boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of the region proposal network, see `FasterRCNN.losses`."""
        maps = self.detector.features(images)
        return self.detector.rpn_step(maps, images.shape[-2:], boxes, labels)[0]


class HeadPart(nn.Module):
    """What trains the head and the backbone on proposals of a finished network.

    Args:
        detector: A Faster R-CNN, whose region proposal network is left alone.
        proposer: Another one, or the same, which proposes and is not trained by this.

    Taught in: lectures/12_rcnn_family
    """

    def __init__(self, detector: FasterRCNN, proposer: FasterRCNN) -> None:
        super().__init__()
        self.detector = detector
        self.propose = proposer.propose  # a function, so its weights are none of this module's
        self.modes = lambda: eval_mode(proposer)

    def losses(self, images: Tensor, boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of the head, see `FasterRCNN.losses`."""
        with self.modes(), torch.no_grad():
            proposals = self.propose(images)
        maps = self.detector.features(images)
        return self.detector.head_step(maps, proposals, boxes, labels)[0]


def freeze(module: nn.Module) -> None:
    """Fix all weights and all running means of a module."""
    module.requires_grad_(False).eval()


def train_in_four_steps(
    make: Callable[[], FasterRCNN],
    batches: Collection,
    configs: Sequence[TrainConfig],
) -> tuple[FasterRCNN, list[History]]:
    """Train Faster R-CNN alternately.

    1. A network learns to propose. 2. Another one, with a backbone of its own, learns to detect in
    these proposals. 3. The second network's maps are fixed; a proposal network learns on them.
    4. Its head learns again, on the proposals of step 3. Now both share one set of maps.

    Args:
        make: Function that makes a Faster R-CNN with a pretrained backbone; called twice.
        batches: Mini-batches (images, scenes), see `dlcv.training.fit`.
        configs: How to train in each of the four steps.

    Returns:
        The detector, its backbone frozen, and the history of each step.

    Raises:
        ValueError: If there are not four configs.

    Reference:
        Ren, He, Girshick and Sun, Faster R-CNN, sec. 3.2.

    Taught in: lectures/12_rcnn_family
    """
    if len(configs) != len(STEPS):
        raise ValueError(f"expected {len(STEPS)} configs, one for each step, got {len(configs)}")
    first, second = make(), make()

    def learn(part: nn.Module, step: int) -> History:
        return fit(part, batches, detector_loss, configs[step])

    histories = [learn(ProposalPart(first), 0), learn(HeadPart(second, first), 1)]
    freeze(second.backbone)
    histories += [learn(ProposalPart(second), 2), learn(HeadPart(second, second), 3)]
    return second, histories
