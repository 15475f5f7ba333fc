"""Random numbers that hang on (seed, item, position) alone."""

import pytest
import torch

from dlcv.data.counter_random import CounterRandom, mix64

WORD = 2**64


def splitmix64(state: int) -> int:
    """The finaliser of splitmix64 in Python's unbounded integers."""
    z = state % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def signed(value: int) -> int:
    return value - WORD if value >= WORD // 2 else value


def test_mix64_gives_the_published_first_numbers_of_splitmix64():
    """Seed 1234567: the reference implementation's first three outputs."""
    gamma = 0x9E3779B97F4A7C15
    states = torch.tensor([signed((1234567 + n * gamma) % WORD) for n in (1, 2, 3)])
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [value % WORD for value in mix64(states).tolist()] == published


def test_mix64_equals_arithmetic_in_unbounded_integers():
    x = torch.randint(-(2**63), 2**63 - 1, (200,), generator=torch.Generator().manual_seed(0))
    assert mix64(x).tolist() == [signed(splitmix64(value)) for value in x.tolist()]


def test_an_item_is_the_same_alone_and_in_any_batch():
    whole = CounterRandom(5, start=0, count=20)
    parts = [CounterRandom(5, start, count) for start, count in ((0, 1), (1, 7), (8, 12))]
    for draw in (
        lambda r: r.bits(3),
        lambda r: r.uniform(2, 2, low=-1.0, high=3.0),
        lambda r: r.integers(4, high=10),
        lambda r: r.noise(3, 5, 4),
        lambda r: r.uniform(1),
    ):
        assert torch.equal(draw(whole), torch.cat([draw(part) for part in parts]))


def test_seeds_items_positions_and_purposes_differ():
    words = [
        CounterRandom(seed, 0, 50, purpose=purpose).bits(50)
        for seed in (0, 1, 2**40)
        for purpose in (0, 1)
    ]
    assert torch.cat(words).unique().numel() == 6 * 50 * 50


def test_uniform_numbers_fill_their_range_evenly():
    values = CounterRandom(1, 0, 100).uniform(1000, low=2.0, high=4.0)
    assert values.dtype == torch.float32
    assert values.min() >= 2.0
    assert values.max() < 4.0
    counts = values.histc(10, 2.0, 4.0)
    assert (counts - 10_000).abs().max() < 500  # 5 standard deviations of a count


def test_integers_are_equally_likely_and_reach_both_ends():
    counts = CounterRandom(2, 0, 70).integers(1000, high=7).flatten().bincount()
    assert len(counts) == 7
    assert (counts - 10_000).abs().max() < 500


def test_noise_has_mean_0_and_deviation_1_and_no_correlation_between_neighbours():
    noise = CounterRandom(3, 0, 20).noise(100, 100)
    assert noise.mean().abs() < 0.01
    assert (noise.std() - 1).abs() < 0.01
    assert noise.abs().max() < 3.5
    assert (noise[:, 1:] * noise[:, :-1]).mean().abs() < 0.01
    assert (noise[1:] * noise[:-1]).mean().abs() < 0.01


def test_pixels_are_even_from_0_to_1_and_each_item_has_its_own():
    pixels = CounterRandom(3, 0, 20).pixels(100, 100)
    counts = (pixels * 10).long().flatten().bincount(minlength=10)
    assert pixels.min() >= 0
    assert len(counts) == 10
    assert (counts / 20_000 - 1).abs().max() < 0.03
    assert (pixels[:, 1:] * pixels[:, :-1]).mean().item() == pytest.approx(0.25, abs=0.01)
    assert torch.equal(CounterRandom(3, 7, 1).pixels(100, 100)[0], pixels[7])


def test_no_items_give_empty_tensors():
    none = CounterRandom(0, 3, 0)
    assert none.uniform(2).shape == (0, 2)
    assert none.noise(3, 4).shape == (0, 3, 4)


@pytest.mark.parametrize("arguments", [(-1, 0, 1), (2**63, 0, 1), (0, -1, 1), (0, 0, -1)])
def test_numbers_out_of_range_are_errors(arguments):
    with pytest.raises(ValueError, match=r"expected .* got"):
        CounterRandom(*arguments)


def test_mix64_wants_64_bits():
    with pytest.raises(TypeError, match=r"expected int64, got torch\.int32"):
        mix64(torch.zeros(1, dtype=torch.int32))


def test_items_in_any_order_have_the_numbers_they_have_in_a_row():
    row = CounterRandom(5, start=0, count=20, purpose=3)
    items = torch.tensor([7, 0, 7, 19])
    some = CounterRandom.of_items(5, items, purpose=3)
    for draw in (lambda r: r.uniform(2, 3), lambda r: r.integers(4, high=9), lambda r: r.noise(5)):
        assert torch.equal(draw(some), draw(row)[items])
    assert CounterRandom.of_items(5, items[:0]).uniform(2).shape == (0, 2)


@pytest.mark.parametrize("items", [[[1]], [-1], [1.0]])
def test_items_must_be_whole_numbers_in_a_row(items):
    with pytest.raises(ValueError, match=r"expected items \[N\] of int64, at least 0, got"):
        CounterRandom.of_items(5, torch.tensor(items))
