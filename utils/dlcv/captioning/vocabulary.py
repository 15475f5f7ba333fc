"""From words to numbers and back, and how surprising a text is."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

END = "<end>"
START = "<start>"
NOTHING = -1  # after the end of a sentence


class Vocabulary:
    """The words that a model knows; number 0 is the end, number 1 the start of a sentence.

    Args:
        sentences: Texts with spaces between the words (or, with `letters`, any texts).
        letters: Whether the pieces are letters instead of words.

    Raises:
        ValueError: If there is no word.

    Taught in: lectures/15_captioning

    Example:
        >>> Vocabulary(["a fish", "a ring"]).encode(["a ring"]).tolist()
        [[2, 4, 0]]
    """

    end, start = 0, 1

    def __init__(self, sentences: Iterable[str], letters: bool = False) -> None:
        self.letters = letters
        known = sorted({word for sentence in sentences for word in self._split(sentence)})
        if not known:
            raise ValueError("expected at least one word, got none")
        self.words = [END, START, *known]
        self._numbers = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        """Number of words, end and start included."""
        return len(self.words)

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """Return numbers int64 [N, T], each row closed by the end and then filled with -1.

        Raises:
            ValueError: If a word is not known.
        """
        rows = [[self.number(word) for word in self._split(text)] for text in sentences]
        longest = max((len(row) for row in rows), default=0) + 1
        padded = [[*row, self.end, *[NOTHING] * (longest - 1 - len(row))] for row in rows]
        return torch.tensor(padded, dtype=torch.int64).reshape(len(rows), longest)

    def decode(self, numbers: Iterable[Iterable[int]]) -> list[str]:
        """Return the texts of rows of numbers, each up to its end."""
        rows = numbers.tolist() if isinstance(numbers, Tensor) else numbers
        return [self._text(row) for row in rows]

    def number(self, word: str) -> int:
        """Return the number of a word.

        Raises:
            ValueError: If it is not known.
        """
        if word not in self._numbers:
            raise ValueError(f"expected a known word, got {word!r}")
        return self._numbers[word]

    def _split(self, sentence: str) -> list[str]:
        return list(sentence) if self.letters else sentence.split()

    def _text(self, row: Iterable[int]) -> str:
        words = []
        for number in row:
            if number in (self.end, NOTHING):
                break
            words.append(self.words[number])
        return ("" if self.letters else " ").join(words)


def perplexity(log_probs: Tensor) -> float:
    """Compute the perplexity $e^{-\\frac1T\\sum_t\\log p_t}$: among how many words one guesses.

    Args:
        log_probs: Natural logarithms of the probabilities that the T right words got, each <= 0.

    Raises:
        ValueError: If there is no word.

    Taught in: lectures/15_captioning
    """
    if log_probs.numel() == 0:
        raise ValueError("expected at least one word, got none")
    return torch.exp(-log_probs.double().mean()).item()


def soften(logits: Tensor, temperature: float) -> Tensor:
    """Turn logits into probabilities: $p_k\\propto e^{z_k/\\tau}$.

    Args:
        logits: [..., V].
        temperature: $\\tau$ > 0; towards 0 the largest takes all, towards infinity all are equal.

    Returns:
        Probabilities [..., V].

    Raises:
        ValueError: If the temperature is not positive.

    Taught in: lectures/15_captioning
    """
    if not temperature > 0:
        raise ValueError(f"expected a temperature > 0, got {temperature}")
    return torch.softmax(logits / temperature, dim=-1)
