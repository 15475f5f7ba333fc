"""How good is a sentence? Exact match, and BLEU, which counts shared pieces."""

import math
from collections import Counter
from collections.abc import Sequence


def ngrams(words: Sequence[str], n: int) -> Counter:
    """Count the pieces of n neighbouring words.

    Args:
        words: A sentence, word by word.
        n: Words in a piece, >= 1.

    Taught in: lectures/15_captioning
    """
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def clipped_matches(candidate: Sequence[str], references: Sequence[Sequence[str]], n: int) -> int:
    """Count the pieces of a candidate that a reference has too, each at most as often as there.

    Args:
        candidate: A sentence, word by word.
        references: Right sentences, each word by word, at least one.
        n: Words in a piece, >= 1.

    Reference:
        Papineni, Roukos, Ward and Zhu, BLEU: a Method for Automatic Evaluation of Machine
        Translation, 2002, sec. 2.1.

    Taught in: lectures/15_captioning
    """
    allowed = Counter()
    for reference in references:
        allowed |= ngrams(reference, n)  # the larger of both counts
    return (ngrams(candidate, n) & allowed).total()  # the smaller of both counts


def bleu(
    candidates: Sequence[Sequence[str] | str],
    references: Sequence[Sequence[Sequence[str] | str]],
    max_n: int = 4,
) -> float:
    """Compute BLEU of a corpus.

    $\\mathrm{BLEU}=\\mathrm{BP}\\cdot\\big(\\prod_{n=1}^{N}p_n\\big)^{1/N}$, where $p_n$ is the share
    of the candidates' n-grams that match, clipped, over the whole corpus, and
    $\\mathrm{BP}=\\min(1,e^{1-r/c})$ with the candidates' length c and the length r of the
    references closest in length (of two equally close, the shorter).

    Args:
        candidates: Sentences, as lists of words or as text with spaces, at least one.
        references: For each candidate, its right sentences, at least one each.
        max_n: Words in the longest piece N, >= 1; the paper uses 4.

    Returns:
        A number from 0 to 1; 0 if pieces of some length never match (no smoothing).

    Raises:
        ValueError: If there is nothing to compare or the counts differ.

    Reference:
        Papineni, Roukos, Ward and Zhu, BLEU, 2002, sec. 2.3.

    Taught in: lectures/15_captioning
    """
    check_corpus(candidates, references, max_n)
    spoken = [_words(candidate) for candidate in candidates]
    right = [[_words(reference) for reference in group] for group in references]
    pairs = list(zip(spoken, right, strict=True))
    precisions = [precision(pairs, n) for n in range(1, max_n + 1)]
    if min(precisions) == 0:
        return 0.0
    c = sum(len(words) for words in spoken)
    r = sum(min(map(len, group), key=lambda k: (abs(k - len(w)), k)) for w, group in pairs)
    brevity = min(1.0, math.exp(1 - r / c))
    return brevity * math.exp(sum(map(math.log, precisions)) / max_n)


def precision(pairs: Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]], n: int) -> float:
    """Compute the modified precision $p_n$ of a corpus; 0 if no candidate has n words.

    Args:
        pairs: (candidate, references), word by word.
        n: Words in a piece, >= 1.

    Taught in: lectures/15_captioning
    """
    matches = sum(clipped_matches(words, group, n) for words, group in pairs)
    pieces = sum(max(0, len(words) - n + 1) for words, _ in pairs)
    return matches / pieces if pieces else 0.0


def exact_match(candidates: Sequence[str], references: Sequence[str]) -> float:
    """Compute the share of sentences that are right to the last word.

    Args:
        candidates: Sentences as text, at least one.
        references: The one right sentence of each.

    Raises:
        ValueError: If there is nothing to compare or the counts differ.

    Taught in: lectures/15_captioning
    """
    if not candidates or len(candidates) != len(references):
        got = f"{len(candidates)} and {len(references)}"
        raise ValueError(f"expected as many candidates as references, at least one, got {got}")
    return sum(a == b for a, b in zip(candidates, references, strict=True)) / len(candidates)


def check_corpus(candidates: Sequence, references: Sequence, max_n: int) -> None:
    """End with a ValueError unless BLEU can be computed."""
    if max_n < 1 or not candidates or len(candidates) != len(references):
        got = f"{len(candidates)}, {len(references)} and {max_n}"
        raise ValueError(f"expected candidates, as many references, and max_n >= 1, got {got}")
    for group in references:
        if isinstance(group, str) or not group:
            raise ValueError(f"expected a list of references for each candidate, got {group!r}")


def _words(sentence: Sequence[str] | str) -> list[str]:
    return sentence.split() if isinstance(sentence, str) else list(sentence)
