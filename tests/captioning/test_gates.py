"""LSTM and GRU: by hand, against torch forward and backward, by gradcheck, at their edges."""

import math

import pytest
import torch
from torch import nn

from dlcv.captioning.gates import KINDS, Recurrent, gru_step, lstm_step

TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def draw(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pair(kind, D_in=3, D=5):
    """Our layer with random weights, and torch's with the same ones."""
    ours = Recurrent(kind, D_in, D).double()
    for i, parameter in enumerate(ours.parameters()):
        parameter.data.copy_(draw(*parameter.shape, seed=10 + i))
    theirs = TORCH[kind](D_in, D, batch_first=True, dtype=torch.float64)
    second = torch.zeros_like(ours.b)
    if kind == "gru":
        second[2 * D :] = ours.b_new
    for parameter, value in zip(theirs.parameters(), (ours.U, ours.W, ours.b, second), strict=True):
        parameter.data.copy_(value.data)
    return ours, theirs


def test_an_lstm_with_one_unit_by_hand():
    """Shut input gate, open forget and output gate: the cell is kept, whatever comes in."""
    b = torch.tensor([-100.0, 100, 0, 100]).double()
    U, W = torch.full((4, 1), 0.1).double(), torch.zeros(4, 1).double()
    h, c = lstm_step(
        torch.ones(1, 1).double(), torch.zeros(1, 1).double(), b.new_full((1, 1), 0.7), U, W, b
    )
    assert c.item() == pytest.approx(0.7, abs=1e-12)
    assert h.item() == pytest.approx(math.tanh(0.7), abs=1e-12)


def test_a_gru_with_one_unit_by_hand():
    """z = σ(0) = ½ and r = σ(0) = ½: h = ½ tanh(1 + ½ · 2) + ½ · ¼."""
    U, W = torch.tensor([[0.0], [0], [1]]).double(), torch.zeros(3, 1).double()
    b, b_new = torch.zeros(3).double(), torch.tensor([2.0]).double()
    h = gru_step(torch.ones(1, 1).double(), torch.full((1, 1), 0.25).double(), U, W, b, b_new)
    assert h.item() == pytest.approx(0.5 * math.tanh(2) + 0.125, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("T", [1, 6])
def test_forward_and_backward_are_torchs(kind, T):
    ours, theirs = pair(kind)
    x = draw(2, T, 3).requires_grad_()
    begin = tuple(
        draw(2, 5, seed=7 + i).requires_grad_() for i in range(2 if kind == "lstm" else 1)
    )
    states, last = ours(x, begin)
    wanted, wanted_last = theirs(
        x, begin[0][None] if kind != "lstm" else tuple(s[None] for s in begin)
    )
    torch.testing.assert_close(states, wanted, rtol=1e-12, atol=1e-12)
    wanted_last = wanted_last if kind == "lstm" else (wanted_last,)
    for got, want in zip(last, wanted_last, strict=True):
        torch.testing.assert_close(got, want[0], rtol=1e-12, atol=1e-12)
    grad = draw(2, T, 5, seed=9)
    got = torch.autograd.grad(states, [x, *begin, ours.U, ours.W, ours.b], grad)
    want = torch.autograd.grad(wanted, [x, *begin, *list(theirs.parameters())[:3]], grad)
    for mine, other in zip(got, want, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_is_the_whole(kind):
    ours, _ = pair(kind)
    x, state = draw(2, 4, 3), ours.start(2)
    states, last = ours(x)
    for t in range(4):
        state = ours.step(x[:, t], state)
        assert torch.equal(state[0], states[:, t])
    assert all(torch.equal(a, b) for a, b in zip(state, last, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    ours, _ = pair(kind, 2, 2)
    assert torch.autograd.gradcheck(lambda x: ours(x)[0], (draw(1, 3, 2).requires_grad_(),))


def test_forget_gates_start_open_and_512_of_512_has_2099200_parameters():
    layer = Recurrent("lstm", 512, 512)
    assert torch.equal(layer.b[512:1024], torch.ones(512))
    assert layer.b[:512].abs().max() == layer.b[1024:].abs().max() == 0
    assert sum(p.numel() for p in layer.parameters()) == 2_099_200
    assert layer.W.abs().max() <= 512**-0.5


def test_an_empty_batch_backpropagates():
    layer = Recurrent("gru", 3, 4)
    states, _ = layer(torch.zeros(0, 2, 3))
    states.sum().backward()
    assert states.shape == (0, 2, 4)
    assert not layer.W.grad.any()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="got 'elman'"):
        Recurrent("elman", 3, 4)
    with pytest.raises(ValueError, match="sizes >= 1"):
        Recurrent("rnn", 0, 4)
    with pytest.raises(ValueError, match=r"expected inputs \[B, T, 3\], got \[2, 5, 4\]"):
        Recurrent("rnn", 3, 4)(torch.zeros(2, 5, 4))


@pytest.mark.cuda
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_agrees(kind):
    ours, _ = pair(kind)
    x = draw(2, 5, 3)
    here = ours(x)[0]
    torch.testing.assert_close(ours.cuda()(x.cuda())[0].cpu(), here)
