"""Mask R-CNN: the mask branch against torchvision's, masks turned along, and the whole detector."""

import math

import pytest
import torch
from torch import nn
from torchvision.models.detection.roi_heads import maskrcnn_loss

from dlcv.classification.backbone import backbone
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.box_head import align
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.fpn import FeaturePyramid, PyramidRCNN
from dlcv.detection.mask_rcnn import (
    MaskHead,
    MaskRCNN,
    mask_detector_loss,
    mask_loss,
    mask_targets,
)
from dlcv.detection.masks import mask_average_precision, mask_iou, paste_masks
from dlcv.detection.pipeline import SYMMETRIES, detect_all
from dlcv.detection.roi import roi_pool
from dlcv.study.facts import fact

CLASSES = 3


@pytest.fixture(scope="module")
def scenes():
    return render_scenes(4, seed=8, config=SceneConfig(size=64, kinds=range(CLASSES)))


@pytest.fixture
def detector():
    torch.manual_seed(0)
    return MaskRCNN(PyramidRCNN(FeaturePyramid(backbone(), channels=8), CLASSES, hidden=16))


def test_loss_by_hand():
    """Logit 0 costs ln 2 a pixel; the map of the other class may say what it likes."""
    logits = torch.zeros(1, 2, 2, 2)
    logits[0, 0] = 100
    loss = mask_loss(logits, torch.tensor([1]), torch.ones(1, 2, 2))
    assert loss.item() == pytest.approx(math.log(2))
    logits[0, 1] = torch.tensor([[1.0, 1], [-1, -1]])
    loss = mask_loss(logits, torch.tensor([1]), torch.ones(1, 2, 2))
    assert loss.item() == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.e)) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_loss_equals_torchvision(scenes, seed):
    """It samples the mask a half pixel off (aligned=False) and as densely as there are pixels."""
    torch.manual_seed(seed)
    masks = scenes.masks[0][scenes.labels[0] >= 0]
    which = torch.randint(len(masks), (5,))
    corner = 40 * torch.rand(5, 2)
    regions = torch.cat([corner, corner + 14 + 14 * torch.rand(5, 2)], 1)
    logits = torch.randn(5, CLASSES, 14, 14)
    labels = torch.arange(len(masks)) % CLASSES
    expected = maskrcnn_loss(logits, [regions - 0.5], [masks], [labels], [which])
    got = mask_loss(logits, labels[which], mask_targets(masks[which], regions, 14))
    torch.testing.assert_close(got, expected, atol=2e-3, rtol=0)


def test_gradients_of_the_loss():
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    labels, targets = torch.tensor([0, 1, 1]), torch.rand(3, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: mask_loss(x, labels, targets), logits)
    mask_loss(logits, labels, targets).backward()
    assert logits.grad[0, 1].abs().sum() == logits.grad[1:, 0].abs().sum() == 0


def test_no_region_is_no_loss():
    logits = torch.zeros(0, 2, 4, 4, requires_grad=True)
    loss = mask_loss(logits, torch.zeros(0).long(), torch.zeros(0, 4, 4))
    assert loss == 0
    loss.backward()
    with pytest.raises(ValueError, match="targets \\[P, m, m\\]"):
        mask_loss(torch.zeros(2, 2, 4, 4), torch.zeros(2).long(), torch.zeros(2, 3, 3))


def test_targets_by_hand():
    """The left half of an object, then the same shifted by half a cell of two pixels."""
    mask = torch.zeros(1, 8, 8).bool()
    mask[0, :, :4] = True
    box = torch.tensor([[2.0, 0, 6, 4]])
    assert mask_targets(mask, box, 2)[0].tolist() == [[1, 0], [1, 0]]
    moved = mask_targets(mask, box + torch.tensor([1.0, 0, 1, 0]), 2)[0]
    assert moved.tolist() == [[0.5, 0], [0.5, 0]]


def test_cutting_and_pasting_come_back(scenes):
    """A mask that is cut out at 28 × 28 and pasted again is nearly the mask."""
    masks = scenes.masks[scenes.labels >= 0]
    boxes = scenes.boxes[scenes.labels >= 0]
    back = paste_masks(mask_targets(masks, boxes, 28), boxes, (64, 64)) >= 0.5
    assert mask_iou(back, masks).diag().min() > 0.9


