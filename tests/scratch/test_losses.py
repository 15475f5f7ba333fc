"""Losses by hand, against torch on both kinds of tensor, and where naive forms break."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dlcv.scratch.arrays import Tensor
from dlcv.scratch.losses import (
    binary_cross_entropy,
    cross_entropy,
    log_softmax,
    log_sum_exp,
    one_hot,
    softmax,
    squared_error,
)


def batch(seed, scale=3.0, N=5, K=4):
    draw = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(N, K, generator=draw, dtype=torch.float64)
    return logits, torch.randint(K, (N,), generator=draw)


def test_softmax_and_cross_entropy_of_one_two_three():
    # e, e², e³ are in the ratio 1 : e : e²; the third share is e² / (1 + e + e²) = 0.66524.
    logits = torch.tensor([[1.0, 2.0, 3.0]]).double()
    assert softmax(logits)[0].tolist() == pytest.approx([0.09003057, 0.24472847, 0.66524096])
    assert cross_entropy(logits, torch.tensor([2])).item() == pytest.approx(0.40760596)
    assert cross_entropy(torch.zeros(3, 10), torch.tensor([0, 4, 9])).item() == pytest.approx(
        math.log(10)
    )


@pytest.mark.parametrize("seed", range(4))
def test_values_and_gradients_agree_with_torch(seed):
    logits, labels = batch(seed)
    ours, theirs = Tensor(logits), logits.clone().requires_grad_()
    loss, reference = cross_entropy(ours, labels), F.cross_entropy(theirs, labels)
    loss.backward()
    reference.backward()
    torch.testing.assert_close(loss.data, reference.detach(), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-14)
    expected = (softmax(logits) - one_hot(labels, 4)) / len(labels)  # (p − y) / N
    torch.testing.assert_close(ours.grad, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_the_other_losses_agree_with_torch(seed):
    logits, labels = batch(seed)
    targets = one_hot(labels, 4).double()
    cases = (
        (squared_error, lambda o, t: F.mse_loss(o, t, reduction="sum") / 10, logits, targets),
        (
            binary_cross_entropy,
            F.binary_cross_entropy_with_logits,
            logits[:, 0],
            (labels > 1).double(),
        ),
    )
    for ours, theirs, inputs, wanted in cases:
        x, y = Tensor(inputs), inputs.clone().requires_grad_()
        loss, reference = ours(x, wanted), theirs(y, wanted)
        loss.backward()
        reference.backward()
        torch.testing.assert_close(loss.data, reference.detach(), rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(x.grad, y.grad, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(ours(inputs, wanted), reference.detach())


def test_gradcheck_with_plain_torch_tensors():
    logits, labels = batch(1)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, labels), logits)
    assert torch.autograd.gradcheck(log_sum_exp, logits)
    assert torch.autograd.gradcheck(softmax, logits)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), shift=st.floats(-1e6, 1e6), scale=st.floats(0.1, 1e4))
def test_softmax_is_a_distribution_in_the_order_of_the_logits(seed, shift, scale):
    logits, labels = batch(seed, scale)
    p = softmax(logits + shift)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(5).double())
    assert p.min() >= 0
    assert p.argmax(dim=1).equal((logits + shift).argmax(dim=1))
    torch.testing.assert_close(log_softmax(logits + shift), F.log_softmax(logits + shift, dim=1))
    assert cross_entropy(logits + shift, labels).isfinite()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_of_size_a_thousand_break_nothing(dtype):
    logits = torch.tensor([[1000.0, 0.0, -1000.0]], dtype=dtype)
    assert log_softmax(logits).tolist() == [[0.0, -1000.0, -2000.0]]
    ours = Tensor(logits)
    cross_entropy(ours, torch.tensor([2])).backward()
    assert ours.grad.tolist() == [[1.0, 0.0, -1.0]]
    z = Tensor(torch.tensor([1000.0, -1000.0], dtype=dtype))
    loss = binary_cross_entropy(z, torch.tensor([0.0, 1.0], dtype=dtype))
    loss.backward()
    assert loss.data.item() == 1000.0
    assert z.grad.tolist() == [0.5, -0.5]


def test_the_gradient_is_right_where_the_logit_is_exactly_zero():
    # σ(0) − y = ½ − y, although stable forms have a kink there.
    z = Tensor(torch.zeros(2))
    binary_cross_entropy(z, torch.tensor([0.0, 1.0])).backward()
    assert z.grad.tolist() == [0.25, -0.25]


def test_one_class_and_one_row():
    assert cross_entropy(torch.tensor([[7.0]]), torch.tensor([0])).item() == 0.0
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(torch.zeros(0, dtype=torch.int64), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([1])),
            r"labels \[N\], N > 0, got \[2, 3\] and \[1\]",
        ),
        (lambda: cross_entropy(torch.zeros(0, 3), torch.tensor([])), "N > 0"),
        (lambda: cross_entropy(torch.zeros(1, 3), torch.tensor([3])), "from 0 to 2"),
        (lambda: cross_entropy(torch.zeros(1, 3), torch.tensor([-1])), "from 0 to 2"),
        (lambda: cross_entropy(torch.zeros(1, 3), torch.tensor([1.0])), "whole numbers"),
        (lambda: squared_error(torch.zeros(2, 3), torch.zeros(2)), "targets alike"),
        (lambda: binary_cross_entropy(torch.zeros(2, 1), torch.zeros(2)), "as many targets"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
