"""Joints: relative to a box and back, crops against slices, and the measures by hand and by loop."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from dlcv.data.joints import SKELETONS
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.pose import (
    crop_and_resize,
    normalise_points,
    pck,
    pcp,
    restore_points,
    squares,
)

BOX = torch.tensor([[10.0, 20, 30, 60]])  # 20 wide, 40 high, centre (20, 40)


def test_points_relative_to_a_box_by_hand():
    points = torch.tensor([[[20.0, 40], [10, 20], [30, 60], [40, 40]]])
    expected = torch.tensor([[[0.0, 0], [-0.5, -0.5], [0.5, 0.5], [1, 0]]])
    torch.testing.assert_close(normalise_points(points, BOX), expected)


@given(st.integers(0, 10_000), st.floats(0.2, 20))
def test_relative_points_come_back_and_do_not_care_about_the_scale(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(3, 2, generator=generator).double()
    boxes = torch.cat([corner, corner + 0.1 + torch.rand(3, 2, generator=generator)], dim=1)
    points = torch.randn(3, 5, 2, generator=generator).double()
    relative = normalise_points(points, boxes)
    torch.testing.assert_close(restore_points(relative, boxes), points)
    torch.testing.assert_close(normalise_points(scale * points, scale * boxes), relative)


def test_the_joints_of_the_scenes_lie_in_their_boxes():
    label = list(SKELETONS).index("crab")
    scenes = render_scenes(30, 1, config=SceneConfig(objects=(1, 1), kinds=(label,)), masks=False)
    joints = scenes.joints[:, 0, :6, :2]
    relative = normalise_points(joints, scenes.boxes[:, 0])
    assert relative.abs().max() < 0.55


def test_a_crop_of_whole_pixels_is_a_slice():
    images = torch.rand(2, 3, 20, 30)
    boxes = torch.tensor([[4.0, 6, 12, 14], [20, 10, 28, 18]])
    crops = crop_and_resize(images, boxes, 8)
    torch.testing.assert_close(crops[0], images[0, :, 6:14, 4:12], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(crops[1], images[1, :, 10:18, 20:28], atol=1e-5, rtol=1e-5)


def test_a_crop_is_resampled_as_torch_resizes():
    images = torch.rand(1, 3, 16, 24)
    whole = crop_and_resize(images, torch.tensor([[0.0, 0, 24, 16]]), 12)
    expected = F.interpolate(images, (12, 12), mode="bilinear", align_corners=False)
    torch.testing.assert_close(whole, expected, atol=1e-5, rtol=1e-5)


def test_beyond_the_edge_the_nearest_pixel_counts():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8) / 8
    crop = crop_and_resize(ramp, torch.tensor([[-8.0, 0, 0, 8]]), 8)
    assert crop.abs().max() < 1e-6


def test_squares_by_hand():
    found = squares(torch.tensor([[10.0, 20]]), torch.tensor([6.0]))
    assert found.tolist() == [[7, 17, 13, 23]]


def joints(*rows):
    return torch.tensor([rows], dtype=torch.float64)


def test_correct_keypoints_by_hand():
    """Size 10, share 0.2: two pixels are allowed. Off by 0, 2, 3 (hidden) and 5: two of three."""
    true = joints([0, 0], [10, 0], [0, 10], [10, 10])
    found = joints([0, 0], [12, 0], [0, 13], [13, 14])
    counts = torch.tensor([[True, True, False, True]])
    assert pck(found, true, counts, torch.tensor([10.0])) == pytest.approx(2 / 3)
    assert pck(found, true, counts, torch.tensor([10.0]), share=0.5) == 1


def test_correct_parts_by_hand():
    """A limb of 10 allows 5 at *both* ends; one of 4 allows 2."""
    true = joints([0, 0], [10, 0], [10, 4])
    found = joints([0, 5], [10, 3], [10, 4])
    counts = torch.ones(1, 3, dtype=torch.bool)
    assert pcp(found, true, counts, [(0, 1)]) == 1
    assert pcp(found, true, counts, [(0, 1), (1, 2)]) == 0.5
    assert pcp(found, true, counts, [(1, 2)], share=1) == 1


def test_measures_equal_a_loop():
    generator = torch.Generator().manual_seed(2)
    true = 40 * torch.rand(20, 6, 2, generator=generator)
    found = true + 4 * torch.randn(20, 6, 2, generator=generator)
    counts = torch.rand(20, 6, generator=generator) < 0.8
    sizes = 20 + 20 * torch.rand(20, generator=generator)
    bones = SKELETONS["crab"].bones
    near, limbs = [], []
    for b in range(20):
        off = [(found[b, j] - true[b, j]).norm().item() for j in range(6)]
        near += [off[j] <= 0.1 * sizes[b].item() for j in range(6) if counts[b, j]]
        for i, j in bones:
            if counts[b, i] and counts[b, j]:
                allowed = 0.5 * (true[b, i] - true[b, j]).norm().item()
                limbs.append(max(off[i], off[j]) <= allowed)
    assert pck(found, true, counts, sizes, 0.1) == pytest.approx(sum(near) / len(near))
    assert pcp(found, true, counts, bones) == pytest.approx(sum(limbs) / len(limbs))


def test_what_is_wrong_is_said():
    three, counts = torch.rand(2, 3, 2), torch.ones(2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"expected points \[B, J, 2\] and boxes \[B, 4\]"):
        normalise_points(three, BOX)
    with pytest.raises(ValueError, match=r"expected images \[B, C, H, W\] and boxes \[B, 4\]"):
        crop_and_resize(torch.rand(3, 8, 8), BOX, 4)
    with pytest.raises(ValueError, match=r"expected joints \[B, J, 2\] twice"):
        pck(three, three[:, :2], counts, torch.ones(2))
    with pytest.raises(ValueError, match="at least one joint to judge, got none"):
        pck(three, three, ~counts, torch.ones(2))
    counts[:, 0] = False
    with pytest.raises(ValueError, match="at least one limb to judge, got none"):
        pcp(three, three, counts, [(0, 1)])
