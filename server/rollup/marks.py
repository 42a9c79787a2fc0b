"""Marks: which buckets must be computed anew, and until then answered from the observations.

Marks are only ever added and deleted, never changed, so that whoever stores observations waits for
nobody. Who reads rollups too reads the marks first, or both in one snapshot: a worker that ends in
between replaces the rollup and then takes the mark away.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import Connection, text

from server.rollup.statistics import HOUR_MS, Int32s, Ints

# Ids pass as one array, which each start takes its slice of.
_INSERT = text("""
INSERT INTO rollup_mark (level, start, marked_at, datastream_ids)
SELECT :level, timestamptz '1970-01-01 00:00Z' + start_ms * interval '1 millisecond',
    coalesce(to_timestamp(CAST(:since_ms AS double precision) / 1000), now()),
    (CAST(:ids AS integer[]))[first:last]
FROM unnest(CAST(:starts AS bigint[]), CAST(:firsts AS int[]), CAST(:lasts AS int[]))
    AS marked (start_ms, first, last)
""")
_INSERT_GRID = text("""
INSERT INTO rollup_mark (level, start, datastream_ids)
SELECT :level, timestamptz '1970-01-01 00:00Z' + start_ms * interval '1 millisecond',
    CAST(:ids AS integer[])
FROM unnest(CAST(:starts AS bigint[])) AS start_ms
""")
_INSERT_BYTES = """
INSERT INTO rollup_mark (level, start, marked_at, datastream_ids)
VALUES (?, ?, coalesce(?, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), ?)
"""
_READ = text("""
SELECT DISTINCT u.id, CAST(extract(epoch FROM start) * 1000 AS bigint)
FROM rollup_mark CROSS JOIN unnest(datastream_ids) AS u (id)
WHERE level = :level AND u.id = ANY(CAST(:ids AS integer[]))
  AND start >= timestamptz '1970-01-01 00:00Z' + :from_ms * interval '1 millisecond'
  AND start < timestamptz '1970-01-01 00:00Z' + :to_ms * interval '1 millisecond'
ORDER BY 1, 2
""")
# A mark is read as a whole: it must not grow with the fleet.
_MOST_IDS = 50_000
# For few series it is worth while to look before all ids of a mark are unfolded.
_READ_FEW = text(_READ.text.replace("WHERE", "WHERE datastream_ids && CAST(:ids AS integer[]) AND"))
_FEW = 32
_READ_BYTES = text("""
SELECT start, datastream_ids FROM rollup_mark
WHERE level = :level AND start >= :from_ms AND start < :to_ms
""")


@dataclass(frozen=True, slots=True, eq=False)
class IdArray:
    """Ids on their way to PostgreSQL, as integer[]."""

    ids: Int32s


class _IdArrayDumper(Dumper):
    """Writes ids as PostgreSQL's array_recv reads them: one dimension, from 1, no NULL."""

    format = Format.BINARY
    oid = 1007  # _int4: pg_type.dat
    _ITEM = np.dtype([("size", ">i4"), ("id", ">i4")])

    def dump(self, obj: IdArray) -> bytes:
        """Write them."""
        items = np.empty(len(obj.ids), dtype=self._ITEM)
        items["size"], items["id"] = 4, obj.ids
        return struct.pack(">5i", 1, 0, 23, len(items), 1) + items.tobytes()


adapters.register_dumper(IdArray, _IdArrayDumper)


