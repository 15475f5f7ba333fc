"""Six activations: against torch, their slopes against differences, and far from zero."""

import pytest
import torch
from torch.nn import functional as F

from dlcv.scratch.activations import ACTIVATIONS, elu, leaky_relu, logistic

ORACLES = {
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": F.relu,
    "leaky ReLU": F.leaky_relu,
    "ELU": F.elu,
}
Z = torch.linspace(-6, 6, 84, dtype=torch.float64).reshape(7, 12)  # even: 0 is not among them


@pytest.mark.parametrize("name", ORACLES)
def test_values_and_slopes_agree_with_torch(name):
    ours = ACTIVATIONS[name]
    z = Z.clone().requires_grad_()
    expected = ORACLES[name](z)
    torch.testing.assert_close(ours.value(Z), expected.detach(), rtol=1e-14, atol=1e-14)
    (slope,) = torch.autograd.grad(expected.sum(), z)
    torch.testing.assert_close(ours.slope(Z), slope, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_ranges_hold_and_size_and_type_stay(name):
    ours = ACTIVATIONS[name]
    for z in (Z, Z.float(), 100 * Z, Z[:0], Z[0, 0]):
        for result in (ours.value(z), ours.slope(z)):
            assert (result.shape, result.dtype) == (z.shape, z.dtype)
            assert result.isfinite().all()
        assert (ours.value(z) >= ours.low).all()
        assert (ours.value(z) <= ours.high).all()


def test_known_values():
    # ELU(-1) = 1/e - 1; the leaky side of -1 is -0.01; the slope of σ is 1/4 at 0.
    minus_one, zero = torch.tensor(-1.0).double(), torch.tensor(0.0).double()
    assert elu(minus_one).item() == pytest.approx(-0.6321205588)
    assert leaky_relu(minus_one).item() == -0.01
    assert ACTIVATIONS["logistic"].slope(zero) == 0.25
    assert ACTIVATIONS["tanh"].slope(zero) == 1.0
    assert ACTIVATIONS["ReLU"].slope(zero) == 0.0
    assert ACTIVATIONS["step"].value(zero) == 0.0


def test_the_logistic_function_keeps_its_digits_far_out():
    far = torch.tensor([-700.0, 700.0]).double()
    assert logistic(far).tolist() == [pytest.approx(9.859676543759770e-305), 1.0]
    slopes = ACTIVATIONS["logistic"].slope(far)
    assert slopes.tolist() == pytest.approx([9.859676543759770e-305] * 2)  # not 0 on the right
    assert ACTIVATIONS["tanh"].slope(torch.tensor(20.0).double()) > 0


@pytest.mark.parametrize("name", ["logistic", "tanh", "ReLU", "leaky ReLU", "ELU"])
def test_slopes_agree_with_differences(name):
    ours, step = ACTIVATIONS[name], 1e-6
    difference = (ours.value(Z + step) - ours.value(Z - step)) / (2 * step)
    torch.testing.assert_close(ours.slope(Z), difference, rtol=1e-7, atol=1e-9)
