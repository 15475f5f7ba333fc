"""A language small enough to be learnt whole: the numbers below a thousand, in English."""

import torch
import torch.nn.functional as F
from torch import Tensor

UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """Write a number in English words.

    Args:
        number: 0 to 999.

    Raises:
        ValueError: If it is another number.

    Taught in: lectures/15_captioning

    Example:
        >>> in_words(347)
        'three hundred and forty seven'
    """
    if not 0 <= number < 1000:
        raise ValueError(f"expected a number from 0 to 999, got {number}")
    if number < 20:
        return UNITS[number]
    if number < 100:
        return TENS[number // 10] + (f" {UNITS[number % 10]}" if number % 10 else "")
    rest = f" and {in_words(number % 100)}" if number % 100 else ""
    return f"{UNITS[number // 100]} hundred{rest}"


def in_digits(numbers: Tensor) -> Tensor:
    """Write numbers in three digits, each a unit vector; zeros in front of the first.

    Args:
        numbers: int64 [N], 0 to 999.

    Returns:
        float32 [N, 3, 10].

    Taught in: lectures/15_captioning
    """
    columns = torch.stack([numbers // 100, numbers // 10 % 10, numbers % 10], dim=1)
    is_written = torch.stack([numbers >= 100, numbers >= 10, numbers >= 0], dim=1)
    return F.one_hot(columns, 10) * is_written[:, :, None].float()
