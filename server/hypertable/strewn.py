"""Room for observations that are strewn over years: wide chunks, whatever the interval is by now.

Each chunk that an insert touches is locked until its transaction ends, and each stays: a history of
daily values must not make a table of thousands of chunks that were meant for a fleet's day.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sqlalchemy import Connection

from server.hypertable.chunks import FIRST_MS, SHORTEST_MS
from server.hypertable.intervals import read_interval, write_interval
from server.store.port import Int64s

# So many chunks may one transaction make of the interval that is set.
MANY_CHUNKS = 30


@contextmanager
def room_for(connection: Connection, time_ms: Int64s) -> Iterator[None]:
    """Let what is inserted within the block make wide chunks if it would make many.

    The interval is changed and set back in the caller's transaction: no other sees it.
    """
    interval_ms = _too_narrow(connection, time_ms)
    if interval_ms is None:
        yield
        return
    write_interval(connection, FIRST_MS)
    yield
    write_interval(connection, interval_ms)


def _too_narrow(connection: Connection, time_ms: Int64s) -> int | None:
    """Give the interval that is set (ms) if these instants should not have chunks of it."""
    if not len(time_ms) or np.ptp(time_ms) < MANY_CHUNKS * SHORTEST_MS:
        return None
    interval_ms = read_interval(connection)
    if interval_ms is None or interval_ms >= FIRST_MS:
        return None
    return interval_ms if len(np.unique(time_ms // interval_ms)) > MANY_CHUNKS else None
