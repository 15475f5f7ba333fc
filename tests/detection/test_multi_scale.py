"""Looking at a picture in several sizes."""

import pytest
import torch
from torch import nn

from dlcv.detection.multi_scale import detect_at_scales, merge
from dlcv.detection.pipeline import detect_all


def by_brightness(model, images):
    """Finds the box around all bright pixels, with a score that grows with the picture."""
    found = []
    for image in images:
        ys, xs = (image[0] > 0.5).nonzero(as_tuple=True)
        box = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).float()[None]
        score = torch.tensor([image.shape[-1] / 1000])
        found.append({"boxes": box, "scores": score, "labels": torch.tensor([0])})
    return found


def picture():
    images = torch.zeros(2, 3, 32, 32)
    images[:, :, 8:16, 12:28] = 1
    return images


def test_boxes_come_back_in_the_pictures_own_pixels():
    for sizes in ((32,), (64,), (16, 96)):
        found = detect_all(nn.Identity(), detect_at_scales(by_brightness, sizes), picture())
        for one in found:
            torch.testing.assert_close(
                one["boxes"][:1], torch.tensor([[12.0, 8, 28, 16]]), rtol=0, atol=0.6
            )
            assert one["scores"][0].item() == pytest.approx(max(sizes) / 1000)


def test_the_same_object_seen_twice_is_one_detection():
    found = detect_at_scales(by_brightness, (32, 64, 96))(nn.Identity(), picture())
    assert [len(one["boxes"]) for one in found] == [1, 1]


def test_the_pictures_own_size_changes_nothing():
    plain = by_brightness(None, picture())
    for one, same in zip(
        plain, detect_at_scales(by_brightness, (32,))(nn.Identity(), picture()), strict=True
    ):
        for name, value in one.items():
            torch.testing.assert_close(same[name], value)


def test_views_without_detections():
    none = {
        "boxes": torch.zeros(0, 4),
        "scores": torch.zeros(0),
        "labels": torch.zeros(0, dtype=torch.int64),
    }
    assert len(merge([none, none])["boxes"]) == 0


def test_no_size_is_an_error():
    with pytest.raises(ValueError, match="at least one size above 0"):
        detect_at_scales(by_brightness, ())
