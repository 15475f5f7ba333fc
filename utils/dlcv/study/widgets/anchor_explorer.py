"""Anchors on a scene: what waits at each place of a feature map, and which object it stands for."""

from collections.abc import Sequence

import torch
import traitlets
from torch import Tensor

from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.detection.anchors import BACKGROUND, IGNORED, assign, make_anchors
from dlcv.detection.boxes import check_boxes
from dlcv.study.widgets.base import Widget, within
from dlcv.study.widgets.task_ladder import data_uri

STRIDES = (8, 16, 32)
SCALES_PX = (24.0, 32.0, 48.0, 64.0, 96.0, 128.0)
RATIOS = (1 / 3, 0.5, 1.0, 2.0, 3.0)
RANGES = {"positive": (0.05, 0.95), "negative": (0.05, 0.95)}
WORLD = SceneConfig(size=256, objects=(3, 4), radius=(0.07, 0.24))


class AnchorExplorer(Widget):
    """A picture under the grid of a feature map, with the anchors of one place and their labels.

    The page makes and labels all anchors itself, number for number as `make_anchors` and `assign`.

    Attributes (they follow what the reader does, and can be set from Python):
        place: [row, column] of the feature map whose anchors are shown.
        stride: px from one place to the next.
        scales: roots of the anchors' areas, px.
        ratios: heights over widths.
        positive: IoU from which an anchor stands for an object.
        negative: IoU below which it is background.
        rescue: whether every object gets the anchors that fit it best.

    Args:
        image: uint8 [3, H, W]; by default a scene of the book's little world.
        boxes: [M, 4], the objects, xyxy in px; M at least 1.
        names: of the objects; by default "object 1" and so on.
        stride: 8, 16 or 32, not above H or W.
        scales: at least one, in px, from 8 to 512.
        ratios: at least one, from 1/5 to 5.
        positive: from 0.05 to 0.95.
        negative: from 0.05 to `positive`.

    Raises:
        ValueError: an image without boxes, or a setting out of range.

    Taught in: lectures/12_rcnn_family
    """

    module = "anchor_explorer"
    parts = ("pixels", "anchor_maths")
    image = traitlets.Unicode().tag(sync=True)
    size = traitlets.List().tag(sync=True)
    objects = traitlets.List().tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)
    place = traitlets.List([6, 6]).tag(sync=True)
    stride = traitlets.Int(16).tag(sync=True)
    scales = traitlets.List([32.0, 64.0, 96.0]).tag(sync=True)
    ratios = traitlets.List([0.5, 1.0, 2.0]).tag(sync=True)
    positive = traitlets.Float(0.7).tag(sync=True)
    negative = traitlets.Float(0.3).tag(sync=True)
    rescue = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self,
        image: Tensor | None = None,
        boxes: Tensor | None = None,
        names: Sequence[str] = (),
        *,
        stride: int = 16,
        scales: Sequence[float] = (32.0, 64.0, 96.0),
        ratios: Sequence[float] = (0.5, 1.0, 2.0),
        positive: float = 0.7,
        negative: float = 0.3,
    ):
        if image is None:
            image, boxes, names = example_scene()
        if image.ndim != 3 or len(image) != 3 or image.dtype != torch.uint8 or boxes is None:
            got = f"{image.dtype} {list(image.shape)}, boxes {boxes}"
            raise ValueError(f"expected an image uint8 [3, H, W] with boxes, got {got}")
        check_boxes(boxes)
        names = list(names) or [f"object {i + 1}" for i in range(len(boxes))]
        if len(boxes) == 0 or len(names) != len(boxes):
            raise ValueError(f"expected a name for each box, got {len(names)} for {len(boxes)}")
        strides = [one for one in STRIDES if one <= min(image.shape[1:])]
        super().__init__(
            label="Anchor explorer: a place of the feature map, its anchors and their labels",
            image=data_uri(image),
            size=list(image.shape[1:]),
            objects=[
                {"name": name, "box": box}
                for name, box in zip(names, boxes.float().tolist(), strict=True)
            ],
            choices={
                "stride": strides,
                "scales": sorted({*SCALES_PX, *map(float, scales)}),
                "ratios": sorted({*RATIOS, *map(float, ratios)}),
            },
            stride=stride,
            scales=list(map(float, scales)),
            ratios=list(map(float, ratios)),
            positive=positive,
            negative=negative,
        )
        if self.negative > self.positive:
            raise ValueError(f"expected negative <= positive, got {negative} and {positive}")
        self.place = [self.grid[0] // 2, self.grid[1] // 2]

    @traitlets.validate(*RANGES)
    def _in_range(self, proposal):
        return within(RANGES, proposal)

    @traitlets.validate("stride", "scales", "ratios")
    def _chosen(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        chosen = [value] if name == "stride" else value
        least, most = {"stride": (8, 32), "scales": (8, 512), "ratios": (0.2, 5)}[name]
        known = self.choices[name]
        if not chosen or not all(one in known and least <= one <= most for one in chosen):
            listed = ", ".join(f"{one:g}" for one in known)
            raise ValueError(f"expected {name} from {least} to {most} among {listed}; got {value}")
        return value if name == "stride" else sorted(value)

    @traitlets.validate("place")
    def _place(self, proposal):
        value = [int(at) for at in proposal["value"]]
        if len(value) != 2 or not all(at >= 0 for at in value):
            raise ValueError(f"expected [row, column] of a place, got {proposal['value']}")
        return value

    @property
    def grid(self) -> tuple[int, int]:
        """How many rows and columns of places there are."""
        return self.size[0] // self.stride, self.size[1] // self.stride

    @property
    def anchors(self) -> Tensor:
        """All anchors of the present settings, [H * W * k, 4], by the package."""
        return make_anchors(self.grid, self.stride, self.scales, self.ratios)

    @property
    def assigned(self) -> Tensor:
        """What each of them stands for, int64 [H * W * k], by the package."""
        boxes = torch.tensor([one["box"] for one in self.objects])
        return assign(self.anchors, boxes, self.positive, self.negative, self.rescue)

    @property
    def counts(self) -> dict[str, int]:
        """How many anchors are positive, background and ignored."""
        assigned = self.assigned
        return {
            "positive": int((assigned >= 0).sum()),
            "background": int((assigned == BACKGROUND).sum()),
            "ignored": int((assigned == IGNORED).sum()),
        }

    def fallback_html(self) -> str:
        """The picture."""
        alt = f"A picture with {', '.join(one['name'] for one in self.objects)}"
        return f'<img src="{self.image}" alt="{alt}" width="{self.size[1]}">'


def example_scene(seed: int = 46) -> tuple[Tensor, Tensor, list[str]]:
    """An image uint8 [3, 256, 256], its boxes [M, 4] and the names of what is in them."""
    scene = render_scenes(1, seed, config=WORLD, masks=False)
    target = scene.targets()[0]
    return scene.images[0], target["boxes"], [KINDS[label] for label in target["labels"]]