def test_outputs_of_the_paper():
    head = MaskHead(8, 80, convs=1)
    fact("L14-MASK-OUT", head(torch.zeros(1, 8, 14, 14)).numel())


class Witness(nn.Module):
    """Keeps what it was shown."""

    def losses(self, images, boxes, labels, masks):
        self.seen = images, boxes, labels, masks
        return {"two": torch.tensor(2.0), "three": torch.tensor(3.0)}


def test_masks_are_turned_along(scenes):
    torch.manual_seed(0)
    witness, seen = Witness(), set()
    for _ in range(40):
        assert mask_detector_loss(witness, (scenes.images, scenes)) == 5
        images, boxes, labels, masks = witness.seen
        assert masks.dtype == torch.bool
        assert images.shape == (4, 3, 64, 64)
        seen.add(tuple(masks[0, 0].flatten().tolist()))
        for b, k in (labels >= 0).nonzero().tolist():
            ys, xs = masks[b, k].nonzero(as_tuple=True)
            tight = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).float()
            torch.testing.assert_close(boxes[b, k], tight)
    assert len(seen) == SYMMETRIES
    without = render_scenes(1, config=SceneConfig(size=64), masks=False)
    with pytest.raises(ValueError, match="scenes with masks"):
        mask_detector_loss(witness, (without.images, without))


def test_every_weight_learns(detector, scenes):
    losses = detector.losses(scenes.images / 255, scenes.boxes, scenes.labels, scenes.masks)
    assert list(losses) == ["objectness", "rpn_box", "label", "box", "mask"]
    sum(losses.values()).backward()
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, name
        assert 0 < parameter.grad.abs().sum() < float("inf"), name


def test_images_without_objects(detector):
    empty = torch.zeros(2, 1, 64, 64).bool()
    images, labels = torch.rand(2, 3, 64, 64), torch.full((2, 1), -1)
    losses = detector.losses(images, torch.zeros(2, 1, 4), labels, empty)
    assert losses["mask"] == 0
    sum(losses.values()).backward()
    (found, _) = detector.eval().detect(images, score_threshold=1.0)
    assert found["masks"].shape == (0, 64, 64)
    assert found["mask_probs"].shape == (0, 14, 14)


def test_an_odd_side_cannot_be_doubled():
    with pytest.raises(ValueError, match="even mask_side"):
        MaskRCNN(FasterRCNN(backbone(), CLASSES), mask_side=7)


@pytest.mark.parametrize("pool", [align, roi_pool])
def test_masks_stay_inside_their_boxes(scenes, pool):
    torch.manual_seed(0)
    model = MaskRCNN(FasterRCNN(backbone(), CLASSES, hidden=16, pool=pool)).eval()
    for found in model.detect(scenes.images / 255, mask_threshold=0.3):
        assert len(found["masks"]) == len(found["boxes"]) > 0
        whole = paste_masks(torch.ones(len(found["boxes"]), 2, 2), found["boxes"], (64, 64)) > 0
        assert not (found["masks"] & ~whole).any()


def test_it_learns_three_scenes_by_heart():
    torch.manual_seed(0)
    few = render_scenes(3, seed=8, config=SceneConfig(size=64, kinds=range(CLASSES)))
    model = MaskRCNN(FasterRCNN(backbone(pretrained=True), CLASSES))
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        losses = model.losses(few.images / 255, few.boxes, few.labels, few.masks)
        sum(losses.values()).backward()
        optimiser.step()
    found = detect_all(model, MaskRCNN.detect, few.images)
    assert mask_average_precision(found, few.targets())["map"] > 0.9


@pytest.mark.cuda
def test_cpu_and_cuda_agree(detector):
    images = torch.rand(2, 3, 64, 64)
    expected = detector.eval().detect(images, score_threshold=0.2)
    got = detector.cuda().detect(images.cuda(), score_threshold=0.2)
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine["mask_probs"].cpu(), other["mask_probs"], atol=1e-2, rtol=0)
