"""Contrast and response normalisation: by hand, against a slow loop and against torch."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.scratch.local_normalisation import local_contrast_normalise, local_response_normalise


def contrast_by_loops(x, window, epsilon):
    y, r = torch.empty_like(x), window // 2
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            patch = x[:, :, max(0, i - r) : i + r + 1, max(0, j - r) : j + r + 1].flatten(2)
            spread = patch.std(dim=2, correction=0).clamp(min=epsilon)
            y[:, :, i, j] = (x[:, :, i, j] - patch.mean(dim=2)) / spread
    return y


def test_contrast_of_a_step_by_hand():
    """Beside the step a window of three holds 0 0 3: mean 1, spread root 2."""
    x = torch.tensor([[[[0.0, 0, 0, 3, 3, 3]]]], dtype=torch.float64)
    root = 2**0.5
    expected = torch.tensor([0, 0, -1 / root, 1 / root, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(local_contrast_normalise(x, 3)[0, 0, 0], expected)


@pytest.mark.parametrize("window", [1, 3, 9])
def test_contrast_equals_the_slow_loop(window):
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    actual = local_contrast_normalise(x, window, epsilon=0.5)
    torch.testing.assert_close(actual, contrast_by_loops(x, window, 0.5), rtol=1e-11, atol=1e-11)


def test_contrast_forgets_brightness_and_gain_where_the_spread_is_above_epsilon():
    x = torch.rand(1, 1, 9, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    actual = local_contrast_normalise(5 * x + 3, 5)
    torch.testing.assert_close(actual, local_contrast_normalise(x, 5), rtol=1e-10, atol=1e-10)


def test_a_flat_image_becomes_zero_and_faint_noise_stays_small():
    flat = torch.full((1, 1, 6, 7), 0.4, dtype=torch.float64)
    assert local_contrast_normalise(flat).abs().max() < 1e-12
    noise = flat + 1e-4 * torch.randn(flat.shape, generator=torch.Generator().manual_seed(0))
    assert local_contrast_normalise(noise, epsilon=0.01).abs().max() < 0.1
    assert local_contrast_normalise(noise, epsilon=1e-6).abs().max() > 1


def test_contrast_passes_gradients_even_where_the_image_is_flat():
    x = torch.zeros(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    local_contrast_normalise(x, 3).square().sum().backward()
    assert x.grad.isfinite().all()
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: local_contrast_normalise(x, 3), x)


def test_response_of_1_to_5_by_hand():
    """Channel 3 has all five as neighbours: 3 / (2 + 0.1 (1 + 4 + 9 + 16 + 25)) ** 0.75."""
    x = torch.arange(1.0, 6, dtype=torch.float64).reshape(1, 5, 1, 1)
    y = local_response_normalise(x, alpha=0.1).flatten()
    assert y[2].item() == pytest.approx(3 / 7.5**0.75, rel=1e-12)
    assert y[2].item() == pytest.approx(0.66196, abs=1e-5)
    assert y[0].item() == pytest.approx(1 / (2 + 0.1 * 14) ** 0.75, rel=1e-12)


@pytest.mark.parametrize("n", [1, 3, 5, 9])
def test_response_equals_torch_with_alpha_times_n(n):
    x = torch.randn(2, 6, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = F.local_response_norm(x, n, alpha=1e-2 * n, beta=0.75, k=2.0)
    actual = local_response_normalise(x, n, alpha=1e-2)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def test_response_defaults_are_the_paper_s():
    x = 50 * torch.randn(1, 7, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
    torch.testing.assert_close(local_response_normalise(x), expected)


def test_response_passes_gradients():
    x = torch.randn(1, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: local_response_normalise(x, alpha=0.5), x)


@pytest.mark.parametrize("normalise", [local_contrast_normalise, local_response_normalise])
def test_empty_and_smallest_input(normalise):
    assert normalise(torch.zeros(0, 2, 3, 4)).shape == (0, 2, 3, 4)
    assert normalise(torch.zeros(1, 1, 1, 1)).item() == 0


def test_settings_out_of_range_are_named():
    x = torch.zeros(1, 2, 3, 4)
    with pytest.raises(ValueError, match=r"odd window and epsilon > 0, got 4 and 0\.01"):
        local_contrast_normalise(x, 4)
    with pytest.raises(ValueError, match="got 9 and 0"):
        local_contrast_normalise(x, epsilon=0)
    with pytest.raises(ValueError, match="expected odd n, k > 0 and alpha >= 0, got 4"):
        local_response_normalise(x, 4)
    for normalise in (local_contrast_normalise, local_response_normalise):
        with pytest.raises(ValueError, match=r"got shape \[3, 4\]"):
            normalise(x[0, 0])


@pytest.mark.cuda
@pytest.mark.parametrize("normalise", [local_contrast_normalise, local_response_normalise])
def test_the_cpu_and_the_gpu_agree(normalise):
    x = torch.randn(2, 3, 7, 10, dtype=torch.float64)
    torch.testing.assert_close(normalise(x.cuda()).cpu(), normalise(x))
