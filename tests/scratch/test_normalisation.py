"""Normalisation: by hand, against torch in float64, by gradcheck, and at its edges."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.scratch.normalisation import (
    BATCH,
    INSTANCE,
    LAYER,
    batch_norm_backward,
    batch_norm_forward,
    fold_batch_norm,
    group_norm,
    group_norm_backward,
    normalise,
    normalise_backward,
    statistics,
    update_running,
)

SHAPES = [(7, 3), (4, 6, 5, 3), (5, 4, 9)]


def draw(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-12)


def by_autograd(function, grad_y, *inputs):
    inputs = [value.clone().requires_grad_() for value in inputs]
    return torch.autograd.grad(function(*inputs), inputs, grad_y)


# ------------------------------------------------------------------------------ one formula
def test_the_batch_1_2_3_4_by_hand():
    """Mean 2.5, variance 1.25; with gamma 2 and beta 1 the first value is 1 - 3 / root 1.25."""
    x = torch.arange(1.0, 5, dtype=torch.float64)[:, None]
    mean, variance = statistics(x, (0,))
    assert (mean.item(), variance.item()) == (2.5, 1.25)
    gamma, beta = torch.tensor([2.0]).double(), torch.tensor([1.0]).double()
    y = batch_norm_forward(x, gamma, beta, eps=0)
    assert y[0].item() == pytest.approx(1 - 3 / 1.25**0.5, abs=1e-14)


@pytest.mark.parametrize("axes", [BATCH, LAYER, INSTANCE, (0,), (1,), (3, 1)])
def test_every_set_has_mean_0_and_spread_1(axes):
    x_hat = normalise(3 + 5 * draw(4, 6, 5, 3), axes, eps=0)
    mean, variance = statistics(x_hat, axes)
    close(mean, torch.zeros_like(mean))
    close(variance, torch.ones_like(variance))


def test_shift_and_scale_of_a_set_are_forgotten():
    x, scale, shift = draw(4, 6, 5, 3), 0.5 + draw(6).abs(), draw(6, seed=1)
    changed = x * scale[:, None, None] + shift[:, None, None]
    close(normalise(changed, BATCH, eps=0), normalise(x, BATCH, eps=0))
    assert (normalise(changed, LAYER, eps=0) - normalise(x, LAYER, eps=0)).abs().max() > 0.1


@pytest.mark.parametrize("axes", [BATCH, LAYER, INSTANCE, (0,), (1,)])
def test_the_gradient_is_autograds_and_sums_to_zero_over_each_set(axes):
    x, grad = draw(3, 4, 2, 5), draw(3, 4, 2, 5, seed=1)
    ours = normalise_backward(grad, x, axes)
    (expected,) = by_autograd(lambda x: normalise(x, axes), grad, x)
    close(ours, expected)
    close(ours.sum(dim=axes), torch.zeros_like(ours.sum(dim=axes)))


def test_layer_and_instance_axes_are_torchs_layers():
    x = draw(4, 6, 5, 3)
    close(normalise(x, LAYER), F.layer_norm(x, (6, 5, 3)))
    close(normalise(x, INSTANCE), F.instance_norm(x))
    close(normalise(x, BATCH), F.batch_norm(x, None, None, training=True))


# ------------------------------------------------------------------------------ batch norm
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_running_values_equal_torch_over_many_batches(shape):
    C = shape[1]
    layer = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)](C).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    running = torch.zeros(C).double(), torch.ones(C).double()
    learnt = layer.weight.detach(), layer.bias.detach()
    for seed in range(5):
        x = 2 + 3 * draw(*shape, seed=seed)
        close(batch_norm_forward(x, *learnt, *running), layer(x).detach())
        close(running[0], layer.running_mean)
        close(running[1], layer.running_var)
    layer.eval()
    before = [values.clone() for values in running]
    close(batch_norm_forward(x, *learnt, *running, training=False), layer(x).detach())
    assert all(torch.equal(a, b) for a, b in zip(before, running, strict=True))


def test_the_running_variance_is_unbiased_while_the_batch_is_divided_by_the_biased_one():
    x = torch.arange(1.0, 5, dtype=torch.float64)[:, None]
    mean, variance = torch.zeros(1).double(), torch.ones(1).double()
    update_running(mean, variance, x, momentum=1.0)
    assert (mean.item(), variance.item()) == (2.5, pytest.approx(5 / 3, abs=1e-15))
    x_hat = batch_norm_forward(x, torch.ones(1).double(), torch.zeros(1).double(), eps=0)
    assert x_hat.square().mean().item() == pytest.approx(1, abs=1e-14)


def test_momentum_one_over_k_averages_all_batches():
    batches = [draw(6, 3, seed=seed) for seed in range(4)]
    mean, variance = torch.zeros(3).double(), torch.ones(3).double()
    for k, x in enumerate(batches, start=1):
        update_running(mean, variance, x, momentum=1 / k)
    close(mean, torch.stack(batches).mean(dim=(0, 1)))
    close(variance, torch.stack([x.var(dim=0) for x in batches]).mean(dim=0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_backward_equals_torch(shape, eps):
    x, grad, gamma, beta = draw(*shape), draw(*shape, seed=1), draw(shape[1]), draw(shape[1])
    ours = batch_norm_backward(grad, x, gamma, eps)
    theirs = by_autograd(
        lambda x, g, b: F.batch_norm(x, None, None, g, b, True, eps=eps), grad, x, gamma, beta
    )
    for actual, expected in zip(ours, theirs, strict=True):
        close(actual, expected)


def test_gradcheck_of_both_functions():
    x, gamma, beta = (draw(*shape).requires_grad_() for shape in ((4, 3, 2, 2), (3,), (3,)))
    assert torch.autograd.gradcheck(batch_norm_forward, (x, gamma, beta))
    assert torch.autograd.gradcheck(lambda *a: group_norm(a[0], 3, *a[1:]), (x, gamma, beta))
    running = draw(3), draw(3).abs() + 0.1
    assert torch.autograd.gradcheck(
        lambda *a: batch_norm_forward(*a, *running, training=False), (x, gamma, beta)
    )


def test_gamma_root_and_beta_mean_give_the_input_back():
    x, eps = 4 + 2 * draw(8, 3, 5, 4), 1e-2
    mean, variance = statistics(x, BATCH)
    close(batch_norm_forward(x, (variance + eps).sqrt().flatten(), mean.flatten(), eps=eps), x)


# ------------------------------------------------------------------------------ group norm
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (5, 6)])
def test_group_norm_equals_torch_both_ways(groups, shape):
    x, grad, gamma, beta = draw(*shape), draw(*shape, seed=1), draw(6, seed=2), draw(6, seed=3)

    def theirs(x, gamma, beta):
        return F.group_norm(x, groups, gamma, beta)

    close(group_norm(x, groups, gamma, beta), theirs(x, gamma, beta))
    gradients = group_norm_backward(grad, x, groups, gamma)
    for actual, expected in zip(gradients, by_autograd(theirs, grad, x, gamma, beta), strict=True):
        close(actual, expected)


def test_one_group_is_layer_norm_and_a_group_a_channel_is_instance_norm():
    x, one, zero = draw(4, 6, 5, 3), torch.ones(6).double(), torch.zeros(6).double()
    close(group_norm(x, 1, one, zero), normalise(x, LAYER))
    close(group_norm(x, 6, one, zero), normalise(x, INSTANCE))


def test_group_norm_of_an_image_does_not_depend_on_its_batch():
    x, gamma, beta = draw(4, 6, 5, 3), draw(6), draw(6, seed=1)
    assert torch.equal(group_norm(x, 2, gamma, beta)[:1], group_norm(x[:1], 2, gamma, beta))


# ------------------------------------------------------------------------------ folding
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_a_folded_layer_does_the_work_of_both(kind, bias):
    x = draw(2, 4, 7, 5) if kind == "conv" else draw(9, 4)
    layer = nn.Conv2d(4, 6, 3, bias=bias) if kind == "conv" else nn.Linear(4, 6, bias=bias)
    norm = nn.BatchNorm2d(6, eps=1e-2) if kind == "conv" else nn.BatchNorm1d(6, eps=1e-2)
    layer, norm = layer.double(), norm.double()
    for values in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(values)
    nn.init.uniform_(norm.running_var, 0.1, 2)
    statistics_of = norm.weight, norm.bias, norm.running_mean, norm.running_var
    weight, new_bias = fold_batch_norm(layer.weight, layer.bias, *statistics_of, norm.eps)
    apply = F.conv2d if kind == "conv" else F.linear
    close(apply(x, weight, new_bias), norm.eval()(layer(x)))


# ------------------------------------------------------------------------------ edges
def test_a_batch_of_one_vector_normalises_to_zero_and_cannot_feed_a_variance():
    one, zero = torch.ones(3).double(), torch.zeros(3).double()
    x = draw(1, 3)
    assert batch_norm_forward(x, one, zero).abs().max() == 0
    assert batch_norm_backward(draw(1, 3, seed=1), x, one)[0].abs().max() == 0
    with pytest.raises(ValueError, match="at least 2 values per channel, got 1"):
        batch_norm_forward(x, one, zero, zero.clone(), one.clone())


def test_constant_values_stay_finite_both_ways():
    x, one = torch.full((4, 2), 7.0).double(), torch.ones(2).double()
    assert batch_norm_forward(x, one, one).tolist() == [[1.0, 1.0]] * 4
    assert batch_norm_backward(draw(4, 2), x, one)[0].isfinite().all()


def test_an_empty_batch_passes_in_evaluation_alone():
    one, zero = torch.ones(3), torch.zeros(3)
    empty = torch.zeros(0, 3, 4, 4)
    assert batch_norm_forward(empty, one, zero, zero, one, training=False).shape == empty.shape
    assert group_norm(empty, 3, one, zero).shape == empty.shape
    with pytest.raises(ValueError, match="at least one value in a set"):
        batch_norm_forward(empty, one, zero)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, o: statistics(x, (0, 4)), r"different axes of \[2, 4, 3, 3\], got \(0, 4\)"),
        (lambda x, o: statistics(x, (1, -3)), "expected different axes"),
        (lambda x, o: statistics(x, ()), "expected different axes"),
        (lambda x, o: normalise_backward(x[:1], x, BATCH), r"gradient \[2, 4, 3, 3\], got \[1"),
        (lambda x, o: batch_norm_forward(x[0, 0, 0], o, o), r"expected \[N, C, ...\], got \[3\]"),
        (lambda x, o: batch_norm_forward(x, o[:3], o), r"expected gamma \[4\], got \[3\]"),
        (lambda x, o: batch_norm_forward(x, o, o, o, o[:1]), r"running_var \[4\], got \[1\]"),
        (lambda x, o: batch_norm_forward(x, o, o, o), "got one of them"),
        (lambda x, o: batch_norm_forward(x, o, o, training=False), "in evaluation, got None"),
        (lambda x, o: batch_norm_backward(x[:, :1], x, o), "expected a gradient"),
        (lambda x, o: group_norm(x, 3, o, o), "groups that divide 4 channels, got 3"),
        (lambda x, o: group_norm_backward(x, x, 0, o), "got 0"),
        (lambda x, o: fold_batch_norm(x, None, o, o, o, o), r"expected 2 values of each kind"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(2, 4, 3, 3), torch.ones(4))


@pytest.mark.cuda
def test_the_cpu_and_the_gpu_agree():
    x, grad, gamma = draw(4, 6, 5, 3), draw(4, 6, 5, 3, seed=1), draw(6)
    for backward in (batch_norm_backward, lambda g, x, c: group_norm_backward(g, x, 2, c)):
        here, there = backward(grad, x, gamma), backward(*(t.cuda() for t in (grad, x, gamma)))
        for expected, actual in zip(here, there, strict=True):
            close(actual.cpu(), expected)
