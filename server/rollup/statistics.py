"""What a bucket of observations comes to: the one definition of every rollup. Pure, on arrays.

`n` counts observations with a value. The statistics are over the good ones, `n_good` of them: their
flag is pass, not evaluated or suspect, and their value finite. Where none is good, or a sum does
not fit a double, they are NaN (NULL in a table). Of directions in degrees min, max and sum say
nothing and are NaN; `x` and `y` are the sums of the sines (east) and cosines (north), and the mean
is the direction of (x, y) in [0, 360), NaN where the directions cancel each other out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wire.quality import FLAG_MASK, Flag

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
Floats = NDArray[np.float64]

GOOD_FLAGS = (Flag.PASS, Flag.NOT_EVALUATED, Flag.SUSPECT)
HOUR_MS = 3_600_000
# A resultant of less than this a direction is rounding, not wind.
CALM = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Statistics as columns, a row a bucket."""

    n: Int32s
    n_good: Int32s
    mean: Floats
    min: Floats
    max: Floats
    sum: Floats
    last: Floats
    x: Floats
    y: Floats

    def __len__(self) -> int:
        """Count the buckets."""
        return len(self.n)


def summarise(
    time_ms: Ints, value: Floats, quality: Int32s, edges: Ints, *, is_direction: bool
) -> tuple[Ints, Summary]:
    """Give the starts of the buckets that have observations, and what each comes to.

    One series in order of time; a missing value is NaN. `edges` are instants in ascending order:
    bucket i begins at edges[i] and ends before edges[i + 1]. What lies outside is left out.
    """
    bounds = np.searchsorted(time_ms, edges)
    filled = np.flatnonzero(np.diff(bounds))
    inside = slice(int(bounds[0]), int(bounds[-1])) if len(bounds) else slice(0, 0)
    summary = summarise_runs(
        value[inside], quality[inside], bounds[filled] - inside.start, is_direction=is_direction
    )
    return edges[filled], summary


def summarise_runs(value: Floats, quality: Int32s, firsts: Ints, *, is_direction: bool) -> Summary:
    """Give what each run of rows comes to: run i begins at firsts[i] and ends where the next does.

    The rows of a run are in order of time. No run is empty, and the first begins at 0.
    """
    if not len(firsts):
        none = np.empty(0)
        return Summary(none.astype(np.int32), none.astype(np.int32), *[none] * 7)
    good = np.isin(quality & FLAG_MASK, GOOD_FLAGS) & np.isfinite(value)
    n_good = np.add.reduceat(good, firsts, dtype=np.int32)
    n = np.add.reduceat(~np.isnan(value), firsts, dtype=np.int32)
    statistics = _of_directions if is_direction else _of_scalars
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return Summary(n, n_good, *statistics(value, good, firsts, n_good))


def _of_scalars(value: Floats, good: Bools, firsts: Ints, n_good: Int32s) -> tuple[Floats, ...]:
    none = np.full(len(firsts), np.nan)
    total = _finite(_sums(value, good, firsts), n_good)
    least = np.minimum.reduceat(np.where(good, value, np.inf), firsts)
    most = np.maximum.reduceat(np.where(good, value, -np.inf), firsts)
    return (
        total / n_good,
        _finite(least, n_good),
        _finite(most, n_good),
        total,
        _last(value, good, firsts),
        none,
        none,
    )


def _of_directions(value: Floats, good: Bools, firsts: Ints, n_good: Int32s) -> tuple[Floats, ...]:
    none = np.full(len(firsts), np.nan)
    radians = np.radians(value % 360.0)
    x = _finite(_sums(np.sin(radians), good, firsts), n_good)
    y = _finite(_sums(np.cos(radians), good, firsts), n_good)
    return direction_of(x, y, n_good), none, none, none, _last(value, good, firsts), x, y


def direction_of(x: Floats, y: Floats, n_good: NDArray[np.integer]) -> Floats:
    """Give the direction, in [0, 360) degrees, of sums of unit vectors; NaN where they cancel."""
    degrees = np.degrees(np.arctan2(x, y)) % 360.0
    degrees = np.where(degrees >= 360.0, 0.0, degrees)  # what is just under 0 rounds up to it
    return np.where(np.hypot(x, y) > CALM * n_good, degrees, np.nan)


def _sums(value: Floats, good: Bools, firsts: Ints) -> Floats:
    sums: Floats = np.add.reduceat(np.where(good, value, 0.0), firsts)
    return sums


def _finite(value: Floats, n_good: Int32s) -> Floats:
    return np.where((n_good > 0) & np.isfinite(value), value, np.nan)


def _last(value: Floats, good: Bools, firsts: Ints) -> Floats:
    index = np.maximum.reduceat(np.where(good, np.arange(len(value)), -1), firsts)
    return np.where(index >= 0, value[index], np.nan)
