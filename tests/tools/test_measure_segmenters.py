"""How the rates for lecture 14 are chosen."""

import pytest

from tools.measure_segmenters import LADDER, next_rate


def test_three_rates_come_first_and_then_only_what_lies_beside_the_best():
    assert next_rate({}) == 1e-3
    assert next_rate({"0.001": 0.5}) == 3e-3
    assert next_rate({"0.001": 0.5, "0.003": 0.6}) == 1e-2
    assert next_rate({"0.001": 0.5, "0.003": 0.6, "0.01": 0.4}) is None


def test_the_search_goes_on_while_the_best_lies_at_an_end():
    tried = {"0.001": 0.4, "0.003": 0.5, "0.01": 0.6}
    assert next_rate(tried) == 3e-2
    assert next_rate(tried | {"0.03": 0.5}) is None
    assert next_rate(tried | {"0.03": 0.7}) == 1e-1
    assert next_rate({"0.001": 0.6, "0.003": 0.5, "0.01": 0.4}) == 3e-4


@pytest.mark.parametrize("steeper", [1, -1])
def test_it_stops_where_the_ladder_ends(steeper):
    tried = {}
    while (rate := next_rate(tried)) is not None:
        assert rate in LADDER
        tried[f"{rate:g}"] = steeper * rate
    assert f"{LADDER[-1 if steeper > 0 else 0]:g}" in tried
