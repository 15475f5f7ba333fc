"""A computation as a graph, whose given numbers one drags while values and gradients follow."""

import math

import traitlets

from dlcv.scratch.autograd import Value
from dlcv.scratch.graph_drawing import detour, lay_out
from dlcv.scratch.tape import forward_order
from dlcv.study.widgets.base import Widget

OPERATIONS = {"+", "−", "×", "exp", "log", "tanh", "σ", "relu"}  # and powers, "^2"


class ComputationGraph(Widget):
    """The graph of a `Value`: drag its named inputs, or walk forward and backward step by step.

    The page computes values and gradients anew for every change, by the same local slopes as
    `Value`. Edges are as thick as the gradient that flows back through them.

    Attributes:
        values: name → number for every named input; follows what the reader drags, and can be set
            from Python (``widget.values = {**widget.values, "w": 2.0}``).
        nodes: the graph, inputs before what is computed from them.

    Args:
        end: the result; inputs with a `name` can be dragged, unnamed ones are constants.
        reach: named inputs stay in [-reach, reach].

    Raises:
        ValueError: no input has a name, two have the same, or a value is out of range.

    Taught in: lectures/02_backpropagation
    """

    module = "computation_graph"
    parts = ("graph_maths",)
    nodes = traitlets.List().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    reach = traitlets.Float(3.0).tag(sync=True)

    def __init__(self, end: Value, reach: float = 3.0):
        order = forward_order(end)
        given = [node for node in order if not node.inputs and node.name]
        if not given or len({node.name for node in given}) < len(given):
            names = [node.name for node in given]
            raise ValueError(f"expected inputs with names that differ, got {names}")
        super().__init__(
            label="Computation graph: drag an input, and values and gradients follow",
            nodes=describe(order),
            reach=reach,
            values={node.name: node.data for node in given},
        )

    @traitlets.validate("values")
    def _check_values(self, proposal):
        values = {name: float(value) for name, value in proposal["value"].items()}
        names = {node["name"] for node in self.nodes if not node["inputs"] and node["name"]}
        if values.keys() != names:
            raise ValueError(f"expected values of {sorted(names)}, got {sorted(values)}")
        if not all(math.isfinite(v) and abs(v) <= self.reach for v in values.values()):
            raise ValueError(f"expected numbers in [-{self.reach:g}, {self.reach:g}], got {values}")
        return values


def describe(order: list[Value]) -> list[dict]:
    """The nodes of a graph as plain data: operation, name, value, inputs by number, and place.

    Args:
        order: as `forward_order` gives it.

    Raises:
        ValueError: an operation that the page does not know.
    """
    numbers = {node: i for i, node in enumerate(order)}
    places = lay_out(order[-1])
    unknown = {node.op for node in order if node.inputs and node.op[0] != "^"} - OPERATIONS
    if unknown:
        raise ValueError(f"expected operations of {sorted(OPERATIONS)}, got {sorted(unknown)}")
    return [
        {
            "op": node.op,
            "name": node.name,
            "value": node.data,
            "inputs": [numbers[source] for source in node.inputs],
            "detours": [detour(places, source, node) for source in node.inputs],
            "column": places[node][0],
            "row": places[node][1],
        }
        for node in order
    ]
