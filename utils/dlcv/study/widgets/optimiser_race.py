"""Six optimisers on one loss surface, from one starting point, each with a rate of its own."""

import traitlets

from dlcv.scratch.optimisers import SGD, AdaGrad, Adam, RMSProp
from dlcv.scratch.surfaces import SURFACES
from dlcv.study.widgets.base import Widget, within

OPTIMISERS = ("SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam")
RATES = {
    "SGD": 0.03,
    "momentum": 0.03,
    "Nesterov": 0.03,
    "AdaGrad": 0.3,
    "RMSProp": 0.03,
    "Adam": 0.1,
}
DECAY = 0.9  # of RMSProp, as in the lecture that introduced it
LOWEST_RATE, HIGHEST_RATE = 1e-4, 10.0
RANGES = {"momentum": (0.0, 0.99)}


class OptimiserRace(Widget):
    """A loss surface seen from above, and six optimisers walking down it together.

    Attributes (they follow what the reader does, and can be set from Python):
        surface: one of `dlcv.scratch.surfaces.SURFACES`.
        start: [x₁, x₂], within the surface's reach.
        rates: learning rate by optimiser, from 0.0001 to 10.
        momentum: μ of momentum and Nesterov, and β₁ of Adam; from 0 to 0.99.
        steps: taken since the start.
        positions: [x₁, x₂] by optimiser.

    Args:
        surface: what to begin with.
        rates: those that shall differ from the default.
        momentum: likewise.

    Raises:
        ValueError: one of these is unknown or out of range.

    Taught in: lectures/03_training
    """

    module = "optimiser_race"
    parts = ("optimiser_maths",)
    surfaces = traitlets.Dict().tag(sync=True)
    surface = traitlets.Unicode().tag(sync=True)
    start = traitlets.List().tag(sync=True)
    rates = traitlets.Dict().tag(sync=True)
    momentum = traitlets.Float().tag(sync=True)
    steps = traitlets.Int(0).tag(sync=True)
    positions = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        surface: str = "long valley",
        rates: dict[str, float] | None = None,
        momentum: float = 0.9,
    ):
        super().__init__(
            label="Optimiser race: six optimisers on one loss surface",
            surfaces={
                name: {"reach": one.reach, "start": list(one.start)}
                for name, one in SURFACES.items()
            },
            surface=surface,
            start=list(SURFACES[surface].start) if surface in SURFACES else [],
            rates=RATES | (rates or {}),
            momentum=momentum,
        )

    @traitlets.validate("surface")
    def _check_surface(self, proposal):
        if proposal["value"] not in SURFACES:
            raise ValueError(f"expected one of {', '.join(SURFACES)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("momentum")
    def _check_momentum(self, proposal):
        return within(RANGES, proposal)

    @traitlets.validate("rates")
    def _check_rates(self, proposal):
        rates = proposal["value"]
        if set(rates) != set(OPTIMISERS):
            raise ValueError(f"expected a rate for each of {OPTIMISERS}, got {list(rates)}")
        for name, rate in rates.items():
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                limits = f"from {LOWEST_RATE} to {HIGHEST_RATE}"
                raise ValueError(f"expected a rate of {name} {limits}, got {rate}")
        return rates

    @traitlets.validate("start")
    def _check_start(self, proposal):
        start, reach = list(proposal["value"]), SURFACES[self.surface].reach
        if len(start) != 2 or not all(-reach <= x <= reach for x in start):
            raise ValueError(f"expected a start [x1, x2] within {reach}, got {start}")
        return start


def make_optimiser(name: str, places: list, rate: float, momentum: float):
    """The package's optimiser under one of the race's names."""
    makers = {
        "SGD": lambda: SGD(places, rate),
        "momentum": lambda: SGD(places, rate, momentum),
        "Nesterov": lambda: SGD(places, rate, momentum, nesterov=True),
        "AdaGrad": lambda: AdaGrad(places, rate),
        "RMSProp": lambda: RMSProp(places, rate, DECAY),
        "Adam": lambda: Adam(places, rate, (momentum, 0.999)),
    }
    return makers[name]()
