"""Masks of photographs: classes, ignored pixels, overlaps, and COCO's outlines against its code."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from photo_files import accept, coco_files, coco_labels, voc_files, write_folder, write_set
from pycocotools import mask as coco_mask
from torch import nn

from dlcv.data.batches import Batches
from dlcv.data.coco_layout import draw_outline, run_lengths
from dlcv.data.real_boxes import load_boxes
from dlcv.data.real_masks import load_masks
from dlcv.segmentation.pipeline import judge, segmentation_loss

S = 20  # px: 60 × 40 becomes 20 × 20


@pytest.fixture(params=["voc", "coco"])
def folder(request, tmp_path):
    files = voc_files() if request.param == "voc" else coco_files()
    return write_folder(tmp_path / request.param, files)


def test_every_pixel_has_the_class_of_what_is_painted_there(folder):
    """a1: a cat in x 0..30, y 0..20 and a dog in x 30..60, y 10..40 of 60 × 40 px.

    VOC's drawing ignores the first row; its nearest pixels are rows 1, 3, …, so it is not seen.
    """
    photos = load_masks(folder, "train", S, classes=("cat", "dog"))
    assert photos.classes == ("background", "cat", "dog")
    i = [name.endswith("a1.jpg") for name in photos.names].index(True)
    expected = torch.zeros(S, S, dtype=torch.uint8)
    expected[0:10, 0:10], expected[5:20, 10:20] = 1, 2
    assert torch.equal(photos.semantic[i], expected)
    assert photos.semantic.dtype == torch.uint8
    assert photos.images.shape == (len(photos.names), 3, S, S)


def test_ignored_are_the_pixels_that_voc_marks_and_the_crowds_of_coco(folder):
    photos = load_masks(folder, "train", 40)
    a2 = photos.semantic[[name.endswith("a2.jpg") for name in photos.names].index(True)]
    inside = torch.zeros(40, 40, dtype=torch.bool)
    inside[20:40, 7:27] = True  # x 10..40 of 60: the edges fall between pixels
    if folder.name == "voc":
        assert (a2[0] == 255).all()
        assert (a2[1:] != 255).all()
        assert torch.equal(a2[1:] == 2, inside[1:])
    else:
        assert torch.equal(a2 == 255, inside)


def test_a_class_that_is_not_wanted_is_background(folder):
    photos = load_masks(folder, "train", S, classes=("dog",))
    assert photos.classes == ("background", "dog")
    i = [name.endswith("a1.jpg") for name in photos.names].index(True)
    assert (photos.semantic[i, 5:, 10:] == 1).all()
    assert (photos.semantic[i, :5, :10] == 0).all()
    assert len(load_masks(folder, "train", S, count=1).names) == 1


def test_of_two_objects_the_smaller_lies_in_front(tmp_path):
    content = coco_labels("val")
    large, small = (
        [x, y, x + s, y, x + s, y + s, x, y + s] for x, y, s in ((0, 0, 40), (10, 10, 10))
    )
    entry = content["annotations"][0]
    content["annotations"] = [
        entry | {"segmentation": [small], "category_id": 18},
        entry | {"segmentation": [large]},
    ]
    files = coco_files() | {"annotations/instances_val2017.json": json.dumps(content).encode()}
    semantic = load_masks(write_folder(tmp_path, files), "val", 120).semantic[0]
    assert (semantic[30:60, 20:40] == 2).all()
    assert (semantic == 1).sum() == 80 * 120 - 20 * 30


def test_ignored_pixels_count_neither_in_the_loss_nor_in_the_measure(tmp_path):
    """Half of the pixels are ignored: a constant answer is right on all the others."""
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    classes = torch.full((2, 8, 8), 255, dtype=torch.uint8)
    classes[:, :4] = 1
    model = nn.Conv2d(3, 2, 1)
    nn.init.zeros_(model.weight)
    with torch.no_grad():
        model.bias.copy_(torch.tensor([0.0, 3.0]))
    expected = torch.nn.functional.cross_entropy(torch.tensor([[0.0, 3.0]]), torch.tensor([1]))
    batch = next(iter(Batches(images, classes, 2).epoch(0)))
    for symmetries in (2, 8):
        loss = partial(segmentation_loss, symmetries=symmetries)(model, batch)
        assert torch.allclose(loss, expected)
    assert judge(model, images, classes, 2).pixel_accuracy == 1


def test_with_two_symmetries_top_and_bottom_stay(monkeypatch):
    """A model that only answers right where the picture is not turned upside down."""

    class Below(nn.Module):
        def forward(self, images):
            rows = torch.arange(8.0)[:, None].expand(8, 8) >= 4
            return torch.stack([~rows, rows])[None].float().expand(len(images), -1, -1, -1) * 50

    classes = torch.zeros(1, 8, 8, dtype=torch.uint8)
    classes[:, 4:] = 1
    batch = (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), classes)
    losses = [segmentation_loss(Below(), batch, symmetries=2).item() for _ in range(20)]
    assert max(losses) < 1e-6
    assert max(segmentation_loss(Below(), batch).item() for _ in range(40)) > 1


@pytest.mark.parametrize("seed", range(5))
def test_run_lengths_are_those_of_cocos_code(seed):
    generator = np.random.default_rng(seed)
    whole = generator.random((7, 300)) < 0.5
    whole[:, 20:280] = seed % 2  # long runs, of several letters
    packed = coco_mask.encode(np.asfortranarray(whole.astype(np.uint8)))
    assert (run_lengths(packed) == whole).all()
    assert (run_lengths(packed | {"counts": packed["counts"].decode()}) == whole).all()


@pytest.mark.parametrize("seed", range(5))
def test_polygons_are_nearly_those_of_cocos_code(seed):
    """COCO counts a pixel at the edge in other cases: no more than the outline's length differs."""
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.random(9)) * 2 * np.pi
    radius = 20 + 25 * generator.random(9)
    corners = np.stack([60 + radius * np.cos(angles), 50 + radius * np.sin(angles)], 1)
    outline = [corners.ravel().tolist()]
    theirs = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(outline, 120, 120))) > 0
    ours = draw_outline(outline, (120, 120), 120)
    length = np.linalg.norm(corners - np.roll(corners, 1, 0), axis=1).sum()
    assert (ours ^ theirs).sum() < length
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.9


