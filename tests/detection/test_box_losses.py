"""Losses between boxes against torchvision and torch, by hand, and where their gradients vanish."""

import pytest
import torch
import torchvision.ops as reference
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from dlcv.detection.box_losses import (
    giou_loss,
    iou_loss,
    l2_loss,
    ordered,
    paired_giou,
    paired_iou,
    smooth_l1_loss,
    squared_l2_loss,
)
from dlcv.study.facts import fact

LOSSES = [squared_l2_loss, l2_loss, smooth_l1_loss, iou_loss, giou_loss]


def box(*numbers):
    return torch.tensor([numbers], dtype=torch.float64)


def pairs(count, seed):
    """Pairs of boxes in an image 120 px wide and 80 px high; some meet and some do not."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(2 * count, 2, generator=generator).double() * torch.tensor([100.0, 60.0])
    size = 1 + torch.rand(2 * count, 2, generator=generator).double() * torch.tensor([60.0, 50.0])
    return torch.cat([corner, corner + size], dim=1).split(count)


def test_the_numbers_of_the_fact_sheet():
    true = box(0.2, 0.2, 0.5, 0.5)
    off = true + box(0.1, 0.2, 0.05, 0.1)
    fact("L10-L2", l2_loss(off, true).item())
    assert squared_l2_loss(off, true).item() == pytest.approx(0.0625, abs=1e-15)
    fact("L10-SAME-L2-SHIFT", paired_iou(box(8, 0, 48, 40), box(0, 0, 40, 40)).item())
    fact("L10-SAME-L2-WIDEN", paired_iou(box(0, 0, 48, 40), box(0, 0, 40, 40)).item())
    fact("L10-SAME-L2-SMALL", paired_iou(box(8, 0, 18, 10), box(0, 0, 10, 10)).item())


def test_smooth_l1_by_hand():
    """Errors 0.5, 1, 3 and 0 give 0.125 + 0.5 + 2.5 + 0; with beta 2: 0.0625 + 0.25 + 2 + 0."""
    off = box(0.5, -1, 3, 0)
    assert smooth_l1_loss(off, box(0, 0, 0, 0)).item() == 3.125
    assert smooth_l1_loss(off, box(0, 0, 0, 0), beta=2).item() == 2.3125


@pytest.mark.parametrize("beta", [0.3, 1.0, 20.0])
def test_smooth_l1_equals_torch(beta):
    one, two = pairs(50, seed=1)
    expected = 4 * torch.nn.functional.smooth_l1_loss(one, two, beta=beta)
    torch.testing.assert_close(smooth_l1_loss(one, two, beta), expected)


def test_distances_equal_torch():
    one, two = pairs(50, seed=2)
    expected = 4 * torch.nn.functional.mse_loss(one, two)
    torch.testing.assert_close(squared_l2_loss(one, two), expected)
    expected = torch.nn.functional.pairwise_distance(one, two, eps=0).mean()
    torch.testing.assert_close(l2_loss(one, two), expected)


def test_overlaps_equal_torchvision():
    one, two = pairs(200, seed=3)
    iou = reference.box_iou(one, two).diagonal()
    assert (iou == 0).any()
    assert (iou > 0.3).any()
    torch.testing.assert_close(paired_iou(one, two), iou)
    giou = reference.generalized_box_iou(one, two).diagonal()
    torch.testing.assert_close(paired_giou(one, two), giou)
    torch.testing.assert_close(giou_loss(one, two), (1 - giou).mean())
    expected = reference.generalized_box_iou_loss(one, two, reduction="mean", eps=0)
    torch.testing.assert_close(giou_loss(one, two), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradcheck(loss):
    one, two = pairs(6, seed=4)
    one.requires_grad_()
    assert gradcheck(loss, (one, two))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_perfect_box_costs_nothing_and_any_other_costs_something(loss):
    _, true = pairs(20, seed=5)
    assert loss(true, true).item() == pytest.approx(0, abs=1e-12)
    assert loss(true + 0.5, true).item() > 0


@pytest.mark.parametrize("loss", [l2_loss, giou_loss, iou_loss])
def test_one_pair_without_an_error_has_a_finite_gradient(loss):
    true = box(1, 2, 5, 7)
    predicted = true.clone().requires_grad_()
    loss(predicted, true).backward()
    assert predicted.grad.isfinite().all()


def test_boxes_apart_give_the_iou_loss_no_gradient_and_the_others_one():
    true = box(0, 0, 10, 10)
    for loss in LOSSES:
        predicted = box(20, 0, 30, 10).requires_grad_()
        loss(predicted, true).backward()
        assert (predicted.grad.abs().sum().item() == 0) == (loss is iou_loss)


def test_descending_giou_brings_boxes_together():
    true = box(0, 0, 10, 10)
    predicted = box(20, 3, 30, 13).requires_grad_()
    for _ in range(300):
        (grad,) = torch.autograd.grad(giou_loss(predicted, true), predicted)
        predicted = (predicted - 20 * grad).detach().requires_grad_()
    assert paired_iou(predicted, true).item() > 0.8


@given(st.floats(0.1, 50), st.integers(0, 1000))
def test_iou_does_not_care_about_the_scale_and_l2_does(scale, seed):
    one, two = pairs(4, seed)
    torch.testing.assert_close(iou_loss(scale * one, scale * two), iou_loss(one, two))
    torch.testing.assert_close(giou_loss(scale * one, scale * two), giou_loss(one, two))
    torch.testing.assert_close(l2_loss(scale * one, scale * two), scale * l2_loss(one, two))


def test_the_gradient_of_the_plain_distance_has_a_constant_length():
    true = box(0, 0, 10, 10)
    for factor in (0.01, 1, 100):
        predicted = (true + factor * box(1, 2, -1, 0.5)).requires_grad_()
        l2_loss(predicted, true).backward()
        assert predicted.grad.norm().item() == pytest.approx(1)


def test_corners_in_the_wrong_order_are_put_right():
    true = box(0, 0, 10, 10)
    torch.testing.assert_close(ordered(box(10, 10, 0, 0)), true)
    assert paired_iou(box(10, 0, 0, 10), true).item() == 1
    assert paired_giou(box(0, 10, 10, 0), true).item() == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_wrong_is_said(loss):
    with pytest.raises(ValueError, match=r"expected predicted of shape \[N, 4\]"):
        loss(torch.rand(4), torch.rand(1, 4))
    with pytest.raises(ValueError, match=r"expected true as floats"):
        loss(torch.rand(1, 4), torch.ones(1, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="got 2 and 3"):
        loss(torch.rand(2, 4), torch.rand(3, 4))
    with pytest.raises(ValueError, match="at least one, got 0 and 0"):
        loss(torch.rand(0, 4), torch.rand(0, 4))


def test_a_beta_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="expected beta > 0, got 0"):
        smooth_l1_loss(box(0, 0, 1, 1), box(0, 0, 1, 1), beta=0)


@pytest.mark.cuda
def test_cuda_agrees():
    one, two = pairs(30, seed=6)
    for loss in LOSSES:
        torch.testing.assert_close(loss(one.cuda(), two.cuda()).cpu(), loss(one, two))
