"""A series made ready to be drawn: gaps found, then thinned without losing a peak. Pure.

Every point drawn is an observation; nothing is averaged, and no line crosses a gap.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.api.series.gaps import GAP_INTERVALS, usual_steps
from server.store.port import Floats, Int64s, Range
from wire.quality import FLAG_MASK, Flag

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """Columns to draw, in order of time; NaN in `value` breaks the line.

    `flagged` is NaN but for suspect and failed values. Counts and total are of the whole series,
    before thinning.
    """

    time_ms: Int64s
    value: Floats
    flagged: Floats
    readings: int
    missing: int
    doubtful: int
    gaps: int
    total: float


def prepare(series: Range, interval_s: float, buckets: int) -> Plot:
    """Thin a series to at most about five points in each of `buckets` slices of its time."""
    present = ~np.isnan(series.value)
    doubtful = np.isin(series.quality & FLAG_MASK, (Flag.SUSPECT, Flag.FAIL)) & present
    jumps = _jumps(series.time_ms, interval_s)
    segment = np.cumsum(jumps | ~present, dtype=np.int64)  # a missing value ends a segment as well
    time, value = series.time_ms[present], series.value[present]
    segment, flagged = segment[present], doubtful[present]
    kept = _kept(time, value, segment, buckets)
    if flagged.sum() <= buckets:
        kept = np.union1d(kept, np.flatnonzero(flagged))
    flagged_value = np.where(flagged, value, np.nan)
    broken = _with_breaks(time[kept], segment[kept], value[kept], flagged_value[kept])
    return Plot(
        *broken,
        readings=len(time),
        missing=int((~present).sum()),
        doubtful=int(doubtful.sum()),
        gaps=int(jumps.sum()),
        total=float(value.sum()),
    )


def _jumps(time: Int64s, interval_s: float) -> Bools:
    """Mark each observation that comes long after the one before it."""
    jumps = np.zeros(len(time), dtype=bool)
    steps = np.diff(time).astype(np.float64)
    if len(steps):
        jumps[1:] = steps > GAP_INTERVALS * usual_steps(steps, interval_s * 1000)
    return jumps


def _kept(time: Int64s, value: Floats, segment: Int64s, buckets: int) -> Indices:
    """Choose first, lowest, highest and last of each slice of time within each segment."""
    if len(time) <= 4 * buckets:
        return np.arange(len(time))
    width = max(1, (int(time[-1]) - int(time[0])) // buckets + 1)
    slices = (time - time[0]) // width
    starts = np.flatnonzero(np.diff(slices, prepend=-1) | np.diff(segment, prepend=-1))
    ends = np.append(starts[1:], len(time))
    group = np.repeat(np.arange(len(starts)), ends - starts)
    by_value = np.lexsort((value, group))
    return np.unique(np.concatenate([starts, ends - 1, by_value[starts], by_value[ends - 1]]))


def _with_breaks(
    time: Int64s, segment: Int64s, value: Floats, flagged: Floats
) -> tuple[Int64s, Floats, Floats]:
    """Put a NaN between two points that belong to different segments."""
    at = np.flatnonzero(np.diff(segment)) + 1
    between = (time[at - 1] + time[at]) // 2
    return (
        np.insert(time, at, between),
        np.insert(value, at, np.nan),
        np.insert(flagged, at, np.nan),
    )
