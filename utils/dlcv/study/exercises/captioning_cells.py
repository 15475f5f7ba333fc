"""Checks and solutions: backpropagation through time, the LSTM cell, the model of hello."""

import torch
from torch import Tensor, nn

from dlcv.captioning.gates import lstm_step
from dlcv.captioning.recurrent import rnn_backward, rnn_forward
from dlcv.study.exercises.base import attempt, expect


def draw(*shape: int, seed: int) -> Tensor:
    """Normal random numbers in float64."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def same(got: object, expected: Tensor) -> bool:
    """Whether an answer is a tensor with these values."""
    return (
        isinstance(got, Tensor)
        and got.shape == expected.shape
        and torch.allclose(got.to(expected), expected, rtol=0, atol=1e-8)
    )


# ------------------------------------------------------------------------------------ 15.bptt
def check_bptt(answer: object) -> None:
    """Compares the gradient of W with finite differences, on sequences of one to six steps."""
    for T in (1, 2, 6):
        U, W, b = draw(3, 2, seed=1), draw(3, 3, seed=2) / 2, draw(3, seed=3)
        x, s0, grad = draw(4, T, 2, seed=4), draw(4, 3, seed=5), draw(4, T, 3, seed=6)
        states = rnn_forward(x, s0, U, W, b)
        got = attempt(answer, grad, states, W)
        expect(isinstance(got, Tensor), f"T = {T}: expected a tensor, got {type(got).__name__}.")
        expected = _slopes(x, s0, U, W, b, grad)
        if same(got, expected):
            continue
        for why, rival in _bptt_rivals(grad, x, states, U, W).items():
            expect(not same(got, rival), f"T = {T}: {why}.")
        expect(got.shape == W.shape, f"T = {T}: expected shape [3, 3], got {list(got.shape)}.")
        worst = (got - expected).abs().max().item()
        expect(False, f"T = {T}: off by up to {worst:.3g} from the slopes found by nudging W.")


def _slopes(x: Tensor, s0: Tensor, U: Tensor, W: Tensor, b: Tensor, grad: Tensor) -> Tensor:
    slopes, W = torch.zeros_like(W), W.clone()
    for i in range(W.numel()):
        values = []
        for epsilon in (1e-5, -1e-5):
            W.view(-1)[i] += epsilon
            values.append((rnn_forward(x, s0, U, W, b)[:, 1:] * grad).sum())
            W.view(-1)[i] -= epsilon
        slopes.view(-1)[i] = (values[0] - values[1]) / 2e-5
    return slopes


def _bptt_rivals(grad: Tensor, x: Tensor, states: Tensor, U: Tensor, W: Tensor) -> dict:
    right = rnn_backward(grad, x, states, U, W)[3]
    variants = {name: torch.zeros_like(W) for name in ("alone", "turned", "linear", "ahead")}
    for name, total in variants.items():
        carried = torch.zeros_like(states[:, 0])
        for t in reversed(range(x.shape[1])):
            slope = 1 if name == "linear" else 1 - states[:, t + 1] ** 2
            delta = (grad[:, t] + carried) * slope
            total += delta.T @ states[:, t + 1 if name == "ahead" else t]
            carried = 0 * delta if name == "alone" else delta @ (W.T if name == "turned" else W)
    return {
        "the result is transposed; row i belongs to the unit that is moved": right.T,
        "what the future sends back is missing; that is a gradient cut off after one step": (
            variants["alone"]
        ),
        "backwards, delta (a row) goes through `@ W`, not `@ W.T`": variants["turned"],
        "the slope of tanh, $1-s_t^2$, is missing": variants["linear"],
        "W met the state *before* the step, $s_{t-1}$": variants["ahead"],
        "sum over the batch, do not average": right / len(x),
    }


def solve_bptt(grad_states, states, W):
    """From the last step to the first, with what the future sends back in `carried`."""
    grad_W, carried = torch.zeros_like(W), torch.zeros_like(states[:, 0])
    for t in reversed(range(grad_states.shape[1])):
        s = states[:, t + 1]  # after step t; states[:, 0] is s0
        delta = (grad_states[:, t] + carried) * (1 - s**2)
        grad_W += delta.T @ states[:, t]
        carried = delta @ W
    return grad_W


# ------------------------------------------------------------------------------------ 15.lstm
def check_lstm(answer: object) -> None:
    """Compares with nn.LSTMCell."""
    cell = nn.LSTMCell(2, 3, dtype=torch.float64)
    for i, parameter in enumerate(cell.parameters()):
        parameter.data.copy_(draw(*parameter.shape, seed=i))
    cell.bias_hh.data.zero_()
    x, h, c = draw(4, 2, seed=5), draw(4, 3, seed=6), draw(4, 3, seed=7)
    U, W, b = cell.weight_ih.data, cell.weight_hh.data, cell.bias_ih.data
    got = attempt(answer, x, h, c, U, W, b)
    is_pair = isinstance(got, tuple) and len(got) == 2
    expect(is_pair, f"expected a pair (h, c), got {type(got).__name__}.")
    expected = tuple(value.detach() for value in cell(x, (h, c)))
    if all(same(*pair) for pair in zip(got, expected, strict=True)):
        return
    for why, rival in _lstm_rivals(x, h, c, U, W, b).items():
        found = all(same(*pair) for pair in zip(got, rival, strict=True))
        expect(not found, f"{why}.")
    if same(got[1], expected[1]):
        expect(False, "c is right, h is not: $h_t=o\\odot\\tanh c_t$, with the *new* c.")
    expect(False, "neither h nor c is that of `nn.LSTMCell`.")


def _lstm_rivals(x: Tensor, h: Tensor, c: Tensor, U: Tensor, W: Tensor, b: Tensor) -> dict:
    def turned(order: str) -> tuple[Tensor, Tensor]:
        rows = torch.cat([torch.arange(3) + 3 * "ifgo".index(gate) for gate in order])
        return lstm_step(x, h, c, U[rows], W[rows], b[rows])

    new_h, new_c = lstm_step(x, h, c, U, W, b)
    return {
        "the pair is the wrong way round: h first, then c": (new_c, new_h),
        "the rows stand in torch's order i, f, g, o; you read them as i, f, o, g": turned("ifog"),
        "the rows stand in torch's order i, f, g, o; you read them as f, i, g, o": turned("figo"),
        "the bias is missing": lstm_step(x, h, c, U, W, 0 * b),
        "the state before, $Wh_{t-1}$, is missing": lstm_step(x, 0 * h, c, U, W, b),
        "the cell before is forgotten: $f\\odot c_{t-1}$ is missing": lstm_step(
            x, h, 0 * c, U, W, b
        ),
    }


def solve_lstm(x, h, c, U, W, b):
    """Four products in one, then gates by a logistic, candidates by a tanh."""
    i, f, g, o = (x @ U.T + h @ W.T + b).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


# ------------------------------------------------------------------------------------ 15.hello
def check_hello(answer: object) -> None:
    """Has the reader's training say hello."""
    got = attempt(answer)
    expect(got is not None, "expected four tensors U, W, V, b, got None.")
    is_four = isinstance(got, tuple) and len(got) == 4 and all(isinstance(v, Tensor) for v in got)
    expect(is_four, "expected four tensors U, W, V, b.")
    U, W, V, b = (value.detach().double() for value in got)
    D = len(W)
    shapes = [list(value.shape) for value in (U, W, V, b)]
    wanted = [[D, 4], [D, D], [4, D], [D]]
    expect(shapes == wanted, f"expected U, W, V, b of shapes {wanted}, got {shapes}.")
    x = torch.eye(4, dtype=torch.float64)[[0, 1, 2, 2]][None]  # h e l l of "helo"
    logits = (rnn_forward(x, torch.zeros(1, D).double(), U, W, b) @ V.T)[0, 1:]
    said = "".join("helo"[k] for k in logits.argmax(dim=1).tolist())
    expect(said != "elll", "after h-e-l-l it says e-l-l-l: it does not tell the two l apart.")
    expect(said == "ello", f"after h-e-l-l it says {'-'.join(said)}, not e-l-l-o.")
    loss = nn.functional.cross_entropy(logits, torch.tensor([1, 2, 2, 3])).item()
    expect(loss < 0.01, f"it says e-l-l-o, but with a loss of {loss:.3f}; train it below 0.01.")


def solve_hello():
    """Forward, the loss's gradient by hand, back through time, a step; 500 times."""
    generator = torch.Generator().manual_seed(0)
    U, W, V = (torch.randn(n, m, generator=generator) / 3 for n, m in ((8, 4), (8, 8), (4, 8)))
    b, x, target = torch.zeros(8), torch.eye(4)[[0, 1, 2, 2]][None], torch.eye(4)[[1, 2, 2, 3]]
    for _ in range(500):
        states = rnn_forward(x, torch.zeros(1, 8), U, W, b)
        grad_logits = (states[0, 1:] @ V.T).softmax(dim=1) - target  # [T, 4]
        grads = rnn_backward((grad_logits @ V)[None], x, states, U, W)
        V -= 0.1 * grad_logits.T @ states[0, 1:]
        for weights, grad in zip((U, W, b), grads[2:], strict=True):
            weights -= 0.1 * grad
    return U, W, V, b
