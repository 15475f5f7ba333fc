"""What every cell of YOLO's grid says about a picture."""

from collections.abc import Sequence

import traitlets
from torch import Tensor

from dlcv.detection.pipeline import Detections, thin_out
from dlcv.detection.yolo import yolo_decode
from dlcv.study.widgets.base import Widget, pack, within
from dlcv.study.widgets.task_ladder import data_uri

LAYERS = ("confidence", "class", "truth", "none")


class YoloGrid(Widget):
    """The output of a YOLO network on a few scenes, to be read cell by cell.

    Attributes (they follow what the reader does, and can be set from Python):
        index: which of the scenes, from 0.
        cell: [row, column].
        layer: what colours the cells: one of `LAYERS`.
        least_score: boxes of at least this score are drawn, 0.05 to 1; 1 for none.
        suppress: whether duplicates among them are suppressed.

    Args:
        images: uint8 [N, 3, P, P].
        output: [N, S, S, 5 B + C], what the network said, see `dlcv.detection.yolo.yolo_losses`.
        targets: of each scene `boxes` [M, 4], px, and `labels` [M].
        names: of the C classes.
        boxes_per_cell: B.

    Raises:
        ValueError: the shapes do not fit, or a value is out of range.

    Taught in: lectures/13_one_stage
    """

    module = "yolo_grid"
    parts = ("pixels", "detection_maths", "yolo_maths")
    scenes = traitlets.List().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    grid = traitlets.Int().tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    boxes_per_cell = traitlets.Int().tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    cell = traitlets.List([0, 0]).tag(sync=True)
    layer = traitlets.Unicode("confidence").tag(sync=True)
    least_score = traitlets.Float(0.3).tag(sync=True)
    suppress = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self,
        images: Tensor,
        output: Tensor,
        targets: Sequence[dict[str, Tensor]],
        names: Sequence[str],
        boxes_per_cell: int = 2,
    ):
        wanted = 5 * boxes_per_cell + len(names)
        if not len(images) == len(output) == len(targets) > 0 or output.shape[-1] != wanted:
            got = f"{len(images)}, {list(output.shape)}, {len(targets)}"
            raise ValueError(f"expected as many outputs [.., {wanted}] as images, got {got}")
        self._output = output.detach().cpu().half().float()  # as the page gets it
        S = output.shape[1]
        super().__init__(
            label="YOLO's grid: what each cell says",
            names=list(names),
            grid=S,
            size=images.shape[-1],
            boxes_per_cell=boxes_per_cell,
            cell=[S // 2, S // 2],
            scenes=[
                {
                    "image": data_uri(image.cpu()),
                    "output": pack(one.flatten().half()),
                    "objects": target["boxes"].tolist(),
                    "labels": target["labels"].tolist(),
                }
                for image, one, target in zip(images, self._output, targets, strict=True)
            ],
        )

    @traitlets.validate("index", "least_score")
    def _in_range(self, proposal):
        return within({"index": (0, len(self.scenes) - 1), "least_score": (0.05, 1)}, proposal)

    @traitlets.validate("cell")
    def _cell(self, proposal):
        cell = list(proposal["value"])
        if len(cell) != 2 or not all(0 <= at < max(self.grid, 1) for at in cell):
            raise ValueError(f"expected a cell [row, column] below {self.grid}, got {cell}")
        return cell

    @traitlets.validate("layer")
    def _layer(self, proposal):
        if proposal["value"] not in LAYERS:
            raise ValueError(f"expected one of {', '.join(LAYERS)}, got {proposal['value']!r}")
        return proposal["value"]

    @property
    def detections(self) -> Detections:
        """What the package makes of the scene with the thresholds that are set."""
        one = self._output[self.index : self.index + 1]
        boxes, scores = yolo_decode(one, self.size, self.boxes_per_cell)
        best, labels = scores[0].max(dim=1)
        overlap = 0.5 if self.suppress else 1.0
        return thin_out(boxes[0], best, labels, self.least_score, overlap, most=len(best))

    def fallback_html(self) -> str:
        """The first scene."""
        return f'<img src="{self.scenes[0]["image"]}" alt="A scene under a grid" width="288">'
