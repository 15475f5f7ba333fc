"""Losses on distances: by hand, against loops over listed pairs and triplets, and their slopes."""

import math

import pytest
import torch
from torch.nn import functional as F

from dlcv.study.facts import fact
from dlcv.verification.distances import paired_distances, safe_sqrt, squared_distances
from dlcv.verification.losses import (
    batch_all_triplet_loss,
    contrastive_loss,
    joint_loss,
    triplet_loss,
)

LABELS = torch.tensor([0, 0, 1, 2, 1, 0, 1, 3])


def batch(seed, N=8, D=5, sphere=False):
    x = torch.randn(N, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(x) if sphere else x


def point(*coordinates):
    return torch.tensor([coordinates], dtype=torch.float64)


def triplet_list(labels):
    """Every valid triplet, by three loops."""
    indices = range(len(labels))
    return [
        (a, p, n)
        for a in indices
        for p in indices
        for n in indices
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    ]


# --- distances --------------------------------------------------------------------------------


def test_squared_distances_by_hand_and_against_cdist():
    assert squared_distances(point(0, 0), point(3, 4)).item() == 25
    x, y = batch(0, 7), batch(1, 4)
    torch.testing.assert_close(squared_distances(x, y), torch.cdist(x, y) ** 2, rtol=0, atol=1e-9)
    assert squared_distances(x[:0], y).shape == (0, 4)


def test_on_the_sphere_a_squared_distance_is_two_minus_two_cosines():
    x = batch(2, sphere=True)
    torch.testing.assert_close(squared_distances(x, x), 2 - 2 * x @ x.T, rtol=0, atol=1e-12)


def test_squared_distances_are_never_negative():
    x = torch.randn(50, 64, generator=torch.Generator().manual_seed(3)) + 100
    assert squared_distances(x, x).min() >= 0


def test_the_safe_root_is_the_root_and_its_slope_at_zero_is_zero():
    x = torch.tensor([0.0, 4.0, 9.0], requires_grad=True)
    root = safe_sqrt(x)
    root.sum().backward()
    assert root.tolist() == [0, 2, 3]
    assert x.grad.tolist() == [0, 0.25, pytest.approx(1 / 6)]
    assert safe_sqrt(torch.ones(2, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((2, 3), (2, 4))])
def test_distances_of_unlike_shapes(shapes):
    with pytest.raises(ValueError, match=r"expected \[N, D\] and \[M, D\], got"):
        squared_distances(torch.zeros(shapes[0]), torch.zeros(shapes[1]))


# --- pairs ------------------------------------------------------------------------------------


def test_contrastive_loss_by_hand():
    """Half of 0.6², half of 0.4², and nothing beyond the margin."""
    near, far = point(0.6, 0), point(0, 1.2)
    for name, other, same in (("POS", near, 1), ("NEG", near, 0), ("FAR", far, 0)):
        loss = contrastive_loss(point(0, 0), other, torch.tensor([same]), margin=1)
        fact(f"L09-CONTR-{name}", loss.item())


@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_contrastive_loss_against_a_loop(margin):
    x1, x2 = batch(4, 20), batch(5, 20)
    same = torch.arange(20) % 3 == 0
    total = 0.0
    for a, b, y in zip(x1.tolist(), x2.tolist(), same.tolist(), strict=True):
        d = math.dist(a, b)
        total += d**2 / 2 if y else max(0.0, margin - d) ** 2 / 2
    for kind in (same, same.int(), same.double()):
        got = contrastive_loss(x1, x2, kind, margin).item()
        assert got == pytest.approx(total / 20, rel=0, abs=1e-9)


def test_the_gradient_of_a_pair_is_what_the_text_says():
    """By d: d for a same pair, d − margin for a different one within it, 0 beyond."""
    for d, y, expected in ((0.6, 1, 0.6), (0.6, 0, -0.4), (1.2, 0, 0.0)):
        x = point(d, 0).requires_grad_()
        contrastive_loss(x, point(0, 0), torch.tensor([y]), margin=1).backward()
        torch.testing.assert_close(x.grad, point(expected, 0))


@pytest.mark.parametrize("y", [0, 1])
def test_two_equal_embeddings_have_a_finite_gradient(y):
    x1, x2 = point(0.3, 0.4).requires_grad_(), point(0.3, 0.4).requires_grad_()
    loss = contrastive_loss(x1, x2, torch.tensor([y]), margin=1)
    loss.backward()
    assert loss.item() == (0 if y else 0.5)
    assert x1.grad.tolist() == x2.grad.tolist() == [[0, 0]]


def test_no_pair_costs_nothing_and_can_go_backward():
    x = torch.zeros(0, 4, requires_grad=True)
    loss = contrastive_loss(x, x, torch.zeros(0, dtype=torch.bool), margin=1)
    loss.backward()
    assert loss.item() == 0
    assert x.grad.shape == (0, 4)


@pytest.mark.parametrize(
    ("x1", "x2", "same", "margin"),
    [
        ((4, 3), (4, 2), 4, 1.0),
        ((4, 3), (4, 3), 3, 1.0),
        ((4,), (4,), 4, 1.0),
        ((4, 3), (4, 3), 4, 0.0),
    ],
)
def test_contrastive_loss_says_what_it_expected(x1, x2, same, margin):
    with pytest.raises(ValueError, match=r"expected .*, got"):
        contrastive_loss(torch.zeros(x1), torch.zeros(x2), torch.ones(same), margin)


# --- triplets ---------------------------------------------------------------------------------


def test_triplet_loss_by_hand():
    """Squared distances 0.5 and 0.6 lack 0.1 of the margin; 0.3 and 0.6 keep it."""
    for id, near in (("L09-TRIPLET", 0.5), ("L09-TRIPLET-EASY", 0.3)):
        positive, negative = point(near**0.5, 0), point(0, 0.6**0.5)
        fact(id, triplet_loss(point(0, 0), positive, negative, margin=0.2).item())


def test_triplet_loss_against_a_loop():
    a, p, n = batch(6, 20), batch(7, 20), batch(8, 20)
    losses = [
        max(0.0, math.dist(x, y) ** 2 - math.dist(x, z) ** 2 + 0.7)
        for x, y, z in zip(a.tolist(), p.tolist(), n.tolist(), strict=True)
    ]
    assert 0 in losses
    assert triplet_loss(a, p, n, 0.7).item() == pytest.approx(sum(losses) / 20, rel=0, abs=1e-9)


def test_the_gradient_of_an_active_triplet_is_what_the_text_says():
    a, p, n = (x.requires_grad_() for x in (point(0.1, 0.2), point(0.5, 0.1), point(0.3, 0.6)))
    triplet_loss(a, p, n, margin=1).backward()
    for x, expected in ((a, 2 * (n - p)), (p, 2 * (p - a)), (n, 2 * (a - n))):
        torch.testing.assert_close(x.grad, expected.detach())


@pytest.mark.parametrize("active_only", [False, True])
@pytest.mark.parametrize("margin", [0.2, 2.0, 30.0])
def test_batch_all_against_three_loops(margin, active_only):
    x = batch(9)
    rows = x.tolist()
    losses = [
        max(0.0, math.dist(rows[a], rows[p]) ** 2 - math.dist(rows[a], rows[n]) ** 2 + margin)
        for a, p, n in triplet_list(LABELS.tolist())
    ]
    counted = [loss for loss in losses if loss > 0 or not active_only]
    got = batch_all_triplet_loss(x, LABELS, margin, active_only).item()
    assert got == pytest.approx(sum(counted) / len(counted), rel=0, abs=1e-9)


def test_a_collapsed_network_pays_exactly_the_margin_and_learns_nothing():
    x = torch.ones(8, 5, dtype=torch.float64).requires_grad_()
    loss = batch_all_triplet_loss(x, LABELS, 0.2)
    loss.backward()
    assert loss.item() == pytest.approx(0.2)
    assert x.grad.abs().max() < 1e-12


@pytest.mark.parametrize(
    "labels", [[], [4], [1, 1, 1], [1, 2, 3]], ids=["empty", "one", "one class", "no positive"]
)
@pytest.mark.parametrize("active_only", [False, True])
def test_no_valid_triplet_costs_nothing_and_can_go_backward(labels, active_only):
    x = torch.randn(len(labels), 4, requires_grad=True)
    loss = batch_all_triplet_loss(x, torch.tensor(labels, dtype=torch.int64), 0.2, active_only)
    loss.backward()
    assert loss.item() == 0
    assert x.grad.abs().sum() == 0


def test_no_active_triplet_costs_nothing_and_can_go_backward():
    x = torch.tensor([[0.0], [0.1], [9.0], [9.1]], requires_grad=True)
    loss = batch_all_triplet_loss(x, torch.tensor([0, 0, 1, 1]), 0.2, active_only=True)
    loss.backward()
    assert (loss.item(), x.grad.abs().sum().item()) == (0, 0)
    nothing = torch.zeros(0, 3, requires_grad=True)
    triplet_loss(nothing, nothing, nothing, 0.2).backward()
    assert nothing.grad.shape == (0, 3)


def test_gradcheck_of_the_losses():
    x1, x2, x3 = (batch(seed).requires_grad_() for seed in (10, 11, 12))
    same = LABELS == 1
    check = torch.autograd.gradcheck
    assert check(lambda a, b: contrastive_loss(a, b, same, 3.0), (x1, x2))
    assert check(lambda a, b, c: triplet_loss(a, b, c, 3.0), (x1, x2, x3))
    assert check(lambda x: batch_all_triplet_loss(x, LABELS, 2.0), x1)
    assert check(paired_distances, (x1, x2))


@pytest.mark.parametrize("margin", [0, -0.1, math.nan])
def test_a_margin_must_be_above_zero(margin):
    x = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="expected a margin above 0, got"):
        triplet_loss(x, x, x, margin)
    with pytest.raises(ValueError, match="expected a margin above 0, got"):
        batch_all_triplet_loss(x, torch.tensor([0, 1]), margin)


