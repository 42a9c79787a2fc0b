"""What the machine is fed with: the samples of one series in order of time, and which are good."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.alerts.condition import HOUR_MS, Season
from wire.quality import FLAG_MASK, Flag, Test

Int64s = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NO_CLOCK = int(Test.CLOCK_UNKNOWN | Test.FUTURE_TIME)
# A thermometer tells of so long after it was read: soil warms and cools slowly.
THERMOMETER_MS = 6 * HOUR_MS


def is_good(value: Floats, quality: NDArray[np.int32]) -> Bools:
    """Tell which observations are evidence: there, QARTOD 1 or 2, and of a clock to believe."""
    flag = quality & FLAG_MASK
    passed = (flag == Flag.PASS) | (flag == Flag.NOT_EVALUATED)
    good: Bools = passed & ((quality & _NO_CLOCK) == 0) & np.isfinite(value)
    return good


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Columns of one series, times strictly rising (UTC milliseconds). Make them by `of`."""

    time_ms: Int64s
    value: Floats
    good: Bools

    @classmethod
    def of(cls, time_ms: Int64s, value: Floats, good: Bools) -> "Samples":
        """Put columns in order of time; of two at one instant the first stays, as in the store."""
        _, first = np.unique(time_ms, return_index=True)
        return cls(time_ms[first], value[first], good[first])

    @classmethod
    def observed(cls, time_ms: Int64s, value: Floats, quality: NDArray[np.int32]) -> "Samples":
        """Take observations as they are stored."""
        return cls.of(time_ms, value, is_good(value, quality))

    def __len__(self) -> int:
        """Count the samples, good or not."""
        return len(self.time_ms)

    def after(self, time_ms: int | None) -> Iterator[tuple[int, float]]:
        """Go through the good ones later than an instant (None: all)."""
        use = self.good if time_ms is None else self.good & (self.time_ms > time_ms)
        return zip(self.time_ms[use].tolist(), self.value[use].tolist(), strict=True)

    def newest_good(self) -> tuple[int, float] | None:
        """Give the newest good sample's instant and value, None where there is none."""
        at = np.flatnonzero(self.good)
        return (int(self.time_ms[at[-1]]), float(self.value[at[-1]])) if len(at) else None

    def since(self, time_ms: int) -> "Samples":
        """Give those from an instant on."""
        first = int(np.searchsorted(self.time_ms, time_ms))
        return Samples(self.time_ms[first:], self.value[first:], self.good[first:])

    def without(self, others: Bools) -> "Samples":
        """Take some for no evidence."""
        return Samples(self.time_ms, self.value, self.good & ~others)


def is_frozen(
    time_ms: Int64s, thermometer: Samples, thawed_above: float, season: Season | None = None
) -> Bools:
    """Tell at which instants, in order of time, the soil about a probe was frozen.

    Ice hardly shows to probes of permittivity: frozen soil reads as dry, and as watered when it
    thaws. It goes by what the thermometer beside it said before, not at the same instant: what came
    with it may have come in another batch. Out of season nobody asks.
    """
    read_ms, value = thermometer.time_ms[thermometer.good], thermometer.value[thermometer.good]
    if not len(read_ms):
        return np.zeros(len(time_ms), dtype=np.bool_)
    before = np.searchsorted(read_ms, time_ms, side="left") - 1
    at = np.maximum(before, 0)
    frozen: Bools = (before >= 0) & (time_ms - read_ms[at] <= THERMOMETER_MS)
    frozen &= value[at] <= thawed_above
    return frozen & _holds(season, time_ms) if season is not None and frozen.any() else frozen


def _holds(season: Season, time_ms: Int64s) -> Bools:
    """Tell of instants in order of time whether they are in season."""
    holds = np.zeros(len(time_ms), dtype=np.bool_)
    at = 0
    while at < len(time_ms):
        _, until_ms = season.span(int(time_ms[at]))
        end = int(np.searchsorted(time_ms, until_ms))
        holds[at:end] = season.holds(int(time_ms[at]))
        at = end
    return holds
