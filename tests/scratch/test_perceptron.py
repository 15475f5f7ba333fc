"""The rule by hand, against scikit-learn, within its bound; layers, pocket and average."""

import itertools

import numpy as np
import pytest
import sklearn.linear_model
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcv.scratch.perceptron import (
    Perceptron,
    augment,
    average_weights,
    boolean_inputs,
    pocket_weights,
    sign,
    threshold_layer,
    threshold_net,
)
from dlcv.scratch.separability import (
    find_separator,
    is_separable,
    margin,
    max_margin_separator,
    novikoff_bound,
)

TABLES = {"AND": [-1, -1, -1, 1], "OR": [-1, 1, 1, 1], "XOR": [-1, 1, 1, -1]}


def gate(name):
    return boolean_inputs(2), torch.tensor(TABLES[name])


def clouds(seed, count=40, size=3, gap=0.2):
    """Random points on both sides of a random hyperplane, none nearer to it than the gap."""
    draw = torch.Generator().manual_seed(seed)
    points = torch.randn(4 * count, size, generator=draw, dtype=torch.float64)
    line = torch.randn(size + 1, generator=draw, dtype=torch.float64)
    scores = augment(points) @ line / line.norm()
    far = scores.abs() >= gap
    return points[far][:count], sign(scores[far][:count])


def test_and_is_learnt_by_one_mistake():
    # From w = 0 the first corner (-1, -1) is undecided, so a mistake: subtract (-1, -1, 1).
    # That gives (1, 1, -1), the AND gate; the three other corners are right already.
    learner = Perceptron().fit(*gate("AND"))
    assert learner.history.tolist() == [[0, 0, 0], [1, 1, -1]]
    assert learner.mistakes == 1
    assert learner.converged


def test_or_takes_three_mistakes_in_the_first_pass():
    learner = Perceptron().fit(*gate("OR"))
    assert learner.history.tolist() == [[0, 0, 0], [1, 1, -1], [0, 2, 0], [1, 1, 1]]
    # It was right on the last corner, then on all four in the second pass.
    assert learner.survived.tolist() == [0, 1, 1, 6]
    assert learner.after_pass.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_xor_comes_back_to_zero_after_every_pass():
    learner = Perceptron(max_passes=7).fit(*gate("XOR"))
    assert learner.after_pass.abs().max() == 0
    assert learner.mistakes == 4 * 7
    assert not learner.converged


def test_a_score_of_zero_is_a_decision_but_counts_as_a_mistake():
    assert sign(torch.tensor([-0.5, -0.0, 0.0, 2.0])).tolist() == [-1, 1, 1, 1]
    points, labels = torch.zeros(1, 2), torch.tensor([1])
    learner = Perceptron().fit(points, labels)
    assert learner.mistakes == 1  # although sign(0) = +1 is the right class
    assert learner.weights.tolist() == [0, 0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_predictions_agree_with_a_slow_loop(seed):
    points, labels = clouds(seed)
    learner = Perceptron().fit(points, labels)
    for point, decision in zip(points, learner.predict(points), strict=True):
        score = sum(float(w * x) for w, x in zip(learner.weights, [*point, 1.0], strict=True))
        assert decision == (1 if score >= 0 else -1)


@pytest.mark.parametrize("seed", range(5))
def test_updates_agree_with_scikit_learn(seed):
    points, labels = clouds(seed)
    # Their rule starts at 0 as well, visits in order, and also updates where the score is 0.
    theirs = sklearn.linear_model.Perceptron(shuffle=False, tol=None, max_iter=60)
    theirs.fit(points.numpy(), labels.numpy())
    ours = Perceptron(max_passes=60).fit(points, labels)
    expected = np.append(theirs.coef_[0], theirs.intercept_[0])
    np.testing.assert_allclose(ours.weights.numpy(), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 6), count=st.integers(2, 40))
def test_mistakes_stay_within_the_bound_whatever_the_data(seed, size, count):
    points, labels = clouds(seed, count, size)
    learner = Perceptron(max_passes=10_000).fit(points, labels)
    assert learner.converged
    assert (learner.predict(points) == labels).all()
    sharp = novikoff_bound(points, labels, max_margin_separator(points, labels))
    loose = novikoff_bound(points, labels, find_separator(points, labels))
    assert learner.mistakes <= sharp * (1 + 1e-9)
    assert sharp <= loose * (1 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), power=st.integers(-6, 6))
def test_the_learning_rate_scales_the_weights_and_changes_no_decision(seed, power):
    points, labels = clouds(seed)
    rate = 2.0**power  # a power of two: the arithmetic stays exact
    scaled = Perceptron(learning_rate=rate).fit(points, labels)
    plain = Perceptron().fit(points, labels)
    torch.testing.assert_close(scaled.history, rate * plain.history, rtol=0, atol=0)


def test_order_changes_the_path_but_not_the_guarantee():
    points, labels = clouds(4)
    bound = novikoff_bound(points, labels, max_margin_separator(points, labels))
    for seed in range(10):
        order = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))
        learner = Perceptron(max_passes=1000).fit(points[order], labels[order])
        assert learner.converged
        assert learner.mistakes <= bound


def test_no_points_and_one_point():
    empty = Perceptron().fit(torch.zeros(0, 2), torch.zeros(0))
    assert empty.converged
    assert empty.mistakes == 0
    assert empty.predict(torch.zeros(0, 2)).shape == (0,)
    single = Perceptron().fit(torch.tensor([[2.0, 3.0]]), torch.tensor([-1]))
    assert single.weights.tolist() == [-2, -3, -1]


