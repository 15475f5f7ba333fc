"""The support vector machine against scikit-learn, and mining against training on everything."""

import pytest
import torch
from sklearn.svm import LinearSVC

from dlcv.detection.region_svm import (
    BIAS_INPUT,
    fit_svm,
    mine_hard_negatives,
    svm_loss,
    with_bias,
)


def clouds(positives=40, negatives=300, D=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    far = torch.randn(negatives, D, generator=generator, dtype=torch.float64)
    near = torch.randn(positives, D, generator=generator, dtype=torch.float64) + 1.2
    return with_bias(near), with_bias(far)


def test_two_points_by_hand():
    """At x = 2 yes, at x = -2 no, without a bias: the loss w²/2 + 2 C (1 - 2w)² has its minimum
    at w = 8 C / (1 + 16 C), which is 8/17 for C = 1."""
    x = torch.tensor([[2.0], [-2.0]], dtype=torch.float64)
    w = fit_svm(x, torch.tensor([True, False]), C=1.0)
    assert w.item() == pytest.approx(8 / 17)


@pytest.mark.parametrize("C", [1e-3, 1e-1, 10.0])
def test_the_machine_is_that_of_scikit_learn(C):
    near, far = clouds()
    x, positive = torch.cat([near, far]), torch.arange(340) < 40
    reference = LinearSVC(C=C, dual=False, intercept_scaling=BIAS_INPUT, tol=1e-10, max_iter=10_000)
    reference.fit(x[:, :-1].numpy(), positive.numpy())
    expected = torch.from_numpy(reference.coef_[0])
    weight = fit_svm(x, positive, C)
    torch.testing.assert_close(weight[:-1], expected, atol=1e-5, rtol=1e-4)
    assert weight[-1].item() * BIAS_INPUT == pytest.approx(reference.intercept_[0], abs=1e-4)


def test_nothing_near_is_better():
    near, far = clouds(seed=1)
    x, signs = torch.cat([near, far]), torch.where(torch.arange(340) < 40, 1.0, -1.0).double()
    weight = fit_svm(x, signs > 0, 0.1)
    least = svm_loss(weight, x, signs, 0.1)
    generator = torch.Generator().manual_seed(2)
    for _ in range(20):
        nudge = 1e-3 * torch.randn(len(weight), generator=generator, dtype=torch.float64)
        assert svm_loss(weight + nudge, x, signs, 0.1) > least


def test_mining_ends_at_the_machine_of_all_negatives():
    near, far = clouds(negatives=2000, seed=3)
    far = far - torch.tensor([1.5] * 6 + [0.0])  # most of them easy
    mined = mine_hard_negatives(near, far, C=0.1, first=20)
    everything = fit_svm(torch.cat([near, far]), torch.arange(2040) < 40, C=0.1)
    torch.testing.assert_close(mined.weight, everything, atol=1e-6, rtol=1e-6)
    assert mined.cached[0] == 20
    assert mined.cached[-1] < len(far) / 2
    assert mined.hard[-1] == 0
    assert sorted(mined.cached) == mined.cached


def test_errors():
    x = torch.zeros(3, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="one side alone"):
        fit_svm(x, torch.tensor([True] * 3), 1.0)
    with pytest.raises(ValueError, match="C above 0"):
        fit_svm(x, torch.tensor([True, False, False]), 0.0)
