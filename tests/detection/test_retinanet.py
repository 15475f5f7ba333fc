"""The focal loss and its start, RetinaNet's targets and network, against torchvision's."""

import math

import pytest
import torch
from tiny_detector import TinyBackbone
from torch import nn
from torch.autograd import gradcheck
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.ops import box_iou, sigmoid_focal_loss

from dlcv.detection.anchors import BACKGROUND, IGNORED, make_anchors
from dlcv.detection.retinanet import (
    RetinaNet,
    focal_loss,
    prior_bias,
    retina_pyramid,
    retina_targets,
)
from dlcv.study.facts import fact


def pairs(seed=0, dtype=torch.float32):
    g = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(3, 50, 2, generator=g, dtype=dtype)
    return logits, (torch.rand(3, 50, 2, generator=g) < 0.3).to(dtype)


def test_the_papers_numbers():
    one = torch.ones(1, dtype=torch.float64)
    for p in (0.9, 0.968):
        logit = torch.tensor([math.log(p / (1 - p))], dtype=torch.float64)
        easier = focal_loss(logit, one, 0, None) / focal_loss(logit, one, 2, None)
        fact(f"L13-FOCAL-{p}", easier)
    fact("L13-FOCAL-VAL", focal_loss(torch.zeros(1).double(), one, 2, None))
    fact("L13-PRIOR", prior_bias(0.01))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.25, 0.9])
def test_it_equals_torchvision(gamma, alpha):
    logits, targets = pairs()
    expected = sigmoid_focal_loss(logits, targets, -1 if alpha is None else alpha, gamma)
    torch.testing.assert_close(focal_loss(logits, targets, gamma, alpha), expected)


def test_without_gamma_and_alpha_it_is_cross_entropy():
    logits, targets = pairs(1)
    expected = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    torch.testing.assert_close(focal_loss(logits, targets, 0, None), expected)


def test_gamma_never_raises_a_loss():
    logits, targets = pairs(2)
    losses = torch.stack([focal_loss(logits, targets, g, None) for g in (0, 1, 2, 4)])
    assert (losses.diff(dim=0) <= 0).all()


def test_gradients_by_numeric_check():
    logits, targets = pairs(3, torch.float64)
    few = logits[0, :5].detach().requires_grad_()
    assert gradcheck(lambda x: focal_loss(x, targets[0, :5]), few)


