"""The plain recurrence: by hand, against torch forward and backward, by gradcheck, at its edges."""

import math

import pytest
import torch
from torch import nn

from dlcv.captioning.recurrent import (
    clip_norm,
    rnn_backward,
    rnn_forward,
    rnn_step,
    with_spectral_radius,
)


def draw(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def weights(D_in=3, D=4):
    return draw(D, D_in, seed=1), draw(D, D, seed=2) / 2, draw(D, seed=3)


def torch_rnn(U, W, b):
    reference = nn.RNN(U.shape[1], U.shape[0], batch_first=True, dtype=torch.float64)
    values = (U, W, b, torch.zeros_like(b))
    for parameter, value in zip(reference.parameters(), values, strict=True):
        parameter.data.copy_(value)
    return reference


def test_two_steps_by_hand():
    """One unit, U = 1, W = 2, b = -1: from 0 with inputs 1 and 0, s is tanh 0 = 0, then tanh -1."""
    U, W, b = (torch.tensor(v).double() for v in ([[1.0]], [[2.0]], [-1.0]))
    states = rnn_forward(torch.tensor([[[1.0], [0.0]]]).double(), U.new_zeros(1, 1), U, W, b)
    assert states[0, :, 0].tolist() == [0, 0, math.tanh(-1)]


@pytest.mark.parametrize("T", [1, 2, 7])
def test_forward_and_backward_are_torchs(T):
    U, W, b = weights()
    x, s0, grad = draw(2, T, 3), draw(2, 4, seed=4), draw(2, T, 4, seed=5)
    states = rnn_forward(x, s0, U, W, b)
    reference = torch_rnn(U, W, b)
    inputs = [x.clone().requires_grad_(), s0.clone().requires_grad_()]
    expected, _ = reference(inputs[0], inputs[1][None])
    torch.testing.assert_close(states[:, 1:], expected, rtol=1e-12, atol=1e-13)
    assert torch.equal(states[:, 0], s0)
    wanted = torch.autograd.grad(expected, [*inputs, *reference.parameters()], grad)
    ours = rnn_backward(grad, x, states, U, W)
    for got, want in zip(ours, wanted[:5], strict=True):  # wanted[5] is the second bias
        torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-12)


def test_gradcheck_of_the_step():
    U, W, b = weights()
    inputs = [value.requires_grad_() for value in (draw(2, 3), draw(2, 4, seed=4), U, W, b)]
    assert torch.autograd.gradcheck(rnn_step, inputs)


def test_a_sequence_in_two_halves_is_the_sequence():
    U, W, b = weights()
    x, s0 = draw(2, 6, 3), draw(2, 4, seed=4)
    whole = rnn_forward(x, s0, U, W, b)
    first = rnn_forward(x[:, :2], s0, U, W, b)
    torch.testing.assert_close(rnn_forward(x[:, 2:], first[:, -1], U, W, b), whole[:, 2:])


def test_no_input_leaves_the_state_and_no_gradient():
    U, W, b = weights()
    x, s0 = draw(2, 0, 3), draw(2, 4)
    states = rnn_forward(x, s0, U, W, b)
    assert torch.equal(states, s0[:, None])
    grads = rnn_backward(draw(2, 0, 4), x, states, U, W)
    assert [tuple(g.shape) for g in grads] == [(2, 0, 3), (2, 4), (4, 3), (4, 4), (4,)]
    assert not any(g.any() for g in grads)


def test_wrong_shapes_are_named():
    U, W, b = weights()
    with pytest.raises(ValueError, match=r"expected inputs \[B, T, D_in\].*got \[3, 3\]"):
        rnn_forward(draw(3, 3), draw(3, 4), U, W, b)
    with pytest.raises(ValueError, match=r"expected U \[4, 5\]"):
        rnn_forward(draw(2, 3, 5), draw(2, 4), U, W, b)
    with pytest.raises(ValueError, match=r"expected \[2, 3, D\]"):
        rnn_backward(draw(2, 2, 4), draw(2, 3, 3), draw(2, 4, 4), U, W)


# ------------------------------------------------------------------------------ clipping
def test_3_4_has_length_5_and_is_clipped_to_2():
    gradients = [torch.tensor([3.0]), torch.tensor([[4.0]])]
    assert clip_norm(gradients, 2) == 5
    torch.testing.assert_close(
        torch.cat([g.flatten() for g in gradients]), torch.tensor([1.2, 1.6])
    )


@pytest.mark.parametrize("limit", [0.1, 3.0, 100.0])
def test_clipping_is_torchs(limit):
    parameters = [nn.Parameter(draw(2, 3)), nn.Parameter(draw(4, seed=1))]
    for i, parameter in enumerate(parameters):
        parameter.grad = draw(*parameter.shape, seed=5 + i)
    ours = [parameter.grad.clone() for parameter in parameters]
    norm = clip_norm(ours, limit)
    assert norm == pytest.approx(nn.utils.clip_grad_norm_(parameters, limit).item())
    for mine, parameter in zip(ours, parameters, strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-5, atol=1e-7)


def test_clipping_nothing_and_a_bad_limit():
    assert clip_norm([], 1) == 0
    zero = torch.zeros(3)
    assert clip_norm([zero], 1) == 0
    assert torch.equal(zero, torch.zeros(3))
    with pytest.raises(ValueError, match="expected a limit > 0, got 0"):
        clip_norm([], 0)


# ------------------------------------------------------------------------------ spectral radius
def test_the_spectral_radius_is_as_wanted_and_rules_the_growth():
    W = with_spectral_radius(draw(6, 6), 1.1)
    assert torch.linalg.eigvals(W).abs().max().item() == pytest.approx(1.1)
    growth = torch.linalg.matrix_power(W, 400).norm() / torch.linalg.matrix_power(W, 200).norm()
    assert growth.item() == pytest.approx(1.1**200, rel=0.5)
    assert not with_spectral_radius(draw(6, 6), 0).any()


def test_matrices_without_a_spectral_radius():
    with pytest.raises(ValueError, match="expected a square matrix"):
        with_spectral_radius(draw(2, 3), 1)
    with pytest.raises(ValueError, match="other than 0"):
        with_spectral_radius(torch.zeros(2, 2), 1)
    with pytest.raises(ValueError, match="radius >= 0"):
        with_spectral_radius(draw(2, 2), -1)


@pytest.mark.cuda
def test_cuda_agrees():
    U, W, b = weights()
    x, s0 = draw(2, 5, 3), draw(2, 4)
    there = [value.cuda() for value in (x, s0, U, W, b)]
    torch.testing.assert_close(rnn_forward(*there).cpu(), rnn_forward(x, s0, U, W, b))