def test_triplet_losses_say_what_they_expected():
    with pytest.raises(ValueError, match=r"expected three times \[N, D\], got"):
        triplet_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(1, 3), 0.2)
    with pytest.raises(ValueError, match=r"expected embeddings \[B, D\] and labels \[B\], got"):
        batch_all_triplet_loss(torch.zeros(2, 3), torch.tensor([0]), 0.2)
    with pytest.raises(ValueError, match="expected whole numbers as labels"):
        batch_all_triplet_loss(torch.zeros(2, 3), torch.tensor([0.0, 1.0]), 0.2)


# --- both together ----------------------------------------------------------------------------


def test_the_joint_loss_is_the_sum_of_its_parts():
    logits, x = batch(13, D=4), batch(14)
    pairs = [(i, j) for i in range(8) for j in range(i + 1, 8)]
    first, second = (torch.tensor(column) for column in zip(*pairs, strict=True))
    same = torch.tensor([LABELS[i] == LABELS[j] for i, j in pairs])
    verification = contrastive_loss(x[first], x[second], same, 1.5)
    expected = F.cross_entropy(logits, LABELS) + 0.05 * verification
    got = joint_loss(logits, x, LABELS, margin=1.5, weight=0.05)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    alone = joint_loss(logits, x, LABELS, margin=1.5, weight=0)
    torch.testing.assert_close(alone, F.cross_entropy(logits, LABELS))
    one = joint_loss(logits[:1], x[:1], LABELS[:1], margin=1.5, weight=1)  # no pair
    torch.testing.assert_close(one, F.cross_entropy(logits[:1], LABELS[:1]))


