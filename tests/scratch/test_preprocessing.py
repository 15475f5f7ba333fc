"""Standardising, PCA and whitening, against scikit-learn and by their properties."""

import pytest
import torch
from sklearn.decomposition import PCA as SklearnPCA
from sklearn.preprocessing import StandardScaler

from dlcv.scratch.preprocessing import PCA, Standardise, Whiten


@pytest.fixture
def cloud():
    draw = torch.Generator().manual_seed(0)
    mix = torch.randn(4, 4, generator=draw, dtype=torch.float64)
    return torch.randn(300, 4, generator=draw, dtype=torch.float64) @ mix + 5


def covariance(x):
    x = x - x.mean(dim=0)
    return x.T @ x / len(x)


def test_standardise_by_hand():
    train = torch.tensor([[0.0, 5.0], [4.0, 5.0]])
    assert Standardise(train)(torch.tensor([[2.0, 6.0], [6.0, 5.0]])).tolist() == [[0, 1], [2, 0]]


def test_standardise_is_scikit_learns(cloud):
    expected = StandardScaler().fit(cloud[:200]).transform(cloud)
    torch.testing.assert_close(Standardise(cloud[:200])(cloud), torch.from_numpy(expected))


def test_pca_is_scikit_learns_up_to_signs(cloud):
    pca = PCA(cloud[:200])
    theirs = SklearnPCA().fit(cloud[:200])
    expected = torch.from_numpy(theirs.transform(cloud))
    torch.testing.assert_close(pca(cloud).abs(), expected.abs())
    variances = torch.from_numpy(theirs.explained_variance_) * 199 / 200
    torch.testing.assert_close(pca.variances, variances)


def test_pca_rotates_back_and_keeps_the_most(cloud):
    pca = PCA(cloud)
    torch.testing.assert_close(pca.back(pca(cloud)), cloud)
    errors = [(pca.back(pca(cloud, k)) - cloud).square().sum(1).mean() for k in range(5)]
    left_out = [pca.variances[k:].sum() for k in range(5)]
    torch.testing.assert_close(torch.stack(errors), torch.stack(left_out))


def test_whitened_data_have_the_unit_covariance_and_standardised_ones_do_not(cloud):
    white = Whiten(cloud, epsilon=0)(cloud)
    torch.testing.assert_close(covariance(white), torch.eye(4, dtype=torch.float64))
    standard = covariance(Standardise(cloud)(cloud))
    torch.testing.assert_close(standard.diag(), torch.ones(4, dtype=torch.float64))
    assert (standard - torch.eye(4)).abs().max() > 0.1
    torch.testing.assert_close(covariance(PCA(cloud)(cloud)), PCA(cloud).variances.diag())


def test_features_that_never_change_stay_finite():
    train = torch.tensor([[1.0, 3.0], [2.0, 3.0], [4.0, 3.0]])
    for fitted in (Standardise(train), PCA(train), Whiten(train)):
        assert fitted(train).isfinite().all()


@pytest.mark.parametrize("fit", [Standardise, PCA, Whiten])
def test_too_little_to_fit_is_named(fit):
    with pytest.raises(ValueError, match=r"\[N >= 2, D\], got \[1, 3\]"):
        fit(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"got \[4\]"):
        fit(torch.zeros(4))


def test_a_negative_epsilon_is_named():
    with pytest.raises(ValueError, match="epsilon >= 0, got -1"):
        Whiten(torch.randn(4, 2), epsilon=-1)
