"""The feature pyramid against torchvision's, its rule of levels, and Faster R-CNN on it."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, roi_align
from torchvision.ops.poolers import LevelMapper

from dlcv.classification.backbone import backbone
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.fpn import PYRAMID_CONFIG, FeaturePyramid, PyramidRCNN, pyramid_level
from dlcv.study.facts import fact


def squares(*sides):
    return torch.tensor([[3.0, 5, 3 + side, 5 + side] for side in sides])


def test_levels_of_the_paper():
    for side in (32, 64, 112, 224, 448):
        fact(f"L12-FPN-K{side}", int(pyramid_level(squares(side), 0, 9)))
    assert pyramid_level(squares(32, 448, 2000), 2, 5).tolist() == [2, 5, 5]  # cut to P2 to P5
    assert pyramid_level(torch.zeros(1, 4), 2, 5).tolist() == [2]  # no area at all
    assert pyramid_level(torch.zeros(0, 4), 2, 5).shape == (0,)


def test_only_the_area_counts():
    boxes = torch.tensor([[0.0, 0, 112, 448], [0, 0, 224, 224]])
    assert pyramid_level(boxes, 2, 5).tolist() == [4, 4]


def test_levels_equal_torchvision():
    torch.manual_seed(0)
    corner = torch.rand(500, 2) * 100
    boxes = torch.cat([corner, corner + 2 ** (10 * torch.rand(500, 2))], 1)
    expected = LevelMapper(2, 5)([boxes]) + 2
    assert torch.equal(pyramid_level(boxes, 2, 5), expected)
    expected = LevelMapper(2, 4, canonical_scale=48, canonical_level=4)([boxes]) + 2
    assert torch.equal(pyramid_level(boxes, 2, 4, canonical_px=48), expected)
    with pytest.raises(ValueError, match="lowest <= highest"):
        pyramid_level(boxes, 5, 2)


def test_pyramid_equals_torchvision_with_its_weights():
    torch.manual_seed(0)
    ours = FeaturePyramid(backbone(), levels=(1, 2, 3), channels=8)
    theirs = FeaturePyramidNetwork([32, 64, 112], 8)
    for k in range(3):
        ours.lateral[k].load_state_dict(theirs.inner_blocks[k][0].state_dict())
        ours.smooth[k].load_state_dict(theirs.layer_blocks[k][0].state_dict())
    sizes = ((11, 14), (6, 7), (3, 4))  # halves rounded up: enlarging by two would not fit
    maps = [torch.randn(2, c, *size) for c, size in zip((32, 64, 112), sizes, strict=True)]
    expected = theirs(OrderedDict(enumerate(maps)))
    for mine, other in zip(ours.merge(maps), expected.values(), strict=True):
        torch.testing.assert_close(mine, other)


def test_a_pyramid_by_hand():
    """All weights one: a map holds itself plus the coarser ones, summed over 3×3 places."""
    pyramid = FeaturePyramid(backbone(), levels=(2, 3), channels=1)
    for conv in (*pyramid.lateral, *pyramid.smooth):
        nn.init.ones_(conv.weight)
    fine, coarse = torch.zeros(1, 64, 4, 4), torch.zeros(1, 112, 2, 2)
    fine[0, 0, 0, 0], coarse[0, 0, 1, 1] = 1, 10
    with torch.no_grad():
        merged, top = pyramid.merge([fine, coarse])
    assert top.flatten().tolist() == [10] * 4
    assert merged[0, 0, 0].tolist() == [1, 1, 0, 0]
    assert merged[0, 0, 1].tolist() == [1, 11, 20, 20]
    assert merged[0, 0, 3].tolist() == [0, 20, 40, 40]


def test_coarse_maps_reach_the_finest_and_not_the_other_way():
    pyramid = FeaturePyramid(backbone(), channels=4)
    maps = [torch.randn(1, c, n, n, requires_grad=True) for c, n in ((32, 8), (64, 4), (112, 2))]
    fine, _, coarse = pyramid.merge(maps)
    gradients = torch.autograd.grad(fine.sum(), maps, retain_graph=True)
    assert all(g.abs().sum() > 0 for g in gradients)
    gradients = torch.autograd.grad(coarse.sum(), maps, allow_unused=True)
    assert gradients[0] is None
    assert gradients[1] is None


def test_it_has_the_form_of_a_backbone():
    pyramid = FeaturePyramid(backbone(), levels=(1, 2, 3), channels=8)
    assert pyramid.strides == (4, 8, 16)
    maps = pyramid.features(torch.rand(1, 3, 40, 56))
    assert [tuple(x.shape) for x in maps] == [(1, 8, 10, 14), (1, 8, 5, 7), (1, 8, 3, 4)]
    with pytest.raises(ValueError, match="fine to coarse"):
        FeaturePyramid(backbone(), levels=(2, 1))


@pytest.fixture
def detector():
    torch.manual_seed(0)
    return PyramidRCNN(FeaturePyramid(backbone(), channels=8), classes=3, hidden=16)


def test_pooling_equals_torchvision(detector):
    """Torchvision's takes places for corners of pixels, so ours is told to do the same."""
    torch.manual_seed(1)
    detector.pool_one = lambda x, regions, bins, scale: roi_align(x, regions, bins, scale, 2)
    maps = [torch.randn(2, 8, n, n) for n in (24, 12, 6)]
    corner = torch.rand(2, 20, 2) * 60
    regions = list(torch.cat([corner, corner + 10 + 50 * torch.rand(2, 20, 2)], 2))
    names = ["2", "3", "4"]
    theirs = MultiScaleRoIAlign(names, 5, 2, canonical_scale=48, canonical_level=4)
    expected = theirs(dict(zip(names, maps, strict=True)), regions, [(96, 96)] * 2)
    torch.testing.assert_close(detector.pool(maps, regions, 5), expected)
    levels = [pyramid_level(boxes, 2, 4, 48) for boxes in regions]
    assert torch.cat(levels).unique().tolist() == [2, 3, 4]  # all three were asked


def test_no_region_at_all(detector):
    maps = [torch.randn(2, 8, n, n, requires_grad=True) for n in (24, 12, 6)]
    pooled = detector.pool(maps, [torch.zeros(0, 4)] * 2, 5)
    assert pooled.shape == (0, 8, 5, 5)
    pooled.sum().backward()


def test_anchors_of_all_levels(detector):
    anchors = detector.anchors([torch.zeros(1, 8, n, n) for n in (24, 12, 6)])
    assert len(anchors) == 3 * (24**2 + 12**2 + 6**2)
    sides = (anchors[:, 2:] - anchors[:, :2]).prod(1).sqrt()
    counts = {
        round(side.item()): int((sides - side).abs().lt(1e-3).sum()) for side in sides.unique()
    }
    assert counts == {22: 3 * 24**2, 32: 3 * 12**2, 44: 3 * 6**2}
    assert len(PYRAMID_CONFIG.scales_px) == 3


def test_every_weight_learns(detector):
    scenes = render_scenes(4, seed=5, config=SceneConfig(size=64, kinds=range(3)))
    losses = detector.losses(scenes.images / 255, scenes.boxes, scenes.labels)
    assert list(losses) == ["objectness", "rpn_box", "label", "box"]
    sum(losses.values()).backward()
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    (found, *_) = detector.eval().detect(scenes.images / 255)
    assert set(found) == {"boxes", "scores", "labels"}
