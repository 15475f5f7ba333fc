"""The bubble chart of cost and accuracy, with a network to design beside the published ones."""

from collections.abc import Sequence
from dataclasses import asdict

import traitlets

from dlcv.classification.designer import BLOCKS
from dlcv.classification.published import NETWORKS, Network, cost_of
from dlcv.study.widgets.base import Widget

ACROSS = ("multiply_adds", "parameters", "activation_bytes", "depth", "year")
ACCURACIES = ("published", "torchvision", "newer")
SIZES = ("parameters", "multiply_adds", "activation_bytes", "")
DESIGN = {"block": "inverted", "width": 24, "depth": 3, "resolution": 224, "gate": False}


class CostAccuracy(Widget):
    """Every network of the book's lectures on architectures as a bubble, over axes to choose.

    Accuracies are published ones and carry their source; parameters, multiply-adds, activation
    memory and depth are measured on the book's networks when the widget is made.

    Attributes (they follow what the reader does, and can be set from Python):
        x: cost across: "multiply_adds", "parameters", "activation_bytes", "depth" or "year".
        y: top-1 accuracy: "published", "torchvision" (its first weights) or "newer" (its newer
            recipe).
        size: what the area of a bubble shows: a cost, or "" for all alike.
        logarithmic: whether the cost axis is logarithmic.
        hidden: families that are not shown.
        selected: name of the network that is pointed at, or "".
        design: the reader's own network: {"block", "width", "depth", "resolution", "gate"}; see
            `dlcv.classification.designer.designed_network`.

    Args:
        networks: what to show.
        x: what to begin with.
        y: likewise.

    Raises:
        ValueError: one of these is out of range.

    Taught in: lectures/06b_modern_architectures
    """

    module = "cost_accuracy"
    parts = ("cost_scales", "block_designer")
    networks = traitlets.List().tag(sync=True)
    families = traitlets.List().tag(sync=True)
    x = traitlets.Unicode().tag(sync=True)
    y = traitlets.Unicode().tag(sync=True)
    size = traitlets.Unicode("parameters").tag(sync=True)
    logarithmic = traitlets.Bool(True).tag(sync=True)
    hidden = traitlets.List().tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    design = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        networks: Sequence[Network] = NETWORKS,
        x: str = "multiply_adds",
        y: str = "published",
    ):
        if not networks:
            raise ValueError("expected at least one network, got none")
        super().__init__(
            label="What networks cost and how accurate they are",
            networks=[row(network) for network in networks],
            families=list(dict.fromkeys(network.family for network in networks)),
            x=x,
            y=y,
            design=DESIGN,
        )

    @traitlets.validate("x", "y", "size")
    def _one_of(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        choices = {"x": ACROSS, "y": ACCURACIES, "size": SIZES}[name]
        if value not in choices:
            raise ValueError(f"expected {name} among {', '.join(choices)}; got {value!r}")
        return value

    @traitlets.validate("design")
    def _design(self, proposal):
        design = dict(proposal["value"])
        if set(design) != set(DESIGN) or design["block"] not in BLOCKS:
            raise ValueError(f"expected {', '.join(DESIGN)} with a known block, got {design}")
        return design


def row(network: Network) -> dict:
    """A network with its costs, ready to travel."""
    facts = {
        name: getattr(network, name)
        for name in ("name", "short", "family", "year", "size_px", "source", *ACCURACIES)
    }
    weights = {"torchvision": "IMAGENET1K_V1", "newer": "IMAGENET1K_V2"}
    return {**facts, **asdict(cost_of(network)), "weights": weights}
