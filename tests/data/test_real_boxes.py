"""Photographs with boxes: by hand in both layouts, slots, classes, errors, the official sets."""

import json
import os
from pathlib import Path

import pytest
import torch
from photo_files import (
    LISTS,
    OBJECTS,
    H,
    W,
    accept,
    annotation,
    coco_files,
    coco_labels,
    encoded,
    voc_files,
    write_folder,
    write_set,
)
from torchvision.datasets import VOCDetection

from dlcv.data.batches import Batches
from dlcv.data.real_boxes import load_boxes
from dlcv.data.voc_layout import VOC_CLASSES
from dlcv.detection.pipeline import judge

S = 20  # px: 60 × 40 becomes 20 × 20, x divided by 3 and y by 2


@pytest.fixture(params=["voc", "coco"])
def folder(request, tmp_path):
    files = voc_files() if request.param == "voc" else coco_files()
    return write_folder(tmp_path / request.param, files)


def test_boxes_are_those_of_the_photographs_scaled_with_them(folder):
    """a2 has a dog that nobody has to find, a1 a cat and a dog, a3 nothing."""
    photos = load_boxes(folder, "train", S)
    assert photos.classes == ("cat", "dog")
    assert [Path(name).stem for name in photos.names] == LISTS["train"]
    assert (photos.images.shape, photos.images.dtype) == ((3, 3, S, S), torch.uint8)
    assert (photos.labels.dtype, photos.boxes.dtype) == (torch.int64, torch.float32)
    assert photos.labels.tolist() == [[-1, -1], [0, 1], [-1, -1]]
    assert photos.every_label.tolist() == [[1, -1], [0, 1], [-1, -1]]
    expected = [[10 / 3, 10, 40 / 3, 20], [0, 0, 10, 10], [10, 5, 20, 20]]
    found = photos.boxes[[0, 1, 1], [0, 0, 1]]
    assert torch.allclose(found, torch.tensor(expected))
    assert (photos.boxes[2] == 0).all()
    assert photos.sides.tolist() == [[H, W]] * 3


def test_what_nobody_has_to_find_is_marked_as_each_layout_calls_it(folder):
    photos = load_boxes(folder, "train", S)
    marked, other = photos.difficult, photos.crowd
    if folder.name == "coco":
        marked, other = other, marked
    assert marked.tolist() == [[True, False], [False, False], [False, False]]
    assert not other.any()


def test_a_box_lies_where_its_object_is_painted(folder):
    """Inside the scaled box of the cat of a4 all is red, outside all green."""
    photos = load_boxes(folder, "val", 120)
    x1, y1, x2, y2 = (round(edge) for edge in photos.boxes[0, 0].tolist())
    red = photos.images[0, 0] > 135
    assert red[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].all()
    red[y1 - 2 : y2 + 2, x1 - 2 : x2 + 2] = False
    assert not red.any()


def test_masks_are_the_pixels_inside_the_boxes(folder):
    """Every object is a rectangle; the first row, which VOC's masks ignore, is left out."""
    part = "train"
    photos = load_boxes(folder, part, 120, masks=True)
    for i, name in enumerate(photos.names):
        for k, _ in enumerate(OBJECTS[Path(name).stem]):
            x1, y1, x2, y2 = (round(edge) for edge in photos.boxes[i, k].tolist())
            inside = torch.zeros(120, 120, dtype=torch.bool)
            inside[y1:y2, x1:x2] = True
            assert torch.equal(photos.masks[i, k, 3:], inside[3:])
    assert not photos.masks[photos.every_label < 0].any()
    assert len(photos) == (2 if folder.name == "voc" else 3)  # VOC lists those with masks


def test_photographs_can_be_picked_and_moved_like_scenes(folder):
    photos = load_boxes(folder, "train", S, masks=True)
    picked = photos[torch.tensor([1, 0])]
    assert picked.names == photos.names[1::-1]
    assert torch.equal(picked.boxes, photos.boxes[[1, 0]])
    assert torch.equal(picked.masks, photos.masks[[1, 0]])
    assert len(photos[:1]) == 1
    assert photos[torch.arange(len(photos)) < 1].names == photos.names[:1]
    assert photos.to("cpu").classes == photos.classes
    with pytest.raises(TypeError, match="a slice or a tensor"):
        photos[0]
    for images, batch in Batches(photos.images, photos, 2).epoch(0):
        assert torch.equal(images, batch.images)


def test_finding_what_nobody_has_to_find_is_neither_right_nor_wrong(folder):
    """All objects found, the ignored dog first: nothing is lost. Without ignoring, it would be."""
    photos = load_boxes(folder, "train", S)
    targets = photos.targets()
    found = [{"boxes": t["boxes"], "labels": t["labels"],
              "scores": 1 - 0.1 * t["labels"] - 0.01 * torch.arange(len(t["labels"]))}
             for t in targets]  # fmt: skip
    found[0]["scores"] += 1
    assert judge(found, photos)["map"] == 1
    for target in targets:
        target["difficult"], target["crowd"] = target["crowd"] & False, target["crowd"] & False
    assert [len(target["labels"]) for target in targets] == [1, 2, 0]
    assert photos.targets(1)[1]["labels"].tolist() == [1, 2]


