"""Any set in VOC's or COCO's layout works with every detector, through one call: `load_boxes`."""

import re

import numpy as np
import pytest
import torch
from photo_files import annotation, coco_files, voc_files, write_folder

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.real_boxes import load_boxes
from dlcv.data.scenes import render_scenes
from dlcv.detection import rcnn
from dlcv.detection.fast_rcnn import FastRCNN, proposed_loss, with_proposals
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.fpn import FeaturePyramid, PyramidRCNN
from dlcv.detection.mask_rcnn import MaskRCNN, mask_detector_loss
from dlcv.detection.pipeline import detect_all, detector_loss, judge, turn
from dlcv.detection.rcnn import crop_loss, train_rcnn
from dlcv.detection.retinanet import RetinaNet, retina_pyramid
from dlcv.detection.sppnet import train_sppnet
from dlcv.detection.ssd import Ssd
from dlcv.detection.yolo import Yolo
from dlcv.device import seed_everything
from dlcv.training import TrainConfig, fit
from tools.executions import ROOT

S = 96
RECIPE = TrainConfig(1, 1e-3, "adamw")
NETWORKS = {
    "Faster R-CNN": lambda K: FasterRCNN(backbone(), K),
    "FPN": lambda K: PyramidRCNN(FeaturePyramid(backbone()), K),
    "YOLO": lambda K: Yolo(backbone(), K, level=-2),
    "SSD": lambda K: Ssd(backbone(), K),
    "RetinaNet": lambda K: RetinaNet(retina_pyramid(backbone()), K, alpha=0.5),
}


@pytest.fixture(scope="module", params=["voc", "coco"])
def photos(request, tmp_path_factory):
    files = voc_files() if request.param == "voc" else coco_files()
    return load_boxes(write_folder(tmp_path_factory.mktemp("own"), files), "train", S)


def proposals_of(photos):
    """The objects themselves, moved a little, and random boxes."""
    generator = torch.Generator().manual_seed(0)
    result = []
    for target in photos.targets():
        corners = (S - 20) * torch.rand(40, 2, generator=generator)
        random = torch.cat([corners, corners + 5 + 15 * torch.rand(40, 2, generator=generator)], 1)
        result.append(torch.cat([(target["boxes"] + 1).clamp(0, S), random]))
    return result


def check_answers(found, photos):
    """One answer a photograph, laid out as all are, and one that can be judged."""
    assert len(found) == len(photos)
    for entry in found:
        assert entry["boxes"].shape == (len(entry["scores"]), 4)
        assert ((entry["labels"] >= 0) & (entry["labels"] < len(photos.classes))).all()
    assert 0 <= judge(found, photos)["map"] <= 1


@pytest.mark.parametrize("name", NETWORKS)
def test_every_detector_learns_from_photographs_and_finds_something_to_judge(photos, name):
    seed_everything(0)
    model = NETWORKS[name](len(photos.classes))
    before = [p.detach().clone() for p in model.parameters()]
    history = fit(model, Batches(photos.images, photos, 2), detector_loss, RECIPE)
    assert np.isfinite(history.losses).all()
    assert any(not torch.equal(p, q) for p, q in zip(before, model.parameters(), strict=True))
    check_answers(detect_all(model, type(model).detect, photos.images), photos)


def test_fast_rcnn_takes_its_proposals_beside_the_photographs(photos):
    seed_everything(0)
    model, proposals = FastRCNN(backbone(), len(photos.classes)), proposals_of(photos)
    batches = Batches(photos.images, with_proposals(photos, proposals), 2)
    fit(model, batches, proposed_loss, RECIPE)
    check_answers(model.eval().detect(photos.images / 255, proposals), photos)


@pytest.mark.parametrize("train", [train_rcnn, train_sppnet])
def test_the_detectors_in_stages_take_them_too(photos, train):
    seed_everything(0)
    proposals = proposals_of(photos)
    trained = train(backbone(), photos, proposals, len(photos.classes), RECIPE)
    check_answers(trained.detect(photos.images / 255, proposals), photos)


