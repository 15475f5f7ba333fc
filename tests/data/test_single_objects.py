"""Photographs with one object or none: by hand on four photographs, and the errors."""

import pytest
import torch
from photo_files import voc_files, write_folder

from dlcv.data.real_boxes import load_boxes
from dlcv.data.single_objects import VOC_ANIMALS, load_single_objects
from dlcv.data.voc_layout import VOC_CLASSES

S = 20


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path, voc_files())


def test_one_cat_or_none(folder):
    """a1 has a cat and a dog, a2 a difficult dog, a3 nothing, a4 a cat: of cats, a1 and a4."""
    cats = load_single_objects(folder, "trainval", S, ("cat",), empty=1)
    photos = load_boxes(folder, "trainval", S)
    assert torch.equal(cats.images, photos.images[[0, 3, 1, 2]])
    assert cats.labels.tolist() == [0, 0, 1, 1]
    assert torch.allclose(cats.boxes[:2], photos.boxes[[0, 3], 0] / S)
    assert (cats.boxes[2:] == 0).all()


def test_two_of_the_classes_and_difficult_ones_are_left_out(folder):
    """Of cats and dogs a1 has two; the dog of a2 is difficult, so a2 neither has one nor none."""
    both = load_single_objects(folder, "trainval", S, ("dog", "cat"), empty=2)
    assert both.labels.tolist() == [1, 2]
    dogs = load_single_objects(folder, "trainval", S, ("dog",), empty=5)
    assert dogs.labels.tolist() == [0, 1, 1]
    assert dogs.boxes[0].tolist() == pytest.approx([0.5, 0.25, 1, 1])
    assert len(load_single_objects(folder, "trainval", S, ("dog",), empty=0).labels) == 1


def test_what_is_not_there_is_an_error(folder):
    with pytest.raises(ValueError, match=r"among cat, dog, got \['cow'\]"):
        load_single_objects(folder, "trainval", S, ("cow",))
    with pytest.raises(ValueError, match=r"one object of \['dog'\], got none"):
        load_single_objects(folder, "val", S, ("dog",))
    with pytest.raises(ValueError, match="got -1"):
        load_single_objects(folder, "val", S, ("cat",), empty=-1)


def test_the_animals_are_classes_of_voc():
    assert set(VOC_ANIMALS) < set(VOC_CLASSES)
