"""Two classes on a circle: where each softmax of the family draws its line, and how it pulls."""

import traitlets

from dlcv.study.widgets.base import Widget, within

_RANGES = {
    "at": (-180, 180),
    "gap": (20, 180),
    "sphere": (1, 4),
    "cosine": (0, 0.9),
    "arc": (0, 60),
    "scale": (1, 64),
}


class MarginCircle(Widget):
    """Two class vectors, an example that can be dragged, and the regions of four losses.

    NormFace, SphereFace, CosFace and ArcFace each have a ring round the circle. On it lie the
    directions that are near enough for the first class, those for the second, and between them
    those that satisfy neither. Below, what each loss makes of the example: the probability of its
    class, the loss, and the pull, that is the slope of the loss by the angle.

    Attributes (all follow what the reader does, and can be set from Python):
        at: direction of the example, degrees from its class vector towards the other one.
        gap: angle between the two class vectors, degrees.
        sphere: SphereFace's margin m, a whole number; 1 is none.
        cosine: CosFace's margin m, a cosine.
        arc: ArcFace's margin m, degrees.
        scale: s of all four.

    Raises:
        ValueError: an attribute outside its range.

    Taught in: lectures/09_verification
    """

    module = "margin_circle"
    parts = ("margin_maths", "circle_drawing")
    at = traitlets.Float(30.0).tag(sync=True)
    gap = traitlets.Float(90.0).tag(sync=True)
    sphere = traitlets.Int(2).tag(sync=True)
    cosine = traitlets.Float(0.35).tag(sync=True)
    arc = traitlets.Float(28.0).tag(sync=True)
    scale = traitlets.Float(16.0).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(label="Margins on the circle: four losses, two classes", **traits)

    @traitlets.validate(*_RANGES)
    def _within(self, proposal):
        return within(_RANGES, proposal)
