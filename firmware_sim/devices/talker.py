"""A line with devices that speak once a second and listen to no one.

They speak half a second after each full second, so that a window that ends on a full second can
never cut between a second and its line.
"""

from collections.abc import Sequence
from functools import reduce
from math import floor

from firmware_sim.devices.base import Send, Talker, through_faults
from firmware_sim.faults import FaultKind

SPEAKS_AFTER_S = 0.5


def xor_text(data: bytes) -> str:
    """Checksum of NMEA 0183 and its imitators: XOR of the bytes as two upper-case hex digits."""
    return f"{reduce(lambda a, b: a ^ b, data, 0):02X}"


class TalkerBus:
    """Talkers on one line; they take turns within their second."""

    def __init__(self, talkers: Sequence[Talker]) -> None:
        """Put the talkers on the line."""
        self._talkers = talkers
        self._next_s: int | None = None

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Hear nothing."""
        del data, now
        return []

    def wake_at(self, now: float) -> float | None:
        """Tell when the next second's lines are due."""
        if self._next_s is None:
            self._next_s = floor(now - SPEAKS_AFTER_S) + 1
        return self._next_s + SPEAKS_AFTER_S

    def wake(self, now: float) -> list[Send]:
        """Say the lines that are due; seconds that were slept through are never made up for."""
        due_at = self.wake_at(now)
        if due_at is None or now < due_at:
            return []
        second = floor(now - SPEAKS_AFTER_S)
        self._next_s = second + 1
        return [
            through_faults(talker.setup, send, now)
            for talker in self._talkers
            if not talker.setup.faults.struck(FaultKind.ABSENT, now)
            for send in talker.say(second)
        ]