class Level(StrEnum):
    """How long a bucket is: an hour UTC, or a day of the site's."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """Marked buckets in order of datastream and start (ms), none twice."""

    datastream_id: Int32s
    start_ms: Ints

    def __len__(self) -> int:
        """Count the buckets."""
        return len(self.start_ms)


def mark_hours(connection: Connection, datastream_id: Int32s, time_ms: Ints) -> None:
    """Mark the hours that observations fall into, in the transaction that changes them."""
    mark(connection, Level.HOUR, datastream_id, time_ms - time_ms % HOUR_MS)


def mark(
    connection: Connection,
    level: Level,
    datastream_id: Int32s,
    start_ms: Ints,
    since_ms: int | None = None,
) -> None:
    """Mark buckets, named by their series and start; one row for each start (or few of them).

    `since_ms` is for what had been marked before: the instant of then, by the database's clock.
    """
    wanted = distinct(datastream_id, start_ms)
    if not len(wanted):
        return
    ids, slices = _by_start(wanted)
    if connection.dialect.name == "postgresql":
        starts, firsts, lasts = (list(one) for one in zip(*slices, strict=True))
        given = {"level": level.value, "since_ms": since_ms, "ids": IdArray(ids), "starts": starts}
        connection.execute(_INSERT, given | {"firsts": firsts, "lasts": lasts})
        return
    rows = [(level.value, start, since_ms, ids[a - 1 : b].tobytes()) for start, a, b in slices]
    connection.exec_driver_sql(_INSERT_BYTES, rows)


def mark_grid(
    connection: Connection, level: Level, datastream_ids: Sequence[int], start_ms: Ints
) -> None:
    """Mark the same starts for each of some series."""
    starts = start_ms.tolist()
    if not starts or not datastream_ids:
        return
    if connection.dialect.name == "postgresql":
        ids = IdArray(np.array(datastream_ids, dtype=np.int32))
        given = {"level": level.value, "starts": starts, "ids": ids}
        connection.execute(_INSERT_GRID, given)
        return
    named = np.array(datastream_ids, dtype="<i4").tobytes()
    rows = [(level.value, start, None, named) for start in starts]
    connection.exec_driver_sql(_INSERT_BYTES, rows)


def read_marked(
    connection: Connection, level: Level, datastream_ids: Sequence[int], from_ms: int, to_ms: int
) -> Marked:
    """Read which buckets of some series with from_ms <= start < to_ms are marked.

    A day is out of date by its own mark and by one of an hour that overlaps it: ask for both.
    """
    span = {"level": level.value, "from_ms": from_ms, "to_ms": to_ms}
    if connection.dialect.name == "postgresql":
        read = _READ_FEW if len(datastream_ids) <= _FEW else _READ
        rows = connection.execute(read, span | {"ids": list(datastream_ids)}).all()
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
        return Marked(pairs[:, 0].astype(np.int32), pairs[:, 1])
    found = [
        (ids, np.full(len(ids), row.start, dtype=np.int64))
        for row in connection.execute(_READ_BYTES, span)
        for ids in (of_bytes(row.datastream_ids),)
    ]
    ids = np.concatenate([np.empty(0, dtype=np.int32), *(ids for ids, _ in found)])
    starts = np.concatenate([np.empty(0, dtype=np.int64), *(starts for _, starts in found)])
    wanted = np.isin(ids, np.array(datastream_ids, dtype=np.int32))
    return distinct(ids[wanted], starts[wanted])


def distinct(datastream_id: Int32s, start_ms: Ints) -> Marked:
    """Sort buckets by series and start, and name none twice."""
    # Runs first: most rows are of the same bucket as the one before.
    datastream_id, start_ms = _runs(datastream_id, start_ms)
    order = np.lexsort((start_ms, datastream_id))
    datastream_id, start_ms = _runs(datastream_id[order], start_ms[order])
    return Marked(datastream_id.astype(np.int32), start_ms.astype(np.int64))


def of_bytes(data: bytes) -> Int32s:
    """Read ids as SQLite keeps them: int32, little-endian."""
    return np.frombuffer(data, dtype="<i4").astype(np.int32)


def _runs(datastream_id: Int32s, start_ms: Ints) -> tuple[Int32s, Ints]:
    new = np.ones(len(start_ms), dtype=np.bool_)
    new[1:] = (datastream_id[1:] != datastream_id[:-1]) | (start_ms[1:] != start_ms[:-1])
    return datastream_id[new], start_ms[new]


def _by_start(wanted: Marked) -> tuple[Int32s, list[tuple[int, int, int]]]:
    """Give ids in order of their starts, and of each mark its start, first and last id (from 1)."""
    order = np.argsort(wanted.start_ms, kind="stable")
    starts, firsts = np.unique(wanted.start_ms[order], return_index=True)
    ends = [*firsts.tolist()[1:], len(order)]
    slices = [
        (start, part + 1, min(part + _MOST_IDS, end))
        for start, first, end in zip(starts.tolist(), firsts.tolist(), ends, strict=True)
        for part in range(first, end, _MOST_IDS)
    ]
    return wanted.datastream_id[order].astype("<i4"), slices
