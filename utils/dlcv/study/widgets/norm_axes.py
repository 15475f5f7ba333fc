"""The axes of normalisation: which values of a block of feature maps share a mean."""

import numpy as np
import traitlets

from dlcv.study.widgets.base import Widget, pack

NORMS = ("batch", "layer", "instance", "group")
MOST_CELLS = 400  # what a page can draw and a finger can hit


class NormAxes(Widget):
    """A block of N images × C channels × H × W cells; the set of the chosen cell lights up.

    The page computes mean and deviation of the set with the numbers that it carries, shows the
    block raw or normalised, and counts sets, values, learnt and running numbers.

    Args:
        maps: [N, C, H, W], array or tensor, at most 400 values.
        norm: "batch", "layer", "instance" or "group".
        groups: G of group norm, a divisor of C.

    Raises:
        ValueError: not four axes, no value or too many, not finite, an unknown norm, a G that does
            not divide C, or a cell outside the block.

    Reference:
        Wu and He, Group Normalization, 2018, Fig. 2.

    Taught in: lectures/05_normalisation
    """

    module = "norm_axes"
    parts = ("pixels", "norm_sets")
    maps = traitlets.Dict().tag(sync=True)
    norm = traitlets.Enum(NORMS, "batch").tag(sync=True)
    groups = traitlets.Int(2).tag(sync=True)
    selected = traitlets.List([0, 0, 0, 0]).tag(sync=True)
    normalised = traitlets.Bool(False).tag(sync=True)

    def __init__(self, maps, norm: str = "batch", groups: int = 2):
        values = np.asarray(maps, dtype=np.float32)
        if values.ndim != 4 or not 1 <= values.size <= MOST_CELLS:
            got = list(values.shape)
            raise ValueError(f"expected [N, C, H, W] with 1 to {MOST_CELLS} values, got {got}")
        if not np.isfinite(values).all():
            raise ValueError("expected finite numbers, got others")
        self._shape = values.shape
        super().__init__(
            label="Axes of normalisation: the cells that share statistics",
            maps=pack(values),
            norm=norm,
            groups=groups,
        )

    @traitlets.validate("groups")
    def _divides(self, proposal):
        channels, groups = self._shape[1], proposal["value"]
        if groups < 1 or channels % groups:
            raise ValueError(f"expected groups that divide {channels} channels, got {groups}")
        return groups

    @traitlets.validate("selected")
    def _inside(self, proposal):
        place = list(proposal["value"])
        if len(place) != 4 or any(
            not 0 <= at < size for at, size in zip(place, self._shape, strict=False)
        ):
            raise ValueError(f"expected a cell inside {list(self._shape)}, got {place}")
        return place