def test_classes_choose_objects_and_photographs(folder):
    photos = load_boxes(folder, "train", S, classes=("dog",))
    assert photos.classes == ("dog",)
    assert [Path(name).stem for name in photos.names] == ["a2", "a1"]
    assert photos.labels.tolist() == [[-1], [0]]
    assert load_boxes(folder, "train", S, classes=("dog", "cat")).classes == ("dog", "cat")
    assert len(load_boxes(folder, "train", S, count=1, classes=("dog",))) == 1
    assert len(load_boxes(folder, "train", S, count=2)) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"part": "test"}, r"train, trainval, val, got 'test'|instances_test.json"),
        ({"size": 0}, r"size >= 1"),
        ({"count": 0}, r"count >= 1, got 0"),
        ({"classes": ("cow",)}, r"among cat, dog, got \['cow'\]"),
        ({"part": "val", "classes": ("dog",)}, r"photographs of \('dog',\), got none"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is(folder, changes, message):
    arguments = {"source": folder, "part": "train", "size": S} | changes
    with pytest.raises(ValueError, match=message):
        load_boxes(**arguments)


def test_a_folder_of_neither_layout_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"expected JPEGImages.*or annotations/.*got neither"):
        load_boxes(tmp_path, "train", S)
    with pytest.raises(ValueError, match="which is none"):
        load_boxes(tmp_path / "nothing", "train", S)
    with pytest.raises(ValueError, match=r"voc2007, voc2012, coco or the Path of a folder"):
        load_boxes("mnist", "train", S)


def test_a_missing_or_damaged_file_is_named(folder):
    photo = next(folder.rglob("a1.jpg"))
    photo.write_bytes(photo.read_bytes()[:60])
    with pytest.raises(RuntimeError, match=r"a1.jpg cannot be decoded"):
        load_boxes(folder, "train", S)
    photo.unlink()
    with pytest.raises(RuntimeError, match=r"lists a photograph that is missing.*a1.jpg"):
        load_boxes(folder, "train", S)
    labels = [path for path in folder.rglob("*") if path.suffix in (".xml", ".json")]
    for path in labels:
        path.write_text("{<")
    with pytest.raises(RuntimeError, match=r"is no XML|is not laid out as COCO"):
        load_boxes(folder, "train", S)


def test_boxes_without_an_area_or_outside_are_left_out(tmp_path):
    """VOC counts from 1 and the last pixel is inside: 5 to 5 is one pixel wide, 5 to 4 none."""
    files = voc_files()
    text = annotation("a4").decode()
    pixel, none = text.replace(">50<", ">21<"), text.replace(">50<", ">20<")
    outside = text.replace(">50<", ">99<").replace(">21<", ">70<")
    for changed, count in ((pixel, 1), (none, 0), (outside, 0)):
        files["Annotations/a4.xml"] = changed.encode()
        photos = load_boxes(write_folder(tmp_path, files), "val", S)
        assert (photos.every_label >= 0).sum() == count
    files["Annotations/a4.xml"] = text.replace("<xmax>50</xmax>", "").encode()
    with pytest.raises(RuntimeError, match=r"whole bndbox .*a4.xml"):
        load_boxes(write_folder(tmp_path, files), "val", S)


@pytest.mark.parametrize(
    ("labels", "photos"),
    [
        ("annotations/mine.json", "images/"),
        ("annotations/instances_mine.json", ""),
        ("mine/_annotations.coco.json", "mine/"),
    ],
)
def test_other_places_of_coco_files_are_known(tmp_path, labels, photos):
    files = {labels: json.dumps(coco_labels("val")).encode()}
    files[f"{photos}a4.jpg"] = encoded(torch.zeros(H, W, 3, dtype=torch.uint8).numpy())
    assert load_boxes(write_folder(tmp_path, files), "mine", S).labels.tolist() == [[0]]


@pytest.mark.parametrize("name", ["voc2007", "voc2012", "coco"])
def test_the_known_sets_are_read_from_their_archives(tmp_path, monkeypatch, name):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    write_set(tmp_path, name)
    accept(monkeypatch, name, tmp_path)
    photos = load_boxes(name, "train", S)
    assert photos.classes == (("cat", "dog") if name == "coco" else VOC_CLASSES)
    assert [Path(file).stem for file in photos.names] == LISTS["train"]
    assert photos.classes[photos.labels[1, 1]] == "dog"
    assert len(load_boxes(name, "val", S)) == 1
    if name == "voc2007":
        assert len(load_boxes(name, "test", S)) == 4


def test_voc_agrees_with_torchvision(tmp_path):
    """It gives the numbers of the file: from 1, the last pixel included."""
    write_folder(tmp_path, voc_files("VOCdevkit/VOC2012/"))
    theirs = VOCDetection(tmp_path, year="2012", image_set="train")
    ours = load_boxes(tmp_path, "train", S)
    for i, (image, target) in enumerate(theirs):
        boxes = []
        for item in target["annotation"].get("object", []):
            x1, y1, x2, y2 = (int(item["bndbox"][e]) for e in ("xmin", "ymin", "xmax", "ymax"))
            boxes.append([(x1 - 1) / 3, (y1 - 1) / 2, x2 / 3, y2 / 2])
        assert torch.allclose(ours.targets()[i]["boxes"], torch.tensor(boxes).reshape(-1, 4))
        assert image.size == (W, H)


@pytest.mark.skipif("DLCV_DATA" not in os.environ, reason="DLCV_DATA names no real data")
@pytest.mark.parametrize(
    ("name", "part", "count", "objects"),
    [("voc2007", "test", 4952, 12032), ("coco", "val", 5000, 36335)],
)
def test_the_official_sets_hold_what_is_known_of_them(name, part, count, objects):
    """VOC 2007 test: 14,976 objects, 12,032 of them not difficult. COCO val2017: 36,335."""
    from dlcv.data.fetching import data_folder
    from dlcv.data.known_sets import SETS

    if not all((data_folder() / file.path).is_file() for file in SETS[name].archives[part]):
        pytest.skip(f"{name} is not in DLCV_DATA")
    photos = load_boxes(name, part, 8)
    assert len(photos) == count
    assert (photos.labels >= 0).sum() == objects
