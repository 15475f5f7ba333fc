"""Two heads on a trunk: shapes, the loss by hand, the measures, and a training that finds boxes."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.classification.backbone import backbone
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.box_losses import squared_l2_loss
from dlcv.detection.localiser import (
    ATTACH,
    TwoHeads,
    choose_boxes,
    judge_localisation,
    localisation_loss,
    unit_smooth_l1,
)

MIDDLE = [0.25, 0.25, 0.75, 0.75]


@pytest.mark.parametrize("attach", ATTACH)
@pytest.mark.parametrize("class_specific", [False, True])
def test_shapes_of_both_heads(attach, class_specific):
    heads = TwoHeads(6, 3, num_classes=5, attach=attach, class_specific=class_specific)
    for count in (1, 4):
        logits, boxes = heads(torch.randn(count, 6, 3, 3))
        assert logits.shape == (count, 6)
        assert boxes.shape == (count, 5 if class_specific else 1, 4)


def test_a_new_head_answers_with_a_box_near_the_middle():
    torch.manual_seed(0)
    _, boxes = TwoHeads(6, 3, 5, class_specific=True)(torch.randn(8, 6, 3, 3))
    assert (boxes - torch.tensor(MIDDLE)).abs().max() < 0.5


def test_the_pooled_head_does_not_see_places_and_the_others_do():
    torch.manual_seed(0)
    maps = torch.randn(2, 6, 3, 3)
    for attach in ATTACH:
        heads = TwoHeads(6, 3, 5, attach=attach)
        same = torch.allclose(heads(maps)[1], heads(maps.flip(3))[1], atol=1e-6)
        assert same == (attach == "pooled")


def test_from_the_hidden_layer_the_box_gradient_reaches_the_class_heads_layer():
    reached = {}
    for attach in ATTACH:
        heads = TwoHeads(6, 3, 5, attach=attach)
        heads(torch.randn(2, 6, 3, 3))[1].sum().backward()
        reached[attach] = next(heads.hidden.parameters()).grad is not None
    assert reached == {"map": False, "hidden": True, "pooled": False}


def test_the_box_of_the_label_is_chosen():
    boxes = torch.arange(24.0).reshape(2, 3, 4)
    assert choose_boxes(boxes, torch.tensor([2, 0]))[:, 0].tolist() == [8, 12]
    assert choose_boxes(boxes, torch.tensor([3, 1]))[:, 0].tolist() == [8, 16]  # 3: empty
    assert choose_boxes(boxes[:, :1], torch.tensor([2, 0]))[:, 0].tolist() == [0, 12]


def test_the_loss_by_hand():
    """Equal logits cost log 3; of two images one has an object, off by (0.1, 0, 0, 0)."""
    boxes = torch.tensor([[[0.2, 0.2, 0.6, 0.6]], [[9.0, 9, 9, 9]]])
    true = torch.tensor([[0.1, 0.2, 0.6, 0.6], [0.0, 0, 0, 0]])
    loss = localisation_loss(
        torch.zeros(2, 3), boxes, torch.tensor([1, 2]), true, 4, squared_l2_loss
    )
    expected = torch.log(torch.tensor(3.0)) + 4 * 0.5 * 0.01
    torch.testing.assert_close(loss, expected)


def test_the_loss_equals_a_loop():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(9, 5, generator=generator)
    boxes, true = torch.rand(9, 4, 4, generator=generator), torch.rand(9, 4, generator=generator)
    labels = torch.tensor([0, 4, 3, 3, 1, 4, 2, 0, 4])
    total = torch.tensor(0.0)
    for i, label in enumerate(labels.tolist()):
        total += F.cross_entropy(logits[i], labels[i])
        if label < 4:
            total += 2 * unit_smooth_l1(boxes[i, label][None], true[i][None])
    torch.testing.assert_close(localisation_loss(logits, boxes, labels, true, 2), total / 9)


def test_empty_images_alone_leave_the_class_loss():
    logits, boxes = torch.randn(3, 5), torch.rand(3, 1, 4, requires_grad=True)
    labels = torch.full((3,), 4)
    loss = localisation_loss(logits, boxes, labels, torch.zeros(3, 4))
    torch.testing.assert_close(loss, F.cross_entropy(logits, labels))


def test_the_measures_by_hand():
    """Kind right and box right; kind wrong, box right; kind right, box wrong; empty and seen so."""
    logits = torch.eye(3)[[0, 1, 1, 2]]
    labels = torch.tensor([0, 0, 1, 2])
    true = torch.tensor([[0.0, 0, 1, 1]] * 4)
    boxes = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 0.5], [0, 0, 0.5, 0.5], [0, 0, 1, 1]])
    measured = judge_localisation(logits, boxes[:, None], labels, true)
    assert measured["accuracy"] == 0.75
    assert measured["iou"] == pytest.approx((1 + 0.5 + 0.25) / 3)
    assert measured["found"] == pytest.approx(2 / 3)
    assert measured["localised"] == pytest.approx(1 / 3)


def test_an_image_taken_for_empty_is_not_localised_even_with_a_right_box():
    measured = judge_localisation(
        torch.tensor([[1.0, 0, 2]]),
        torch.tensor([[[0.0, 0, 1, 1]]]),
        torch.tensor([0]),
        torch.tensor([[0.0, 0, 1, 1]]),
    )
    assert (measured["found"], measured["localised"]) == (1, 0)


def test_a_short_training_on_the_shipped_backbone_beats_the_mean_box():
    scenes = render_scenes(250, 3, config=SceneConfig(objects=(1, 1), kinds=(0, 1, 2)), masks=False)
    with torch.no_grad():
        maps = backbone(pretrained=True).eval().features(scenes.images / 255)[-1]
    boxes, labels = scenes.boxes[:, 0] / 64, scenes.labels[:, 0]
    torch.manual_seed(0)
    heads = TwoHeads(112, 4, num_classes=3)
    optimiser = torch.optim.AdamW(heads.parameters(), 3e-3)
    for _ in range(60):
        loss = localisation_loss(*heads(maps[:200]), labels[:200], boxes[:200])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = judge_localisation(*heads(maps[200:]), labels[200:], boxes[200:])
        mean = boxes[:200].mean(dim=0).expand(50, 1, 4)
        guess = judge_localisation(heads(maps[200:])[0], mean, labels[200:], boxes[200:])
    assert found["iou"] > guess["iou"] + 0.1
    assert found["accuracy"] > 0.7


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="expected attach among map, hidden, pooled, got 'end'"):
        TwoHeads(6, 3, 5, attach="end")
    with pytest.raises(ValueError, match=r"expected boxes \[B, K, 4\] and labels \[B\]"):
        choose_boxes(torch.rand(2, 4), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="at least one image with an object, got none"):
        judge_localisation(
            torch.zeros(1, 3), torch.rand(1, 1, 4), torch.tensor([2]), torch.rand(1, 4)
        )


@pytest.mark.cuda
def test_cuda_agrees():
    torch.manual_seed(0)
    heads, maps = TwoHeads(6, 3, 5, class_specific=True), torch.randn(4, 6, 3, 3)
    labels, true = torch.tensor([0, 5, 2, 4]), torch.rand(4, 4)
    expected = localisation_loss(*heads(maps), labels, true)
    heads = heads.cuda()
    found = localisation_loss(*heads(maps.cuda()), labels.cuda(), true.cuda())
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-4)
