"""Masks: pasted, compared and judged, by hand and against torchvision and pycocotools."""

import contextlib
import io

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import nn
from torchvision.models.detection.roi_heads import paste_masks_in_image

from dlcv.detection.average_precision import mean_average_precision
from dlcv.detection.masks import mask_average_precision, mask_iou, paste_masks

THRESHOLDS = [round(0.5 + 0.05 * i, 2) for i in range(10)]
SIZE = (20, 30)


def test_a_mask_by_hand():
    """Two cells over four pixels: the pixels' middles lie at -1/4, 1/4, 3/4 and 5/4 cells."""
    pasted = paste_masks(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[1.0, 2, 5, 3]]), (4, 6))
    assert pasted.shape == (1, 4, 6)
    assert pasted[0, 2].tolist() == [0, 0, 0.25, 0.75, 1, 0]
    assert pasted[0, [0, 1, 3]].sum() == 0


def test_full_masks_fill_their_boxes():
    boxes = torch.tensor([[2.4, 3.6, 17.5, 9.4], [-5.0, -5, 4, 4], [8.0, 8, 8, 12]])
    pasted = paste_masks(torch.ones(3, 7, 7), boxes, SIZE) > 0.999
    x, y = torch.arange(30) + 0.5, torch.arange(20)[:, None] + 0.5
    for mask, (x1, y1, x2, y2) in zip(pasted, boxes, strict=True):
        inside = (x >= x1) & (x < x2) & (y >= y1) & (y < y2)
        assert torch.equal(mask, inside)
    assert pasted[2].sum() == 0  # a box without area


@pytest.mark.parametrize("seed", range(4))
def test_whole_pixels_equal_interpolate(seed):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(1, 14, 14, generator=generator)
    x1, y1, w, h = (int(torch.randint(1, 10, (), generator=generator)) for _ in range(4))
    pasted = paste_masks(mask, torch.tensor([[x1, y1, x1 + w, y1 + h]]).float(), SIZE)[0]
    expected = torch.zeros(SIZE)
    grown = nn.functional.interpolate(mask[None], size=(h, w), mode="bilinear")[0, 0]
    expected[y1 : y1 + h, x1 : x1 + w] = grown
    torch.testing.assert_close(pasted, expected)


def test_nearly_torchvision():
    """Its boxes are rounded to whole pixels and its masks fade at the border; ours are not."""
    torch.manual_seed(0)
    corner = torch.rand(20, 2) * 40
    boxes = torch.cat([corner, corner + 20 + 30 * torch.rand(20, 2)], 1)
    blob = nn.functional.interpolate(torch.randn(20, 1, 4, 4), size=(14, 14), mode="bicubic")
    masks = blob.sigmoid()
    theirs = paste_masks_in_image(masks, boxes, (96, 96))[:, 0] >= 0.5
    ours = paste_masks(masks[:, 0], boxes, (96, 96)) >= 0.5
    same = mask_iou(ours, theirs).diag()
    assert same.mean() > 0.9
    assert same.min() > 0.75


def test_pasting_can_be_differentiated():
    torch.manual_seed(0)
    masks = torch.rand(2, 3, 3, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[1.3, 0.2, 6.1, 4.9], [0.0, 0, 3, 3]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m: paste_masks(m, boxes, (6, 7)), masks)


def test_bad_input():
    boxes = torch.zeros(2, 4)
    assert paste_masks(torch.zeros(0, 14, 14), boxes[:0], SIZE).shape == (0, *SIZE)
    with pytest.raises(ValueError, match="masks \\[N, m, m\\]"):
        paste_masks(torch.zeros(3, 14, 14), boxes, SIZE)
    with pytest.raises(ValueError, match="bool masks"):
        mask_iou(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4))
    with pytest.raises(ValueError, match="bool masks"):
        mask_iou(torch.zeros(1, 4, 4).bool(), torch.zeros(1, 4, 5).bool())
    with pytest.raises(ValueError, match="masks in every"):
        mask_average_precision([{"boxes": boxes}], [{"boxes": boxes}])
    with pytest.raises(ValueError, match="as many predictions"):
        mask_average_precision([], [{}])
    assert mask_average_precision([], [])["per_class"] == {}


def test_overlap_by_hand():
    """Two rows against two columns of a 4 × 4 image: 4 pixels of 12 in common."""
    rows, columns = torch.zeros(2, 1, 4, 4).bool()
    rows[0, :2], columns[0, :, :2] = True, True
    assert mask_iou(rows, columns).item() == pytest.approx(4 / 12)
    nothing = torch.zeros(1, 4, 4).bool()
    assert mask_iou(rows, nothing).item() == mask_iou(nothing, nothing).item() == 0
    assert mask_iou(rows[:0], columns).shape == (0, 1)


def encode(mask):
    return coco_mask.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))


