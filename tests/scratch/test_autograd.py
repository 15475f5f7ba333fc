"""Numbers with a history: by hand, against torch on random graphs, and as a drawing."""

import itertools
import math
import re

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlcv.scratch.autograd import Value, as_value, forward_order
from dlcv.scratch.graph_drawing import lay_out

UNARY = {
    "neg": lambda x: -x,
    "tanh": lambda x: x.tanh(),
    "relu": lambda x: x.relu(),
    "logistic": lambda x: x.logistic() if isinstance(x, Value) else x.sigmoid(),
    "exp": lambda x: x.tanh().exp(),
    "log": lambda x: (x * x + 1).log(),
    "square": lambda x: x**2,
    "root": lambda x: (x * x + 0.5) ** 0.5,
    "reciprocal": lambda x: 1 / (x * x + 1),
    "shift": lambda x: 3 - x + 2,
}
BINARY = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / (y**2 + 1),
}
NUMBERS = st.floats(-2, 2).map(lambda x: round(x, 3))
STEPS = st.lists(
    st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=14,
)


def compute(numbers, steps):
    """Runs a random program: each step takes earlier results and adds a new one."""
    results = list(numbers)
    for op, i, j in steps:
        x, y = results[i % len(results)], results[j % len(results)]
        results.append(UNARY[op](x) if op in UNARY else BINARY[op](x, y))
    return results


@settings(max_examples=300, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=4), steps=STEPS)
def test_random_graphs_agree_with_torch_on_value_and_gradient(numbers, steps):
    ours = [Value(x) for x in numbers]
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    end, reference = sum(compute(ours, steps)), sum(compute(theirs, steps))
    assume(all(abs(node.data) < 1e4 for node in forward_order(end)))
    end.backward()
    reference.backward()
    assert end.data == pytest.approx(reference.item(), rel=1e-11, abs=1e-11)
    size = max(abs(node.grad * node.data) for node in forward_order(end)) + 1
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad == pytest.approx(other.grad.item(), rel=1e-10, abs=1e-12 * size)


def test_the_worked_neuron():
    # z = 0.5·1 − 0.25·2 + 0.1 = 0.1, o = σ(0.1) = 0.52498, and the target is 1. The output is too
    # small by 0.475, the slope of σ is 0.2494: dE/dz = −0.11846, and each weight gets that times
    # its input.
    x, w, b = (Value(1), Value(2)), (Value(0.5), Value(-0.25)), Value(0.1)
    o = (w[0] * x[0] + w[1] * x[1] + b).logistic()
    error = (o - 1) ** 2 / 2
    error.backward()
    assert o.data == pytest.approx(0.52497919, abs=1e-8)
    assert error.data == pytest.approx(0.11282239, abs=1e-8)
    assert [v.grad for v in w] == pytest.approx([-0.11845881, -0.23691762], abs=1e-8)
    assert b.grad == w[0].grad


def test_a_number_used_twice_collects_both_effects():
    x = Value(3.0)
    (x * x + x).backward()
    assert x.grad == 2 * 3 + 1


def test_shared_parts_are_visited_once_even_if_paths_are_many():
    x = Value(1.0)
    y = x
    for _ in range(60):  # 2 ** 60 paths lead from y back to x
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_a_long_chain_needs_no_recursion():
    x = Value(0.5)
    y = x
    for _ in range(20_000):
        y = y + 1
    y.backward()
    assert x.grad == 1.0


def test_backward_starts_anew_every_time():
    x = Value(2.0)
    y = x**3
    y.backward()
    y.backward()
    assert x.grad == 12.0


def test_kinks_and_flat_places():
    for z, slope in ((-1.0, 0.0), (0.0, 0.0), (1.0, 1.0)):
        x = Value(z)
        x.relu().backward()
        assert x.grad == slope
    zero = Value(0.0)
    (zero**0).backward()
    assert zero.grad == 0.0


def test_the_logistic_function_survives_large_numbers():
    for z in (-1000.0, 1000.0):
        x = Value(z)
        y = x.logistic()
        y.backward()
        assert (y.data, x.grad) == (float(z > 0), 0.0)


def test_forward_order_lists_inputs_first_and_each_once():
    a, b = Value(1), Value(2)
    c = a * b
    d = c + a
    order = forward_order(d)
    assert order[-1] is d
    assert set(order) == {a, b, c, d}
    assert len(order) == 4
    for node in order:
        assert all(order.index(source) < order.index(node) for source in node.inputs)
    assert forward_order(a) == [a]


def test_plain_numbers_join_in_from_both_sides():
    x = Value(4.0)
    assert (1 + x).data == 5
    assert (1 - x).data == -3
    assert (2 * x).data == 8
    assert (2 / x).data == 0.5
    assert (x / 2).data == 2
    assert (-x).data == -4
    assert repr(Value(2, name="w")) == "Value(w = 2, grad 0)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Value(1) + "2", TypeError, "expected a Value or a number, got str"),
        (lambda: Value(1) ** Value(2), TypeError, "number as exponent, got Value"),
        (lambda: Value(0).log(), ValueError, "expected a positive number, got 0.0"),
        (lambda: Value(-1) ** 0.5, ValueError, "domain"),
        (lambda: Value("x"), ValueError, "could not convert"),
        (lambda: as_value(None), TypeError, "got NoneType"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


# The drawing


def neuron():
    values = [Value(v, name=n) for v, n in ((0.5, "w"), (2, "x"), (0.1, "b"))]
    out = (values[0] * values[1] + values[2]).tanh()
    out.name = "o"
    return out


def test_places_run_from_left_to_right_and_never_collide():
    end = neuron()
    places = lay_out(end)
    for node, (column, _) in places.items():
        assert all(places[source][0] < column for source in node.inputs)
    for column in {c for c, _ in places.values()}:
        rows = sorted(row for c, row in places.values() if c == column)
        assert all(b - a >= 1 for a, b in itertools.pairwise(rows))
    bias = next(node for node in places if node.name == "b")
    assert places[bias][0] == 1  # beside its use, not at the far left


@settings(max_examples=60, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=3), steps=STEPS)
def test_any_graph_can_be_laid_out(numbers, steps):
    end = sum(compute([Value(x) for x in numbers], steps))
    places = lay_out(end)
    assert places.keys() == set(forward_order(end))
    assert len(set(places.values())) == len(places)
    assert all(places[s][0] < places[n][0] for n in places for s in n.inputs)


def test_the_drawing_shows_every_number_and_says_it_in_words():
    end = neuron()
    end.backward()
    svg = end.graph()._repr_html_()
    assert svg.count("<rect") == 6
    assert svg.count("<path") == 5
    assert svg.count("stroke-dasharray") == 3  # the given numbers
    assert "w and x through × gives 1; 1 and b through + gives 1.1; 1.1 through tanh gives o" in svg
    assert re.search(rf">{math.tanh(1.1):.4g}<", svg)
    assert repr(end.graph()) == "a graph of 6 numbers"


def test_a_lone_number_is_a_graph_and_names_are_escaped():
    svg = Value(1, name="<b>").graph().svg()
    assert "&lt;b&gt;" in svg
    assert "<b>" not in svg
