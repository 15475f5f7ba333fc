"""Anchors by hand, against torchvision's generator and matcher, and their errors."""

import pytest
import torch
from torchvision.models.detection._utils import Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from dlcv.detection.anchors import BACKGROUND, IGNORED, assign, make_anchors
from dlcv.detection.boxes import box_area, box_iou
from dlcv.study.facts import fact


def test_one_place_by_hand():
    """Centre (8, 8); the tall anchor is 8 wide and 32 high: ratio 4, area 16²."""
    anchors = make_anchors((1, 1), 16, scales_px=(16,), ratios=(1, 4))
    assert anchors.tolist() == [[0, 0, 16, 16], [4, -8, 12, 24]]


def test_places_follow_row_by_row():
    anchors = make_anchors((2, 3), 10, scales_px=(4, 6))
    assert anchors.shape == (2 * 3 * 2, 4)
    centres = (anchors[::2, :2] + anchors[::2, 2:]) / 2
    assert centres.tolist() == [[5, 5], [15, 5], [25, 5], [5, 15], [15, 15], [25, 15]]
    torch.testing.assert_close(box_area(anchors[:2]), torch.tensor([16.0, 36.0]))


def test_the_numbers_of_the_papers():
    scales, ratios = (128, 256, 512), (0.5, 1, 2)
    fact("L12-ANCHORS", len(make_anchors((1, 1), 16, scales, ratios)))
    fact("L12-ANCHORS-60x40", len(make_anchors((40, 60), 16, scales, ratios)))
    sizes = [-(-600 // 2**level) for level in range(3, 8)]  # P3 to P7, rounded up
    levels = [len(make_anchors((n, n), 8, (32, 40, 51), ratios)) for n in sizes]
    fact("L13-RETINA-ANCHORS", sum(levels))


def test_shapes_equal_torchvision_up_to_its_rounding():
    """Its anchors sit on the corner of a place and are rounded to whole pixels."""
    scales, ratios = (32.0, 64.0), (0.5, 1.0, 2.0)
    generator = AnchorGenerator((scales,), (ratios,))
    images = ImageList(torch.zeros(1, 3, 64, 96), [(64, 96)])
    theirs = generator(images, [torch.zeros(1, 1, 4, 6)])[0].reshape(24, 3, 2, 4)
    ours = make_anchors((4, 6), 16, scales, ratios) - 8  # to the corner of a place
    ours = ours.reshape(24, 2, 3, 4).transpose(1, 2)  # theirs has all scales of the first ratio
    assert (ours - theirs).abs().max() <= 0.5


def test_assignment_by_hand():
    boxes = torch.tensor([[0.0, 0, 10, 10], [100, 100, 110, 110]])
    anchors = torch.tensor(
        [[0.0, 0, 10, 9], [0, 0, 10, 5], [0, 0, 10, 2], [104, 104, 114, 114], [50, 50, 60, 60]]
    )
    # IoU with the first box 0.9, 0.5 and 0.2; the fourth is all that the second box has
    assert assign(anchors, boxes).tolist() == [0, IGNORED, BACKGROUND, 1, BACKGROUND]
    without = assign(anchors, boxes, rescue=False)
    assert without.tolist() == [0, IGNORED, BACKGROUND, BACKGROUND, BACKGROUND]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rescue", [True, False])
def test_assignment_equals_torchvision(seed, rescue):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(5, 2, generator=generator) * 70
    boxes = torch.cat([corner, corner + 10 + 30 * torch.rand(5, 2, generator=generator)], dim=1)
    anchors = make_anchors((12, 12), 8, (16, 32), (0.5, 1, 2))
    matcher = Matcher(0.6, 0.3, allow_low_quality_matches=rescue)
    expected = matcher(box_iou(boxes, anchors))
    assert assign(anchors, boxes, 0.6, 0.3, rescue).tolist() == expected.tolist()


def test_without_objects_all_is_background():
    found = assign(make_anchors((2, 2), 8, (8,)), torch.zeros(0, 4))
    assert found.tolist() == [BACKGROUND] * 4


def test_an_object_out_of_reach_rescues_nobody():
    far_away = torch.tensor([[500.0, 500, 510, 510]])
    assert (assign(make_anchors((2, 2), 8, (8,)), far_away) == BACKGROUND).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_anchors((0, 3), 8, (8,)), "above 0"),
        (lambda: make_anchors((2, 2), 8, (8,), (-1.0,)), "above 0"),
        (lambda: assign(torch.zeros(1, 4), torch.zeros(1, 4), 0.3, 0.7), "negative <= positive"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
