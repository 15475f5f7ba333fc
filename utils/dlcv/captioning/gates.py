"""Cells with gates, LSTM and GRU, and one module that unrolls any cell."""

import torch
from torch import Tensor, nn

from dlcv.captioning.recurrent import rnn_step

KINDS = ("rnn", "lstm", "gru")
ROWS = {"rnn": 1, "lstm": 4, "gru": 3}  # how many times D rows U and W have

State = tuple[Tensor, ...]


def lstm_step(
    x: Tensor, h: Tensor, c: Tensor, U: Tensor, W: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the next state of a long short-term memory.

    $i,f,o=\\sigma(\\cdot)$, $g=\\tanh(\\cdot)$, $c_t=f\\odot c_{t-1}+i\\odot g$,
    $h_t=o\\odot\\tanh c_t$, where each dot is $Ux_t+Wh_{t-1}+b$ with rows of its own.

    Args:
        x: Inputs of one moment [B, D_in].
        h: Hidden states before it [B, D].
        c: Cell states before it [B, D].
        U: Weights of the input [4 D, D_in], rows for i, f, g and o, as in torch.
        W: Weights of the hidden state [4 D, D], likewise.
        b: Biases [4 D], likewise.

    Returns:
        h [B, D] in (-1, 1) and c [B, D] after it.

    Reference:
        Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; with the forget gate of Gers,
        Schmidhuber and Cummins, 2000.

    Taught in: lectures/15_captioning
    """
    i, f, g, o = (x @ U.T + h @ W.T + b).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(x: Tensor, h: Tensor, U: Tensor, W: Tensor, b: Tensor, b_new: Tensor) -> Tensor:
    """Compute the next state of a gated recurrent unit.

    $r,z=\\sigma(Ux_t+Wh_{t-1}+b)$, $n=\\tanh(U_nx_t+b_n+r\\odot(W_nh_{t-1}+b'))$,
    $h_t=(1-z)\\odot n+z\\odot h_{t-1}$.

    Args:
        x: Inputs of one moment [B, D_in].
        h: States before it [B, D].
        U: Weights of the input [3 D, D_in], rows for r, z and n, as in torch.
        W: Weights of the state [3 D, D], likewise.
        b: Biases [3 D], likewise.
        b_new: Biases b' [D] that the reset gate switches together with the state.

    Returns:
        States after it [B, D].

    Reference:
        Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014, who reset the
        state before the product with W; resetting after it is torch's and cuDNN's form.

    Taught in: lectures/15_captioning
    """
    of_x, of_h = (x @ U.T + b).chunk(3, dim=1), (h @ W.T).chunk(3, dim=1)
    r, z = torch.sigmoid(of_x[0] + of_h[0]), torch.sigmoid(of_x[1] + of_h[1])
    n = torch.tanh(of_x[2] + r * (of_h[2] + b_new))
    return (1 - z) * n + z * h


class Recurrent(nn.Module):
    """A recurrent layer that can be unrolled or taken step by step.

    Weights start uniform in ±1/√D, as in torch; the forget gates of an LSTM start open.

    Args:
        kind: "rnn", "lstm" or "gru".
        inputs: Numbers in an input D_in, >= 1.
        size: Numbers in the state D, >= 1.
        forget_bias: What the biases of an LSTM's forget gates start with; 1 is the advice of
            Jozefowicz, Zaremba and Sutskever, An Empirical Exploration of Recurrent Network
            Architectures, 2015.

    Raises:
        ValueError: If the kind is unknown or a size is less than 1.

    Taught in: lectures/15_captioning
    """

    def __init__(self, kind: str, inputs: int, size: int, forget_bias: float = 1.0) -> None:
        super().__init__()
        if kind not in KINDS or inputs < 1 or size < 1:
            got = f"{kind!r}, {inputs}, {size}"
            raise ValueError(f"expected a kind of {KINDS} and sizes >= 1, got {got}")
        self.kind, self.inputs, self.size = kind, inputs, size
        rows, reach = ROWS[kind] * size, size**-0.5
        self.U = nn.Parameter(torch.empty(rows, inputs).uniform_(-reach, reach))
        self.W = nn.Parameter(torch.empty(rows, size).uniform_(-reach, reach))
        self.b = nn.Parameter(torch.zeros(rows))
        if kind == "lstm":
            self.b.data[size : 2 * size] = forget_bias
        if kind == "gru":
            self.b_new = nn.Parameter(torch.zeros(size))

    def start(self, batch: int) -> State:
        """Return states of zeros: (s [B, D],), for an LSTM (h, c)."""
        zeros = self.U.new_zeros(batch, self.size)
        return (zeros, zeros) if self.kind == "lstm" else (zeros,)

    def step(self, x: Tensor, state: State) -> State:
        """Take one step from inputs [B, D_in] and a state to the next state."""
        if self.kind == "lstm":
            return lstm_step(x, *state, self.U, self.W, self.b)
        if self.kind == "gru":
            return (gru_step(x, *state, self.U, self.W, self.b, self.b_new),)
        return (rnn_step(x, *state, self.U, self.W, self.b),)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Unroll over a sequence.

        Args:
            x: Inputs [B, T, D_in], T >= 1.
            state: The state before, zeros where None.

        Returns:
            The (hidden) states after every input [B, T, D], and the whole last state.

        Raises:
            ValueError: If the inputs have another shape.
        """
        if x.dim() != 3 or x.shape[1] < 1 or x.shape[2] != self.inputs:
            raise ValueError(f"expected inputs [B, T, {self.inputs}], got {list(x.shape)}")
        state, states = state or self.start(len(x)), []
        for t in range(x.shape[1]):
            state = self.step(x[:, t], state)
            states.append(state[0])
        return torch.stack(states, dim=1), state
