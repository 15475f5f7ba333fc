"""A window that slides over a scene, and the score map that builds up behind it."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor, nn

from dlcv.classification.complexity import summarise
from dlcv.detection.overfeat import POOL, STEP_PX, WINDOW_PX, DenseWindowNet, WindowNet
from dlcv.study.widgets.base import Widget, pack, within
from dlcv.study.widgets.task_ladder import data_uri


class SlidingWindow(Widget):
    """One image, one trained network for windows, and all that the windows say.

    Everything is computed when the widget is made; the page plays it.

    Attributes (they follow what the reader does, and can be set from Python):
        scale: which of the scales, from 0.
        kind: whose probability the map shows, from 0; the last is background.
        offsets: whether the last pooling is repeated at its offsets: windows 2 px apart, not 6.
        position: which window is looked through, in reading order, from 0.
        whole: whether the map shows all windows or only those up to the present one.

    Args:
        image: uint8 [3, S, S].
        net: a trained network for windows.
        kinds: names of the kinds, without background.
        box: the true box of the object, [4], xyxy in px.
        scales: by how much the image is enlarged.
        kind: the kind to begin with.

    Raises:
        ValueError: no scale at which a window fits, or a number out of range.

    Taught in: lectures/10_localisation
    """

    module = "sliding_window"
    parts = ("sliding_window_maths",)
    image = traitlets.Unicode().tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    box = traitlets.List().tag(sync=True)
    kinds = traitlets.List().tag(sync=True)
    window = traitlets.Int(WINDOW_PX).tag(sync=True)
    window_cost = traitlets.Int().tag(sync=True)
    views = traitlets.List().tag(sync=True)
    scale = traitlets.Int(0).tag(sync=True)
    kind = traitlets.Int(0).tag(sync=True)
    offsets = traitlets.Bool(False).tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)
    whole = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        image: Tensor,
        net: WindowNet,
        kinds: Sequence[str],
        box: Tensor,
        scales: Sequence[float] = (0.6, 0.8, 1.0, 1.25),
        kind: int = 0,
    ):
        views = [view for scale in scales if (view := describe(image, net, scale))]
        if not views:
            raise ValueError(f"expected a scale at which a window fits, got {list(scales)}")
        super().__init__(
            label="Sliding window: what a small classifier says at every place",
            image=data_uri(image),
            size=image.shape[-1],
            box=[round(x, 1) for x in box.tolist()],
            kinds=[*kinds, "background"],
            window_cost=cost(net, WINDOW_PX),
            views=views,
            kind=kind,
            scale=min(1, len(views) - 1),
        )

    @traitlets.validate("scale", "kind", "position")
    def _in_range(self, proposal):
        most = max(view["side"] ** 2 for view in self.views) - 1
        ranges = {"scale": (0, len(self.views) - 1), "kind": (0, len(self.kinds) - 1)}
        return within(ranges | {"position": (0, most)}, proposal)

    def fallback_html(self) -> str:
        """The image."""
        return f'<img src="{self.image}" alt="A scene with one object" width="{self.size}">'


def cost(net: nn.Module, size: int) -> int:
    """Multiply-adds of a network for one image of a size."""
    return summarise(net, (3, size, size)).multiply_adds


@torch.no_grad()
def describe(image: Tensor, net: WindowNet, scale: float) -> dict | None:
    """All windows of one scale, with offsets; probabilities in 255ths. None if none fits."""
    resized = F.interpolate(
        image[None] / 255, scale_factor=scale, mode="bilinear", antialias=True
    ).clamp(0, 1)
    side = resized.shape[-1]
    if side < WINDOW_PX + STEP_PX * (POOL - 1):  # every offset has a window of its own
        return None
    logits, boxes = DenseWindowNet(net)(resized)
    return {
        "name": f"{side} × {side} px",
        "factor": side / image.shape[-1],
        "side": logits.shape[-1],
        "step": STEP_PX,
        "pool": POOL,
        "probs": pack((255 * logits[0].softmax(dim=0)).round().byte().numpy()),
        "boxes": pack(boxes[0].half().numpy()),
        "costs": [cost(DenseWindowNet(net, offsets), side) for offsets in (False, True)],
    }
