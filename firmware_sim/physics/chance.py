"""Chance without memory: noise that is a function of a seed and an index, or of a seed and a time.

Asking twice, or in another order, gives the same number: there is no generator whose state could
differ between two runs.
"""

from hashlib import blake2b
from math import floor

_MASK = 0xFFFF_FFFF_FFFF_FFFF


def stream(seed: int, name: str) -> int:
    """Derive an independent 64-bit seed for one named use."""
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")


def uniform(seed: int, index: int) -> float:
    """Draw the number in [0, 1) that belongs to `index` (splitmix64, Steele et al. 2014)."""
    x = (seed + (index + 1) * 0x9E37_79B9_7F4A_7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return ((x ^ (x >> 31)) >> 11) * 2.0**-53


class Noise:
    """Smooth noise in [-1, 1] that takes a new direction every `period_s` seconds."""

    __slots__ = ("_cell", "_left", "_period_s", "_right", "_seed")

    def __init__(self, seed: int, name: str, period_s: float) -> None:
        """Name the noise: another name under the same seed is independent of it."""
        self._seed = stream(seed, name)
        self._period_s = period_s
        self._cell: int | None = None
        self._left = 0.0
        self._right = 0.0

    def at(self, time_s: float) -> float:
        """Give the noise at an instant; the two ends of the last cell are kept only for speed."""
        place = time_s / self._period_s
        cell = floor(place)
        if cell != self._cell:
            self._left = 2.0 * uniform(self._seed, cell) - 1.0
            self._right = 2.0 * uniform(self._seed, cell + 1) - 1.0
            self._cell = cell
        x = place - cell
        return self._left + (self._right - self._left) * x * x * (3.0 - 2.0 * x)


class Dice:
    """Chance in a sequence: for events that come one after another, such as faults on a line."""

    def __init__(self, seed: int, name: str) -> None:
        """Begin the sequence of this name."""
        self._seed = stream(seed, name)
        self._rolls = 0

    def roll(self) -> float:
        """Give the next number in [0, 1)."""
        self._rolls += 1
        return uniform(self._seed, self._rolls)

    def below(self, limit: int) -> int:
        """Give the next whole number in [0, limit)."""
        return int(self.roll() * limit)
