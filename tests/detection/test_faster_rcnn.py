"""Faster R-CNN: targets and losses of its head, the whole detector, and the paper's four steps."""

import math

import pytest
import torch
from torch import nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.roi_heads import fastrcnn_loss

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.boxes import box_iou
from dlcv.detection.faster_rcnn import (
    OFFSET_SCALE,
    BoxHead,
    FasterRCNN,
    RegionTargets,
    class_boxes,
    head_losses,
    region_targets,
)
from dlcv.detection.four_steps import train_in_four_steps
from dlcv.detection.pipeline import detect_all, detector_loss, judge
from dlcv.detection.region_proposals import RegionConfig
from dlcv.training import TrainConfig, fit

CLASSES = 3
SMALL = RegionConfig(scales_px=((12, 20),), before_nms=30, proposals=10, regions_sampled=8, bins=3)


class TinyBackbone(nn.Module):
    """One convolution to stride 4 and another to stride 8."""

    channels, strides = (6, 6), (4, 8)

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 4, 4), nn.Conv2d(6, 6, 2, 2)

    def features(self, images):
        x = self.first(images).relu()
        return [x, self.second(x).relu()]


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return FasterRCNN(TinyBackbone(), CLASSES, SMALL, levels=(1,), hidden=16)


@pytest.fixture(scope="module")
def scenes():
    kinds = SceneConfig(size=48, objects=(0, 3), kinds=range(CLASSES))
    return render_scenes(8, seed=5, config=kinds)


def test_targets_by_hand():
    """IoU 0.6 with the object of slot 1 makes a proposal its; 0.2 makes it background."""
    boxes = torch.tensor([[[0.0, 0, 0, 0], [0, 0, 10, 10]]])
    proposals = [torch.tensor([[0.0, 0, 10, 6], [0, 0, 10, 2]])]
    config = RegionConfig(regions_sampled=12)
    targets = region_targets(proposals, boxes, torch.tensor([[-1, 2]]), 3, config)
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
    targets = region_targets(proposals, scenes.boxes, scenes.labels, CLASSES, SMALL)
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


def test_every_weight_learns(tiny, scenes):
    losses = tiny.losses(scenes.images / 255, scenes.boxes, scenes.labels)
    assert list(losses) == ["objectness", "rpn_box", "label", "box"]
    sum(losses.values()).backward()
    for name, parameter in tiny.named_parameters():
        assert parameter.grad is not None, name
        assert 0 < parameter.grad.abs().sum() < float("inf"), name


def test_images_without_objects(tiny):
    """Half the images are empty, then all of them are."""
    images, boxes = torch.rand(2, 3, 40, 56), torch.zeros(2, 1, 4)
    boxes[0, 0] = torch.tensor([5.0, 5, 25, 25])
    for labels in (torch.tensor([[1], [-1]]), torch.tensor([[-1], [-1]])):
        losses = tiny.losses(images, boxes, labels)
        assert all(loss.isfinite() for loss in losses.values())
    assert losses["box"] == losses["rpn_box"] == 0
    sum(losses.values()).backward()


def test_detections_do_not_depend_on_company(tiny):
    tiny.eval()
    images = torch.rand(3, 3, 40, 56)
    together = tiny.detect(images, score_threshold=0.1)
    for image, expected in zip(images, together, strict=True):
        (alone,) = tiny.detect(image[None], score_threshold=0.1)
        assert alone["labels"].tolist() == expected["labels"].tolist()
        torch.testing.assert_close(alone["boxes"], expected["boxes"], atol=1e-3, rtol=0)
    assert tiny.detect(images, score_threshold=1.0)[0]["boxes"].shape == (0, 4)


def test_settings_that_do_not_fit():
    with pytest.raises(ValueError, match="2 maps alike and scales for each"):
        FasterRCNN(TinyBackbone(), CLASSES, SMALL, levels=(0, 1))
    with pytest.raises(ValueError, match="1 maps alike"):
        FasterRCNN(backbone(), CLASSES, RegionConfig(scales_px=((8,), (16,))))
    with pytest.raises(ValueError, match="as many scales for each map"):
        FasterRCNN(TinyBackbone(), CLASSES, RegionConfig(scales_px=((8,), (9, 16))), levels=(0, 1))


def test_it_learns_three_scenes_by_heart():
    torch.manual_seed(0)
    few = render_scenes(3, seed=8, config=SceneConfig(size=64, kinds=range(CLASSES)))
    model = FasterRCNN(backbone(pretrained=True), CLASSES)
    batch = few.images / 255, few.boxes, few.labels
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    for _ in range(40):
        optimiser.zero_grad()
        sum(model.losses(*batch).values()).backward()
        optimiser.step()
    assert judge(detect_all(model, FasterRCNN.detect, few.images), few)["map"] > 0.9


def test_four_steps(scenes):
    made = []

    def make():
        torch.manual_seed(len(made))
        made.append(FasterRCNN(TinyBackbone(), CLASSES, SMALL, levels=(1,), hidden=16))
        return made[-1]

    batches = Batches(scenes.images, scenes, 4)
    detector, histories = train_in_four_steps(make, batches, [TrainConfig(1, 1e-3)] * 4)
    first, second = made
    assert detector is second
    assert [len(h.losses) for h in histories] == [2, 2, 2, 2]
    torch.manual_seed(0)
    fresh = FasterRCNN(TinyBackbone(), CLASSES, SMALL, levels=(1,), hidden=16)
    for mine, other in zip(first.head.parameters(), fresh.head.parameters(), strict=True):
        assert torch.equal(mine, other)  # step 1 leaves the head alone
    assert not any(p.requires_grad for p in second.backbone.parameters())
    with pytest.raises(ValueError, match="4 configs"):
        train_in_four_steps(make, batches, [TrainConfig(1, 1e-3)])


def test_maps_are_fixed_in_the_last_two_steps(scenes):
    """No learning rate in step 2: the maps must be those the second network began with."""
    torch.manual_seed(4)
    begin = FasterRCNN(TinyBackbone(), CLASSES, SMALL, levels=(1,), hidden=16)

    def make():
        model = FasterRCNN(TinyBackbone(), CLASSES, SMALL, levels=(1,), hidden=16)
        model.load_state_dict(begin.state_dict())
        return model

    still, moving = TrainConfig(0, 1e-3), TrainConfig(1, 1e-2)
    batches = Batches(scenes.images, scenes, 4)
    detector, _ = train_in_four_steps(make, batches, [still, still, moving, moving])
    after, before = detector.state_dict(), begin.state_dict()
    assert {name.split(".")[0] for name in after if not torch.equal(after[name], before[name])} == {
        "rpn",
        "head",
    }


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cpu_and_cuda_agree(tiny):
    images = torch.rand(2, 3, 40, 56)
    expected = tiny.eval().detect(images, score_threshold=0.2)
    got = tiny.cuda().detect(images.cuda(), score_threshold=0.2)
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine["boxes"].cpu(), other["boxes"], atol=1e-2, rtol=0)


def test_fit_takes_it(tiny, scenes):
    history = fit(
        tiny, Batches(scenes.images, scenes, 4), detector_loss, TrainConfig(1, 1e-3), progress=False
    )
    assert len(history.losses) == 2
    with torch.no_grad():
        for boxes in tiny.propose(scenes.images / 255):
            assert box_iou(boxes, boxes).triu(1).max() <= SMALL.nms_threshold
