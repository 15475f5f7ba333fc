"""Windows: what they show, how they are warped, how batches are biased."""

import pytest
import torch
from torchvision.ops import roi_align

from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.proposals import sliding_windows
from dlcv.detection.windows import BiasedBatches, Crops, describe_windows, warp_regions

SCENES = render_scenes(3, seed=5, config=SceneConfig(size=48), masks=False)


def test_a_window_takes_the_class_of_the_object_it_overlaps_most():
    target = SCENES.targets()[0]
    box, label = target["boxes"][:1], target["labels"][0]
    shifted = box + torch.tensor([0.25, 0, 0.25, 0]) * (box[0, 2] - box[0, 0])  # IoU 0.6
    far = torch.tensor([[0.0, 0, 1, 1]])
    windows = describe_windows([torch.cat([shifted, far])], SCENES[:1], 8)
    assert windows.overlaps[0].amax().item() == pytest.approx(0.6, abs=1e-5)
    assert windows.labels[0] == label
    assert windows.classes()[:2].tolist() == [label, 8]
    assert windows.exact.tolist() == [False, False] + [True] * len(target["boxes"])
    torch.testing.assert_close(windows.objects[0], box[0])


def test_every_true_box_is_a_window_of_its_own_class():
    windows = describe_windows([torch.zeros(0, 4)] * 3, SCENES, 8)
    wanted = torch.cat([t["labels"] for t in SCENES.targets()])
    assert windows.exact.all()
    assert torch.equal(windows.classes(), wanted)
    assert windows.image.tolist() == sorted(windows.image.tolist())


def test_windows_need_proposals_for_every_scene():
    with pytest.raises(ValueError, match="3 scenes, got 1"):
        describe_windows([torch.zeros(0, 4)], SCENES, 8)


def test_in_a_scene_without_an_object_every_window_is_background():
    """Of 20 scenes with at most one object some have none."""
    scenes = render_scenes(20, seed=1, config=SceneConfig(size=48, objects=(0, 1)), masks=False)
    windows = describe_windows([torch.tensor([[4.0, 4, 40, 40]])] * 20, scenes, 8)
    empty = (scenes.labels < 0).all(1)
    assert 0 < empty.sum() < 20
    inside = empty[windows.image]
    assert inside.sum() == empty.sum()  # their own window alone, and no true box
    assert (windows.classes()[inside] == 8).all()
    assert (windows.overlaps[inside] == 0).all()


def test_a_region_of_its_own_size_is_cut_out_as_it_is():
    images = SCENES.images[:1] / 255
    crop = warp_regions(images, torch.tensor([0]), torch.tensor([[8.0, 5, 24, 21]]), size=16)
    torch.testing.assert_close(crop[0], images[0, :, 5:21, 8:24], atol=1e-5, rtol=1e-5)


def test_warping_equals_one_aligned_sample_a_pixel():
    """RoIAlign with one sample in each bin interpolates at the same points."""
    images = SCENES.images / 255
    image = torch.tensor([2, 0, 1, 0])
    boxes = torch.tensor([[5.0, 6, 30, 20], [10, 10, 20, 40], [3, 3, 45, 45], [7, 9, 12, 14]])
    regions = torch.cat([image[:, None].float(), boxes], dim=1)
    expected = roi_align(images, regions, 12, sampling_ratio=1, aligned=True)
    torch.testing.assert_close(
        warp_regions(images, image, boxes, 12), expected, atol=1e-5, rtol=1e-5
    )


def test_context_keeps_the_box_in_the_middle_and_outside_is_grey():
    images = torch.ones(1, 1, 20, 20)
    inside = torch.tensor([[0.0, 0, 20, 20]])
    crop = warp_regions(images, torch.tensor([0]), inside, size=24, context=0.25)[0, 0]
    assert (crop[7:17, 7:17] == 1).all()
    assert (crop[:5] == 0.5).all()
    assert (crop[:, -5:] == 0.5).all()


def test_no_region_gives_no_crop():
    crops = warp_regions(SCENES.images / 255, torch.zeros(0).long(), torch.zeros(0, 4), 8)
    assert crops.shape == (0, 3, 8, 8)
    with pytest.raises(ValueError, match="context"):
        warp_regions(SCENES.images / 255, torch.zeros(0).long(), torch.zeros(0, 4), 8, 0.5)


def test_crops_are_cut_out_when_asked_for():
    scenes = render_scenes(5, seed=4, config=SceneConfig(size=48), masks=False)
    proposals = [sliding_windows((48, 48), [20]) for _ in range(5)]
    windows = describe_windows(proposals, scenes, classes=8)
    crops = Crops(scenes.images, windows, size=16, context=0.1)
    at_once = warp_regions(scenes.images / 255, windows.image, windows.boxes, 16, 0.1)
    assert len(crops) == len(at_once)
    assert torch.equal(torch.cat(list(crops.split(7))), at_once)
    mixed = torch.tensor([len(crops) - 1, 0, 40, 3])
    assert torch.equal(crops[mixed], at_once[mixed])
    assert crops[:0].shape == (0, 3, 16, 16)


def test_batches_hold_objects_and_background_as_asked_and_repeat():
    classes = torch.tensor([8] * 50 + [0, 1, 2])
    batches = BiasedBatches(torch.arange(53), classes, 8, steps=3, positives=4, negatives=12)
    first = list(batches.epoch(1))
    assert len(batches) == len(first) == 3
    for inputs, labels in first:
        assert (labels != 8).sum() == 4
        assert len(labels) == 16
        assert torch.equal(classes[inputs], labels)
    again = list(batches.epoch(1))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], next(iter(batches.epoch(2)))[0])


def test_batches_need_both_sides():
    with pytest.raises(ValueError, match="with objects and without"):
        BiasedBatches(torch.zeros(3), torch.tensor([8, 8, 8]), 8, steps=1)
