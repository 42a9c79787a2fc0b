"""Which buckets of some series may be out of date; more than are so may be told.

Each mark names thousands of series. To look one up in all marks takes 7 µs a mark, and thousands
of them wait while ingest is busy; but they are of few hours. To find these takes a step of the
index each, and to compute an hour from its observations costs little.
"""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, select, text

from server.db.tables import rollup_mark
from server.rollup.marks import Level, Marked, read_marked
from server.store.reading.binary import INSTANT

# So many marked buckets are computed from observations without asking whose marks they are.
FEW_BUCKETS = 100

_FROM, _TO = INSTANT.format(":from_ms"), INSTANT.format(":to_ms")
_STARTS = text(f"""
WITH RECURSIVE found (start) AS (
    (SELECT start FROM rollup_mark
     WHERE level = :level AND start >= {_FROM} AND start < {_TO} ORDER BY start LIMIT 1)
    UNION ALL
    SELECT (SELECT m.start FROM rollup_mark m
            WHERE level = :level AND m.start > found.start AND m.start < {_TO}
            ORDER BY m.start LIMIT 1)
    FROM found WHERE found.start IS NOT NULL
)
SELECT CAST(extract(epoch FROM start) * 1000 AS bigint) FROM found WHERE start IS NOT NULL
LIMIT :most
""")  # noqa: S608 - constants only


def read_marked_starts(
    connection: Connection, level: Level, from_ms: int, to_ms: int
) -> Sequence[int]:
    """Read where buckets with from_ms <= start < to_ms begin that are marked for any series."""
    if connection.dialect.name == "postgresql":
        span = {"level": level.value, "from_ms": from_ms, "to_ms": to_ms, "most": None}
        return connection.execute(_STARTS, span).scalars().all()
    start = rollup_mark.c.start
    wanted = (rollup_mark.c.level == level.value, start >= from_ms, start < to_ms)
    return connection.execute(select(start).where(*wanted).distinct()).scalars().all()


def read_doubtful(
    connection: Connection, level: Level, datastream_ids: Sequence[int], from_ms: int, to_ms: int
) -> Marked:
    """Read the buckets with from_ms <= start < to_ms that have to be computed anew."""
    if connection.dialect.name == "postgresql":
        span = {"level": level.value, "from_ms": from_ms, "to_ms": to_ms}
        found = connection.execute(_STARTS, span | {"most": FEW_BUCKETS + 1}).scalars().all()
        if len(found) <= FEW_BUCKETS:
            starts, ids = np.array(found, dtype=np.int64), np.array(datastream_ids, dtype=np.int32)
            return Marked(np.repeat(ids, len(starts)), np.tile(starts, len(ids)))
    return read_marked(connection, level, datastream_ids, from_ms, to_ms)
