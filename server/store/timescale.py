"""The store on PostgreSQL and TimescaleDB: binary COPY into a staging table, then one INSERT.

COPY alone would stop at the first observation that is already there. Rows pass as bytes of numpy
arrays in both directions, never one by one.
"""

from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection

from server.store.port import Columns, Int32s, Int64s, Range

# PostgreSQL 17 manual, COPY, "Binary Format": signature, flags and header extension; then for each
# row the number of fields and each field after its length, big-endian; at the end, -1.
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = _SIGNATURE + bytes(8)
_TRAILER = b"\xff\xff"
# timestamptz in binary is microseconds since 2000-01-01 UTC.
_PG_EPOCH_MS = 946_684_800_000

_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("time_bytes", ">i4"),
        ("time", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">f8"),
        ("datastream_id_bytes", ">i4"),
        ("datastream_id", ">i4"),
        ("quality_bytes", ">i4"),
        ("quality", ">i4"),
    ]
)
_RANGE_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("time_bytes", ">i4"),
        ("time", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">f8"),
        ("quality_bytes", ">i4"),
        ("quality", ">i4"),
    ]
)

_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS staged_observation (
    time timestamptz, value double precision, datastream_id integer, quality integer
) ON COMMIT DELETE ROWS
"""
_COPY_IN = (
    "COPY staged_observation (time, value, datastream_id, quality) FROM STDIN (FORMAT binary)"
)
# A fixed row width needs a value in every row, so NaN stands for NULL on the way, both ways.
_INSERT = """
INSERT INTO observation (time, value, datastream_id, quality)
SELECT time, NULLIF(value, 'NaN'), datastream_id, quality FROM staged_observation
ON CONFLICT DO NOTHING
"""
_REPLACE = """
INSERT INTO observation (time, value, datastream_id, quality)
SELECT time, NULLIF(value, 'NaN'), datastream_id, quality FROM staged_observation
ON CONFLICT (datastream_id, time) DO UPDATE SET value = EXCLUDED.value, quality = EXCLUDED.quality
"""
_REMOVE_STAGED_NOTES = """
DELETE FROM observation_note n USING staged_observation s
WHERE n.datastream_id = s.datastream_id AND n.time = s.time
"""
_REMOVE = """
DELETE FROM {table} o
USING unnest(%s::integer[], %s::bigint[]) AS k (datastream_id, time_ms)
WHERE o.datastream_id = k.datastream_id
  AND o.time = timestamptz '1970-01-01 00:00Z' + k.time_ms * interval '1 millisecond'
"""
_REMOVES = tuple(_REMOVE.format(table=table) for table in ("observation_note", "observation"))
_EMPTY = "TRUNCATE staged_observation"
# A note belongs to a missing value: none is kept where a value had been stored before.
_NOTES = """
INSERT INTO observation_note (datastream_id, time, reason)
SELECT o.datastream_id, o.time, n.reason
FROM unnest(%s::integer[], %s::bigint[], %s::text[]) AS n (datastream_id, time_ms, reason)
JOIN observation o ON o.datastream_id = n.datastream_id
    AND o.time = timestamptz '1970-01-01 00:00Z' + n.time_ms * interval '1 millisecond'
WHERE o.value IS NULL
ON CONFLICT DO NOTHING
"""
_COPY_OUT = """
COPY (
    SELECT time, COALESCE(value, 'NaN'), quality FROM observation
    WHERE datastream_id = %s
      AND time >= timestamptz '1970-01-01 00:00Z' + %s * interval '1 millisecond'
      AND time < timestamptz '1970-01-01 00:00Z' + %s * interval '1 millisecond'
    ORDER BY time LIMIT %s
) TO STDOUT (FORMAT binary)
"""


class TimescaleStore:
    """Observations in a hypertable, or in a plain table; see `server.store.port.Store`."""

    def append(self, connection: Connection, columns: Columns) -> int:
        """Add what is not there yet; return how many that were."""
        if not len(columns):
            return 0
        with _cursor(connection) as cursor:
            _stage(cursor, columns)
            cursor.execute(_INSERT)
            added = cursor.rowcount
            cursor.execute(_EMPTY)
            if columns.reasons:
                cursor.execute(_NOTES, _notes(columns))
        return added

    def replace(self, connection: Connection, columns: Columns) -> None:
        """Write observations over what is there; see the port."""
        if not len(columns):
            return
        with _cursor(connection) as cursor:
            _stage(cursor, columns)
            cursor.execute(_REMOVE_STAGED_NOTES)
            cursor.execute(_REPLACE)
            cursor.execute(_EMPTY)
            if columns.reasons:
                cursor.execute(_NOTES, _notes(columns))

    def remove(self, connection: Connection, datastream_id: Int32s, time_ms: Int64s) -> None:
        """Take observations out; see the port."""
        keys = (datastream_id.tolist(), time_ms.tolist())
        with _cursor(connection) as cursor:
            for statement in _REMOVES:
                cursor.execute(statement.encode(), keys)

    def read_range(
        self, connection: Connection, datastream_id: int, from_ms: int, to_ms: int, limit: int
    ) -> Range:
        """Read a range; see the port."""
        with (
            _cursor(connection) as cursor,
            cursor.copy(_COPY_OUT, (datastream_id, from_ms, to_ms, limit)) as copy,
        ):
            data = b"".join(bytes(part) for part in copy)
        rows = np.frombuffer(data[len(_HEADER) : -len(_TRAILER)], dtype=_RANGE_ROW)
        return Range(
            rows["time"].astype(np.int64) // 1000 + _PG_EPOCH_MS,
            rows["value"].astype(np.float64),
            rows["quality"].astype(np.int32),
        )


def _cursor(connection: Connection) -> psycopg.Cursor[tuple[Any, ...]]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("this store needs a psycopg connection")
    return driver.cursor()


def _stage(cursor: psycopg.Cursor[tuple[Any, ...]], columns: Columns) -> None:
    cursor.execute(_STAGING)
    with cursor.copy(_COPY_IN) as copy:
        copy.write(_HEADER)
        copy.write(_rows(columns).tobytes())
        copy.write(_TRAILER)


def _rows(columns: Columns) -> NDArray[np.void]:
    rows = np.empty(len(columns), dtype=_ROW)
    rows["fields"] = 4
    rows["time_bytes"] = rows["value_bytes"] = 8
    rows["datastream_id_bytes"] = rows["quality_bytes"] = 4
    rows["time"] = (columns.time_ms - _PG_EPOCH_MS) * 1000
    rows["value"] = columns.value
    rows["datastream_id"] = columns.datastream_id
    rows["quality"] = columns.quality
    return rows


def _notes(columns: Columns) -> tuple[list[int], list[int], list[str]]:
    indices = list(columns.reasons)
    return (
        columns.datastream_id[indices].tolist(),
        columns.time_ms[indices].tolist(),
        list(columns.reasons.values()),
    )
