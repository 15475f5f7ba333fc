"""Objects to move over YOLO's grid: whose cell is responsible, what it is told, who is lost."""

from collections.abc import Sequence

import torch
import traitlets
from torch import Tensor

from dlcv.detection.yolo import yolo_targets
from dlcv.study.widgets.base import Widget, within

SIZE_PX = 448  # of the picture, as in the paper; boxes lie on whole pixels
LEAST = 16  # px, of a side
MOST_CELLS = 12
BOXES = ((200, 130, 300, 230), (60, 70, 150, 130), (300, 270, 400, 410), (100, 290, 190, 380))
LABELS = (2, 0, 1, 0)
NAMES = ("dog", "bicycle", "car")


class TargetGrid(Widget):
    """Some objects in a picture, to be moved over a grid, and the targets of their cells.

    Attributes (they follow what the reader does, and can be set from Python):
        boxes: for each object [x1, y1, x2, y2] in px, 0 to 448, sides of at least 16.
        grid: S, cells in a row and in a column, 1 to 12.
        chosen: the object whose target is spelt out, from 0.

    Args:
        boxes: see there; the later one stays where two want a cell.
        labels: of each object its class, an index into `names`.
        names: of the classes.

    Raises:
        ValueError: a box lies outside or is too small, or numbers of objects differ.

    Taught in: lectures/13_one_stage
    """

    module = "target_grid"
    parts = ("pixels", "box_moving", "yolo_maths")
    boxes = traitlets.List().tag(sync=True)
    labels = traitlets.List().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    grid = traitlets.Int(7).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        boxes: Sequence[Sequence[int]] = BOXES,
        labels: Sequence[int] = LABELS,
        names: Sequence[str] = NAMES,
    ):
        if not len(boxes) == len(labels) > 0 or not set(labels) <= set(range(len(names))):
            got = f"{len(boxes)} boxes and {list(labels)}"
            raise ValueError(f"expected a label below {len(names)} for each box, got {got}")
        super().__init__(
            label="YOLO's targets: move an object, and see which cell answers for it",
            labels=list(labels),
            names=list(names),
            boxes=[list(box) for box in boxes],
        )

    @traitlets.validate("boxes")
    def _boxes(self, proposal):
        boxes = [[int(x) for x in box] for box in proposal["value"]]
        if len(boxes) != len(self.labels):
            raise ValueError(f"expected {len(self.labels)} boxes, got {len(boxes)}")
        for box in boxes:
            inside = len(box) == 4 and min(box) >= 0 and max(box) <= SIZE_PX
            if not inside or min(box[2] - box[0], box[3] - box[1]) < LEAST:
                want = f"boxes as x1, y1, x2, y2 from 0 to {SIZE_PX}, sides of {LEAST} or more"
                raise ValueError(f"expected {want}, got {box}")
        return boxes

    @traitlets.validate("grid", "chosen")
    def _in_range(self, proposal):
        return within({"grid": (1, MOST_CELLS), "chosen": (0, len(self.labels) - 1)}, proposal)

    @property
    def targets(self) -> Tensor:
        """What the package makes of the objects: [S, S, 5 + C]."""
        boxes, labels = torch.tensor([self.boxes]).float(), torch.tensor([self.labels])
        return yolo_targets(boxes, labels, SIZE_PX, self.grid, len(self.names))[0]
