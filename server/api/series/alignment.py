"""Several series on one axis of time, in columns of one length; NaN where one has nothing. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.store.port import Floats, Int64s
from server.store.reading.buckets import Buckets

_NUMBERS = ("mean", "min", "max", "sum", "last")
_COUNTS = ("n", "n_good")


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Columns of one series on the axis, by name: mean, min, max, sum, last, n and n_good."""

    floats: Mapping[str, Floats]
    counts: Mapping[str, NDArray[np.int32]]


def align(series: Sequence[Buckets], breaks: Sequence[Int64s]) -> tuple[Int64s, Sequence[Aligned]]:
    """Give the axis and each series on it.

    The axis has the start of every bucket of any series, and of every break in any line: there the
    series that breaks has nothing, so that no line is drawn through its gap.
    """
    starts = [one.start_ms for one in series]
    axis = np.unique(np.concatenate([*starts, *breaks, np.empty(0, dtype=np.int64)]))
    return axis, [_placed(one, axis) for one in series]


def _placed(series: Buckets, axis: Int64s) -> Aligned:
    at = np.searchsorted(axis, series.start_ms)
    floats, counts = {}, {}
    for name in _NUMBERS:
        column = np.full(len(axis), np.nan)
        column[at] = getattr(series.summary, name)
        floats[name] = column
    for name in _COUNTS:
        whole = np.zeros(len(axis), dtype=np.int32)
        whole[at] = getattr(series.summary, name)
        counts[name] = whole
    return Aligned(floats, counts)
