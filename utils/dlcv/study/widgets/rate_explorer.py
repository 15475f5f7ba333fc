"""Learning rate, depth and activation, with and without normalisation, to explore."""

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets

from dlcv.study.widgets.base import Widget, pack

ARMS = ("without", "with")


class RateExplorer(Widget):
    """Curves of accuracy for each learning rate, with and without normalisation.

    Args:
        rates: Learning rates, rising.
        accuracy: (activation, depth, arm) -> [rates, seeds, epochs], arm "without" or "with"; each
            activation has the same depths.
        chance: Accuracy of guessing.

    Raises:
        ValueError: A missing combination, another shape, or rates that do not rise from above 0.

    Taught in: lectures/05_normalisation
    """

    module = "rate_explorer"
    parts = ("rate_charts",)
    rates = traitlets.List().tag(sync=True)
    activations = traitlets.List().tag(sync=True)
    depths = traitlets.List().tag(sync=True)
    accuracy = traitlets.Dict().tag(sync=True)  # [activations, depths, arms, rates, seeds, epochs]
    chance = traitlets.Float().tag(sync=True)
    activation = traitlets.Unicode().tag(sync=True)
    depth = traitlets.Int().tag(sync=True)
    rate = traitlets.Int().tag(sync=True)  # its index

    def __init__(self, rates: Sequence[float], accuracy: Mapping, chance: float = 0.1):
        activations = list(dict.fromkeys(key[0] for key in accuracy))
        depths = list(dict.fromkeys(key[1] for key in accuracy))
        expected = {(a, d, arm) for a in activations for d in depths for arm in ARMS}
        if not expected or set(accuracy) != expected:
            raise ValueError(f"expected results for {sorted(expected)}, got {sorted(accuracy)}")
        values = {key: np.asarray(result, dtype=np.float16) for key, result in accuracy.items()}
        shapes = {value.shape for value in values.values()}
        if len(shapes) != 1 or len(shape := shapes.pop()) != 3 or shape[0] != len(rates):
            raise ValueError(f"expected one shape [{len(rates)}, seeds, epochs], got {shapes}")
        if rates[0] <= 0 or list(rates) != sorted(set(rates)):
            raise ValueError(f"expected rising rates above 0, got {list(rates)}")
        rows = [[[values[a, d, arm] for arm in ARMS] for d in depths] for a in activations]
        super().__init__(
            label="Learning rate and depth, with and without batch normalisation",
            rates=[float(rate) for rate in rates],
            activations=activations,
            depths=depths,
            accuracy=pack(np.array(rows)),
            chance=chance,
            activation=activations[0],
            depth=depths[len(depths) // 2],
            rate=len(rates) // 2,
        )

    @traitlets.validate("activation", "depth", "rate")
    def _known(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        known = {
            "activation": self.activations,
            "depth": self.depths,
            "rate": list(range(len(self.rates))),
        }[name]
        if value not in known:
            raise ValueError(f"expected {name} among {known}, got {value!r}")
        return value
