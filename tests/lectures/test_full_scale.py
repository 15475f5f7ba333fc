"""The cells of the full scale that need real data run, on tiny sets laid out like the real ones.

They run as on a GPU: no cell may mix tensors that were sent there with others. Data are those of
the full scale, numbers of epochs and the like those of the quick one.
"""

from dataclasses import is_dataclass, replace

import matplotlib.pyplot as plt
import photo_files
import pytest
import torch
from lecture_cells import run
from photo_files import flickr_files, voc_files, write_folder
from pretended_gpu import GPU

from dlcv.data.real_boxes import load_boxes
from dlcv.data.scenes import SceneConfig
from dlcv.detection import fast_rcnn, measured
from dlcv.detection.proposals import sliding_windows
from dlcv.segmentation.deconvnet import deconvnet
from dlcv.segmentation.unet import unet

pytestmark = pytest.mark.usefixtures("untrained", "on_pretended_gpu")


def only_data(*, quick, full):
    """Stand in for `at_scale`: functions, which load data, of the full scale, all else of quick."""
    return full if callable(full) else quick


def short(*, quick, full):
    """Stand in for `at_scale`: the full scale, with few epochs and no demands on what is reached.

    A string names a class, of which tiny sets have but two.
    """
    if hasattr(full, "epochs"):
        return replace(full, epochs=3)
    if isinstance(full, dict):
        return full | {"epochs": 1}
    return {float: -1.0, str: "cat", int: quick}.get(type(full), full)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    yield tmp_path
    plt.close("all")


def voc(year):
    """VOC unpacked, its test part the same as its part to learn from."""
    files = voc_files(f"VOCdevkit/VOC{year}/")
    lists = f"VOCdevkit/VOC{year}/ImageSets/Main/"
    return files | {f"{lists}test.txt": files[f"{lists}trainval.txt"]}


@pytest.fixture
def several(root, monkeypatch):
    """VOC with eight photographs to learn from, the same ones to test with, and four others."""
    kinds = (*photo_files.OBJECTS["a1"], ("cat", (41, 2, 50, 8), 0)), photo_files.OBJECTS["a4"]
    kinds = (*kinds, photo_files.OBJECTS["a2"], photo_files.OBJECTS["a1"])
    objects = {f"b{i}": kinds[i % 4] for i in range(12)}
    learn, others = list(objects)[:8], list(objects)[8:]
    monkeypatch.setattr(photo_files, "OBJECTS", objects)
    lists = {"train": learn, "val": others, "trainval": learn}
    monkeypatch.setattr(photo_files, "LISTS", lists)
    write_folder(root, voc("2007") | voc("2012"))


def test_lecture_10_localises_the_animals_of_voc(root):
    """Of the four photographs one shows a single animal that has to be found, a cat."""

    def briefly(*, quick, full):
        return replace(full, epochs=1, seeds=(0,), figures=201) if is_dataclass(full) else full

    write_folder(root, voc("2007") | voc("2012"))
    cells = ("imports", "data", "draw", "maps", "train-heads", "judge-heads")
    cells += ("crabs-data", "stages")
    names = run("10_localisation", cells, at_scale=briefly)
    images, boxes, labels = names["train"]
    assert images.shape == (1, 3, 224, 224)
    assert names["cfg"].kinds[labels[0]] == "cat"
    assert torch.allclose(boxes[0], torch.tensor([20 / 60, 4 / 40, 50 / 60, 24 / 40]))
    assert names["maps"]["test"].shape == (1, 512, 7, 7)
    _, (judged,) = names["three_seeds"]()
    assert 0 <= judged["iou"] <= 1
    pictures, boxes, *_ = names["learn"]
    once = names["look"](pictures, boxes, 2)
    twice = names["look"](pictures, boxes.repeat_interleave(2, dim=0), 2)  # two boxes of each
    assert torch.allclose(twice, once.repeat_interleave(2, dim=0), atol=1e-5)


def test_lecture_11_takes_true_boxes_and_photographs_from_voc(root):
    """Perfect boxes are worth 1; of four photographs two show what has to be found."""
    write_folder(root, voc("2007"))
    names = run(
        "11_detection_foundations", ("imports", "noise-run", "race-code"), at_scale=only_data
    )
    assert len(names["targets"]) == 4
    assert names["results"][0][0]["per_threshold"][0.95] > names["results"][-1][0]["map"]
    photos = names["pictures"]["photographs"]
    assert [len(boxes) for _, boxes in photos[-2:]] == [2, 1]
    assert photos[-1][0].shape == (3, 200, 200)


