"""A predicted box over a true one: drag it, and read every loss at once."""

from collections.abc import Sequence

import torch
import traitlets

from dlcv.detection import box_losses
from dlcv.study.widgets.base import Widget

SIDE_PX = 100  # of the picture; boxes lie on whole pixels
LEAST = 4


class BoxBench(Widget):
    """A true and a predicted box, both to be moved and resized, and what each loss says.

    Attributes (they follow what the reader does, and can be set from Python):
        true: [x1, y1, x2, y2] in px, 0 to 100, sides of at least 4.
        predicted: likewise.

    Raises:
        ValueError: a box that does not lie in the picture or is too small.

    Taught in: lectures/10_localisation
    """

    module = "box_bench"
    parts = ("box_bench_maths", "box_moving")
    true = traitlets.List([30, 30, 70, 70]).tag(sync=True)
    predicted = traitlets.List([38, 30, 78, 70]).tag(sync=True)

    def __init__(self, true: Sequence[int] = (30, 30, 70, 70), predicted=(38, 30, 78, 70)):
        super().__init__(
            label="Box bench: a predicted box, a true one, and five losses",
            true=list(true),
            predicted=list(predicted),
        )

    @traitlets.validate("true", "predicted")
    def _box(self, proposal):
        box = [int(x) for x in proposal["value"]]
        name = proposal["trait"].name
        inside = len(box) == 4 and min(box) >= 0 and max(box) <= SIDE_PX
        if not inside or min(box[2] - box[0], box[3] - box[1]) < LEAST:
            want = f"{name} as x1, y1, x2, y2 from 0 to {SIDE_PX}, sides of {LEAST} or more"
            raise ValueError(f"expected {want}, got {proposal['value']}")
        return box

    @property
    def losses(self) -> dict[str, float]:
        """What the package makes of the same two boxes; L2 and smooth L1 of position and size."""
        a, b = (torch.tensor([box]).double() for box in (self.predicted, self.true))
        sized = [torch.cat([box[:, :2], box[:, 2:] - box[:, :2]], dim=1) for box in (a, b)]
        return {
            "squared": box_losses.squared_l2_loss(*sized).item(),
            "l2": box_losses.l2_loss(*sized).item(),
            "smooth": box_losses.smooth_l1_loss(*sized).item(),
            "iou": box_losses.iou_loss(a, b).item(),
            "giou": box_losses.giou_loss(a, b).item(),
        }
