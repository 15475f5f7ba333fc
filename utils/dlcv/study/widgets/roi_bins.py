"""A region over a small feature map: what RoIPool rounds away, and what RoIAlign reads instead."""

from collections.abc import Mapping

import torch
import traitlets
from torch import Tensor

from dlcv.study.widgets.base import Widget, within

RANGES = {"bins": (1, 4), "samples": (-1, 4)}
LARGEST_SIDE = 12  # cells; more are too small for their numbers


class RoiBins(Widget):
    """The bins of RoIPool and of RoIAlign over the same region, side by side, with their values.

    Attributes (they follow what the reader does, and can be set from Python):
        map: name of the feature map that is shown.
        region: [x1, y1, x2, y2], px of the image, inside it and at least 1 px wide and high.
        bins: bins along each side of the result, 1 to 4.
        samples: RoIAlign's points along each side of a bin, 1 to 4, or -1 for as many as cells.
        aligned: whether RoIAlign lets a cell's value stand at its centre, half a cell in.
        selected: [row, column] of the bin that is looked at.

    Args:
        maps: name → [H, W], sides of 2 to 12 cells; by default :func:`example_maps`.
        region: to begin with; by default 1.3 to 5.3 of 8 parts across, 1.7 to 5.7 down.
        stride: px of the image from one cell to the next, 1 to 64.
        bins: see above.
        samples: see above.
        aligned: see above.

    Raises:
        ValueError: no map, or a map, a region or a setting outside what is said above.

    Taught in: lectures/12_rcnn_family
    """

    module = "roi_bins"
    parts = ("pixels", "roi_maths", "roi_view")
    maps = traitlets.List().tag(sync=True)
    stride = traitlets.Int(16).tag(sync=True)
    map = traitlets.Unicode().tag(sync=True)
    region = traitlets.List().tag(sync=True)
    bins = traitlets.Int(2).tag(sync=True)
    samples = traitlets.Int(2).tag(sync=True)
    aligned = traitlets.Bool(True).tag(sync=True)
    selected = traitlets.List([0, 0]).tag(sync=True)

    def __init__(
        self,
        maps: Mapping[str, Tensor] | None = None,
        region: tuple[float, float, float, float] | None = None,
        *,
        stride: int = 16,
        bins: int = 2,
        samples: int = 2,
        aligned: bool = True,
    ):
        maps = example_maps() if maps is None else maps
        if not maps:
            raise ValueError("expected at least one feature map, got none")
        if not 1 <= stride <= 64:
            raise ValueError(f"expected a stride from 1 to 64 px, got {stride}")
        rows = [{"name": name, "values": as_map(values)} for name, values in maps.items()]
        side = min(len(rows[0]["values"]), len(rows[0]["values"][0])) * stride
        region = region or [share / 8 * side for share in (1.3, 1.7, 5.3, 5.7)]
        super().__init__(
            label="RoI bins: RoIPool and RoIAlign over the same region",
            maps=rows,
            stride=stride,
            map=next(iter(maps)),
            region=list(region),
            bins=bins,
            samples=samples,
            aligned=aligned,
        )

    @traitlets.validate(*RANGES)
    def _in_range(self, proposal):
        if proposal["trait"].name == "samples" and proposal["value"] == 0:
            raise ValueError("expected samples from 1 to 4, or -1, got 0")
        return within(RANGES, proposal)

    @traitlets.validate("map")
    def _map(self, proposal):
        names = [one["name"] for one in self.maps]
        if proposal["value"] not in names:
            raise ValueError(f"expected a map among {', '.join(names)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("region")
    def _region(self, proposal):
        x1, y1, x2, y2 = region = [float(edge) for edge in proposal["value"]]
        height, width = (self.stride * side for side in self.values.shape)
        inside = min(x1, y1) >= 0 and x2 <= width and y2 <= height
        if not inside or x2 - x1 < 1 or y2 - y1 < 1:
            size = f"{width} x {height} px"
            raise ValueError(f"expected a region of 1 px or more inside {size}, got {region}")
        return region

    @traitlets.validate("selected")
    def _selected(self, proposal):
        value = [int(at) for at in proposal["value"]]
        if len(value) != 2 or min(value) < 0:
            raise ValueError(f"expected [row, column] of a bin, got {proposal['value']}")
        return value

    @property
    def values(self) -> Tensor:
        """The map that is shown, float64 [H, W]."""
        values = {one["name"]: one["values"] for one in self.maps}
        return torch.tensor(values[self.map], dtype=torch.float64)

    @property
    def pooled(self) -> Tensor:
        """What torchvision's roi_pool makes of it: float64 [bins, bins]."""
        from torchvision.ops import roi_pool  # here, as importing it changes the environment

        return roi_pool(*self._arguments)[0, 0]

    @property
    def sampled(self) -> Tensor:
        """What torchvision's roi_align makes of it: float64 [bins, bins]."""
        from torchvision.ops import roi_align

        more = {"sampling_ratio": self.samples, "aligned": self.aligned}
        return roi_align(*self._arguments, **more)[0, 0]

    @property
    def _arguments(self) -> tuple:
        region = torch.tensor([[0.0, *self.region]], dtype=torch.float64)
        return self.values[None, None], region, self.bins, 1 / self.stride


def as_map(values: Tensor) -> list[list[float]]:
    """A feature map [H, W] as rows of numbers."""
    values = torch.as_tensor(values, dtype=torch.float64)
    if values.ndim != 2 or not all(2 <= side <= LARGEST_SIDE for side in values.shape):
        got = list(values.shape)
        raise ValueError(f"expected a map [H, W] of 2 to {LARGEST_SIDE} cells, got {got}")
    if not values.isfinite().all():
        raise ValueError(f"expected finite numbers in the map, got {values.tolist()}")
    return values.tolist()


def example_maps() -> dict[str, Tensor]:
    """Three maps of 8 x 8 cells: a ramp, an object's soft response, and one bright cell."""
    row, column = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    soft = 9 * torch.exp(-((row - 3.6) ** 2 + (column - 3.2) ** 2) / 4)
    spot = torch.zeros(8, 8)
    spot[3, 4] = 9
    return {
        "a ramp, 0 to 63": 8 * row + column,
        "a soft response": (10 * soft).round() / 10,
        "one bright cell": spot,
    }
