"""Margins by hand, separability against brute force and counting, the sharpest bound."""

import itertools

import pytest
import torch
from sklearn.svm import SVC

from dlcv.scratch.perceptron import augment, boolean_inputs, sign
from dlcv.scratch.separability import (
    find_separator,
    is_separable,
    margin,
    max_margin_separator,
    novikoff_bound,
)

AND = torch.tensor([-1, -1, -1, 1])
XOR = torch.tensor([-1, 1, 1, -1])


def functions(count):
    """All Boolean functions of so many inputs, one after the other."""
    return (torch.tensor(t) for t in itertools.product((-1, 1), repeat=2**count))


def test_margin_and_bound_of_and_by_hand():
    # (1, 1, -1) gives the corners the scores -3, -1, -1, 1: the closest are 1 on the right side,
    # and the vector is sqrt(3) long. All corners have |x|^2 = 1 + 1 + 1, so (R/g)^2 = 3 * 3.
    weights = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    assert margin(boolean_inputs(2), AND, weights) == pytest.approx(1 / 3**0.5)
    assert novikoff_bound(boolean_inputs(2), AND, weights) == pytest.approx(9)
    torch.testing.assert_close(max_margin_separator(boolean_inputs(2), AND), weights)


def test_margin_is_negative_where_a_point_is_wrong():
    points = torch.tensor([[3.0], [-1.0]])
    assert margin(points, torch.tensor([1, 1]), torch.tensor([1.0, 0.0])) == -1


def test_scaling_the_separator_changes_neither_margin_nor_bound():
    weights = torch.tensor([1.0, 2.0, -2.0], dtype=torch.float64)
    corners = boolean_inputs(2)
    assert margin(corners, AND, 10 * weights) == pytest.approx(margin(corners, AND, weights))
    bound = novikoff_bound(corners, AND, weights)
    assert novikoff_bound(corners, AND, 10 * weights) == pytest.approx(bound)


@pytest.mark.parametrize(("count", "expected"), [(1, 4), (2, 14), (3, 104)])
def test_separable_boolean_functions_are_as_many_as_known(count, expected):
    assert sum(is_separable(boolean_inputs(count), t) for t in functions(count)) == expected


@pytest.mark.parametrize("count", [2, 3])
def test_linear_programming_agrees_with_trying_small_integer_weights(count):
    """Up to three inputs, weights in -2 ... 2 and a bias in -3 ... 3 reach all that is possible."""
    inputs = boolean_inputs(count)
    tried = itertools.product(*[range(-2, 3)] * count, range(-3, 4))
    weights = torch.tensor(list(tried), dtype=torch.float64)
    scores = augment(inputs) @ weights.T
    reached = {tuple(row) for row in sign(scores).T[(scores != 0).all(dim=0)].int().tolist()}
    for table in functions(count):
        assert is_separable(inputs, table) == (tuple(table.tolist()) in reached)


@pytest.mark.parametrize("seed", range(5))
def test_a_found_separator_has_a_functional_margin_of_one(seed):
    draw = torch.Generator().manual_seed(seed)
    points = torch.randn(30, 4, generator=draw, dtype=torch.float64)
    labels = sign(points @ torch.randn(4, generator=draw, dtype=torch.float64))
    separator = find_separator(points, labels)
    assert float((labels * (augment(points) @ separator)).min()) >= 1 - 1e-6
    assert margin(points, labels, separator) > 0


@pytest.mark.parametrize("seed", range(5))
def test_max_margin_agrees_with_a_support_vector_machine(seed):
    # An SVM leaves its bias out of the length it minimises; among the points (x, 1), with a
    # bias that is held near 0 by symmetry, both want the same vector.
    draw = torch.Generator().manual_seed(seed)
    half = torch.randn(20, 3, generator=draw, dtype=torch.float64)
    direction = torch.tensor([1.0, -1.0, 0.5], dtype=torch.float64)
    half = half[(half @ direction).abs() > 0.3]
    half = half * sign(half @ direction)[:, None]
    points = torch.cat([half, -half])
    labels = torch.cat([torch.ones(len(half)), -torch.ones(len(half))])
    svm = SVC(kernel="linear", C=1e9, tol=1e-8).fit(points.numpy(), labels.numpy())
    ours = max_margin_separator(points, labels)
    torch.testing.assert_close(ours[:-1], torch.tensor(svm.coef_[0]), rtol=1e-4, atol=1e-4)
    assert abs(float(ours[-1])) < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_no_random_separator_has_a_larger_margin(seed):
    draw = torch.Generator().manual_seed(seed)
    points = torch.randn(15, 2, generator=draw, dtype=torch.float64)
    labels = sign(points @ torch.tensor([1.0, 2.0], dtype=torch.float64) + 0.3)
    best = max_margin_separator(points, labels)
    largest = margin(points, labels, best)
    assert largest == pytest.approx(1 / float(best.norm()))
    for _ in range(300):
        near = best + best.norm() * torch.randn(3, generator=draw, dtype=torch.float64) * 0.2
        assert margin(points, labels, near) <= largest + 1e-12


def test_empty_and_smallest_sets():
    assert is_separable(torch.zeros(0, 2), torch.zeros(0))
    one = torch.tensor([[2.0]])
    assert is_separable(one, torch.tensor([-1]))
    # One point x = (2, 1) of class -1: the shortest w with -w.x = 1 is -x / |x|^2.
    torch.testing.assert_close(
        max_margin_separator(one, torch.tensor([-1])), torch.tensor([-0.4, -0.2])
    )


def test_the_same_point_in_both_classes_is_not_separable():
    points = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    assert find_separator(points, torch.tensor([1, -1])) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: max_margin_separator(boolean_inputs(2), XOR), "a hyperplane separates"),
        (
            lambda: novikoff_bound(boolean_inputs(2), XOR, torch.ones(3).double()),
            "positive margin, got -1.73",
        ),
        (
            lambda: margin(boolean_inputs(2), XOR, torch.zeros(3).double()),
            r"other than 0, got \[0.0, 0.0, 0.0\]",
        ),
        (lambda: margin(boolean_inputs(2), XOR, torch.ones(2).double()), r"separator \[3\]"),
        (
            lambda: margin(torch.zeros(0, 2), torch.zeros(0), torch.ones(3)),
            "at least one point, got none",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
