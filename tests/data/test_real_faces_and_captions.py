"""LFW's faces with their pairs, and captions of Flickr8k and COCO."""

import pytest
from photo_files import (
    accept,
    coco_files,
    flickr_files,
    lfw_files,
    write_folder,
    write_set,
)

from dlcv.data.real_captions import load_captions
from dlcv.data.real_faces import load_lfw, read_pairs
from dlcv.verification.protocol import verification_accuracy


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    return tmp_path


def test_faces_and_pairs_are_those_of_the_files(tmp_path):
    """Ann 10 and 20, Bob 30 and 40, Cy 50 and 60, Di 70 and 80: the brightness is the name."""
    faces = load_lfw(8, source=write_folder(tmp_path, lfw_files()))
    assert faces.people == ("Ann_A", "Bob_B", "Cy_C", "Di_D")
    assert faces.images.shape == (8, 3, 8, 8)
    assert faces.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    brightness = faces.images[:, 0, 4, 4]
    assert brightness[faces.first].tolist() == [30, 30, 60, 60]
    assert brightness[faces.second].tolist() == [40, 20, 50, 70]
    assert faces.same.tolist() == [True, False, True, False]
    assert faces.folds == 2


def test_the_pairs_are_as_the_protocol_wants_them(tmp_path):
    """Differences 10, 10 | 10, 10. With Ann 15 darker: 10, 25 | 10, 10, told apart in one fold.

    The second fold chooses its threshold on the first, where 10 is the same and 25 is not; there
    both pairs have 10, so one answer of two is right. The first fold's threshold comes from the
    second, where both answers are equally good, and the lowest, -inf, says always the same.
    """
    faces = load_lfw(8, source=write_folder(tmp_path, lfw_files()))
    brightness = faces.images[:, 0, 4, 4].float()
    brightness[faces.labels == 0] -= 15
    scores = -(brightness[faces.first] - brightness[faces.second]).abs()
    assert scores.tolist() == [-10, -25, -10, -10]
    found = verification_accuracy(scores, faces.same, faces.folds)
    assert found.per_fold.tolist() == [0.5, 0.5]


def test_one_may_learn_from_whom_a_fold_does_not_show(tmp_path):
    faces = load_lfw(8, source=write_folder(tmp_path, lfw_files()))
    assert faces.labels[faces.outside(0)].tolist() == [2, 2, 3, 3]
    assert faces.labels[faces.outside(1)].tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        faces.outside(2)


def test_the_crop_keeps_the_middle(tmp_path):
    """A white frame of 10 px around 50 × 50 is gone with the middle 60 %, and stays with all."""
    files = lfw_files()
    write_folder(tmp_path, files)
    from PIL import Image

    path = tmp_path / "lfw_funneled" / "Ann_A" / "Ann_A_0001.jpg"
    image = Image.new("RGB", (50, 50), "white")
    image.paste((0, 0, 0), (10, 10, 40, 40))
    image.save(path, "PNG")
    assert load_lfw(30, source=tmp_path).images[0].max() == 0
    assert load_lfw(30, crop=1, source=tmp_path).images[0].max() == 255
    with pytest.raises(ValueError, match=r"crop in \(0, 1\]"):
        load_lfw(30, crop=0, source=tmp_path)


def test_pairs_txt_is_read_line_by_line():
    text = "1\t1\nAnn_A\t1\t12\nAnn_A\t3\tBob_B\t4\n"
    assert read_pairs(text) == ([("Ann_A_0001", "Ann_A_0012"), ("Ann_A_0003", "Bob_B_0004")], 1)
    with pytest.raises(RuntimeError, match=r"1 folds of 2 pairs of each kind.*got 2"):
        read_pairs(text.replace("1\t1\nA", "1\t2\nA", 1))
    with pytest.raises(RuntimeError, match="3 or 4 words"):
        read_pairs(text + "Bob_B\n")


def test_a_face_that_is_missing_is_named(tmp_path):
    root = write_folder(tmp_path, lfw_files())
    (root / "lfw_funneled" / "Di_D" / "Di_D_0001.jpg").unlink()
    with pytest.raises(RuntimeError, match="lists Di_D_0001, but there is no such photograph"):
        load_lfw(8, source=root)


def test_lfw_is_read_from_its_archive(root, monkeypatch):
    write_set(root, "lfw")
    accept(monkeypatch, "lfw", root)
    faces = load_lfw(8)
    assert faces.images[:, 0, 4, 4].tolist() == [10, 20, 30, 40, 50, 60, 70, 80]
    assert len(faces.same) == 4


@pytest.mark.parametrize("folder", ["Flicker8k_Dataset", "Images"])
def test_flickr8k_is_read_in_the_order_of_its_list(tmp_path, folder):
    photos = load_captions(write_folder(tmp_path, flickr_files(folder)), "train", 20)
    assert photos.names == (f"{folder}/a4.jpg", f"{folder}/a1.jpg")
    assert photos.captions[1] == ("Sentence 0 of a1 .", "Sentence 1 of a1 .")
    assert photos.images.shape == (2, 3, 20, 20)
    assert len(load_captions(tmp_path, "train", 20, count=1).names) == 1
    assert load_captions(tmp_path, "dev", 20).captions[0][0] == "Sentence 0 of a2 ."


def test_captions_lie_in_cocos_layout_too(tmp_path):
    photos = load_captions(write_folder(tmp_path, coco_files()), "train", 20)
    assert photos.captions[0] == ("one in a2.jpg .", "two in a2.jpg .")
    assert photos.names[0] == "train2017/a2.jpg"


@pytest.mark.parametrize(("name", "part"), [("flickr8k", "dev"), ("coco", "val")])
def test_the_known_sets_have_captions(root, monkeypatch, name, part):
    write_set(root, name)
    accept(monkeypatch, name, root)
    photos = load_captions(name, part, 20)
    assert [len(sentences) for sentences in photos.captions] == [2]
    assert photos.images.float().std() > 1


def test_what_is_not_there_is_an_error_that_says_what_is(tmp_path):
    root = write_folder(tmp_path, flickr_files())
    with pytest.raises(ValueError, match=r"Flickr_8k.valImages.txt with .*or annotations/captions"):
        load_captions(root, "val", 20)
    with pytest.raises(ValueError, match="flickr8k, coco or the Path"):
        load_captions("flickr30k", "train", 20)
    with pytest.raises(ValueError, match="count >= 1"):
        load_captions(root, "train", 20, count=0)
    (root / "Flickr_8k.devImages.txt").write_text("none.jpg\n")
    with pytest.raises(RuntimeError, match=r"lists none.jpg, which has no sentence"):
        load_captions(root, "dev", 20)
    (root / "Flicker8k_Dataset" / "a1.jpg").unlink()
    with pytest.raises(RuntimeError, match=r"missing.*a1.jpg"):
        load_captions(root, "train", 20)
