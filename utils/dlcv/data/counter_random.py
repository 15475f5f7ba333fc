"""Random numbers as a pure function of (seed, item, position), the same on every device.

A generator with a hidden state gives item 5 different numbers when items 0 to 4 were drawn before
it. Here nothing is remembered: the numbers of an item are found by hashing its seed, its index and
a position. An item is therefore the same alone or in a batch, on a CPU or on a GPU.
"""

from math import prod

import torch

_GAMMA = -0x61C8864680B583EB  # 2^64 / golden ratio, odd, as a signed 64-bit number
_MUL_1 = -0x40A7B892E31B1A47  # the two multipliers of the splitmix64 finaliser, signed
_MUL_2 = -0x6B2FB644ECCEEE15
_NOISE_MEAN, _NOISE_STD = 510.0, 147.80  # of the sum of four bytes: 4·255/2, sqrt(4·(256²-1)/12)


def _shift_xor(x: torch.Tensor, shift: int) -> torch.Tensor:
    """x ^ (x >>> shift) with zeros shifted in, for the integer width of `x`."""
    bits = torch.iinfo(x.dtype).bits
    return x ^ ((x >> shift) & ((1 << (bits - shift)) - 1))


def mix64(x: torch.Tensor) -> torch.Tensor:
    """Scramble 64-bit integers so that every input bit reaches every output bit.

    Args:
        x: int64, any shape. Arithmetic wraps around at 2^64.

    Returns:
        int64 of the same shape; a bijection of the 64-bit integers.

    Raises:
        TypeError: if `x` is not int64.

    Reference:
        Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014, Fig. 14
        with the constants of Stafford's variant 13.
    """
    if x.dtype != torch.int64:
        raise TypeError(f"expected int64, got {x.dtype}")
    x = _shift_xor(x, 30) * _MUL_1
    x = _shift_xor(x, 27) * _MUL_2
    return _shift_xor(x, 31)


class CounterRandom:
    """Draw random numbers for the items start … start + count - 1 of a seed.

    Each call takes the next positions of every item's own sequence, so a program that draws in a
    fixed order gives item i the same numbers whatever else is in the batch.

    Args:
        seed: an integer in [0, 2^63); different seeds give unrelated sequences.
        start: index of the first item, >= 0.
        count: number of items N.
        device: where the numbers are made.
        purpose: a small integer that separates sequences of one seed.

    Raises:
        ValueError: if `seed`, `start` or `count` is out of range.
    """

    def __init__(
        self,
        seed: int,
        start: int,
        count: int,
        device: torch.device | str = "cpu",
        purpose: int = 0,
    ) -> None:
        if not 0 <= seed < 2**63:
            raise ValueError(f"expected a seed in [0, 2^63), got {seed}")
        if count < 0 or not 0 <= start < 2**63 - count:
            raise ValueError(f"expected count >= 0 and start >= 0, got {count} and {start}")
        self._set_items(seed, torch.arange(start, start + count, device=device), purpose)

    @classmethod
    def of_items(cls, seed: int, items: torch.Tensor, purpose: int = 0) -> "CounterRandom":
        """Draw for any items, in any order: int64 [N] in [0, 2^63), on the device of `items`.

        Raises:
            ValueError: if `seed` is out of range, or `items` are no such numbers.
        """
        if items.ndim != 1 or items.dtype != torch.int64 or (items < 0).any():
            raise ValueError(f"expected items [N] of int64, at least 0, got {items}")
        draws = cls(seed, 0, 0, items.device, purpose)
        draws._set_items(seed, items, purpose)
        return draws

    def _set_items(self, seed: int, items: torch.Tensor, purpose: int) -> None:
        root = torch.tensor(seed, device="cpu")  # a plain number in the end: no device waits for it
        root = int(mix64(mix64(root * _GAMMA) + purpose + 1))
        self.keys = mix64((items + 1) * _GAMMA + root)  # [N]
        self._position = 0

    def bits(self, *shape: int) -> torch.Tensor:
        """Draw 64 random bits per entry: int64 [N, *shape]."""
        length = prod(shape)
        positions = torch.arange(1, length + 1, device=self.keys.device) + self._position
        self._position += length
        return mix64(self.keys[:, None] + positions * _GAMMA).view(len(self.keys), *shape)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Draw floats of [low, high) on a grid of 2^24 steps: float32 [N, *shape]."""
        grid = (self.bits(*shape) >> 40) & (2**24 - 1)
        return grid.float() * 2.0**-24 * (high - low) + low

    def integers(self, *shape: int, high: int) -> torch.Tensor:
        """Draw integers of 0 … high - 1, all equally likely: int64 [N, *shape]."""
        return (((self.bits(*shape) >> 32) & (2**32 - 1)) * high) >> 32

    def noise(self, *shape: int) -> torch.Tensor:
        """Draw noise of mean 0 and deviation 1 for whole images: float32 [N, *shape].

        A 32-bit hash per entry is cut into four bytes; their sum is close to a normal variable
        (kurtosis 2.7 instead of 3, never beyond 3.5 deviations) and exact in integers.
        """
        keys = mix64(self.keys + self._position).to(torch.int32)
        length = prod(shape)
        x = (
            torch.arange(length, device=keys.device, dtype=torch.int32) * -0x61C88647
            + keys[:, None]
        )
        x = (
            _shift_xor(x, 16) * 0x21F0AAAD
        )  # multipliers found by search: C. Wellons, hash-prospector
        x = _shift_xor(x, 15) * -0x2CA5D269
        x = _shift_xor(x, 15)
        pairs = (x & 0x00FF00FF) + ((x >> 8) & 0x00FF00FF)
        total = (pairs & 0xFFFF) + (pairs >> 16)
        self._position += 1
        return ((total.float() - _NOISE_MEAN) * (1.0 / _NOISE_STD)).view(len(keys), *shape)
