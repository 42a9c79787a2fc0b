"""Local days taken several together: where each such bucket begins. Pure."""

import numpy as np

from server.rollup.days import day_starts
from server.store.port import Int64s

_HALF_DAY_MS = 43_200_000
_DAY_MS = 86_400_000


def day_edges(zone: str, from_ms: int, to_ms: int, days: int) -> Int64s:
    """Give the midnights that cover a range, `days` apart; they are counted from 1970 on.

    So the same days are taken together wherever the range begins.
    """
    if days == 1:
        return day_starts(zone, from_ms, to_ms)
    reach_ms = days * _DAY_MS
    starts = day_starts(zone, from_ms - reach_ms, to_ms + reach_ms)
    # A clock that is put forward or back moves midnight by far less than half a day.
    number = (starts - day_starts(zone, 0, 1)[0] + _HALF_DAY_MS) // _DAY_MS
    edges = starts[number % days == 0]
    first = int(np.searchsorted(edges, from_ms, side="right")) - 1
    end = int(np.searchsorted(edges, to_ms))
    found: Int64s = edges[first : end + 1]
    return found
