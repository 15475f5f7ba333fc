"""Plain sentences: by hand, idempotent, and which words are common."""

import pytest

from dlcv.captioning.plain_text import RARE, common_words, plain
from dlcv.captioning.vocabulary import Vocabulary

SENTENCES = ["A dog 's ball , red .", "Two dogs; a BALL!", "  Él corre 3 km . ", ""]


def test_words_stay_and_signs_go():
    wanted = ["a dog s ball red", "two dogs a ball", "él corre 3 km", ""]
    assert [plain(sentence) for sentence in SENTENCES] == wanted


def test_what_is_plain_stays_as_it_is():
    for sentence in map(plain, SENTENCES):
        assert plain(sentence) == sentence


def test_unknown_words_are_rare_ones():
    assert plain(SENTENCES[0], {"a", "dog", "ball"}) == f"a dog {RARE} ball {RARE}"


def test_common_are_the_words_that_occur_often_enough():
    """a: 3, ball: 2, all others once."""
    texts = [*map(plain, SENTENCES), "a"]
    assert common_words(texts, 3) == {"a"}
    assert common_words(texts, 2) == {"a", "ball"}
    assert common_words(texts, 1) == {word for text in texts for word in text.split()}
    assert common_words([], 1) == set()
    with pytest.raises(ValueError, match="at least 1, got 0"):
        common_words(texts, 0)


def test_a_vocabulary_of_common_words_can_write_every_sentence():
    known = common_words(map(plain, SENTENCES), 2)
    texts = [plain(sentence, known) for sentence in SENTENCES if sentence]
    vocabulary = Vocabulary(texts)
    assert vocabulary.decode(vocabulary.encode(texts)) == texts
