"""Beam search against brute force, greedy choice, sampling, and their edges."""

import itertools

import pytest
import torch

from dlcv.captioning.search import beam_search, greedy, sample

V, LONGEST, END, START = 4, 4, 0, 1


def toy(seed, sharp=1.0):
    """A language of 4 words in which the next depends on the last and on how many came."""
    table = sharp * torch.randn(LONGEST, V, V, generator=torch.Generator().manual_seed(seed))

    def step(words, state):
        (moment,) = state
        return table[moment, words], (moment + 1,)

    return table, step, (torch.zeros(1, dtype=torch.int64),)


def brute_force(table):
    """Every sentence there is, with its log-probability, best first."""
    logs, sentences = table.log_softmax(2), {}
    for words in itertools.product(range(V), repeat=LONGEST):
        if END in words:
            words = words[: words.index(END) + 1]
        before = (START, *words[:-1])
        pairs = zip(before, words, strict=True)
        sentences[words] = sum(logs[t, a, b].item() for t, (a, b) in enumerate(pairs))
    return sorted(sentences.items(), key=lambda item: -item[1])


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_all_sentences_in_order(seed):
    table, step, state = toy(seed)
    expected = brute_force(table)
    found = beam_search(step, state, width=V**LONGEST, longest=LONGEST)
    assert [one.words for one in found] == [words for words, _ in expected]
    assert [one.log_prob for one in found] == pytest.approx([p for _, p in expected], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_width_1_is_greedy_and_no_width_beats_the_best(seed):
    table, step, state = toy(seed, sharp=0.5)
    (one,) = beam_search(step, state, width=1, longest=LONGEST)
    said = [w for w in greedy(step, state, LONGEST)[0].tolist() if w >= 0]
    assert list(one.words) == said
    best = brute_force(table)[0][1]
    for width in (1, 2, 3, 8):
        top = beam_search(step, state, width, LONGEST)[0]
        assert top.log_prob <= best + 1e-5


def test_greedy_can_be_wrong_and_width_2_right():
    """The better first word (0.6) leads to nothing better than 0.5; the other (0.4) to 1."""
    after_start = torch.tensor([1e-9, 1e-9, 0.6, 0.4])
    after_2, after_3 = torch.tensor([0.5, 0.0, 0.25, 0.25]), torch.tensor([1.0, 0, 0, 0])
    table = torch.stack([after_start, after_start, after_2, after_3]).log()

    def step(words, state):
        return table[words], state

    narrow = beam_search(step, (torch.zeros(1),), 1, 5)[0]
    wide = beam_search(step, (torch.zeros(1),), 2, 5)[0]
    assert (narrow.words, wide.words) == ((2, 0), (3, 0))
    assert torch.tensor([narrow.log_prob, wide.log_prob]).exp().tolist() == pytest.approx(
        [0.3, 0.4]
    )


def test_every_step_is_shown_to_who_watches():
    _, step, state = toy(1)
    seen = []
    beam_search(
        step, state, 3, LONGEST, watch=lambda kept: seen.append([len(kept), len(kept[0].words)])
    )
    assert seen[0] == [3, 1]
    assert 1 <= len(seen) <= LONGEST


def test_sentences_that_meet_the_limit_and_one_step():
    _, step, state = toy(0)
    assert all(len(one.words) == 1 for one in beam_search(step, state, 9, 1))
    assert len(beam_search(step, state, 9, 1)) == V
    assert greedy(step, (torch.zeros(0, dtype=torch.int64),), 2).shape == (0, 2)


def test_frequencies_of_samples_are_the_softened_probabilities():
    logits = torch.tensor([[0.0, -9, 1, 2]])

    def step(words, state):
        return logits, state

    generator = torch.Generator().manual_seed(0)
    for temperature in (0.5, 1.0, 3.0):
        drawn = [
            (sample(step, (torch.zeros(1),), 1, temperature, generator=generator) or [END])[0]
            for _ in range(3000)
        ]
        shares = torch.bincount(torch.tensor(drawn), minlength=V) / 3000
        expected = torch.softmax(logits[0] / temperature, 0)
        torch.testing.assert_close(shares, expected, rtol=0, atol=0.03)


def test_a_cold_sample_is_greedy():
    _, step, state = toy(3)
    said = [w for w in greedy(step, state, LONGEST)[0].tolist() if w > 0]
    assert sample(step, state, LONGEST, temperature=1e-3) == said


def test_wrong_arguments_are_named():
    _, step, state = toy(0)
    with pytest.raises(ValueError, match="width >= 1 and longest >= 1, got 0 and 3"):
        beam_search(step, state, 0, 3)
    with pytest.raises(ValueError, match="longest >= 1, got 0"):
        greedy(step, state, 0)
    with pytest.raises(ValueError, match="temperature > 0, got 3 and 0"):
        sample(step, state, 3, temperature=0)
