"""The hand-made feature: worked by hand, against scikit-image, and what it does not notice."""

import pytest
import torch
from skimage.feature import hog

from dlcv.classification.edge_histogram import edge_histogram


def test_a_step_by_hand():
    """4 × 4 pixels, dark left, bright right: all edges run along x, direction 0°, in both rows.

    With 2 × 2 cells, each holds two rows and two columns; the middle columns see the step.
    """
    step = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 1, 4, 4)
    cells = edge_histogram(step, cells=2, bins=4).reshape(4, 4)
    assert torch.allclose(cells, torch.tensor([1.0, 0, 0, 0]).expand(4, 4), atol=1e-4)
    turned = edge_histogram(step.transpose(2, 3), cells=2, bins=4).reshape(4, 4)
    assert turned.argmax(dim=1).tolist() == [2, 2, 2, 2]  # 90° is in the third of four bins


@pytest.mark.parametrize(("size", "cells", "bins"), [((16, 24), 4, 8), ((30, 21), 3, 9)])
def test_it_is_what_scikit_image_computes_without_blocks(size, cells, bins):
    images = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0)).double()
    got = edge_histogram(images, cells, bins)
    for image, feature in zip(images, got, strict=True):
        expected = hog(
            image.permute(1, 2, 0).numpy(),
            orientations=bins,
            pixels_per_cell=(size[0] // cells, size[1] // cells),
            cells_per_block=(1, 1),
            block_norm="L1",
            channel_axis=2,
        )
        assert torch.allclose(feature, torch.from_numpy(expected), atol=1e-4)


def test_contrast_and_brightness_do_not_matter():
    images = torch.rand(4, 1, 12, 20, generator=torch.Generator().manual_seed(1)).double()
    assert torch.allclose(edge_histogram(images), edge_histogram(images * 0.5 + 0.3), atol=1e-4)


def test_each_cell_adds_up_to_one_and_a_flat_one_to_zero():
    images = torch.rand(2, 3, 17, 33, generator=torch.Generator().manual_seed(2))
    images[0, :, :9, :17] = 0.5
    sums = edge_histogram(images, cells=2, bins=5).reshape(2, 4, 5).sum(2)
    assert sums[0, 0] < 1.0
    assert torch.allclose(sums[1], torch.ones(4), atol=1e-3)
    assert (edge_histogram(torch.ones(1, 1, 8, 8)) == 0).all()


def test_the_smallest_and_no_image():
    assert edge_histogram(torch.rand(2, 1, 1, 1), cells=1).shape == (2, 8)
    assert edge_histogram(torch.rand(0, 3, 8, 8)).shape == (0, 128)


@pytest.mark.parametrize(
    ("shape", "cells", "bins"),
    [((3, 8, 8), 4, 8), ((1, 1, 3, 8), 4, 8), ((1, 1, 8, 8), 0, 8), ((1, 1, 8, 8), 2, 0)],
)
def test_wrong_shapes_and_numbers_are_errors(shape, cells, bins):
    with pytest.raises(ValueError, match=r"expected images \[B, C, H, W\], cells <= H, W"):
        edge_histogram(torch.rand(shape), cells, bins)


@pytest.mark.cuda
def test_a_gpu_gives_the_same():
    images = torch.rand(4, 3, 32, 32)
    assert torch.allclose(edge_histogram(images.cuda()).cpu(), edge_histogram(images), atol=1e-4)