def test_boolean_inputs_come_in_the_order_of_a_truth_table():
    assert boolean_inputs(2).tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert boolean_inputs(1).tolist() == [[-1], [1]]
    assert boolean_inputs(5).unique(dim=0).shape == (32, 5)


def test_two_layers_compute_xor_from_or_and_and():
    hidden = torch.tensor([[1.0, 1, 1], [1, 1, -1]], dtype=torch.float64)
    output = torch.tensor([1.0, -1, -1], dtype=torch.float64)
    points, labels = gate("XOR")
    assert threshold_layer(points, hidden).tolist() == [[-1, -1], [1, -1], [1, -1], [1, 1]]
    assert threshold_net(points, hidden, output).tolist() == labels.tolist()
    assert hidden.numel() + output.numel() == 9


@pytest.mark.parametrize("seed", range(3))
def test_threshold_net_agrees_with_a_slow_loop(seed):
    draw = torch.Generator().manual_seed(seed)
    points = torch.randn(9, 2, generator=draw)
    hidden, output = torch.randn(4, 3, generator=draw), torch.randn(5, generator=draw)
    for (x1, x2), got in zip(points, threshold_net(points, hidden, output), strict=True):
        units = [1 if w1 * x1 + w2 * x2 + b >= 0 else -1 for w1, w2, b in hidden]
        total = sum(v * unit for v, unit in zip(output, units, strict=False)) + output[-1]
        assert got == (1 if total >= 0 else -1)


def test_the_two_codes_describe_the_same_units():
    """With a in {0, 1}, x = 2a - 1: (w, b) for x does what (2w, b - sum of w) does for a."""
    draw = torch.Generator().manual_seed(0)
    inputs = boolean_inputs(3)
    weights = torch.randn(20, 4, generator=draw, dtype=torch.float64)
    recoded = torch.cat([2 * weights[:, :3], weights[:, 3:] - weights[:, :3].sum(1, True)], dim=1)
    expected = threshold_layer(inputs, weights)
    assert threshold_layer((inputs + 1) / 2, recoded).equal(expected)


@pytest.mark.parametrize("seed", range(5))
def test_pocket_finds_the_best_weights_of_the_history(seed):
    points, _ = clouds(seed)
    labels = sign(torch.randn(40, generator=torch.Generator().manual_seed(seed)))
    history = Perceptron(max_passes=5).fit(points, labels).history
    errors = [int((sign(augment(points) @ w) != labels).sum()) for w in history]
    best = pocket_weights(history, points, labels)
    assert best.equal(history[errors.index(min(errors))])


def test_pocket_of_xor_gets_three_of_four():
    points, labels = gate("XOR")
    learner = Perceptron(max_passes=3).fit(points, labels)
    best = pocket_weights(learner.history, points, labels)
    assert int((sign(augment(points) @ best) == labels).sum()) == 3


def test_average_by_hand_and_against_a_loop_over_all_visits():
    learner = Perceptron().fit(*gate("OR"))
    # Visits: (1,1,-1), (0,2,0), (1,1,1), then five more times (1,1,1).
    expected = torch.tensor([7.0, 9.0, 5.0], dtype=torch.float64) / 8
    torch.testing.assert_close(average_weights(learner.history, learner.survived), expected)

    points, labels = clouds(1)
    labels = labels * sign(torch.randn(40, generator=torch.Generator().manual_seed(1)) + 1.5)
    weights, total, visits = torch.zeros(4).double(), torch.zeros(4).double(), 0
    for _, (x, y) in itertools.product(range(6), zip(augment(points), labels, strict=True)):
        weights = weights + y * x if y * (weights @ x) <= 0 else weights
        total, visits = total + weights, visits + 1
    learner = Perceptron(max_passes=6).fit(points, labels)
    assert int(learner.survived.sum()) == visits
    average = average_weights(learner.history, learner.survived)
    torch.testing.assert_close(average, total / visits)


@pytest.mark.cuda
def test_gpu_agrees_with_cpu():
    points, labels = clouds(0)
    cpu, gpu = Perceptron().fit(points, labels), Perceptron().fit(points.cuda(), labels.cuda())
    torch.testing.assert_close(gpu.history.cpu(), cpu.history)
    assert gpu.survived.tolist() == cpu.survived.tolist()
    assert max_margin_separator(points.cuda(), labels.cuda()).is_cuda
    assert is_separable(points.cuda(), labels.cuda())
    assert margin(points.cuda(), labels.cuda(), gpu.weights) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: augment(torch.zeros(3)), r"points \[N, D\], got \[3\]"),
        (
            lambda: augment(torch.zeros(3, 2, dtype=torch.int64)),
            "floating-point points.*got.*int64",
        ),
        (lambda: boolean_inputs(0), "at least one input, got 0"),
        (lambda: Perceptron(learning_rate=0), "expected rate > 0, passes >= 1; got 0, 100"),
        (lambda: Perceptron(max_passes=0), "got 1.0, 0"),
        (lambda: Perceptron().fit(torch.zeros(3, 2), torch.ones(2)), r"labels \[3\], got \[2\]"),
        (
            lambda: Perceptron().fit(torch.zeros(2, 2), torch.tensor([0, 1])),
            r"labels -1 and \+1, got \[0, 1\]",
        ),
        (lambda: threshold_layer(torch.zeros(3, 2), torch.zeros(4, 2)), r"\[H, 3\], got \[4, 2\]"),
        (
            lambda: average_weights(torch.zeros(3, 2), torch.zeros(3)),
            r"not all 0; got \[3, 2\]",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
