"""Sentences as people wrote them, made plain enough for a small vocabulary."""

import re
from collections import Counter
from collections.abc import Collection, Iterable

RARE = "<rare>"


def plain(sentence: str, known: Collection[str] | None = None) -> str:
    """Write a sentence in lower case, its words alone, with one space between them.

    Args:
        sentence: Any text.
        known: Words that stay; others become "<rare>". None: all stay.

    Taught in: lectures/15_captioning

    Example:
        >>> plain("A dog 's ball , red .", {"a", "dog", "ball"})
        'a dog <rare> ball <rare>'
    """
    words = re.findall(r"[^\W\d_]+|\d+", sentence.lower())
    return " ".join(word if known is None or word in known else RARE for word in words)


def common_words(sentences: Iterable[str], least: int) -> set[str]:
    """Return the words that occur at least so often in plain sentences.

    Args:
        sentences: Texts with spaces between the words.
        least: At least 1; Karpathy and Fei-Fei (2015) take 5.

    Raises:
        ValueError: If `least` is below 1.

    Taught in: lectures/15_captioning
    """
    if least < 1:
        raise ValueError(f"expected a number of at least 1, got {least}")
    counts = Counter(word for sentence in sentences for word in sentence.split())
    return {word for word, count in counts.items() if count >= least}
