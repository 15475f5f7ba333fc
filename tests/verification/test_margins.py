"""Softmax with margins: against the papers' formulas with angles, and where the slopes end."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlcv.study.facts import fact
from dlcv.verification.margins import (
    arcface_logits,
    cosface_logits,
    cosines,
    normface_bound,
    normface_logits,
    psi,
    sphereface_logits,
    widened,
)

B, K, D = 9, 4, 3
LABELS = torch.arange(B) % K


def batch(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(B, D, generator=generator, dtype=torch.float64)
    return x, torch.randn(K, D, generator=generator, dtype=torch.float64)


def at_angle(radians):
    """One embedding, three long, at an angle to the first of two class vectors."""
    x = torch.tensor([[3 * math.cos(radians), 3 * math.sin(radians)]], dtype=torch.float64)
    return x, torch.tensor([[2.0, 0.0], [0.0, 5.0]], dtype=torch.float64)


def angles(x, weight):
    """Angle between every row of x and every row of weight, one by one."""
    return [
        [math.acos(sum(map(math.prod, zip(a, b, strict=True))) / math.hypot(*a) / math.hypot(*b))
         for b in weight.tolist()]
        for a in x.tolist()
    ]  # fmt: skip


def psi_by_angle(theta, m):
    k = min(int(theta * m / math.pi), m - 1)
    return (-1) ** k * math.cos(m * theta) - 2 * k


OWN = {  # what each loss makes of the own class's angle
    "normface": lambda t: 12 * math.cos(t),
    "cosface": lambda t: 12 * (math.cos(t) - 0.35),
    "arcface": lambda t: 12 * math.cos(t + 0.5),
    "sphereface": lambda t: 12 * psi_by_angle(t, 4),
    "annealed": lambda t: 12 * (5 * math.cos(t) + psi_by_angle(t, 3)) / 6,
}
LOGITS = {
    "normface": lambda x, w, y: normface_logits(x, w, 12),
    "cosface": lambda x, w, y: cosface_logits(x, w, y, 0.35, 12),
    "arcface": lambda x, w, y: arcface_logits(x, w, y, 0.5, 12),
    "sphereface": lambda x, w, y: sphereface_logits(x, w, y, 4, 12),
    "annealed": lambda x, w, y: sphereface_logits(x, w, y, 3, 12, anneal=5),
}


@pytest.mark.parametrize("name", LOGITS)
@pytest.mark.parametrize("seed", range(3))
def test_logits_against_formulas_with_angles(name, seed):
    x, weight = batch(seed)
    expected = [
        [OWN[name](theta) if k == y else 12 * math.cos(theta) for k, theta in enumerate(row)]
        for y, row in zip(LABELS.tolist(), angles(x, weight), strict=True)
    ]
    got = LOGITS[name](x, weight, LABELS)
    exact = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(got, exact, rtol=0, atol=1e-9)


def test_a_cosine_of_point_seven():
    """A margin of 0.5 rad takes the own logit from 44.8 to 17.4."""
    x, weight = at_angle(math.acos(0.7))
    fact("L09-ARC-PLAIN", normface_logits(x, weight, 64)[0, 0])
    fact("L09-ARC-LOGIT", arcface_logits(x, weight, torch.tensor([0]), 0.5, 64)[0, 0])


def test_psi_of_the_fact_sheet():
    fact("L09-SPHERE-PSI60", psi(torch.tensor(0.5, dtype=torch.float64), 4))
    fact("L09-SPHERE-PSI180", psi(torch.tensor(-1.0, dtype=torch.float64), 4))


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 7])
def test_psi_equals_its_formula_and_falls_without_a_jump(margin):
    theta = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    got = psi(theta.cos(), margin)
    expected = [psi_by_angle(t, margin) for t in theta.tolist()]
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)
    assert (got.diff() < 1e-12).all()
    assert got.diff().min() > -margin * math.pi / 1900
    assert (got[0], got[-1]) == (1, pytest.approx(1 - 2 * margin))


def test_without_a_margin_all_equal_normface():
    x, weight = batch(3)
    plain = normface_logits(x, weight, 16)
    for got in (
        arcface_logits(x, weight, LABELS, 0, 16),
        cosface_logits(x, weight, LABELS, 0, 16),
        sphereface_logits(x, weight, LABELS, 1, 16),
    ):
        torch.testing.assert_close(got, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", LOGITS)
def test_lengths_do_not_count(name):
    x, weight = batch(4)
    longer = LOGITS[name](x * 7, weight * torch.tensor([[1], [2], [3], [4]]), LABELS)
    torch.testing.assert_close(longer, LOGITS[name](x, weight, LABELS), rtol=0, atol=1e-12)


def test_sphereface_of_the_paper_keeps_the_length_of_an_embedding():
    x, weight = at_angle(math.pi / 3)
    got = sphereface_logits(x, weight, torch.tensor([0]), 4)
    torch.testing.assert_close(got[0].tolist(), [-4.5, 3 * math.cos(math.pi / 6)])


@pytest.mark.parametrize("name", ["cosface", "arcface", "sphereface"])
def test_a_margin_lowers_the_own_logit_and_no_other(name):
    x, weight = batch(5)
    own = F.one_hot(LABELS, K).bool()
    change = LOGITS[name](x, weight, LABELS) - normface_logits(x, weight, 12)
    near = own & (cosines(x, weight) > -math.cos(0.25))  # where cos(θ + 0.5) < cos θ
    assert near.sum() > 5
    assert (change[near] < 0).all()
    assert (change[~own].abs() < 1e-12).all()


@pytest.mark.parametrize("name", [*LOGITS, "of the paper"])
def test_gradcheck_of_the_logits(name):
    x, weight = (tensor.requires_grad_() for tensor in batch(6))
    logits = LOGITS.get(name, lambda x, w, y: sphereface_logits(x, w, y, 4))
    assert torch.autograd.gradcheck(lambda x, w: logits(x, w, LABELS), (x, weight))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", LOGITS)
def test_gradients_are_finite_on_a_class_vector_and_opposite_to_it(name, sign, dtype):
    """An embedding at cos = ±1, where the slope of the arc cosine is infinite, and one at 0."""
    weight = batch(7)[1].to(dtype)
    x = torch.cat([sign * weight, torch.zeros(1, D, dtype=dtype)])
    x, weight = x.requires_grad_(), weight.clone().requires_grad_()
    labels = torch.arange(K + 1) % K
    loss = F.cross_entropy(LOGITS[name](x, weight, labels), labels)
    loss.backward()
    assert loss.isfinite()
    assert x.grad.isfinite().all()
    assert weight.grad.isfinite().all()


def test_at_exactly_one_and_minus_one_the_gradient_is_finite():
    weight = torch.eye(2, requires_grad=True)
    x = torch.tensor([[1.0, 0.0], [0.0, -1.0]], requires_grad=True)
    labels = torch.tensor([0, 1])
    assert cosines(x, weight).diagonal().tolist() == [1, -1]
    F.cross_entropy(arcface_logits(x, weight, labels, 0.5, 64), labels).backward()
    assert x.grad.isfinite().all()
    assert weight.grad.isfinite().all()


@pytest.mark.parametrize("change", [lambda c: widened(c, 0.5), lambda c: psi(c, 4)])
def test_a_widened_and_a_multiplied_angle_have_finite_slopes_at_the_ends(change):
    cos = torch.tensor([1.0, -1.0], requires_grad=True)
    change(cos).sum().backward()
    assert cos.grad.isfinite().all()


@pytest.mark.parametrize("margin", [0.0, 0.2, 0.5, 1.5])
def test_a_widened_angle_against_the_cosine_of_a_sum(margin):
    theta = torch.linspace(0, math.pi, 101, dtype=torch.float64)
    got = widened(theta.cos(), margin)
    torch.testing.assert_close(got, (theta + margin).cos(), rtol=0, atol=1e-9)


def test_the_bound_of_normface():
    fact("L09-NORM-BOUND", normface_bound(10, 1))
    fact("L09-NORM-BOUND16", normface_bound(10, 16))


@pytest.mark.parametrize(("classes", "scale"), [(2, 1.0), (10, 1.0), (10, 16.0), (100, 4.0)])
def test_the_bound_is_reached_by_a_simplex_and_never_passed(classes, scale):
    corners = torch.eye(classes, dtype=torch.float64) - 1 / classes
    labels = torch.arange(classes)
    reached = F.cross_entropy(normface_logits(corners, corners, scale), labels).item()
    assert reached == pytest.approx(normface_bound(classes, scale), rel=1e-9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        x, weight = torch.randn(2, classes, 16, generator=generator, dtype=torch.float64)
        loss = F.cross_entropy(normface_logits(x, weight, scale), labels)
        assert loss >= normface_bound(classes, scale)


def test_sizes_of_the_softmax():
    fact("L09-LN10575", F.cross_entropy(torch.zeros(1, 10575).double(), torch.tensor([7])))
    fact("L09-SOFTMAX-W", nn.Linear(512, 10**6, bias=False, device="meta").weight.numel())


@pytest.mark.parametrize("name", LOGITS)
def test_no_example_has_no_logits_and_can_go_backward(name):
    x = torch.zeros(0, D, dtype=torch.float64, requires_grad=True)
    logits = LOGITS[name](x, batch(0)[1], LABELS[:0])
    logits.sum().backward()
    assert logits.shape == (0, K)
    assert x.grad.shape == (0, D)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w, y: cosines(x, w[:, :2]), r"expected embeddings \[B, D\] and weight \[K, D\]"),
        (lambda x, w, y: normface_logits(x, w, 0), "expected a scale above 0, got 0"),
        (lambda x, w, y: normface_bound(1, 1), "expected at least 2 classes, got 1"),
        (lambda x, w, y: arcface_logits(x, w, y, -0.1, 1), r"expected a margin in \[0, π\], got"),
        (lambda x, w, y: arcface_logits(x, w, y, 28.6, 1), r"expected a margin in \[0, π\], got"),
        (lambda x, w, y: arcface_logits(x, w, y[:3], 0, 1), r"and labels \[B\], got"),
        (lambda x, w, y: cosface_logits(x, w, y + 1, 0, 1), "expected labels from 0 to 3, got"),
        (lambda x, w, y: cosface_logits(x, w, y, 0, -1), "expected a scale above 0, got -1"),
        (lambda x, w, y: sphereface_logits(x, w, y, 1.5, 1), "expected a whole number of at"),
        (lambda x, w, y: sphereface_logits(x, w, y, 0, 1), "expected a whole number of at"),
        (lambda x, w, y: sphereface_logits(x, w, y, 2, 1, -1), "expected anneal of at least 0"),
    ],
)
def test_margins_say_what_they_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(*batch(0), LABELS)


@pytest.mark.cuda
@pytest.mark.parametrize("name", LOGITS)
def test_a_gpu_finds_the_same_logits(name):
    x, weight = batch(8)
    on_gpu = LOGITS[name](x.cuda(), weight.cuda(), LABELS.cuda())
    torch.testing.assert_close(on_gpu.cpu(), LOGITS[name](x, weight, LABELS), rtol=0, atol=1e-9)
