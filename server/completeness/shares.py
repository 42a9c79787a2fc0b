"""Shares of what was to be expected, over the last 24 hours and the last 30 days. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from server.ledger.tally import percent
from server.rollup.days import day_starts
from server.rollup.statistics import HOUR_MS

DAY_MS = 86_400_000
HOURS, DAYS = 24, 30
# Until then an hour is not expected to be all there: gateways gather, and rollups are computed.
SETTLING_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time, from_ms <= time < to_ms."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Share:
    """How many values there are of how many that were to be expected in a range of time."""

    values: int
    expected: int
    window: Window

    @property
    def percent(self) -> float:
        """Give the share in percent, rounded down to hundredths: only what is whole makes 100."""
        return percent(min(self.values, self.expected), self.expected)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of one series; None where nothing was to be expected yet, or its sensor has left."""

    day: Share | None = None
    month: Share | None = None


def last_hours(now_ms: int) -> Window:
    """Give the last 24 whole hours."""
    end = (now_ms - SETTLING_MS) // HOUR_MS * HOUR_MS
    return Window(end - HOURS * HOUR_MS, end)


def last_days(zone: str, now_ms: int) -> Window:
    """Give the last 30 whole days of a time zone."""
    settled = now_ms - SETTLING_MS
    edges = day_starts(zone, settled - (DAYS + 2) * DAY_MS, settled + 1)
    midnights = edges[edges <= settled]
    return Window(int(midnights[-1 - DAYS]), int(midnights[-1]))


def share(values: int, interval_s: float, window: Window, uncounted_ms: int = 0) -> Share | None:
    """Compare what is there with what a series gives in a range of time at its interval.

    `uncounted_ms` of it are not counted yet: nothing is expected of them, and nothing is said while
    they are the greater part.
    """
    length_ms = window.to_ms - window.from_ms
    if 2 * uncounted_ms > length_ms:
        return None
    expected = int((length_ms - uncounted_ms) // max(1.0, interval_s * 1000))
    return Share(values, expected, window) if expected > 0 else None


def together(shares: Iterable[Share | None]) -> Share | None:
    """Give the share of several series in one: each counts by what is expected of it."""
    known = [one for one in shares if one is not None]
    if not known:
        return None
    window = Window(
        min(one.window.from_ms for one in known), max(one.window.to_ms for one in known)
    )
    values = sum(min(one.values, one.expected) for one in known)
    return Share(values, sum(one.expected for one in known), window)
