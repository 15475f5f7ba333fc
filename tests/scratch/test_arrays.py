"""Arrays with a history, against torch's autograd; broadcasting above all."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcv.scratch.arrays import Tensor, unbroadcast

OPERATIONS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (y**2 + 1),
    "power": lambda x, y: (x**2 + 1) ** -1.5 + y,
    "exp": lambda x, y: x.exp() * y,
    "log": lambda x, y: (x**2 + 1).log() + y,
    "tanh": lambda x, y: x.tanh() * y.tanh(),
    "sigmoid": lambda x, y: x.sigmoid() - y.sigmoid(),
    "relu": lambda x, y: x.relu() + (-y).relu(),
    "numbers": lambda x, y: 2 / (x**2 + 1) - 3 * y + (1 - x) / 2,
    "sum": lambda x, y: x.sum(0) * y.sum(1),
    "sum, axis kept": lambda x, y: x * y.sum(1, keepdim=True) - y * x.sum(-2, keepdim=True),
    "mean": lambda x, y: x.mean(1, keepdim=True) * y + x.mean() - y.mean(-1).sum(),
    "matmul": lambda x, y: x.T @ y,
    "reshape": lambda x, y: x.reshape(1, -1) * y.reshape(-1, 1),
    "rows": lambda x, y: x[1] * y[:, 1:3].sum(),
    "picked": lambda x, y: x[[0, 0, 2], [1, 1, 2]] * y[torch.tensor([0, 1, 1]), 0],
    "masked": lambda x, y: x[torch.eye(3, dtype=torch.bool)] + y[-1],
}


def check_against_torch(function, *shapes, seed=0):
    draw = torch.Generator().manual_seed(seed)
    data = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    ours = [Tensor(x) for x in data]
    theirs = [x.clone().requires_grad_() for x in data]
    result, reference = function(*ours), function(*theirs)
    torch.testing.assert_close(result.data, reference.detach(), rtol=1e-13, atol=1e-13)
    weights = torch.randn(reference.shape, generator=draw, dtype=torch.float64)
    (result * weights).sum().backward()
    (reference * weights).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad.shape == mine.shape
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_agrees_with_torch(name):
    for seed in range(3):
        check_against_torch(OPERATIONS[name], (3, 3), (3, 3), seed=seed)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(
        st.sampled_from(["add", "multiply", "subtract", "tanh", "exp", "divide"]),
        min_size=1,
        max_size=5,
    ),
    sizes=st.lists(
        st.tuples(st.booleans(), st.booleans(), st.integers(1, 4)), min_size=1, max_size=3
    ),
    missing=st.integers(0, 2),
    seed=st.integers(0, 999),
)
def test_random_expressions_with_broadcasting_agree_with_torch(names, sizes, missing, seed):
    left = tuple(1 if one else size for one, _, size in sizes)
    right = tuple(1 if one else size for _, one, size in sizes)[min(missing, len(sizes) - 1) :]

    def function(x, y):
        for name in names:
            x, y = OPERATIONS[name](x, y).tanh(), x
        return x + y

    check_against_torch(function, left, right, seed=seed)


def test_a_bias_collects_the_gradients_of_its_copies():
    # The bias [2] is added to each of 3 rows; a gradient of 1 comes back from every copy.
    rows, bias = Tensor(torch.zeros(3, 2)), Tensor(torch.zeros(2))
    (rows + bias).sum().backward()
    assert bias.grad.tolist() == [3.0, 3.0]
    assert rows.grad.tolist() == [[1.0, 1.0]] * 3


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (2, 1, 4), (2, 3, 4)])
def test_unbroadcast_is_the_transpose_of_broadcasting(shape):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=draw, dtype=torch.float64)
    g = torch.randn(2, 3, 4, generator=draw, dtype=torch.float64)
    there, back = (x.expand(2, 3, 4) * g).sum(), (x * unbroadcast(g, x.shape)).sum()
    assert unbroadcast(g, x.shape).shape == x.shape
    torch.testing.assert_close(there, back)


def test_what_is_picked_twice_gets_both_gradients():
    x = Tensor(torch.tensor([1.0, 2.0, 3.0]))
    (x[[0, 0, 2]] * torch.tensor([10.0, 1.0, 5.0])).sum().backward()
    assert x.grad.tolist() == [11.0, 0.0, 5.0]


def test_detached_numbers_are_constants():
    x = Tensor(torch.tensor([2.0]))
    (x * x.detach()).sum().backward()
    assert x.grad.tolist() == [2.0]  # not 4: one of the two factors does not count


def test_torch_records_nothing():
    x = Tensor(torch.ones(2, requires_grad=True))
    y = (x * x).sum()
    assert not y.data.requires_grad
    y.backward()
    y.backward()  # and a second call starts anew
    assert x.grad.tolist() == [2.0, 2.0]


def test_empty_and_single():
    empty = Tensor(torch.zeros(0, 3))
    (empty * 2).sum().backward()
    assert empty.grad.shape == (0, 3)
    single = Tensor(2.0)
    (single**3).backward()
    assert single.grad.item() == 12.0
    assert repr(single) == "Tensor(2.0)"


@pytest.mark.cuda
def test_gpu_agrees_with_cpu():
    draw = torch.Generator().manual_seed(0)
    data = [torch.randn(3, 3, generator=draw, dtype=torch.float64) for _ in range(2)]
    for name, function in OPERATIONS.items():
        grads = []
        for device in ("cpu", "cuda"):
            x, y = (Tensor(d.to(device)) for d in data)
            if name == "masked":
                continue  # its mask is made on the CPU
            (function(x, y) ** 2).sum().backward()
            grads.append(torch.cat([x.grad, y.grad]).cpu())
        if grads:
            torch.testing.assert_close(*grads)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Tensor([1, 2]), ValueError, "floating-point numbers, got torch.int64"),
        (lambda: Tensor(torch.zeros(2)).backward(), ValueError, r"single number, got shape \[2\]"),
        (
            lambda: Tensor(torch.zeros(2, 3)) @ Tensor(torch.zeros(2, 3)),
            ValueError,
            r"\[N, K\] and \[K, M\], got \[2, 3\] and \[2, 3\]",
        ),
        (lambda: Tensor(torch.zeros(2)).T, ValueError, r"expected a matrix, got shape \[2\]"),
        (lambda: Tensor(1.0) ** Tensor(2.0), TypeError, "exponent, got Tensor"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
