"""Slots on the wall clock's grid, paced by the monotonic clock.

A slot is a whole multiple of the interval since the Unix epoch. It is kept as an instant of the
monotonic clock, so that a wall clock that is set while we wait moves the grid, and no more: two
slots are always more than half an interval of real time apart, and the next one is never further
than one and a half.
"""

from typing import Protocol


class Clock(Protocol):
    """What sampling needs to know of time; gateway.clock has it."""

    def mono_ms(self) -> int:
        """Milliseconds on the monotonic clock."""

    def wall_of(self, mono_ms: int) -> int:
        """Convert an instant of the monotonic clock to ms since the Unix epoch, as now known."""


class Schedule:
    """The slots of one interval."""

    def __init__(self, interval_s: float, mono_ms: int) -> None:
        """Start at `mono_ms`: the first slot is the first one that is not before it."""
        self._interval_ms = max(1, round(interval_s * 1000))
        self._after_ms = mono_ms - 1
        self._is_begun = False
        self._latest_ms = mono_ms + self._interval_ms // 2

    def next_ms(self, offset_ms: int) -> int:
        """Give the next slot on the monotonic clock; `offset_ms` is wall minus monotonic."""
        slot = (self._after_ms + offset_ms) // self._interval_ms + 1
        return slot * self._interval_ms - offset_ms

    def due(self, mono_ms: int, offset_ms: int) -> list[int]:
        """Take the slots that have come up to `mono_ms`, oldest first, each only once."""
        slots: list[int] = []
        while (slot := self.next_ms(offset_ms)) <= mono_ms:
            slots.append(slot)
            self._after_ms = slot + self._interval_ms // 2
            self._is_begun = True
        self.look(mono_ms, offset_ms)
        return slots

    def look(self, mono_ms: int, offset_ms: int) -> int:
        """Give the next slot, and note that none has come before it up to `mono_ms`.

        Who looks now and then is given no first slot far in the past by a clock that is set.
        """
        slot = self.next_ms(offset_ms)
        if not self._is_begun and slot > mono_ms:
            latest_ms = min(mono_ms - self._interval_ms // 2, self._latest_ms)
            self._after_ms = max(self._after_ms, latest_ms)
        return slot

    def wait_ms(self, mono_ms: int, offset_ms: int) -> int:
        """Tell how long to wait for the next slot: at least 1 ms."""
        return max(1, self.next_ms(offset_ms) - mono_ms)


def offset_of(clock: Clock, mono_ms: int) -> int:
    """Wall minus monotonic, in ms, as known now."""
    return clock.wall_of(mono_ms) - mono_ms
