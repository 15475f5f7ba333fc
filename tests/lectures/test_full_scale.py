"""The cells of the full scale that need real data run, on tiny sets laid out like the real ones.

Data are those of the full scale, numbers of epochs and the like those of the quick one.
"""

from dataclasses import is_dataclass, replace

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from photo_files import flickr_files, voc_files, write_folder

from dlcv.classification import imagenet
from dlcv.device import seed_everything
from tools.executions import ROOT


def only_data(*, quick, full):
    """Stand in for `at_scale`: functions, which load data, of the full scale, all else of quick."""
    return full if callable(full) else quick


def run(lecture, cells, **known):
    """Run some cells of a lecture, by their names, and return all that they have defined."""
    notebook = nbformat.read(ROOT / "lectures" / f"{lecture}.ipynb", as_version=4)
    sources = {cell["id"]: cell["source"] for cell in notebook.cells}
    names = {"at_scale": only_data, "device": "cpu", "seed_everything": seed_everything} | known
    for cell in cells:
        exec(compile(sources[cell], cell, "exec"), names)
    return names


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


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch):
    """Residual networks with random weights: those learnt on ImageNet would have to be fetched."""
    build = imagenet.torchvision_resnet
    monkeypatch.setattr(imagenet, "torchvision_resnet", lambda name, pretrained: build(name))


def test_lecture_10_localises_the_animals_of_voc(root):
    """Of the four photographs one shows a single animal that has to be found, a cat."""

    def briefly(*, quick, full):
        return replace(full, epochs=1, seeds=(0,)) if is_dataclass(full) else full

    write_folder(root, voc("2007") | voc("2012"))
    cells = ("imports", "data", "draw", "maps", "train-heads", "judge-heads")
    names = run("10_localisation", cells, at_scale=briefly)
    images, boxes, labels = names["train"]
    assert images.shape == (1, 3, 224, 224)
    assert names["cfg"].kinds[labels[0]] == "cat"
    assert torch.allclose(boxes[0], torch.tensor([20 / 60, 4 / 40, 50 / 60, 24 / 40]))
    assert names["maps"]["test"].shape == (1, 512, 7, 7)
    _, (judged,) = names["three_seeds"]()
    assert 0 <= judged["iou"] <= 1


def test_lecture_11_takes_true_boxes_and_photographs_from_voc(root):
    """Perfect boxes are worth 1; of four photographs two show what has to be found."""
    write_folder(root, voc("2007"))
    names = run("11_detection_foundations", ("imports", "noise-run", "race-code"))
    assert len(names["targets"]) == 4
    assert names["results"][0][0]["per_threshold"][0.95] > names["results"][-1][0]["map"]
    photos = names["pictures"]["photographs"]
    assert [len(boxes) for _, boxes in photos[-2:]] == [2, 1]
    assert photos[-1][0].shape == (3, 200, 200)


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
