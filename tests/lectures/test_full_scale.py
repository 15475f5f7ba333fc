"""The cells of the full scale that need real data run, on tiny sets laid out like the real ones.

Data are those of the full scale, numbers of epochs and the like those of the quick one.
"""

import matplotlib.pyplot as plt
import nbformat
import pytest
from photo_files import flickr_files, voc_files, write_folder

from dlcv.classification import transfer
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


def voc2007():
    """VOC 2007 unpacked, its test part the same as its part to learn from."""
    files = voc_files("VOCdevkit/VOC2007/")
    lists = "VOCdevkit/VOC2007/ImageSets/Main/"
    return files | {f"{lists}test.txt": files[f"{lists}trainval.txt"]}


def test_lecture_12_trains_on_voc(root, capsys):
    from dlcv.detection.faster_rcnn import FasterRCNN

    write_folder(root, voc2007())
    cells = ("imports", "photographs", "photographs-figure", "photographs-train")
    names = run("12_rcnn_family", cells, FasterRCNN=FasterRCNN)
    assert "4 + 4 pictures of 224 px, 20 classes" in capsys.readouterr().out
    assert names["on_photographs"].classes == 20
    assert len(names["answers"]) == 4
    assert 0 <= names["there"]["map"] <= 1


def test_lecture_15_tells_what_photographs_of_flickr8k_show(root, monkeypatch, capsys):
    build = transfer.imagenet_resnet18
    monkeypatch.setattr(transfer, "imagenet_resnet18", lambda n, pretrained: build(n))
    write_folder(root / "flickr8k", flickr_files())
    names = run("15_captioning", ("imports", "photographs", "photographs-train"))
    assert "2 pictures to learn from" in capsys.readouterr().out
    assert names["views"]["train"].shape == (2, 16, 256 + 512)
    assert names["sentences"].shape[0] == 4
    assert [len(heard) for heard in names["guess"].values()] == [1, 1]
