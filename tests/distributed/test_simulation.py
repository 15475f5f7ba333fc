"""The event queue against hand cases, order statistics, and theory."""

import numpy as np
import pytest

from dlcv.distributed.simulation import (
    CUT,
    DROPPED,
    USED,
    draws,
    expected_wait,
    exponential,
    harmonic,
    kth_times,
    pareto,
    simulate,
    with_hiccups,
)
from dlcv.distributed.staleness import delayed_descent, largest_stable_rate


def table(*rows):
    return lambda worker, count: rows[worker][count]


def told(timeline):
    return [(t.worker, t.start, t.end, t.outcome, t.staleness) for t in timeline.tasks]


def test_synchronous_by_hand():
    """Each round lasts as long as its slowest task: 3, then 5."""
    timeline = simulate(table([1, 5, 9], [3, 2, 9]), workers=2, wait_for=2, updates=2)
    assert timeline.update_times == [3, 8]
    assert told(timeline) == [
        (0, 0, 1, USED, 0),
        (1, 0, 3, USED, 0),
        (1, 3, 5, USED, 0),
        (0, 3, 8, USED, 0),
    ]


def test_asynchronous_by_hand():
    """Worker 1 reads at 0 and sends at 5; by then worker 0 has changed the parameters twice."""
    timeline = simulate(table([2, 2, 2], [5, 9]), 2, wait_for=1, updates=3, takes_stale=True)
    assert timeline.update_times == [2, 4, 5]
    assert timeline.staleness() == [0, 0, 2]


def test_a_late_gradient_is_dropped_and_its_worker_begins_again():
    timeline = simulate(table([1, 3, 9], [2, 4]), workers=2, wait_for=1, updates=2)
    assert timeline.update_times == [1, 4]
    assert told(timeline)[1] == (1, 0, 2, DROPPED, 1)


def test_an_interrupted_worker_begins_again_at_once():
    timeline = simulate(table([1, 4, 9], [2, 2, 9]), 2, wait_for=1, updates=2, interrupts=True)
    assert timeline.update_times == [1, 3]
    assert told(timeline) == [
        (0, 0, 1, USED, 0),
        (1, 0, 1, CUT, 0),
        (1, 1, 3, USED, 0),
        (0, 1, 3, CUT, 0),
    ]


@pytest.mark.parametrize(("wait_for", "workers"), [(10, 10), (10, 15), (1, 4)])
@pytest.mark.parametrize(("fixed", "tail"), [(0.0, 1.0), (1.0, 0.2)])
def test_mean_waits_are_the_order_statistics(wait_for, workers, fixed, tail):
    law = exponential(fixed, tail)
    expected = expected_wait(wait_for, workers, fixed, tail)
    assert kth_times(law, wait_for, workers, 40_000, seed=0).mean() == pytest.approx(
        expected, rel=0.02
    )
    draw = draws(law, workers, seed=1)
    timeline = simulate(draw, workers, wait_for, 4000, interrupts=True)
    assert 1 / timeline.updates_per_time == pytest.approx(expected, rel=0.05)


def test_without_interrupting_the_late_a_round_takes_longer():
    """They finish a gradient that nobody wants, and are missing from the next round."""
    timeline = simulate(draws(exponential(), 15, seed=0), 15, 10, 2000)
    assert 1 / timeline.updates_per_time > 1.2 * expected_wait(10, 15)
    assert timeline.share(DROPPED) > 0.2


@pytest.mark.parametrize("law", [exponential(), exponential(1, 0.2), pareto(0.5, 0.5, 2.5)])
@pytest.mark.parametrize("workers", [1, 4, 50])
def test_mean_staleness_is_the_number_of_the_others_whatever_the_law(law, workers):
    timeline = simulate(draws(law, workers, seed=0), workers, 1, 400 * workers, takes_stale=True)
    assert np.mean(timeline.staleness()[10 * workers :]) == pytest.approx(workers - 1, rel=0.05)
    assert timeline.share(USED) == 1


def test_asynchronous_throughput_is_the_sum_of_all_speeds():
    timeline = simulate(draws(exponential(), 200, seed=0), 200, 1, 20_000, takes_stale=True)
    assert timeline.updates_per_time == pytest.approx(200, rel=0.05)
    assert timeline.gradients_per_time == timeline.updates_per_time


def test_the_laws_have_the_means_they_say():
    generator = np.random.default_rng(0)
    for law, mean in (
        (exponential(1, 0.5), 1.5),
        (pareto(0.5, 0.5, 3.0), 1.0),
        (with_hiccups(exponential(), 0.1, 10), 1.9),
    ):
        times = law(generator, 200_000)
        assert times.min() >= 0
        assert times.mean() == pytest.approx(mean, rel=0.03)


def test_draws_do_not_depend_on_the_order_of_asking():
    one, two = draws(exponential(), 3, seed=5), draws(exponential(), 3, seed=5)
    asked = [(2, 4), (0, 0), (1, 2)]
    assert [one(*a) for a in asked] == [two(*a) for a in reversed(asked)][::-1]
    assert one(0, 0) != draws(exponential(), 3, seed=6)(0, 0)


def test_harmonic_numbers_and_waits_by_hand():
    assert [harmonic(n) for n in (0, 1, 2)] == [0, 1, 1.5]
    assert expected_wait(1, 4) == pytest.approx(1 / 4)  # the minimum of four
    assert expected_wait(2, 2, fixed=1, tail=2) == pytest.approx(1 + 2 * 1.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate(table([1]), 1, 2, 1), "got 2 of 1 workers and 1 updates"),
        (lambda: simulate(table([1]), 1, 1, 0), "updates >= 1"),
        (lambda: expected_wait(3, 2), "got 3 and 2"),
        (lambda: harmonic(-1), "got -1"),
        (lambda: pareto(power=1.0), "power above 1"),
        (lambda: with_hiccups(exponential(), 1.5, 2), "rate in"),
        (lambda: delayed_descent(1.0, -1, 3), "delay and steps >= 0"),
        (lambda: largest_stable_rate(-1), "delay >= 0"),
    ],
)
def test_bad_numbers_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# -------------------------------------------------------------------------------------- staleness
def test_delayed_descent_by_hand():
    assert delayed_descent(0.5, 0, 3) == [1, 0.5, 0.25, 0.125]
    assert delayed_descent(1.0, 1, 7) == [1, 0, -1, -1, 0, 1, 1, 0]  # goes round for ever
    assert delayed_descent(0.5, 2, 0) == [1]


@pytest.mark.parametrize("delay", [0, 1, 2, 3, 7, 20])
def test_the_largest_rate_divides_what_converges_from_what_does_not(delay):
    limit = largest_stable_rate(delay)
    assert abs(delayed_descent(0.95 * limit, delay, 4000)[-1]) < 1e-3
    assert max(map(abs, delayed_descent(1.05 * limit, delay, 4000)[-100:])) > 10
