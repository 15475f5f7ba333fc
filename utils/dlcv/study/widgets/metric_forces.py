"""Three faces on a circle, and where the gradient of a loss would move each of them."""

import traitlets

from dlcv.study.widgets.base import Widget, within

_RANGES = {"margin": (0.1, 2.0)}
LOSSES = ("contrastive", "triplet")


class MetricForces(Widget):
    """Drag an anchor, a positive and a negative round the circle; arrows are negative gradients.

    The contrastive loss takes the mean over the two pairs anchor–positive and anchor–negative, its
    margin is a distance. The triplet loss has the margin on squared distances. The gradients are
    those of the points in the plane, before they are brought back to the circle.

    Attributes (all follow what the reader does, and can be set from Python):
        loss: "contrastive" or "triplet".
        margin: 0.1 to 2.
        places: directions of anchor, positive and negative, degrees; 0 is to the right, 90 up.

    Raises:
        ValueError: an attribute outside its range.

    Taught in: lectures/09_verification
    """

    module = "metric_forces"
    parts = ("circle_drawing", "forces_maths")
    loss = traitlets.Unicode("triplet").tag(sync=True)
    margin = traitlets.Float(0.5).tag(sync=True)
    places = traitlets.List([90.0, 150.0, 45.0]).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(label="Pull and push on the circle", **traits)

    @traitlets.validate("margin")
    def _within(self, proposal):
        return within(_RANGES, proposal)

    @traitlets.validate("loss")
    def _known(self, proposal):
        if proposal["value"] not in LOSSES:
            raise ValueError(f"expected one of {LOSSES}, got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("places")
    def _three(self, proposal):
        places = [float(value) for value in proposal["value"]]
        if len(places) != 3 or not all(-180 <= value <= 180 for value in places):
            raise ValueError(f"expected three directions from -180 to 180, got {places}")
        return places
