"""Faster R-CNN as a whole, and the paper's four steps."""

import pytest
import torch
from tiny_detector import SMALL, TinyBackbone, tiny_faster_rcnn

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.boxes import box_iou
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.four_steps import train_in_four_steps
from dlcv.detection.pipeline import detect_all, detector_loss, judge
from dlcv.detection.region_proposals import RegionConfig
from dlcv.training import TrainConfig, fit

CLASSES = 3


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return tiny_faster_rcnn(CLASSES)


@pytest.fixture(scope="module")
def scenes():
    kinds = SceneConfig(size=48, objects=(0, 3), kinds=range(CLASSES))
    return render_scenes(8, seed=5, config=kinds)


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
        made.append(tiny_faster_rcnn(CLASSES))
        return made[-1]

    batches = Batches(scenes.images, scenes, 4)
    detector, histories = train_in_four_steps(make, batches, [TrainConfig(1, 1e-3)] * 4)
    first, second = made
    assert detector is second
    assert [len(h.losses) for h in histories] == [2, 2, 2, 2]
    torch.manual_seed(0)
    fresh = tiny_faster_rcnn(CLASSES)
    for mine, other in zip(first.head.parameters(), fresh.head.parameters(), strict=True):
        assert torch.equal(mine, other)  # step 1 leaves the head alone
    assert not any(p.requires_grad for p in second.backbone.parameters())
    with pytest.raises(ValueError, match="4 configs"):
        train_in_four_steps(make, batches, [TrainConfig(1, 1e-3)])


def test_maps_are_fixed_in_the_last_two_steps(scenes):
    """No learning rate in step 2: the maps must be those the second network began with."""
    torch.manual_seed(4)
    begin = tiny_faster_rcnn(CLASSES)

    def make():
        model = tiny_faster_rcnn(CLASSES)
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


@pytest.mark.cuda
def test_cpu_and_cuda_agree(tiny):
    images = torch.rand(2, 3, 40, 56)
    expected = tiny.eval().detect(images, score_threshold=0.2)
    got = tiny.cuda().detect(images.cuda(), score_threshold=0.2)
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine["boxes"].cpu(), other["boxes"], atol=1e-2, rtol=0)


def test_fit_takes_it(tiny, scenes):
    history = fit(tiny, Batches(scenes.images, scenes, 4), detector_loss, TrainConfig(1, 1e-3))
    assert len(history.losses) == 2
    with torch.no_grad():
        for boxes in tiny.propose(scenes.images / 255):
            assert box_iou(boxes, boxes).triu(1).max() <= SMALL.nms_threshold
