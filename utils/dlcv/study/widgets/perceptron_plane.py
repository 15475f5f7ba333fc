"""A plane to drop points on, and a perceptron that learns to separate them."""

from collections.abc import Sequence

import torch
import traitlets

from dlcv.scratch.perceptron import boolean_inputs
from dlcv.study.widgets.base import Widget

REACH = 2  # the plane shows -2 … 2 in both directions
GRID = 8  # positions are whole eighths, so that the page's sums are exact and cycles close
MOST_POINTS = 40
OWN_POINTS = "own points"


class PerceptronPlane(Widget):
    """A plane where points of two classes are dropped, dragged and flipped, and a line learns.

    The page steps through the perceptron rule, draws the boundary, the margin and the vector that
    an update adds, and compares the mistakes with the bound (R/γ)².

    Attributes (all of them follow what the reader does, and can be set from Python):
        points: list of ``[x1, x2]`` in [-2, 2], at most 40, snapped to eighths.
        labels: list of -1 and +1.
        weights: ``[w1, w2, b]``.
        mistakes: updates since the reader last changed the weights or the points by hand.
        preset: which set of points this is, ``"own points"`` once it has been changed.

    Args:
        preset: ``"AND"``, ``"OR"``, ``"NAND"``, ``"XOR"``, ``"two clouds"`` or ``"empty plane"``.

    Raises:
        ValueError: an unknown preset; a point, label or weight out of range.

    Taught in: lectures/01_perceptron
    """

    module = "perceptron_plane"
    parts = ("perceptron_rule", "perceptron_drawing")
    points = traitlets.List().tag(sync=True)
    labels = traitlets.List().tag(sync=True)
    weights = traitlets.List([0.0, 0.0, 0.0]).tag(sync=True)
    mistakes = traitlets.Int(0).tag(sync=True)
    preset = traitlets.Unicode().tag(sync=True)
    presets = traitlets.List().tag(sync=True)

    def __init__(self, preset: str = "AND"):
        label = "Perceptron plane: drop, drag and flip points, and let the rule find a line"
        super().__init__(label=label, presets=make_presets())
        self.preset = preset

    def place(self, points: Sequence[Sequence[float]], labels: Sequence[int]) -> None:
        """Replaces all points at once.

        Args:
            points: N pairs with entries in [-2, 2], or a tensor [N, 2].
            labels: N values, -1 or +1.

        Raises:
            ValueError: as many labels as points are expected, in range.
        """
        if len(points) != len(labels):
            raise ValueError(f"expected {len(points)} labels, got {len(labels)}")
        with self.hold_sync(), self.hold_trait_notifications():
            self.points = [[float(x) for x in point] for point in points]
            self.labels = [int(label) for label in labels]
            self.preset = OWN_POINTS

    @traitlets.observe("preset")
    def _load(self, change):
        for data in (item for item in self.presets if item["name"] == change["new"]):
            with self.hold_sync(), self.hold_trait_notifications():
                self.points, self.labels = data["points"], data["labels"]
                self.weights, self.mistakes = [0.0, 0.0, 0.0], 0

    @traitlets.validate("preset")
    def _check_preset(self, proposal):
        names = [item["name"] for item in self.presets] + [OWN_POINTS]
        if proposal["value"] not in names:
            raise ValueError(f"expected one of {', '.join(names)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("points")
    def _check_points(self, proposal):
        points = proposal["value"]
        pairs = all(len(p) == 2 and all(-REACH <= x <= REACH for x in p) for p in points)
        if not pairs or len(points) > MOST_POINTS:
            raise ValueError(f"expected at most {MOST_POINTS} pairs in [-2, 2], got {points}")
        return [[round(x * GRID) / GRID for x in point] for point in points]

    @traitlets.validate("labels")
    def _check_labels(self, proposal):
        if any(label not in (-1, 1) for label in proposal["value"]):
            raise ValueError(f"expected labels -1 and +1, got {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("weights")
    def _check_weights(self, proposal):
        weights = proposal["value"]
        if len(weights) != 3 or not torch.tensor(weights, dtype=torch.float64).isfinite().all():
            raise ValueError(f"expected three finite weights w1, w2, b; got {weights}")
        return [float(weight) for weight in weights]


def make_presets() -> list[dict]:
    """The sets of points that the page offers: their names, points and labels."""
    gates = {
        "AND": [-1, -1, -1, 1],
        "OR": [-1, 1, 1, 1],
        "NAND": [1, 1, 1, -1],
        "XOR": [-1, 1, 1, -1],
    }
    corners = boolean_inputs(2).tolist()
    presets = [{"name": gate, "points": corners, "labels": gates[gate]} for gate in gates]
    presets.append({"name": "two clouds", **two_clouds()})
    presets.append({"name": "empty plane", "points": [], "labels": []})
    return presets


def two_clouds(count: int = 8, seed: int = 97) -> dict[str, list]:
    """Two small Gaussian clouds that a line can just separate, their points in mixed order.

    Args:
        count: points in each cloud.
        seed: which clouds; with 97 the rule needs six passes, neither one nor fifty.

    Returns:
        ``{"points": [[x1, x2], ...], "labels": [...]}``.
    """
    draw = torch.Generator().manual_seed(seed)
    labels = torch.tensor([1, -1]).repeat(count)
    centres = labels[:, None] * torch.tensor([0.7, 0.5])
    points = centres + 0.45 * torch.randn(2 * count, 2, generator=draw)
    snapped = (points.clamp(-1.875, 1.875) * GRID).round() / GRID
    return {"points": snapped.tolist(), "labels": labels.tolist()}