def test_lecture_12_detects_what_voc_shows(several, monkeypatch, capsys):
    """Four detectors, one epoch each, on eight photographs of two classes: SVMs need examples."""
    known = ("cat", "dog")

    def photographs(part, count):
        return load_boxes("voc2007", part, 224, count, known)

    def few(*, quick, full):
        small = {"load": photographs, "train": 8, "test": 4, "names": known, "crop": 32}
        return replace(full, **small) if is_dataclass(full) else short(quick=quick, full=full)

    monkeypatch.setattr(measured, "EPOCHS", 1)
    cells = ("imports", "scenes", "scale", "scenes-figure", "scenes-recall", "warp", "windows")
    cells += ("fine-tune", "mining", "judges", "regress", "sppnet", "fast-train", "cascade")
    cells += ("faster-train", "anchors", "recall", "live")
    by_cells_that_time = ("FastRCNN", "proposed_loss", "with_proposals")
    made = {name: getattr(fast_rcnn, name) for name in by_cells_that_time}
    made["grid"] = sliding_windows((224, 224), [56])
    names = run("12_rcnn_family", cells, at_scale=few, **made)
    assert names["train"].images.shape == (8, 3, 224, 224)
    assert names["windows"].overlaps.shape[1] == names["K"] == 2
    assert set(names["found"]) == {"R-CNN", "SPPnet", "Fast R-CNN", "Faster R-CNN"}
    for detections in names["found"].values():
        assert len(detections) == 4
        assert all((d["boxes"] <= 224).all() and (d["labels"] < 2).all() for d in detections)
    assert names["score"](names["found"]["R-CNN"])["mAP50"] > 0.9  # red cats and blue dogs
    assert names["faster"].config.bins == 7
    assert names["rivals"]["sliding windows"][0].max() <= 224  # not the anchors of the paper's map
    assert capsys.readouterr().out.count("mAP50 here") == 4
    full = made["grid"].repeat(20, 1)[:700].to(names["device"])  # as in a photograph full of things
    names["test_boxes"][3] = full
    assert run("12_rcnn_family", ("cascade",), **names)["logits"].shape == (500, 3)


def test_lecture_13_detects_what_voc_shows(several):
    cells = ("imports", "data", "train-function", "yolo-names", "yolo-targets", "yolo-train")
    cells += ("yolo-figure", "ssd-names", "match-defaults", "our-defaults", "ssd-train")
    cells += ("maps-counted", "multi-scale", "multi-scale-recall", "retina-train", "histogram")
    names = run("13_one_stage", cells, at_scale=short)
    assert names["train_scenes"].images.shape == (8, 3, 256, 256)
    assert names["C"] == 20
    assert len(names["yolo_curve"]) == len(names["ssd_curve"]) == len(names["retina_curve"]) == 1
    for found in (names["yolo_found"], names["ssd_found"], names["retina_found"]):
        assert len(found) == 8
        assert all((one["boxes"] <= 256).all() for one in found)
    assert list(names["by_size"]) == ["256 px", "341 px", "both"]
    widest = {  # objects as large as the photograph have boxes too
        "SSD": max(boxes.scale for boxes in names["ssd_model"].box_maps),
        "RetinaNet": names["retina_model"].anchor_share,
    }
    assert widest == {"SSD": pytest.approx(0.9), "RetinaNet": 4}


def test_lecture_14_labels_the_pixels_of_voc(several, capsys):
    """Every network, every rate; pixels that VOC ignores stay so, and photographs stay upright."""
    cells = ("imports", "world", "scale", "three-maps", "three-maps-figure", "scores-imports")
    cells += ("scores-taught", "oracle", "oracle-figure", "train-code", "rates", "fcn-train")
    cells += ("fcn-results", "fcn-table", "who-gained", "gained", "fcn-figure", "mixer")
    cells += ("deconvnet-code", "deconvnet-figure", "unet-train", "unet-figure", "superpixels")
    networks = {"deconvnet": deconvnet, "unet": unet}
    names = run("14_segmentation", cells, at_scale=short, **networks)
    train, test = names["train"], names["test"]
    assert (train.images.shape, test.images.shape) == ((8, 3, 128, 128), (4, 3, 128, 128))
    assert test.classes == names["names"]
    assert test.semantic.unique().tolist() == [0, 8, 12, 255]
    assert names["segmentation_loss"].keywords == {"symmetries": 2}
    assert [m.strides for (m, *_) in names["fcns"].values()] == [[32], [32, 16], [32, 16, 8]]
    assert capsys.readouterr().out.count("rate 0.0003: ") == 5
    assert (names["area"] > 0).sum() == 3 + 1 + 1 + 2
    assert not names["edges"][test.semantic == 255].any()
    assert names["judged"][1].unique().tolist() == [0, 1, 255]
    for scores in names["results"]["FCN-8s"]:
        assert scores.iou.shape == (21,)


def test_lecture_14_outlines_the_objects_of_voc(several):
    cells = ("imports", "world", "scale", "scores-imports", "train-code", "mask-imports")
    cells += ("mask-train", "mask-fit", "mask-judge", "mask-figure", "threshold-setup")
    names = run("14_segmentation", cells, at_scale=short, small=SceneConfig(size=96))
    model = names["model"].eval()
    assert names["mask_train"].masks.shape == (8, 3, 224, 224)
    assert model.mask_head(torch.zeros(1, 256, 7, 7, device=GPU)).shape == (1, 20, 14, 14)
    assert len(names["found"]) == 4
    assert all(f["masks"].shape[1:] == (224, 224) for f in names["found"])
    assert 0 <= names["by_masks"]["map"] <= 1


def test_lecture_15_tells_what_photographs_of_flickr8k_show(root, capsys):
    write_folder(root / "flickr8k", flickr_files())
    cells = ("several", "several-plain-code", "several-train", "several-judged")

    def of_full(*, quick, full):
        return (1, 2e-3, 16) if isinstance(full, tuple) else only_data(quick=-1, full=full)

    names = run("15_captioning", ("imports", *cells), at_scale=of_full, rates={"attend": 1e-3})
    assert "2 pictures, 4 sentences" in capsys.readouterr().out
    assert names["told"]["test"][0].shape == (1, 16, 256 + 512)
    words = {word for text in names["truths"]["test"][0] for word in text.split()}
    assert words == {"<rare>"}  # no word occurs five times in four sentences
    assert len(names["heard"]) == 1
