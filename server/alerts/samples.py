"""What the machine is fed with: the samples of one series in order of time, and which are good."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wire.quality import FLAG_MASK, Flag, Test

Int64s = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NO_CLOCK = int(Test.CLOCK_UNKNOWN | Test.FUTURE_TIME)


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
