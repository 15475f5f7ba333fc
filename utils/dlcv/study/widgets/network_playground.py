"""A small network on points in the plane, trained in the page itself, with nothing hidden."""

import itertools

import numpy as np
import torch
import traitlets

from dlcv.data.planar import PLANE_SETS, plane_set
from dlcv.scratch.mlp import MLP
from dlcv.study.widgets.base import Widget, pack

ACTIVATIONS = ("tanh", "logistic", "ReLU", "linear")
MOST_LAYERS, MOST_UNITS = 5, 6
POINTS = 120  # of a data set: enough to show its shape, few enough for many steps a second
NOISE = 0.07


class NetworkPlayground(Widget):
    """A network that learns in the page: boundary, loss, and the gradient on every edge.

    Two inputs, hidden layers, and one logistic output with the cross-entropy loss. A step is one
    step of gradient descent on all points.

    Attributes (they follow what the reader does, and can be set from Python):
        data_set: one of `dlcv.data.planar.PLANE_SETS`.
        hidden: units of each hidden layer; at most 5 layers of 1 to 6.
        activation: of the hidden units: "tanh", "logistic", "ReLU" or "linear".
        rate: learning rate, above 0 and at most 30.
        parameters: of each layer {"weights": [D_out][D_in], "biases": [D_out]}.
        steps: taken since the weights were new.
        loss: mean cross-entropy over the points, in nats.

    Args:
        data_set: what to begin with.
        hidden: likewise.
        activation: likewise.
        rate: likewise.
        seed: of the first weights.

    Raises:
        ValueError: one of these is out of range.

    Taught in: lectures/02_backpropagation
    """

    module = "network_playground"
    parts = ("network_maths", "network_drawing")
    data_sets = traitlets.List().tag(sync=True)
    data_set = traitlets.Unicode().tag(sync=True)
    hidden = traitlets.List().tag(sync=True)
    activation = traitlets.Unicode().tag(sync=True)
    rate = traitlets.Float().tag(sync=True)
    parameters = traitlets.List().tag(sync=True)
    steps = traitlets.Int(0).tag(sync=True)
    loss = traitlets.Float(0.0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        data_set: str = "circles",
        hidden: tuple[int, ...] = (4,),
        activation: str = "tanh",
        rate: float = 1.0,
        seed: int = 0,
    ):
        super().__init__(
            label="Network playground: choose a network and watch it learn",
            data_sets=[pack_set(name) for name in PLANE_SETS],
            data_set=data_set,
            activation=activation,
            rate=rate,
            seed=seed,
        )
        self.hidden = list(hidden)
        self._draw_weights({"new": self.hidden})  # no change was seen if there are no layers

    @traitlets.observe("hidden")
    def _draw_weights(self, change):
        sizes = [2, *change["new"], 1]
        shapes = [[len(layer["weights"]), len(layer["weights"][0])] for layer in self.parameters]
        if shapes != [[b, a] for a, b in itertools.pairwise(sizes)]:
            with self.hold_sync():
                self.parameters = new_parameters(sizes, self.activation, self.seed)
                self.steps = 0

    @traitlets.validate("data_set")
    def _check_data_set(self, proposal):
        return one_of(PLANE_SETS, proposal["value"])

    @traitlets.validate("activation")
    def _check_activation(self, proposal):
        return one_of(ACTIVATIONS, proposal["value"])

    @traitlets.validate("rate")
    def _check_rate(self, proposal):
        if not 0 < proposal["value"] <= 30:
            raise ValueError(f"expected a rate in (0, 30], got {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("hidden")
    def _check_hidden(self, proposal):
        sizes = list(proposal["value"])
        if len(sizes) > MOST_LAYERS or not all(1 <= size <= MOST_UNITS for size in sizes):
            limits = f"at most {MOST_LAYERS} layers of 1 to {MOST_UNITS} units"
            raise ValueError(f"expected {limits}, got {sizes}")
        return sizes


def one_of(names: tuple[str, ...], name: str) -> str:
    """The name, if it is one of them."""
    if name not in names:
        raise ValueError(f"expected one of {', '.join(names)}; got {name!r}")
    return name


def new_parameters(sizes: list[int], activation: str, seed: int) -> list[dict]:
    """Fresh weights and biases of the book's MLP as plain lists."""
    model = MLP(sizes, activation, seed, dtype=torch.float64)
    return [{"weights": w.data.tolist(), "biases": b.data.tolist()} for w, b in model.layers]


def pack_set(name: str) -> dict:
    """A data set of the plane, ready to travel."""
    points, labels = plane_set(name, POINTS, NOISE)
    flat = np.ascontiguousarray(points.numpy())
    return {"name": name, "points": pack(flat), "labels": pack(labels.numpy().astype("uint8"))}
