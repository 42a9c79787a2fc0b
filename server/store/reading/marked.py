"""Which buckets of some series may be out of date; more than are so may be told.

Each mark names thousands of series. To look one up in all marks takes 7 µs a mark, and thousands
of them wait while ingest is busy; but they are of few hours. To find these takes a step of the
index each, and to compute an hour from its observations costs little.
"""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, select

from server.db.tables import rollup_mark
from server.rollup.marks import Level, Marked, read_marked
from server.store.port import Int64s
from server.store.reading.binary import INSTANT, Ask, Fields, fetch_all

# So many marked buckets are computed from observations without asking whose marks they are.
FEW_BUCKETS = 100

_FROM, _TO = INSTANT.format("%(from_ms)s"), INSTANT.format("%(to_ms)s")
_STARTS = f"""
WITH RECURSIVE found (start) AS (
    (SELECT start FROM rollup_mark
     WHERE level = %(level)s AND start >= {_FROM} AND start < {_TO} ORDER BY start LIMIT 1)
    UNION ALL
    SELECT (SELECT m.start FROM rollup_mark m
            WHERE level = %(level)s AND m.start > found.start AND m.start < {_TO}
            ORDER BY m.start LIMIT 1)
    FROM found WHERE found.start IS NOT NULL
)
SELECT start FROM found WHERE start IS NOT NULL LIMIT %(most)s
"""  # noqa: S608 - constants only
_FIELDS: Fields = (("start", "time"),)


def ask_starts(level: Level, from_ms: int, to_ms: int, most: int | None = None) -> Ask:
    """Say what to ask PostgreSQL for the starts of marked buckets, at most so many of them."""
    span = {"level": level.value, "from_ms": from_ms, "to_ms": to_ms, "most": most}
    return Ask(_STARTS, span, _FIELDS)


def read_marked_starts(
    connection: Connection, level: Level, from_ms: int, to_ms: int
) -> Sequence[int]:
    """Read where buckets with from_ms <= start < to_ms begin that are marked for any series."""
    if connection.dialect.name == "postgresql":
        (found,) = fetch_all(connection, [ask_starts(level, from_ms, to_ms)])
        starts: Sequence[int] = found["start"].tolist()
        return starts
    start = rollup_mark.c.start
    wanted = (rollup_mark.c.level == level.value, start >= from_ms, start < to_ms)
    return connection.execute(select(start).where(*wanted).distinct()).scalars().all()


def ask_doubtful(level: Level, from_ms: int, to_ms: int) -> Ask:
    """Say what `doubtful` needs to know first."""
    return ask_starts(level, from_ms, to_ms, FEW_BUCKETS + 1)


def doubtful(datastream_ids: Sequence[int], starts: Int64s) -> Marked | None:
    """Take few marked buckets for those of all series; None when there are too many for that."""
    if len(starts) > FEW_BUCKETS:
        return None
    ids = np.array(datastream_ids, dtype=np.int32)
    return Marked(np.repeat(ids, len(starts)), np.tile(starts, len(ids)))


def read_doubtful(
    connection: Connection, level: Level, datastream_ids: Sequence[int], from_ms: int, to_ms: int
) -> Marked:
    """Read the buckets with from_ms <= start < to_ms that have to be computed anew."""
    if connection.dialect.name == "postgresql":
        (few,) = fetch_all(connection, [ask_doubtful(level, from_ms, to_ms)])
        found = doubtful(datastream_ids, few["start"])
        if found is not None:
            return found
    return read_marked(connection, level, datastream_ids, from_ms, to_ms)
