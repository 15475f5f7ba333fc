"""Turning pictures with their boxes, thinning out detections, judging them on scenes."""

import pytest
import torch
from torch import nn

from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.boxes import nms
from dlcv.detection.pipeline import (
    SYMMETRIES,
    detect_all,
    detector_loss,
    judge,
    thin_out,
    turn,
)


@pytest.fixture(scope="module")
def scenes():
    return render_scenes(6, seed=3, config=SceneConfig(size=48))


def tight_boxes(masks):
    """Boxes around masks [B, K, S, S], found pixel by pixel."""
    boxes = torch.zeros(*masks.shape[:2], 4)
    for b, k in masks.any((2, 3)).nonzero().tolist():
        ys, xs = masks[b, k].nonzero(as_tuple=True)
        boxes[b, k] = torch.tensor([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return boxes


@pytest.mark.parametrize("symmetry", range(SYMMETRIES))
def test_boxes_stay_on_their_objects(scenes, symmetry):
    images, boxes = turn(scenes.images, scenes.boxes, symmetry)
    masks, _ = turn(scenes.masks, scenes.boxes, symmetry)
    present = scenes.labels >= 0
    torch.testing.assert_close(boxes[present], tight_boxes(masks)[present])
    assert images.shape == scenes.images.shape


def test_the_eight_symmetries_differ(scenes):
    turned = [turn(scenes.images, scenes.boxes, k)[0].flatten().tolist() for k in range(8)]
    assert len({tuple(pixels) for pixels in turned}) == 8


class Witness(nn.Module):
    """Keeps what it was shown; its losses are two and three."""

    def losses(self, images, boxes, labels):
        self.seen = images, boxes, labels
        return {"classes": torch.tensor(2.0), "boxes": torch.tensor(3.0)}


def test_the_loss_is_a_sum_over_pictures_and_boxes_turned_alike(scenes):
    torch.manual_seed(1)  # draws the symmetry below
    symmetry = int(torch.randint(SYMMETRIES, ()))
    torch.manual_seed(1)
    witness = Witness()
    assert detector_loss(witness, (scenes.images, scenes)) == 5
    images, boxes = turn(scenes.images / 255, scenes.boxes, symmetry)
    for seen, expected in zip(witness.seen, (images, boxes, scenes.labels), strict=True):
        assert torch.equal(seen, expected)
    assert symmetry != 0


def test_thinning_drops_the_unlikely_and_suppresses_within_a_class():
    box = torch.tensor([[0.0, 0, 9, 9]]).repeat(4, 1)
    scores = torch.tensor([0.5, 0.9, 0.8, 0.01])
    kept = thin_out(box, scores, torch.tensor([0, 0, 1, 2]))
    assert kept["scores"].tolist() == pytest.approx([0.9, 0.8])
    assert kept["labels"].tolist() == [0, 1]
    assert len(thin_out(box, scores, torch.tensor([0, 0, 1, 2]), most=1)["boxes"]) == 1


def test_thinning_of_one_class_is_suppression():
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(30, 2, generator=generator) * 40
    boxes = torch.cat([corner, corner + 20], dim=1)
    scores = torch.rand(30, generator=generator)
    kept = thin_out(boxes, scores, torch.zeros(30, dtype=torch.int64), score_threshold=0)
    torch.testing.assert_close(kept["boxes"], boxes[nms(boxes, scores, 0.5)])


def test_a_detector_that_knows_the_answer_is_perfect(scenes):
    truth, seen = iter(scenes.targets()), []

    def detect(model, images):
        seen.append((images.dtype, float(images.max()), model.training))
        targets = [next(truth) for _ in images]
        return [{**t, "scores": torch.ones(len(t["labels"]))} for t in targets]

    model = nn.Identity()
    found = detect_all(model, detect, scenes.images, batch_size=4)
    assert judge(found, scenes, (0.5, 0.9))["map"] == pytest.approx(1)
    assert [dtype for dtype, _, _ in seen] == [torch.float32, torch.float32]
    assert all(brightest <= 1 and not training for _, brightest, training in seen)
    assert model.training


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="square images and a symmetry"):
        turn(torch.zeros(1, 3, 4, 5), torch.zeros(1, 1, 4), 0)
    with pytest.raises(ValueError, match="symmetry from 0 to 7"):
        turn(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4), 8)
