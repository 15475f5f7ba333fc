"""The unpooling bench: a small map to edit, its maxima, and three ways back to the full size."""

from collections.abc import Sequence

import torch
import traitlets
from torch import Tensor

from dlcv.segmentation.upsampling import Enlarge, max_pool_with_switches, max_unpool
from dlcv.study.widgets.base import Widget

SIDES = (2, 4, 6, 8)
LARGEST = 9  # values are the digits 0 to 9

RIDGE = ((0, 1, 7, 0), (1, 8, 2, 0), (9, 3, 0, 1), (2, 0, 0, 0))


class UnpoolingBench(Widget):
    """A map whose 2×2 windows are pooled, and enlarged again by switches, by repeating, bilinearly.

    The chosen cell is linked to Python, and so are the values.

    Args:
        values: Rows of whole numbers from 0 to 9; both sides even, 2 to 8.

    Raises:
        ValueError: A side or a value is off.

    Taught in: lectures/14_segmentation
    """

    module = "unpooling_bench"
    parts = ("pixels", "enlarging")
    values = traitlets.Any().tag(sync=True)
    selected = traitlets.List([0, 0]).tag(sync=True)

    def __init__(self, values: Sequence[Sequence[int]] = RIDGE):
        super().__init__(label="Unpooling bench: where do the maxima go?", values=values)

    @traitlets.validate("values")
    def _values(self, proposal):
        rows = [[int(value) for value in row] for row in proposal["value"]]
        sides = {len(rows), *(len(row) for row in rows)}
        if not sides <= set(SIDES) or len({len(row) for row in rows}) != 1:
            raise ValueError(f"expected rows and columns out of {SIDES}, got sides {sorted(sides)}")
        if not all(0 <= value <= LARGEST for row in rows for value in row):
            raise ValueError(f"expected values from 0 to {LARGEST}, got {rows}")
        return rows

    @traitlets.validate("selected")
    def _selected(self, proposal):
        place, size = [int(at) for at in proposal["value"]], self._map().shape[2:]
        if len(place) != 2 or not all(0 <= at < n for at, n in zip(place, size, strict=True)):
            raise ValueError(f"expected a cell inside {list(size)}, got {proposal['value']}")
        return place

    def _map(self) -> Tensor:
        return torch.tensor(self.values, dtype=torch.float32)[None, None]

    @property
    def enlarged(self) -> dict[str, Tensor]:
        """What the package makes of the present map: way back → [H, W]."""
        x = self._map()
        pooled, switches = max_pool_with_switches(x)
        back = {"switches": max_unpool(pooled, switches, tuple(x.shape[2:]))}
        back |= {kind: Enlarge(1, 2, kind)(pooled) for kind in ("nearest", "bilinear")}
        return {name: maps[0, 0] for name, maps in back.items()}