def blobs(seed, count):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 1, 4, 5, generator=generator)
    return nn.functional.interpolate(noise, size=SIZE, mode="bilinear")[:, 0] > 0.2


def test_overlap_equals_pycocotools():
    masks1, masks2 = blobs(1, 7), blobs(2, 5)
    expected = coco_mask.iou([encode(m) for m in masks1], [encode(m) for m in masks2], [0] * 5)
    torch.testing.assert_close(mask_iou(masks1, masks2).double(), torch.from_numpy(expected))


def detections(seed, images=10):
    """Objects, and detections of them with a ragged border, of a wrong class, or invented."""
    generator = np.random.default_rng(seed)
    predictions, targets = [], []
    for image in range(images):
        count = int(generator.integers(0, 6))
        masks = blobs(100 * seed + image, count)
        labels = torch.from_numpy(generator.integers(0, 3, count))
        crowd = torch.from_numpy(generator.random(count) < 0.15)
        flips = torch.from_numpy(generator.random((count, *SIZE)) < generator.uniform(0, 0.25))
        found = torch.cat([masks ^ flips, masks[: count // 2], blobs(100 * seed + image + 50, 2)])
        guessed = torch.cat([labels, labels[: count // 2], torch.tensor([0, 1])])
        scores = torch.from_numpy(
            generator.permutation(len(found)) / 20 + 0.01 * generator.random()
        )
        predictions.append({"masks": found, "labels": guessed, "scores": scores.float()})
        targets.append({"masks": masks, "labels": labels, "crowd": crowd})
    return predictions, targets


def by_pycocotools(predictions, targets):
    annotations, results = [], []
    for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        rows = zip(target["masks"], target["labels"].tolist(), target["crowd"], strict=True)
        for mask, label, crowd in rows:
            common = {"image_id": i + 1, "category_id": label, "segmentation": encode(mask)}
            entry = {"id": len(annotations) + 1, "iscrowd": int(crowd), "area": int(mask.sum())}
            annotations.append(common | entry | {"bbox": [0, 0, 1, 1]})
        rows = zip(prediction["masks"], prediction["labels"], prediction["scores"], strict=True)
        for mask, label, score in rows:
            entry = {"image_id": i + 1, "category_id": int(label), "score": float(score)}
            results.append(entry | {"segmentation": encode(mask)})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": i + 1, "height": 20, "width": 30} for i in range(len(targets))],
            "categories": [{"id": k} for k in range(3)],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "segm")
        evaluation.params.iouThrs = np.array(THRESHOLDS)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, 2].mean(axis=1)  # [T, K]


@pytest.mark.parametrize("seed", range(8))
def test_mask_ap_equals_pycocotools(seed):
    predictions, targets = detections(seed)
    expected = by_pycocotools(predictions, targets)
    got = mask_average_precision(predictions, targets, THRESHOLDS, "coco")
    classes = [k for k in range(3) if expected[0, k] >= 0]  # -1 without objects
    assert sorted(got["per_class"]) == classes
    for k in classes:
        assert got["per_class"][k] == pytest.approx(expected[:, k].mean(), abs=1e-12)
    for t, row in zip(THRESHOLDS, expected, strict=True):
        assert got["per_threshold"][t] == pytest.approx(row[classes].mean(), abs=1e-12)


def rectangles(entry):
    """The same entry with masks that fill its boxes."""
    x, y = torch.arange(30) + 0.5, torch.arange(20)[:, None] + 0.5
    x1, y1, x2, y2 = entry["boxes"][:, :, None, None].unbind(1)
    return {**entry, "masks": (x > x1) & (x < x2) & (y > y1) & (y < y2)}


@pytest.mark.parametrize("method", ["voc07", "area", "coco"])
def test_rectangles_are_judged_like_their_boxes(method):
    generator = np.random.default_rng(0)
    predictions, targets = [], []
    for _ in range(12):
        corner = generator.integers(0, 8, (4, 2))
        boxes = np.concatenate([corner, corner + generator.integers(4, 12, (4, 2))], 1)
        boxes, labels = torch.from_numpy(boxes).float(), torch.arange(4) % 2
        moved = boxes + torch.from_numpy(generator.integers(-2, 2, (4, 1)))
        scores = torch.from_numpy(generator.random(4)).float()
        predictions.append(
            rectangles({"boxes": moved.clamp(min=0), "labels": labels, "scores": scores})
        )
        targets.append(rectangles({"boxes": boxes, "labels": labels}))
        targets[-1]["difficult"] = torch.from_numpy(generator.random(4) < 0.3)
    expected = mean_average_precision(predictions, targets, THRESHOLDS, method)
    assert mask_average_precision(predictions, targets, THRESHOLDS, method) == expected
    everyone = [{k: v for k, v in target.items() if k != "difficult"} for target in targets]
    assert mask_average_precision(predictions, everyone, THRESHOLDS, method) != expected