def test_mask_rcnn_learns_from_photographs_with_masks(photos, tmp_path):
    seed_everything(0)
    files = voc_files() if photos.difficult.any() else coco_files()
    masked = load_boxes(write_folder(tmp_path, files), "train", S, masks=True)
    model = MaskRCNN(FasterRCNN(backbone(), len(masked.classes)))
    fit(model, Batches(masked.images, masked, 2), mask_detector_loss, RECIPE)
    found = detect_all(model, MaskRCNN.detect, masked.images)
    check_answers(found, masked)
    assert all(entry["masks"].shape[1:] == (S, S) for entry in found)


def test_photographs_are_never_turned_upside_down_and_scenes_are():
    """The loss of a model that tells which symmetry its batch was given."""

    class Spy(torch.nn.Module):
        def losses(self, images, boxes, labels):
            seen.append(tuple(images[0, 0].flatten().tolist()))
            return {"none": images.sum()}

    image = torch.arange(4).reshape(1, 1, 2, 2).expand(1, 3, 2, 2).byte()
    known = {turn(image / 255, torch.zeros(1, 1, 4), k)[0][0, 0].flatten(): k for k in range(8)}
    known = {tuple(key.tolist()): k for key, k in known.items()}
    for symmetries, drawn in ((2, {0, 1}), (8, set(range(8)))):
        seen = []
        batch = type("Labelled", (), {})()
        batch.boxes, batch.labels, batch.symmetries = (
            torch.zeros(1, 1, 4),
            -torch.ones(1, 1),
            symmetries,
        )
        for _ in range(80):
            detector_loss(Spy(), (image, batch))
        assert {known[key] for key in seen} == drawn
    assert render_scenes(1).symmetries == 8


@pytest.mark.parametrize(("symmetries", "drawn"), [(2, {0, 1}), (8, set(range(8)))])
def test_crops_of_photographs_are_only_mirrored_and_those_of_scenes_turned(symmetries, drawn):
    crops = torch.arange(4.0).reshape(1, 1, 2, 2).expand(1, 3, 2, 2)
    turned = [turn(crops, torch.zeros(1, 4), k)[0] for k in range(8)]
    seen = set()

    def spy(crops):
        seen.update(k for k in range(8) if torch.equal(crops, turned[k]))
        return torch.zeros(1, 2)

    for _ in range(80):
        crop_loss(spy, (crops, torch.tensor([0])), symmetries)
    assert seen == drawn


def test_rcnn_learns_from_crops_turned_as_its_pictures_allow(photos, monkeypatch):
    used = []

    def spy(network, batch, symmetries):
        used.append(symmetries)
        return crop_loss(network, batch, symmetries)

    monkeypatch.setattr(rcnn, "crop_loss", spy)
    train_rcnn(backbone(), photos, proposals_of(photos), len(photos.classes), RECIPE)
    assert set(used) == {2}


def test_difficult_objects_are_not_learnt(tmp_path):
    """Of the same photograph, once with the dog difficult, the loss of YOLO differs."""
    files = voc_files()
    losses = []
    for flag in "10":
        text = annotation("a2").decode().replace("<difficult>1<", f"<difficult>{flag}<")
        files["Annotations/a2.xml"] = text.encode()
        photos = load_boxes(write_folder(tmp_path, files), "train", S)[:1]
        seed_everything(0)
        model = Yolo(backbone(), 2, level=-2).eval()
        losses.append(
            model.losses(photos.images / 255, photos.boxes, photos.labels)["class"].item()
        )
    assert losses[0] == 0 < losses[1]


def test_the_page_on_data_sets_shows_code_that_runs(tmp_path, monkeypatch, capsys):
    """Its example for your own photographs, word for word, with fewer epochs."""
    page = (ROOT / "book" / "datasets.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (code,) = [block for block in blocks if "my_photos" in block]
    files = voc_files()
    files["ImageSets/Main/test.txt"] = files["ImageSets/Main/val.txt"]
    write_folder(tmp_path / "my_photos", files)
    monkeypatch.chdir(tmp_path)
    shorter = code.replace("epochs=12", "epochs=1")
    exec(compile(shorter, "datasets.md", "exec"), {"load_boxes": load_boxes})
    assert "'map':" in capsys.readouterr().out
