"""Who pays the loss of a detector, easy background or objects, by gamma and alpha."""

from collections.abc import Mapping

import torch
import traitlets
from torch import Tensor

from dlcv.detection.retinanet import focal_loss
from dlcv.study.widgets.base import Widget, pack, within

RANGES = {"gamma": (0, 5), "alpha": (0.05, 0.95), "easy": (0.5, 0.95)}
EDGES = torch.sigmoid(torch.linspace(-9.2, 9.2, 185, dtype=torch.float64))  # finer at both ends
MIDDLES = (EDGES[1:] + EDGES[:-1]) / 2


class FocalBalance(Widget):
    """The focal loss on the measured answers of a detector.

    Attributes (they follow what the reader does, and can be set from Python):
        which: whose answers, from 0.
        gamma: 0 to 5.
        alpha: weight of the objects, 0.05 to 0.95; the background has the rest.
        easy: probability of the truth from which background is called easy, 0.5 to 0.95.

    Args:
        answers: for each name, the probabilities given to the truth: of background, [N], and of
            objects, [M], each in [0, 1].

    Raises:
        ValueError: no answers, a probability or a number out of range.

    Taught in: lectures/13_one_stage
    """

    module = "focal_balance"
    parts = ("focal_maths",)
    middles = traitlets.Dict().tag(sync=True)
    histograms = traitlets.List().tag(sync=True)
    which = traitlets.Int(0).tag(sync=True)
    gamma = traitlets.Float(0.0).tag(sync=True)
    alpha = traitlets.Float(0.5).tag(sync=True)
    easy = traitlets.Float(0.6).tag(sync=True)

    def __init__(self, answers: Mapping[str, tuple[Tensor, Tensor]]):
        if not answers:
            raise ValueError("expected the answers of at least one detector, got none")
        super().__init__(
            label="Focal loss: who pays, easy background or objects",
            middles=pack(MIDDLES.float()),
            histograms=[
                {"name": name, "background": pack(count(b)), "objects": pack(count(o))}
                for name, (b, o) in answers.items()
            ],
        )
        self._counts = [(count(b), count(o)) for b, o in answers.values()]

    @traitlets.validate(*RANGES)
    def _in_range(self, proposal):
        return within(RANGES, proposal)

    @traitlets.validate("which")
    def _which(self, proposal):
        return within({"which": (0, len(self.histograms) - 1)}, proposal)

    @property
    def shares(self) -> dict[str, float]:
        """How the loss divides into "objects", "hard" and "easy" background, by the package."""
        background, objects = (c.double() for c in self._counts[self.which])
        logit = MIDDLES.float().double().logit()  # as the page has them
        one = torch.ones_like(logit)
        loss = focal_loss(logit, one, self.gamma, None)
        behind, ahead = (1 - self.alpha) * background * loss, self.alpha * objects * loss
        easy = MIDDLES.float() > self.easy
        parts = {"objects": ahead.sum(), "hard": behind[~easy].sum(), "easy": behind[easy].sum()}
        whole = sum(parts.values())
        return {name: (part / whole).item() for name, part in parts.items()}


def count(probabilities: Tensor) -> Tensor:
    """A histogram of probabilities over `EDGES`, int32; what lies outside goes to the end bins.

    Raises:
        ValueError: a probability outside [0, 1].
    """
    p = probabilities.detach().flatten().double().cpu()
    if len(p) and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"expected probabilities in [0, 1], got {p.min():.3g} to {p.max():.3g}")
    at = torch.bucketize(p, EDGES).sub(1).clamp(0, len(MIDDLES) - 1)
    return torch.bincount(at, minlength=len(MIDDLES)).to(torch.int32)
