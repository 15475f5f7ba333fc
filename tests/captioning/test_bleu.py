"""BLEU: the paper's own examples, a slow version, its properties and its edges."""

import math
import random

import pytest

from dlcv.captioning.bleu import bleu, clipped_matches, exact_match, ngrams, precision

# Papineni et al. 2002, examples 1 and 2.
PAPER = [
    "it is a guide to action which ensures that the military always obeys the commands of the party",
    "it is to insure the troops forever hearing the activity guidebook that party direct",
]
PAPER_REFERENCES = [
    "it is a guide to action that ensures that the military will forever heed party commands",
    "it is the guiding principle which guarantees the military forces always being under the "
    "command of the party",
    "it is the practical guide for the army always to heed the directions of the party",
]
THE = "the the the the the the the"
CAT = ["the cat is on the mat", "there is a cat on the mat"]


def matches(candidate, references, n):
    return clipped_matches(candidate.split(), [r.split() for r in references], n)


def test_the_the_the_matches_twice_of_seven():
    assert matches(THE, CAT, 1) == 2
    assert matches(THE, CAT, 2) == 0
    pairs = [(THE.split(), [r.split() for r in CAT])]
    assert precision(pairs, 1) == pytest.approx(2 / 7)


def test_the_papers_first_example():
    """Modified precisions of the paper: unigrams 17/18 and 8/14, bigrams 10/17 and 1/13."""
    assert [matches(text, PAPER_REFERENCES, 1) for text in PAPER] == [17, 8]
    assert [matches(text, PAPER_REFERENCES, 2) for text in PAPER] == [10, 1]
    assert [len(text.split()) for text in PAPER] == [18, 14]


def slow(candidates, references, max_n):
    """Piece by piece, with lists and loops, and every count taken anew."""
    logs = []
    for n in range(1, max_n + 1):
        hits = total = 0
        for candidate, group in zip(candidates, references, strict=True):
            pieces = [candidate[i : i + n] for i in range(len(candidate) - n + 1)]
            total += len(pieces)
            for piece in [p for i, p in enumerate(pieces) if p not in pieces[:i]]:
                most = max(sum(r[i : i + n] == piece for i in range(len(r) - n + 1)) for r in group)
                hits += min(pieces.count(piece), most)
        if hits == 0:
            return 0.0
        logs.append(math.log(hits / total))
    c, r = sum(map(len, candidates)), 0
    for candidate, group in zip(candidates, references, strict=True):
        distances = sorted((abs(len(ref) - len(candidate)), len(ref)) for ref in group)
        r += distances[0][1]
    penalty = 1 if c > r else math.exp(1 - r / c)
    return penalty * math.exp(sum(logs) / max_n)


@pytest.mark.parametrize("max_n", [1, 2, 4])
@pytest.mark.parametrize("draw", range(6))
def test_random_corpora_against_the_slow_version(max_n, draw):
    source = random.Random(draw)
    words = lambda: [source.choice("abc") for _ in range(source.randint(2, 9))]  # noqa: E731
    candidates = [words() for _ in range(8)]
    references = [[words() for _ in range(source.randint(1, 3))] for _ in candidates]
    expected = slow(candidates, references, max_n)
    assert bleu(candidates, references, max_n) == pytest.approx(expected, abs=1e-12)
    assert 0 <= expected <= 1


def test_what_is_equal_gets_1_and_what_shares_nothing_0():
    text = "a red fish left of a blue ring"
    assert bleu([text], [[text]]) == 1
    assert bleu([text], [["one two three four five"]]) == 0
    assert bleu([text.split()], [[text.split(), ["other"]]]) == 1


def test_a_short_sentence_pays_the_brevity_penalty():
    """Four of eight words, all right: precisions 1, penalty e^(1 - 8/4)."""
    score = bleu(["a red fish left"], [["a red fish left of a blue ring"]])
    assert score == pytest.approx(math.exp(-1))
    assert bleu(["a b c d"], [["a b c d e", "a b c"]]) == pytest.approx(1)  # 3 is as near as 5


def test_the_corpus_is_pooled_not_averaged():
    candidates, references = ["a b c d e", "x y z"], [["a b c d e"], ["x y z"]]
    assert bleu(candidates, references) == 1  # although "x y z" alone has no piece of four
    assert bleu(candidates[1:], references[1:]) == 0
    assert bleu(candidates[1:], references[1:], max_n=3) == 1


def test_ngrams_of_a_short_sentence():
    assert dict(ngrams(["a", "b", "a", "b"], 2)) == {("a", "b"): 2, ("b", "a"): 1}
    assert not ngrams(["a"], 2)
    assert bleu([""], [["a"]]) == 0


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="got 0, 0 and 4"):
        bleu([], [])
    with pytest.raises(ValueError, match="got 1, 2 and 4"):
        bleu(["a"], [["a"], ["b"]])
    with pytest.raises(ValueError, match="max_n >= 1"):
        bleu(["a"], [["a"]], max_n=0)
    with pytest.raises(ValueError, match="list of references for each candidate, got 'a'"):
        bleu(["a"], ["a"])
    with pytest.raises(ValueError, match="list of references"):
        bleu(["a"], [[]])


def test_exact_match():
    assert exact_match(["a", "b c"], ["a", "b"]) == 0.5
    with pytest.raises(ValueError, match="got 0 and 0"):
        exact_match([], [])
    with pytest.raises(ValueError, match="got 1 and 2"):
        exact_match(["a"], ["a", "b"])