def test_an_object_without_an_outline_is_an_error(tmp_path):
    content = coco_labels("val")
    del content["annotations"][0]["segmentation"]
    files = coco_files() | {"annotations/instances_val2017.json": json.dumps(content).encode()}
    root = write_folder(tmp_path, files)
    assert len(load_boxes(root, "val", S)) == 1
    with pytest.raises(RuntimeError, match="a segmentation of every object"):
        load_masks(root, "val", S)


def test_a_number_that_is_no_class_and_a_missing_drawing_are_errors(tmp_path):
    root = write_folder(tmp_path, voc_files())
    drawing = root / "SegmentationClass" / "a4.png"
    drawing.write_bytes((root / "SegmentationClass" / "a1.png").read_bytes())
    assert len(load_masks(root, "val", S).names) == 1
    (root / "Annotations" / "a1.xml").write_text("<annotation/>")
    (root / "Annotations" / "a2.xml").write_text("<annotation/>")  # now no dog is left
    with pytest.raises(RuntimeError, match=r"classes up to 1 in .*a4.jpg, got 2"):
        load_masks(root, "val", S)
    drawing.unlink()
    with pytest.raises(RuntimeError, match=r"lists SegmentationClass/a4.png, but it is missing"):
        load_masks(root, "val", S)
    drawing.write_bytes((root / "JPEGImages" / "a4.jpg").read_bytes())
    with pytest.raises(RuntimeError, match="one number in each pixel, got RGB"):
        load_masks(root, "val", S)
    with pytest.raises(ValueError, match="count >= 1"):
        load_masks(root, "val", S, count=0)


@pytest.mark.parametrize("name", ["voc2007", "voc2012", "coco"])
def test_the_known_sets_have_masks(tmp_path, monkeypatch, name):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    write_set(tmp_path, name)
    accept(monkeypatch, name, tmp_path)
    photos = load_masks(name, "val", S)
    cat = photos.classes.index("cat")
    assert cat == (1 if name == "coco" else 8)
    assert (photos.semantic == cat).any()
    boxed = load_boxes(name, "val", S, masks=True)
    assert torch.equal(boxed.masks[0, 0], photos.semantic[0] == cat)
