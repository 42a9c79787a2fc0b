"""A past without a link: made-up readings, put into an outbox by the gateway's own code.

Observations are appended and sealed under a clock that is run forward, with the gateway's own rule
for when to seal, so that batches are what it would have made; nothing is written by hand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.chaos_suite.recovery.site import LATE, LATE_PACE, series_of
from deploy.demo.sites import Station
from gateway.clock import Clock, TimeSources
from gateway.outbox import DataDirLock, Outbox
from gateway.readings import Observation
from gateway.uplink.pace import Pace

MINUTE_MS = 60_000
# What is appended at once here: the file is no other than after as many single minutes.
_LOT = 10
# A boot of the gateway that is over: its readings keep the wall times they were taken at.
_BOOT = "the-boot-before"
# Of the day's course, in steps of a series' resolution; noise is a tenth of it.
_SWING = 120
_BASE = 2000


@dataclass(frozen=True, slots=True)
class Past:
    """Readings of a station, one a minute and series: `minutes` of them from `start_ms` on.

    The last `pending` minutes are in no batch: the gateway was started again since the last one.
    """

    station: Station
    start_ms: int
    minutes: int
    seed: int
    pending: int = 0

    @property
    def end_ms(self) -> int:
        """The instant after the last reading."""
        return self.start_ms + self.minutes * MINUTE_MS

    @property
    def times_ms(self) -> NDArray[np.int64]:
        """The instants, which all series share."""
        return self.start_ms + np.arange(self.minutes, dtype=np.int64) * MINUTE_MS

    def series(self) -> Iterator["Course"]:
        """Give each series' values, the same each time."""
        for number, (name, resolution) in enumerate(series_of(self.station)):
            yield Course(name, resolution, _steps(self.seed, number, self.minutes))

    @property
    def readings(self) -> int:
        """Count them all."""
        return self.minutes * sum(1 for _ in series_of(self.station))


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One series: its values are `steps` times `resolution`."""

    name: str
    resolution: Decimal
    steps: NDArray[np.int64]

    def decimals(self) -> Sequence[Decimal]:
        """Give the values as a sensor's digits."""
        return [self.resolution * step for step in self.steps.tolist()]

    def doubles(self) -> NDArray[np.float64]:
        """Give the doubles nearest to them."""
        return np.array([float(value) for value in self.decimals()])


def past_until(end_ms: int, days: float, seed: int, pending: int = 0) -> Past:
    """Give the late station's past of so many days that ends at the minute before an instant."""
    minutes = round(days * 1440)
    end_ms = end_ms // MINUTE_MS * MINUTE_MS
    return Past(LATE, end_ms - minutes * MINUTE_MS, minutes, seed, pending)


def live_through(past: Past, folder: Path) -> None:
    """Leave a past in the outbox of a data folder, which is made."""
    now_ms = [past.start_ms]
    sources = TimeSources(
        mono_ns=lambda: (now_ms[0] - past.start_ms) * 1_000_000,
        wall_ns=lambda: now_ms[0] * 1_000_000,
        synchronised=lambda: True,
    )
    clock = Clock("assume", sources, _BOOT)
    pace = Pace(round(LATE_PACE.batch_every_s * 1000), clock.mono_ms())
    courses = [(one.name, one.decimals()) for one in past.series()]
    with DataDirLock(folder), Outbox(folder, clock, hold_s=86_400) as outbox:
        for first in range(0, past.minutes, _LOT):
            until = min(first + _LOT, past.minutes)
            outbox.append(_observations(courses, first, until))
            now_ms[0] = past.start_ms + until * MINUTE_MS
            if until <= past.minutes - past.pending:
                _seal_in_time(outbox, pace, clock.mono_ms())


def _seal_in_time(outbox: Outbox, pace: Pace, now_ms: int) -> None:
    if pace.due(now_ms, can_send=False, ask=outbox.pending):
        pace.tried(now_ms)
        outbox.seal()
        pace.sealed(now_ms, outbox.pending().count)


def _observations(
    courses: Sequence[tuple[str, Sequence[Decimal]]], first: int, until: int
) -> list[Observation]:
    return [
        Observation(name, minute * MINUTE_MS, values[minute])
        for minute in range(first, until)
        for name, values in courses
    ]


def _steps(seed: int, number: int, minutes: int) -> NDArray[np.int64]:
    """Make a day's course with noise and a slow drift, in whole steps."""
    rng = np.random.default_rng([seed, number])
    day = np.sin(np.arange(minutes) * (2 * np.pi / 1440) + rng.uniform(0, 2 * np.pi))
    drift = np.cumsum(rng.normal(0, 0.3, minutes))
    noise = rng.normal(0, _SWING / 10, minutes)
    steps: NDArray[np.int64] = np.rint(_BASE + _SWING * day + drift + noise).astype(np.int64)
    return steps