def test_gradcheck_of_the_joint_loss():
    logits, x = batch(13, D=4).requires_grad_(), batch(14).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: joint_loss(a, b, LABELS, 1.5, 0.3), (logits, x))


def test_the_joint_loss_says_what_it_expected():
    x = torch.zeros(8, 3)
    with pytest.raises(ValueError, match=r"expected logits \[B, K\] and labels \[B\], B > 0, got"):
        joint_loss(x[:3], x, LABELS, 1, 1)
    with pytest.raises(ValueError, match=r"expected logits \[B, K\] and labels \[B\], B > 0, got"):
        joint_loss(x[:0], x[:0], LABELS[:0], 1, 1)
    with pytest.raises(ValueError, match="expected a weight of at least 0, got -1"):
        joint_loss(x, x, LABELS, 1, -1)


@pytest.mark.cuda
def test_a_gpu_finds_the_same_losses():
    x1, x2, same = batch(4), batch(5), LABELS == 0
    for on_cpu, on_gpu in (
        (contrastive_loss(x1, x2, same, 3), contrastive_loss(x1.cuda(), x2.cuda(), same.cuda(), 3)),
        (
            batch_all_triplet_loss(x1, LABELS, 2),
            batch_all_triplet_loss(x1.cuda(), LABELS.cuda(), 2),
        ),
        (joint_loss(x1, x2, LABELS, 2, 1), joint_loss(x1.cuda(), x2.cuda(), LABELS.cuda(), 2, 1)),
    ):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=0, atol=1e-9)
