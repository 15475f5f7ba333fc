"""A recurrent cell unrolled: states and gates step by step, and the gradient on its way back."""

import torch
import traitlets

from dlcv.captioning.gates import Recurrent
from dlcv.captioning.recurrent import with_spectral_radius
from dlcv.study.widgets.base import Widget, pack, within

CELLS = ("linear", "tanh", "LSTM")
SIZE, LONGEST = 8, 50
RANGES = {
    "length": (2, LONGEST),
    "radius": (0.0, 2.0),
    "forget": (-5.0, 5.0),
    "moment": (0, LONGEST),
}


class UnrolledCell(Widget):
    """Steps forward through a sequence, and back with the gradient of the last state.

    The input is one number a step. The loss is the sum of the last state over √8, so that the
    gradient that arrives there has length 1.

    Attributes (they follow what the reader does, and can be set from Python):
        cell: "linear" ($s_t=Ux_t+Ws_{t-1}$), "tanh" or "LSTM".
        length: steps T, 2 to 50.
        radius: spectral radius of W, 0 to 2; for the LSTM, of each of its four.
        forget: bias of the LSTM's forget gates, -5 to 5.
        moment: the step looked at, 0 to T.
        gradients: lengths of the gradients of the states 0 … T; of the LSTM's h and c together.

    Args:
        cell: what to begin with.
        length: likewise.
        radius: likewise.
        forget: likewise.

    Raises:
        ValueError: one of these is out of range.

    Taught in: lectures/15_captioning
    """

    module = "unrolled_cell"
    parts = ("unrolled_maths",)
    cell = traitlets.Unicode().tag(sync=True)
    length = traitlets.Int().tag(sync=True)
    radius = traitlets.Float().tag(sync=True)
    forget = traitlets.Float().tag(sync=True)
    moment = traitlets.Int(0).tag(sync=True)
    gradients = traitlets.List().tag(sync=True)
    inputs = traitlets.Dict().tag(sync=True)
    weights = traitlets.Dict().tag(sync=True)

    def __init__(
        self, cell: str = "tanh", length: int = 20, radius: float = 1.1, forget: float = 1.0
    ):
        super().__init__(
            label="A recurrent cell unrolled: states, gates, and the gradient on its way back",
            cell=cell,
            length=length,
            radius=radius,
            forget=forget,
            inputs=pack(sequence().numpy()),
            weights={
                kind: [pack(w.numpy()) for w in cell_weights(kind)] for kind in ("rnn", "lstm")
            },
        )

    @traitlets.validate("cell")
    def _check_cell(self, proposal):
        if proposal["value"] not in CELLS:
            raise ValueError(f"expected one of {', '.join(CELLS)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("length", "radius", "forget", "moment")
    def _check_number(self, proposal):
        return within(RANGES, proposal)


def sequence() -> torch.Tensor:
    """The inputs, LONGEST numbers."""
    return torch.randn(LONGEST, generator=torch.Generator().manual_seed(15))


def cell_weights(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """U and W of a cell, every [8, 8] block of W with the spectral radius 1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        layer = Recurrent(kind, 1, SIZE)
    blocks = [with_spectral_radius(block, 1.0) for block in layer.W.data.split(SIZE)]
    return 2 * layer.U.data, torch.cat(blocks)
