"""The network of the speed run: whitened, started as copies, and of the size it claims."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.classification.speed_net import SpeedNet, conv_pair, whitening_filters


def correlated(count=300, height=7, width=9):
    draw = torch.Generator().manual_seed(3)
    rough = torch.rand(count, 3, height, width, generator=draw)
    grey = rough.mean(dim=1, keepdim=True)
    return 0.3 * rough + 0.7 * F.avg_pool2d(grey, 3, stride=1, padding=1)


def test_answers_to_patches_are_uncorrelated_and_equally_strong():
    images = correlated()
    filters = whitening_filters(images, epsilon=0.0)
    assert filters.shape == (24, 3, 2, 2)
    answers = F.conv2d(images, filters)[:, :12].transpose(0, 1).flatten(1)  # without the negatives
    covariance = answers @ answers.T / answers.shape[1]
    torch.testing.assert_close(covariance, torch.eye(12), rtol=0, atol=2e-3)
    torch.testing.assert_close(filters[12:], -filters[:12])


def test_a_patch_of_one_pixel_is_divided_by_its_root_mean_square():
    images = torch.tensor([3.0, 4.0, 0.0, 0.0]).reshape(4, 1, 1, 1)  # mean square 25 / 4
    filters = whitening_filters(images, size=1, epsilon=0.0)
    torch.testing.assert_close(filters.flatten().abs(), torch.full((2,), 0.4))
    assert filters.sum() == 0


def test_what_never_occurs_is_not_blown_up():
    assert whitening_filters(torch.zeros(2, 3, 4, 4)).abs().max() <= 5e-4**-0.5 + 1e-3


def test_a_pair_begins_by_handing_on_its_input():
    pair = conv_pair(3, 8)
    x = torch.rand(2, 3, 6, 8)
    first = F.conv2d(x, pair[0].weight, padding=1)
    torch.testing.assert_close(first[:, :3], x)
    assert pair(x).shape == (2, 8, 3, 4)
    torch.testing.assert_close(pair[4].weight, torch.eye(8)[:, :, None, None] * delta(3))


def delta(size):
    kernel = torch.zeros(size, size)
    kernel[size // 2, size // 2] = 1
    return kernel


def test_narrowing_pairs_keep_what_fits():
    first = conv_pair(6, 4)[0]
    x = torch.rand(1, 6, 4, 4)
    torch.testing.assert_close(F.conv2d(x, first.weight, padding=1), x[:, :4])


def test_the_parameters_counted_by_hand():
    net = SpeedNet(10, torch.rand(4, 3, 32, 32))
    convs = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 256 * 256 + 256 * 256 + 256 * 256)
    biases = 24 + 2 * (64 + 256 + 256)
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert trained == convs + biases + 256 * 10


def test_the_first_layer_is_computed_or_learnt():
    """Computed, it whitens what the colours, standardised, leave."""
    images = correlated()
    net = SpeedNet(2, images, (8, 16, 16))
    colours = net.colours(images)
    torch.testing.assert_close(colours.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(colours.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(net.first.weight, whitening_filters(colours))
    assert not net.first.weight.requires_grad
    learnt = SpeedNet(2, images, (8, 16, 16), whitened=False).first
    assert learnt.weight.requires_grad
    assert learnt.weight.shape == net.first.weight.shape
    assert not torch.allclose(learnt.weight, net.first.weight)


@pytest.mark.parametrize("size", [24, 32, 40])
@pytest.mark.parametrize("count", [1, 3])
def test_scores_of_any_size_are_small_at_the_start(size, count):
    net = SpeedNet(7, torch.rand(4, 1, 32, 32), (8, 16, 256)).eval()  # as deep as the real one
    scores = net(torch.rand(count, 1, size, size))
    assert scores.shape == (count, 7)
    assert scores.abs().max() < 1
    scores.sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(3, 8, 8), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 3, 1, 8)],
)
def test_images_that_cannot_be_whitened_are_named(images):
    with pytest.raises(ValueError, match=r"expected float images \[N, C, H, W\] of 2 px or more"):
        whitening_filters(images)
