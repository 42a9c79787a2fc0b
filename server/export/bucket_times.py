"""When the hours and days begin and end over which statistics are: hours are UTC's, days local."""

import numpy as np

from server.export.periods import Period
from server.export.query import Query, Resolution
from server.rollup.days import day_starts, floors
from server.rollup.statistics import HOUR_MS
from server.store.port import Int64s


def bucket_start(time_ms: int, query: Query) -> int:
    """Give where the bucket begins that holds an instant (ms); of raw observations, the instant."""
    match query.resolution:
        case Resolution.RAW:
            return time_ms
        case Resolution.HOUR:
            return time_ms - time_ms % HOUR_MS
        case Resolution.DAY:
            return int(floors(query.time_zone, np.array([time_ms], dtype=np.int64))[0])


def bucket_edges(period: Period, query: Query) -> Int64s:
    """Give where the buckets begin that begin in a period, and where the last of them ends."""
    if query.resolution is Resolution.HOUR:
        first, last = (-(-one // HOUR_MS) * HOUR_MS for one in (period.from_ms, period.to_ms))
        return np.arange(first, last + 1, HOUR_MS, dtype=np.int64)
    edges = day_starts(query.time_zone, period.from_ms, period.to_ms)
    return edges[edges >= period.from_ms]


def bucket_ends(starts: Int64s, query: Query) -> Int64s:
    """Give where the buckets end that begin at these instants (ms, ascending).

    A day that was kept of another time zone ends where the next day of this one begins.
    """
    if query.resolution is Resolution.HOUR or not len(starts):
        return starts + HOUR_MS
    edges = day_starts(query.time_zone, int(starts[0]), int(starts[-1]) + 1)
    ends: Int64s = edges[np.searchsorted(edges, starts, side="right")]
    return ends
