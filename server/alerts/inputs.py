"""What slow rules are judged on: samples made of the hours of one series, or of several. Pure.

A value is stamped at the end of the last hour that it is made of. It is good where enough of what
it is made of was there: too little is no evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from server.alerts.condition import HOUR_MS, Side
from server.alerts.samples import Bools, Floats, Int64s, Samples, is_good
from server.soil.dry_down import fit, last_run
from wire.quality import FLAG_MASK, Flag, Test

Int32s = NDArray[np.int32]

# Of the hours of a window, and of the thickness of a root zone, so much must be there.
LEAST_SHARE = 0.5
LEAST_THICKNESS = 0.75
# Longer than this no dry-down can be told ahead.
MOST_DAYS = 365.0
_DAY_MS = 24 * HOUR_MS
# A day that rises by less of what the window spans is noise, not water.
_RISE_SHARE = 0.03
_NO_CLOCK = int(Test.CLOCK_UNKNOWN | Test.FUTURE_TIME)
# Windows are laid out beside each other, so many values a time: 8 MB.
_MOST_CELLS = 1 << 20


class _Combine(Protocol):
    """Makes of each row one value of those in it that are no NaN, of which there are some."""

    def __call__(self, rows: Floats, /, *, axis: int) -> Any:
        """Combine the values of each row."""
        ...


_FAULTY = (Flag.SUSPECT, Flag.FAIL, Flag.MISSING)


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """Columns of one series, a row an hour that has observations, in order of time.

    `mean`, `sum` and `n_good` are over the good ones (mean is NaN where there are none). `n_told`
    counts all whose clock is known, `n_faulty` those of them that are missing, suspect or failed.
    `step_ms`: how far hours that should be there are apart.
    """

    start_ms: Int64s
    mean: Floats
    sum: Floats
    n_good: Int32s
    n_told: Int32s
    n_faulty: Int32s
    step_ms: int = HOUR_MS

    @property
    def end_ms(self) -> Int64s:
        """The instants at which the hours were over."""
        ends: Int64s = self.start_ms + HOUR_MS
        return ends


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A sensor in the root zone: how deep it is (m below the surface), and its hours."""

    depth_m: float
    hours: Hours