def test_it_survives_certainty_and_emptiness():
    logits = torch.tensor([200.0, -200.0], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([0.0, 1.0]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logits.grad.isfinite().all()
    empty = torch.zeros(0, 3, requires_grad=True)
    focal_loss(empty, torch.zeros(0, 3)).sum().backward()


def test_the_prior_bias_gives_the_prior():
    for prior in (0.01, 0.3, 0.5):
        assert torch.tensor(prior_bias(prior)).sigmoid().item() == pytest.approx(prior)


@pytest.mark.parametrize("seed", range(5))
def test_targets_equal_torchvisions(seed):
    g = torch.Generator().manual_seed(seed)
    corner = torch.rand(4, 2, generator=g) * 60
    boxes = torch.cat([corner, corner + 10 + 20 * torch.rand(4, 2, generator=g)], dim=1)
    labels = torch.tensor([2, -1, 0, 1])  # the second slot is empty
    anchors = make_anchors((12, 12), 8, (16, 24), (0.5, 1, 2))
    one_hot, offsets, found = retina_targets(anchors, boxes[None], labels[None], 3)
    there = labels >= 0
    matched = Matcher(0.5, 0.4, allow_low_quality_matches=True)(box_iou(boxes[there], anchors))
    positive = matched >= 0
    assert (found[0] >= 0).tolist() == positive.tolist()
    assert (found[0] == IGNORED).tolist() == (matched == Matcher.BETWEEN_THRESHOLDS).tolist()
    assert one_hot[0].sum(dim=1).tolist() == positive.float().tolist()
    at = matched[positive]
    assert one_hot[0, positive].argmax(dim=1).tolist() == labels[there][at].tolist()
    expected = BoxCoder((1, 1, 1, 1)).encode_single(boxes[there][at], anchors[positive])
    torch.testing.assert_close(offsets[0, positive], expected)


def test_the_network_gives_anchors_losses_and_detections():
    torch.manual_seed(0)
    model = RetinaNet(TinyBackbone(8, 8), classes=3)
    images = torch.rand(2, 3, 32, 48)
    logits, offsets, anchors = model(images)
    count = 9 * (8 * 12 + 4 * 6)
    assert logits.shape == (2, count, 3)
    assert offsets.shape == (2, count, 4)
    assert anchors.shape == (count, 4)
    losses = model.losses(images, torch.tensor([[[1.0, 1, 9, 9]]] * 2), torch.tensor([[0], [-1]]))
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert len(model.eval().detect(images)) == 2


def test_the_pyramid_begins_with_what_the_backbone_knows():
    body = TinyBackbone(8, 8)
    images = torch.rand(1, 3, 32, 32)
    fine, coarse = body.features(images)
    ours = retina_pyramid(body).features(images)
    torch.testing.assert_close(ours[1], coarse)
    torch.testing.assert_close(ours[0], fine + nn.functional.interpolate(coarse, scale_factor=2))


def test_mined_negatives_are_three_for_each_anchor_with_an_object():
    """The loss at the start is nearly the same for each anchor, so it tells how many count."""
    torch.manual_seed(0)
    images, labels = torch.rand(1, 3, 32, 32), torch.tensor([[0]])
    boxes = torch.tensor([[[4.0, 4, 15, 15]]])
    body = TinyBackbone(8, 8)
    for conv in (body.first, body.second):
        nn.init.zeros_(conv.weight)  # all anchors say the same
    mined = RetinaNet(body, 3, gamma=0, alpha=None, negatives=3)
    _, _, anchors = mined(images)
    found = retina_targets(anchors, boxes, labels, 3)[2]
    per_negative = -3 * math.log(0.99)
    per_positive = -math.log(0.01) - 2 * math.log(0.99)
    nn.init.zeros_(mined.class_head.weight)
    assert mined.losses(images, boxes, labels)["class"].item() == pytest.approx(
        per_positive + 3 * per_negative, rel=1e-4
    )
    assert (found == BACKGROUND).sum() > 3 * (found >= 0).sum()


def test_every_anchor_begins_near_the_prior():
    torch.manual_seed(0)
    logits, _, _ = RetinaNet(TinyBackbone(8, 8), classes=3, prior=0.05)(torch.rand(2, 3, 32, 32))
    assert logits.sigmoid().mean().item() == pytest.approx(0.05, abs=0.01)


def test_a_batch_without_objects_has_no_box_loss():
    model = RetinaNet(TinyBackbone(8, 8), classes=3)
    none = torch.full((2, 1), -1)
    losses = model.losses(torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 4), none)
    assert losses["box"] == 0
    assert losses["class"].isfinite()
    _, _, found = retina_targets(torch.zeros(5, 4), torch.zeros(2, 1, 4), none, 3)
    assert (found == BACKGROUND).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: focal_loss(torch.zeros(2), torch.zeros(3)), "of one shape"),
        (lambda: focal_loss(torch.zeros(2), torch.zeros(2), gamma=-1), "gamma >= 0"),
        (lambda: focal_loss(torch.zeros(2), torch.zeros(2), alpha=2), r"alpha in \[0, 1\]"),
        (lambda: RetinaNet(TinyBackbone(4, 8), 3), r"maps of one depth, got \(4, 8\)"),
        (lambda: prior_bias(1), r"prior in \(0, 1\), got 1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.cuda
def test_cpu_and_gpu_agree():
    logits, targets = pairs(4)
    there = focal_loss(logits.cuda(), targets.cuda()).cpu()
    torch.testing.assert_close(focal_loss(logits, targets), there)
