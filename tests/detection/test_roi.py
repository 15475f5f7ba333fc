"""Regions of feature maps against torchvision, forward and backward, and against loops."""

import math

import pytest
import torch
import torchvision.ops as reference

from dlcv.detection.roi import (
    compiled_roi_pool,
    number_regions,
    roi_align,
    roi_pool,
    spatial_pyramid_pool,
)
from dlcv.study.facts import fact

RAMP = torch.arange(64.0, dtype=torch.float64).reshape(1, 1, 8, 8)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def random_regions(count, images, size, seed, dtype=torch.float64):
    """Regions [K, 5] in images of (height, width) px; some reach over the border."""
    generator = torch.Generator().manual_seed(seed)
    extent = torch.tensor([size[1], size[0]], dtype=dtype)
    corners = (torch.rand(count, 2, 2, generator=generator, dtype=dtype) * 1.3 - 0.15) * extent
    corners = corners.sort(dim=1).values.reshape(count, 4)
    image = torch.randint(images, (count, 1), generator=generator)
    return torch.cat([image.to(dtype), corners], dim=1)


def random_maps(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def values_and_gradient(pool, maps, *arguments, **options):
    """Output, and the gradient of a random weighted sum of it."""
    maps = maps.clone().requires_grad_()
    out = pool(maps, *arguments, **options)
    weights = random_maps(*out.shape, seed=1, dtype=maps.dtype)
    return out.detach(), torch.autograd.grad((out * weights).sum(), maps)[0]


def same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_region_of_the_ramp_by_hand():
    """Edges 1.3, 1.7, 5.3, 5.7 round to columns 1 to 5 and rows 2 to 6: five each, in bins of
    three that share the middle one. The first bin's largest is row 4, column 3: 35."""
    region = [torch.tensor([[1.3, 1.7, 5.3, 5.7]], dtype=torch.float64)]
    pooled = roi_pool(RAMP, region, 2)
    assert pooled.flatten().tolist() == [35, 37, 51, 53]
    fact("L12-ROIPOOL1", pooled[0, 0, 0, 0].item())
    aligned = roi_align(RAMP, region, 2, sampling_ratio=2, aligned=True)
    fact("L12-ROIALIGN1", aligned[0, 0, 0, 0].item())


def test_aligned_means_on_a_ramp_are_the_ramp_at_the_middle_of_the_bins():
    """A ramp is linear, so the mean over a bin is the value at its middle, minus the half place."""
    region = [torch.tensor([[1.0, 1, 5, 5]], dtype=torch.float64)]
    out = roi_align(RAMP, region, 2, sampling_ratio=2, aligned=True)[0, 0]
    fact("L12-ROIALIGN-INT", out[0, 0].item())
    middle = torch.tensor([2.0, 4.0], dtype=torch.float64) - 0.5
    torch.testing.assert_close(out, 8 * middle[:, None] + middle)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("output", "scale"), [(1, 1.0), ((2, 3), 0.5), (7, 0.25), ((5, 1), 0.13)])
def test_pooling_equals_torchvision(dtype, output, scale):
    maps = random_maps(3, 4, 17, 23, dtype=dtype)
    size = (round(17 / scale), round(23 / scale))
    regions = random_regions(60, 3, size, seed=2, dtype=dtype)
    ours = values_and_gradient(roi_pool, maps, regions, output, scale)
    for pool in (reference.roi_pool, compiled_roi_pool):
        theirs = values_and_gradient(pool, maps, regions, output, scale)
        assert torch.equal(ours[0], theirs[0])
        torch.testing.assert_close(ours[1], theirs[1])


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 1, 2, 3])
@pytest.mark.parametrize(("output", "scale"), [((2, 3), 1.0), (7, 0.25)])
def test_alignment_equals_torchvision(aligned, ratio, output, scale):
    maps = random_maps(3, 4, 17, 23)
    regions = random_regions(60, 3, (round(17 / scale), round(23 / scale)), seed=3)
    options = {"sampling_ratio": ratio, "aligned": aligned}
    ours = values_and_gradient(roi_align, maps, regions, output, scale, **options)
    theirs = values_and_gradient(reference.roi_align, maps, regions, output, scale, **options)
    same(ours, theirs)


def test_ties_go_to_the_first_place_in_reading_order():
    """After a ReLU most maps are full of equal zeros; whole numbers make ties all over."""
    maps = random_maps(2, 3, 9, 11).round().clamp(min=0)
    regions = random_regions(40, 2, (9, 11), seed=4)
    same(
        values_and_gradient(roi_pool, maps, regions, (3, 2)),
        values_and_gradient(reference.roi_pool, maps, regions, (3, 2)),
    )


