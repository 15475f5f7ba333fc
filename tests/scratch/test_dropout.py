"""Dropout: the mask, the mean, the two modes, the gradient."""

import pytest
import torch

from dlcv.scratch.dropout import Dropout, dropout


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def test_what_stays_is_divided_by_what_share_stays():
    a = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    seen = torch.cat([dropout(a, 0.75, True, draw(seed)) for seed in range(40)])
    for column, value in zip(seen.T, a[0], strict=True):
        assert set(column.tolist()) == {0.0, 4 * value.item()}


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_mean_is_kept_and_the_share_is_right(rate):
    out = dropout(torch.ones(400_000), rate, True, draw())
    assert out.mean().item() == pytest.approx(1, abs=0.01)
    assert (out == 0).float().mean().item() == pytest.approx(rate, abs=0.005)


def test_evaluation_is_the_identity_and_a_rate_of_0_too():
    a = torch.randn(3, 4)
    assert dropout(a, 0.5, training=False) is a
    assert dropout(a, 0.0, training=True).equal(a)


def test_the_layer_follows_its_mode_and_equals_torchs_in_distribution():
    torch.manual_seed(0)
    layer, other = Dropout(0.3), torch.nn.Dropout(0.3)
    a = torch.ones(200_000)
    for module in (layer, other):
        out = module(a)
        assert out.unique().tolist() == pytest.approx([0, 1 / 0.7])
        assert out.var().item() == pytest.approx(0.3 / 0.7, rel=0.02)
        assert module.eval()(a).equal(a)


def test_the_gradient_passes_the_same_mask():
    a = torch.ones(5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: dropout(x, 0.4, True, draw(1)), a)
    out = dropout(a, 0.4, True, draw(1))
    out.sum().backward()
    assert a.grad.equal(out.detach())  # inputs are 1: output = mask / (1 − p) = slope


def test_nothing_is_dropped_from_nothing():
    assert dropout(torch.zeros(0, 3), 0.5, True).shape == (0, 3)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_bad_rates_are_named(rate):
    with pytest.raises(ValueError, match=rf"in \[0, 1\), got {rate}"):
        dropout(torch.ones(1), rate, True)
    with pytest.raises(ValueError, match="in "):
        Dropout(rate)
