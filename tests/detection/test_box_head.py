"""The head of Fast and Faster R-CNN: its targets by hand, its losses against torchvision's."""

import math

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.roi_heads import fastrcnn_loss

from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.box_head import (
    OFFSET_SCALE,
    BoxHead,
    RegionTargets,
    class_boxes,
    head_losses,
    region_targets,
)

CLASSES = 3


@pytest.fixture(scope="module")
def scenes():
    kinds = SceneConfig(size=48, objects=(0, 3), kinds=range(CLASSES))
    return render_scenes(8, seed=5, config=kinds)


def test_targets_by_hand():
    """IoU 0.6 with the object of slot 1 makes a proposal its; 0.2 makes it background."""
    boxes = torch.tensor([[[0.0, 0, 0, 0], [0, 0, 10, 10]]])
    proposals = [torch.tensor([[0.0, 0, 10, 6], [0, 0, 10, 2]])]
    targets = region_targets(proposals, boxes, torch.tensor([[-1, 2]]), 3, 12)
    regions, labels = targets.regions[0].tolist(), targets.labels.tolist()
    assert sorted(zip(regions, labels, strict=True)) == [
        ([0, 0, 10, 2], 3),
        ([0, 0, 10, 6], 2),
        ([0, 0, 10, 10], 2),  # the object itself is a proposal too
    ]
    assert targets.objects.tolist() == [1, 1]
    worst = targets.offsets[regions.index([0, 0, 10, 6])]  # 2 lower, 10 / 6 as high
    torch.testing.assert_close(worst, torch.tensor([0, 10 * 2 / 6, 0, 5 * math.log(10 / 6)]))


def test_a_quarter_are_objects_at_most(scenes):
    pairs = zip(scenes.boxes, scenes.labels, strict=True)
    proposals = [boxes[label >= 0].repeat(9, 1) for boxes, label in pairs]
    targets = region_targets(proposals, scenes.boxes, scenes.labels, CLASSES, 8)
    counts = [len(regions) for regions in targets.regions]
    objects = [int((part < CLASSES).sum()) for part in targets.labels.split(counts)]
    assert objects == [2 * int((label >= 0).any()) for label in scenes.labels]
    drawn = targets.labels[targets.labels < CLASSES]
    assert torch.equal(scenes.labels.flatten()[targets.objects], drawn)


def head_case(seed, R=12):
    torch.manual_seed(seed)
    labels = torch.randint(CLASSES + 1, (R,))
    offsets = torch.randn(int((labels < CLASSES).sum()), 4)
    targets = RegionTargets([torch.rand(R, 4)], labels, offsets, torch.zeros(len(offsets)).long())
    return torch.randn(R, CLASSES + 1), torch.randn(R, CLASSES, 4), targets


@pytest.mark.parametrize("seed", range(5))
def test_losses_equal_torchvision(seed):
    """There class 0 is the background, and it has offsets too, which nobody uses."""
    scores, offsets, targets = head_case(seed)
    labels = (targets.labels + 1) % (CLASSES + 1)
    wanted = torch.zeros(len(labels), 4)
    wanted[labels > 0] = targets.offsets
    padded = torch.cat([torch.randn(len(labels), 1, 4), offsets], 1).flatten(1)
    expected = fastrcnn_loss(scores.roll(1, 1), padded, [labels], [wanted])
    got = head_losses(scores, offsets, targets)
    torch.testing.assert_close(got["label"], expected[0])
    torch.testing.assert_close(got["box"], expected[1])


def test_gradients_of_the_losses():
    scores, offsets, targets = head_case(9, R=4)
    targets = targets._replace(offsets=targets.offsets.double())
    inputs = [tensor.double().requires_grad_() for tensor in (scores, offsets)]
    assert torch.autograd.gradcheck(lambda *x: tuple(head_losses(*x, targets).values()), inputs)


def test_class_boxes_equal_torchvision():
    torch.manual_seed(3)
    regions = torch.rand(5, 4) * 20 + torch.tensor([0.0, 0, 20, 20])
    scores, offsets = torch.randn(5, CLASSES + 1), torch.randn(5, CLASSES, 4)
    boxes, probs, labels = class_boxes(regions, scores, offsets, (40, 44))
    expected = BoxCoder(OFFSET_SCALE).decode(offsets.flatten(1), [regions]).clamp(min=0)
    expected = expected.minimum(torch.tensor([44.0, 40, 44, 40]))
    torch.testing.assert_close(boxes.reshape(5, CLASSES, 4), expected)
    assert labels.tolist() == [0, 1, 2] * 5
    torch.testing.assert_close(probs.reshape(5, 3), scores.softmax(1)[:, :3])


def test_head_shapes():
    scores, offsets = BoxHead(6, 3, CLASSES, hidden=16)(torch.zeros(7, 6, 3, 3))
    assert scores.shape == (7, CLASSES + 1)
    assert offsets.shape == (7, CLASSES, 4)