def test_pooling_by_loops_over_bins():
    maps, region = random_maps(1, 2, 10, 12), [2.4, 1.0, 9.5, 7.6]
    x1, y1, x2, y2 = (math.floor(edge + 0.5) for edge in region)
    h, w = y2 - y1 + 1, x2 - x1 + 1
    expected = torch.zeros(2, 3, 4, dtype=torch.float64)
    for i in range(3):
        for j in range(4):
            rows = slice(y1 + i * h // 3, y1 - (-(i + 1) * h // 3))
            columns = slice(x1 + j * w // 4, x1 - (-(j + 1) * w // 4))
            expected[:, i, j] = maps[0, :, rows, columns].amax(dim=(1, 2))
    found = roi_pool(maps, [torch.tensor([region], dtype=torch.float64)], (3, 4))
    assert torch.equal(found[0], expected)


def test_whole_maps_in_a_pyramid_equal_adaptive_pooling():
    maps = random_maps(2, 5, 13, 10)
    grids = [torch.nn.functional.adaptive_max_pool2d(maps, n).flatten(1) for n in (6, 3, 2, 1)]
    assert torch.equal(spatial_pyramid_pool(maps), torch.cat(grids, dim=1))


def test_a_pyramid_has_one_length_for_every_size():
    sizes = [(13, 10), (6, 6), (40, 31)]
    lengths = {spatial_pyramid_pool(torch.zeros(1, 256, *size)).shape for size in sizes}
    assert lengths == {(1, 12800)}
    fact("L12-SPP-BINS", sum(n * n for n in (6, 3, 2, 1)))
    fact("L12-SPP-DIM", 12800)
    fact("L12-SPP-421", spatial_pyramid_pool(torch.zeros(1, 256, 8, 8), (4, 2, 1)).shape[1])


def test_a_pyramid_of_regions_is_pooling_at_each_level():
    maps, regions = random_maps(2, 3, 12, 9), random_regions(7, 2, (24, 18), seed=5)
    found = spatial_pyramid_pool(maps, (2, 1), regions, spatial_scale=0.5)
    expected = [reference.roi_pool(maps, regions, n, 0.5).flatten(1) for n in (2, 1)]
    assert torch.equal(found, torch.cat(expected, dim=1))


def test_gradients():
    maps = random_maps(2, 2, 5, 6).requires_grad_()
    regions = random_regions(5, 2, (5, 6), seed=6)
    torch.autograd.gradcheck(lambda x: roi_pool(x, regions, (2, 3)), maps)
    torch.autograd.gradcheck(lambda x: roi_align(x, regions, (2, 3), aligned=True), maps)
    torch.autograd.gradcheck(lambda x: spatial_pyramid_pool(x, (2, 1), regions), maps)


def test_pooling_jumps_where_alignment_glides():
    """Slide a region by a tenth of a place, 20 times: two places, so two jumps."""
    start = torch.tensor([1.05, 1.05, 4.05, 4.05], dtype=torch.float64)
    moved = start + torch.arange(21)[:, None] / 10 * torch.tensor([1.0, 0, 1, 0])
    regions = torch.cat([torch.zeros(21, 1, dtype=torch.float64), moved], dim=1)
    pooled = roi_pool(RAMP, regions, 2)[:, 0, 0, 0].diff()
    assert sorted(pooled.tolist()) == [0.0] * 18 + [1.0] * 2
    aligned = roi_align(RAMP, regions, 2, aligned=True)[:, 0, 0, 0].diff()
    torch.testing.assert_close(aligned, torch.full_like(aligned, 0.1))


def test_lists_and_tables_of_regions_are_the_same():
    maps = random_maps(2, 3, 8, 8)
    lists = [random_regions(n, 1, (8, 8), seed=n)[:, 1:] for n in (3, 0)]
    table = number_regions(lists, 2)
    assert table[:, 0].tolist() == [0, 0, 0]
    assert torch.equal(roi_pool(maps, lists, 2), roi_pool(maps, table, 2))


@pytest.mark.parametrize("pool", [roi_pool, roi_align, compiled_roi_pool])
def test_no_region_gives_an_empty_grid_with_a_gradient(pool):
    maps = random_maps(2, 3, 8, 8).requires_grad_()
    out = pool(maps, torch.zeros(0, 5, dtype=torch.float64), (2, 3))
    assert out.shape == (0, 3, 2, 3)
    out.sum().backward()
    assert maps.grad.abs().sum() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": torch.zeros(3, 8, 8)}, r"\[B, C, H, W\]"),
        ({"boxes": torch.zeros(2, 4)}, r"\[K, 5\]"),
        ({"boxes": [torch.zeros(2, 4)]}, "2 images, got 1"),
        ({"boxes": [torch.zeros(2, 5)] * 2}, r"\[n, 4\]"),
        ({"boxes": torch.tensor([[2.0, 0, 0, 1, 1]])}, "indices of 2 images"),
        ({"output_size": 0}, "at least 1"),
        ({"spatial_scale": 0.0}, "above 0"),
    ],
)
@pytest.mark.parametrize("pool", [roi_pool, roi_align, compiled_roi_pool])
def test_errors(pool, change, message):
    good = {"input": torch.zeros(2, 3, 8, 8), "boxes": torch.zeros(1, 5), "output_size": 2}
    with pytest.raises(ValueError, match=message):
        pool(**{**good, **change})


def test_a_pyramid_needs_a_level():
    with pytest.raises(ValueError, match="at least one level"):
        spatial_pyramid_pool(torch.zeros(1, 1, 4, 4), ())


@needs_gpu
@pytest.mark.parametrize("pool", [roi_pool, roi_align])
def test_cpu_and_cuda_agree(pool):
    maps, regions = random_maps(2, 3, 8, 8), random_regions(9, 2, (8, 8), seed=7)
    torch.testing.assert_close(pool(maps.cuda(), regions.cuda(), 3).cpu(), pool(maps, regions, 3))
