"""Counters: what was added between two readings of a running total, wraps and resets told apart.

Nothing is invented: where the two readings do not say how much was added, it is missing, and the
next reading is counted from this one.
"""

from decimal import Decimal
from typing import NamedTuple

FIRST = "first reading of a counter"
RESET = "counter reset"
JUMPED = "counter jumped"
UNSURE = "counter not read for too long"
OUT_OF_RANGE = "counter out of its range"

# A reading may come later than its slot by a round of the bus: the time between two is not exact.
_STRETCH = Decimal("1.5")
_SLACK_S = Decimal(2)
_MS = Decimal(1000)


def longest_s(wraps_at: Decimal, max_per_s: Decimal) -> Decimal:
    """Tell how far apart readings may be, in seconds, before a whole range could pass unseen."""
    return (wraps_at / max_per_s - _SLACK_S) / _STRETCH


class Past(NamedTuple):
    """A reading of a counter; `mono_ms` is None for one of an earlier boot, of unknown age."""

    value: Decimal
    mono_ms: int | None


class Increment(NamedTuple):
    """What was added since the reading before, `elapsed_ms` earlier; None: not known, and why."""

    value: Decimal | None
    reason: str = ""
    elapsed_ms: int | None = None


class Counter:
    """A running total as an instrument gives it.

    `wraps_at` is where it starts at 0 again (None: it never does), `max_per_s` more than it can
    count in a second, `drift` what it may fall by without having been reset: small falls add up
    with small rises to nothing, as they must.
    """

    def __init__(
        self,
        wraps_at: Decimal | None = None,
        max_per_s: Decimal | None = None,
        drift: Decimal = Decimal(0),
        past: Past | None = None,
    ) -> None:
        """Go on from a reading that was remembered, if any."""
        self._drift = drift
        self._wraps_at = wraps_at
        self._max_per_s = max_per_s
        self.past = past

    def advance(self, reading: Decimal, mono_ms: int) -> Increment:
        """Take a reading; say what was added since the one before."""
        if reading < -self._drift or (self._wraps_at is not None and reading >= self._wraps_at):
            return Increment(None, OUT_OF_RANGE)
        before, self.past = self.past, Past(reading, mono_ms)
        if before is None:
            return Increment(None, FIRST)
        elapsed_ms = None if before.mono_ms is None else mono_ms - before.mono_ms
        most = self._most(elapsed_ms)
        if most is not None and self._wraps_at is not None and most >= self._wraps_at:
            return Increment(None, UNSURE, elapsed_ms)
        added = reading - before.value
        if added < -self._drift:
            if not self._wrapped(added, most, elapsed_ms):
                return Increment(None, RESET, elapsed_ms)
            added += self._wraps_at or 0
        if most is not None and added > most + self._drift:
            return Increment(None, JUMPED, elapsed_ms)
        return Increment(added, "", elapsed_ms)

    def _most(self, elapsed_ms: int | None) -> Decimal | None:
        """Tell the most that can have been added; None where nothing says so."""
        if self._max_per_s is None or elapsed_ms is None:
            return None
        return self._max_per_s * (Decimal(elapsed_ms) / _MS * _STRETCH + _SLACK_S)

    def _wrapped(self, added: Decimal, most: Decimal | None, elapsed_ms: int | None) -> bool:
        """Tell whether a lower reading is a wrap rather than a reset.

        It is when what was added by way of a wrap is believable: by the counter's highest rate, or
        less than half of its range. After a boot of the gateway it never is, for the power that
        went may have been the counter's as well.
        """
        if self._wraps_at is None or elapsed_ms is None:
            return False
        return added + self._wraps_at <= (self._wraps_at / 2 if most is None else most)
