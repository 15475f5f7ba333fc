"""Vocabulary, perplexity, temperature, and the model of text."""

import math

import pytest
import torch
import torch.nn.functional as F

from dlcv.captioning.language import LanguageModel
from dlcv.captioning.vocabulary import Vocabulary, perplexity, soften


def test_words_to_numbers_and_back():
    vocabulary = Vocabulary(["a red fish", "a ring"])
    assert vocabulary.words == ["<end>", "<start>", "a", "fish", "red", "ring"]
    numbers = vocabulary.encode(["a red fish", "a ring"])
    assert numbers.tolist() == [[2, 4, 3, 0], [2, 5, 0, -1]]
    assert vocabulary.decode(numbers) == ["a red fish", "a ring"]
    assert len(vocabulary) == 6


def test_letters():
    vocabulary = Vocabulary(["hello"], letters=True)
    assert vocabulary.words[2:] == list("ehlo")
    assert vocabulary.decode(vocabulary.encode(["hell", "o"])) == ["hell", "o"]
    assert vocabulary.decode([[4, 0, 2]]) == ["l"]


def test_no_sentence_and_an_empty_one():
    vocabulary = Vocabulary(["a"])
    assert vocabulary.encode([]).shape == (0, 1)
    assert vocabulary.encode([""]).tolist() == [[0]]
    with pytest.raises(ValueError, match="expected at least one word"):
        Vocabulary([""])
    with pytest.raises(ValueError, match="expected a known word, got 'b'"):
        vocabulary.encode(["b"])


def test_perplexity_of_a_half_a_quarter_an_eighth_is_4():
    assert perplexity(torch.tensor([1 / 2, 1 / 4, 1 / 8]).log()) == pytest.approx(4, abs=1e-6)
    assert perplexity(torch.full((7,), 1 / 21).log()) == pytest.approx(21, rel=1e-5)
    with pytest.raises(ValueError, match="at least one word"):
        perplexity(torch.zeros(0))


def test_temperature():
    logits = torch.tensor([2.0, 1, 0]).double()
    assert soften(logits, 0.5)[0].item() == pytest.approx(0.86681333, abs=1e-6)
    torch.testing.assert_close(soften(logits, 1), F.softmax(logits, 0))
    assert soften(logits, 1e-3)[0].item() == 1
    torch.testing.assert_close(
        soften(logits, 1e6), torch.full((3,), 1 / 3).double(), atol=1e-5, rtol=0
    )
    with pytest.raises(ValueError, match="temperature > 0, got 0"):
        soften(logits, 0)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_the_loss_of_a_text_is_that_of_its_steps(kind):
    torch.manual_seed(0)
    model, words = LanguageModel(6, kind, size=5).double(), torch.tensor([[2, 4, 0], [3, 0, -1]])
    total = count = 0
    for row in words:
        state, last = model.cell.start(1), torch.tensor([1])
        for word in row[row >= 0]:
            logits, state = model.step(last, state)
            total -= logits.log_softmax(1)[0, word].item()
            count, last = count + 1, word[None]
    assert count == 5
    assert model.loss(words).item() == pytest.approx(total / count)


def test_it_learns_a_text_by_heart_and_begins_from_a_given_state():
    torch.manual_seed(0)
    vocabulary = Vocabulary(["crab", "fish"], letters=True)
    model, words = (
        LanguageModel(len(vocabulary), "rnn", size=16),
        vocabulary.encode(["crab", "fish"]),
    )
    states = (torch.eye(2, 16).requires_grad_(),)
    optimiser = torch.optim.Adam([*model.parameters(), *states], 0.02)
    for _ in range(80):
        optimiser.zero_grad()
        model.loss(words, states).backward()
        optimiser.step()
    assert vocabulary.decode(model.say(states, 6)) == ["crab", "fish"]
    assert math.exp(model.loss(words, states).item()) < 1.1