def hours_of(time_ms: Int64s, value: Floats, quality: Int32s, interval_ms: int = HOUR_MS) -> Hours:
    """Make hours of observations in order of time; a missing value is NaN."""
    start, firsts = np.unique(time_ms // HOUR_MS * HOUR_MS, return_index=True)
    step_ms = max(HOUR_MS, interval_ms)
    if not len(start):
        none = np.empty(0, dtype=np.int32)
        return Hours(start, np.empty(0), np.empty(0), none, none, none, step_ms)
    good = is_good(value, quality)
    told = (quality & _NO_CLOCK) == 0
    faulty = told & np.isin(quality & FLAG_MASK, _FAULTY)
    sums = np.add.reduceat(np.where(good, value, 0.0), firsts)
    n_good = np.add.reduceat(good, firsts, dtype=np.int32)
    return Hours(
        start_ms=start,
        mean=_ratio(sums, n_good),
        sum=sums,
        n_good=n_good,
        n_told=np.add.reduceat(told, firsts, dtype=np.int32),
        n_faulty=np.add.reduceat(faulty, firsts, dtype=np.int32),
        step_ms=step_ms,
    )


def mean(hours: Hours, window_ms: int = HOUR_MS) -> Samples:
    """Give the mean of the hours in a window, each hour counting the same."""
    return _rolled(hours, hours.mean, window_ms, np.nanmean)


def total(hours: Hours, window_ms: int) -> Samples:
    """Give the sum over a window; hours that are not there add nothing."""
    sums = np.where(hours.n_good > 0, hours.sum, np.nan)
    return _rolled(hours, sums, window_ms, np.nansum)


def rate(hours: Hours, window_ms: int) -> Samples:
    """Give the change of the hourly mean since a window before, in the series' unit an hour."""
    sought = hours.start_ms - window_ms
    before = np.searchsorted(hours.start_ms, sought, side="right") - 1
    is_there = (before >= 0) & (hours.start_ms[before] > sought - hours.step_ms)
    span_h = (hours.start_ms - hours.start_ms[before]) / HOUR_MS
    change = np.where(is_there, hours.mean - hours.mean[before], np.nan)
    per_hour = np.divide(change, span_h, out=np.full(len(change), np.nan), where=span_h > 0)
    return Samples.of(hours.end_ms, per_hour, np.isfinite(per_hour))


def rise(hours: Hours, window_ms: int, side: Side = Side.ABOVE) -> Samples:
    """Give how far the hourly mean is above the least of the window that ends with it.

    Of a rule below a line: how far below the most, negative. So what comes in steps is seen whole.
    """
    extreme = np.nanmin if side is Side.ABOVE else np.nanmax
    since = _rolled(hours, hours.mean, window_ms + HOUR_MS, extreme)
    change = hours.mean - since.value
    return Samples.of(hours.end_ms, change, since.good & np.isfinite(change))


def difference(hours: Hours, other: Hours) -> Samples:
    """Give the hourly mean less that of another series, where both are there."""
    starts, own, others = np.intersect1d(hours.start_ms, other.start_ms, return_indices=True)
    change = hours.mean[own] - other.mean[others]
    return Samples.of(starts + HOUR_MS, change, np.isfinite(change))


def fault_share(hours: Hours, window_ms: int) -> Samples:
    """Give the share (0 to 1) of observations in a window that are missing, suspect or failed.

    Hours without any are silence, not a fault.
    """
    faulty = _rolled(hours, hours.n_faulty.astype(np.float64), window_ms, np.nansum)
    told = _rolled(hours, hours.n_told.astype(np.float64), window_ms, np.nansum)
    share = _ratio(faulty.value, told.value)
    return Samples.of(hours.end_ms, share, np.isfinite(share) & (hours.n_told > 0))


def root_zone_mean(layers: Sequence[Layer], span_m: tuple[float, float] | None = None) -> Samples:
    """Give the mean over depth: each sensor stands for the soil up to halfway to its neighbours.

    Those at one depth stand for it together, any of them while others are missing. `span_m`: from
    and to; see `layer_weights`. Depths that are missing in an hour are left out, and it is good
    while those that are there stand for LEAST_THICKNESS of the whole.
    """
    depths = sorted({layer.depth_m for layer in layers})
    weights = layer_weights(depths, span_m)
    starts = np.unique(np.concatenate([layer.hours.start_ms for layer in layers]))
    sums, counts = np.zeros((2, len(depths), len(starts)))
    for layer in layers:
        row, value = depths.index(layer.depth_m), layer.hours.mean
        at = np.searchsorted(starts, layer.hours.start_ms)
        sums[row, at] += np.nan_to_num(value)
        counts[row, at] += np.isfinite(value)
    thickness = (counts > 0) * weights[:, None]
    present = thickness.sum(axis=0)
    value = _ratio((sums / np.maximum(counts, 1) * thickness).sum(axis=0), present)
    # Thicknesses are sums of decimals: three quarters may come out a little less.
    good = present >= LEAST_THICKNESS * weights.sum() - 1e-9
    return Samples.of(starts + HOUR_MS, value, good & np.isfinite(value))


def layer_weights(depths_m: Sequence[float], span_m: tuple[float, float] | None = None) -> Floats:
    """Give the thickness (m) that each of some rising depths stands for.

    None: from the surface to as far below the deepest as half the gap above it.
    """
    depths = np.array(depths_m, dtype=np.float64)
    halfway = (depths[1:] + depths[:-1]) / 2
    below = depths[-1] - halfway[-1] if len(halfway) else depths[-1]
    top, bottom = span_m or (0.0, float(depths[-1] + below))
    edges = np.clip(np.concatenate([[top], halfway, [bottom]]), top, bottom)
    weights: Floats = np.diff(edges)
    return weights


def days_to_threshold(hours: Hours, threshold: float, window_ms: int, from_ms: int) -> Samples:
    """Give for hours that end after `from_ms` how many days the water lasts above a threshold.

    By the dry-down of the days since water last came, within a window before. At most MOST_DAYS,
    which stands for never. Where no dry-down can be fitted there is no evidence.
    """
    asked = np.flatnonzero(hours.end_ms > from_ms)
    days = np.array([_days(hours, int(at), threshold, window_ms) for at in asked], dtype=np.float64)
    return Samples.of(hours.end_ms[asked], days, np.isfinite(days))


def _days(hours: Hours, at: int, threshold: float, window_ms: int) -> float:
    """Fit means of 24 h, the last of which end with an hour: soil swings with the day."""
    end_ms = hours.end_ms[at]
    first = int(np.searchsorted(hours.end_ms, end_ms - window_ms, side="right"))
    value = hours.mean[first : at + 1]
    there = np.isfinite(value)
    age = ((end_ms - hours.end_ms[first : at + 1]) // _DAY_MS)[there]
    counts = np.bincount(age)
    days = np.flatnonzero(counts >= LEAST_SHARE * _DAY_MS / hours.step_ms)[::-1]
    if not there[-1] or not len(days) or days[-1] != 0:
        return float("nan")
    means = _ratio(np.bincount(age, weights=value[there]), counts)[days]
    middles = end_ms - days * _DAY_MS - _DAY_MS // 2
    if means[-1] <= threshold:
        # Soil that is wet again is not dry because yesterday was.
        return 0.0 if value[-1] <= threshold else float("nan")
    return _days_left(middles, means, threshold)


def _days_left(time_ms: Int64s, value: Floats, threshold: float) -> float:
    """Count from the end of the last day, half a day after the middle that its mean is of."""
    run = last_run(time_ms, value, _RISE_SHARE * float(np.ptp(value)))
    found = fit(time_ms[run], value[run])
    if found is None:
        return float("nan")
    return min(max(found.days_until(threshold, float(value[-1])) - 0.5, 0.0), MOST_DAYS)


def _rolled(hours: Hours, value: Floats, window_ms: int, combine: _Combine) -> Samples:
    """Combine what is there of a window that ends with each hour; good where enough is."""
    expected = max(1.0, window_ms / hours.step_ms)
    there = np.isfinite(value)
    counts, rolled = np.zeros(len(value)), np.full(len(value), np.nan)
    for part, within in _windows(hours, value, window_ms):
        counts[part] = np.isfinite(within).sum(axis=1)
        some = np.flatnonzero(counts[part])
        rolled[part.start + some] = combine(within[some], axis=1)
    good: Bools = there & (counts >= LEAST_SHARE * expected)
    return Samples.of(hours.end_ms, rolled, good)


def _windows(hours: Hours, value: Floats, window_ms: int) -> Iterator[tuple[slice, Floats]]:
    """Give windows that end with each hour, a row each, NaN where there is no hour; some a time.

    All rows are laid out alike: what is made of one is the same wherever reading began.
    """
    if not len(value):
        return
    width = max(1, -(-window_ms // HOUR_MS))
    at = (hours.start_ms - hours.start_ms[0]) // HOUR_MS
    grid = np.full(int(at[-1]) + width, np.nan)
    grid[at + width - 1] = value
    rows = max(1, _MOST_CELLS // width)
    for first in range(0, len(value), rows):
        part = slice(first, min(first + rows, len(value)))
        within = sliding_window_view(grid, width)[at[part]]
        yield part, np.ascontiguousarray(within)


def _ratio(above: NDArray[np.generic], below: NDArray[np.generic]) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    out: Floats = np.full(len(above), np.nan)
    np.divide(above, below, out=out, where=np.asarray(below != 0))
    return out
