"""The store on PostgreSQL and TimescaleDB: binary COPY; through a staging table where it must be.

What ingest brings is nearly always new, and COPY alone takes it at twice the speed. It stops at the
first observation that is already there: then it is undone, and the rows go into a staging table and
from there by INSERT ... ON CONFLICT. Rows pass as bytes of numpy arrays in both directions, never
one by one; see `server.store.reading.binary` for the way back.
"""

from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection

from server.hypertable.horizon import without_late
from server.hypertable.strewn import room_for
from server.rollup.marks import mark_hours
from server.store.port import Columns, Int32s, Int64s, Range
from server.store.reading.binary import Fields, fetch

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
_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS staged_observation (
    time timestamptz, value double precision, datastream_id integer, quality integer
) ON COMMIT DELETE ROWS
"""
_COPY_IN = "COPY {} (time, value, datastream_id, quality) FROM STDIN (FORMAT binary)"
_COPY_STAGED = _COPY_IN.format("staged_observation")
_COPY_DIRECT = _COPY_IN.format("observation")
_SAVE, _KEEP, _UNDO = (f"{what} SAVEPOINT direct" for what in ("", "RELEASE", "ROLLBACK TO"))
# A NULL field has the length -1 and no bytes.
_NO_BYTES = -1
_VALUE_AT = slice(18, 26)  # behind the count of fields, the instant, and the value's length
# After a conflict so many times rows are staged at once, and twice as often after the next: what
# conflicts comes in spells, such as a history that is imported again, and each try that fails
# leaves dead rows behind.
_FIRST_WARY, _LONGEST_WARY = 8, 512
# NaN stands for NULL where rows are staged, and where they are read.
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
_RANGE = """
SELECT time, COALESCE(value, 'NaN'), quality FROM observation
WHERE datastream_id = %s
  AND time >= timestamptz '1970-01-01 00:00Z' + %s * interval '1 millisecond'
  AND time < timestamptz '1970-01-01 00:00Z' + %s * interval '1 millisecond'
ORDER BY time LIMIT %s
"""
_RANGE_FIELDS: Fields = (("time", "time"), ("value", "double"), ("quality", "int"))


class TimescaleStore:
    """Observations in a hypertable, or in a plain table; see `server.store.port.Store`."""

    def __init__(self) -> None:
        """Begin without having met a conflict."""
        self._wary = 0  # so many appends are still to be staged
        self._next_wary = _FIRST_WARY

    def append(self, connection: Connection, columns: Columns) -> int:
        """Add what is not there yet; return how many that were."""
        columns = without_late(connection, columns)
        if not len(columns):
            return 0
        with _cursor(connection) as cursor, room_for(connection, columns.time_ms):
            added = self._add(cursor, columns)
            if columns.reasons:
                cursor.execute(_NOTES, _notes(columns))
        if added:
            mark_hours(connection, columns.datastream_id, columns.time_ms)
        return added

    def _add(self, cursor: psycopg.Cursor[tuple[Any, ...]], columns: Columns) -> int:
        """Add what is not there: directly, unless that met something lately or does so now."""
        if self._wary == 0 and _copy_directly(cursor, columns):
            self._next_wary = max(_FIRST_WARY, self._next_wary // 2)
            return len(columns)
        if self._wary == 0:
            self._wary = self._next_wary
            self._next_wary = min(2 * self._next_wary, _LONGEST_WARY)
        self._wary -= 1
        _stage(cursor, columns)
        cursor.execute(_INSERT)
        added = cursor.rowcount
        cursor.execute(_EMPTY)
        return added

    def replace(self, connection: Connection, columns: Columns) -> None:
        """Write observations over what is there; see the port."""
        columns = without_late(connection, columns)
        if not len(columns):
            return
        with _cursor(connection) as cursor, room_for(connection, columns.time_ms):
            _stage(cursor, columns)
            cursor.execute(_REMOVE_STAGED_NOTES)
            cursor.execute(_REPLACE)
            cursor.execute(_EMPTY)
            if columns.reasons:
                cursor.execute(_NOTES, _notes(columns))
        mark_hours(connection, columns.datastream_id, columns.time_ms)

    def remove(self, connection: Connection, datastream_id: Int32s, time_ms: Int64s) -> None:
        """Take observations out; see the port."""
        keys = (datastream_id.tolist(), time_ms.tolist())
        with _cursor(connection) as cursor:
            for statement in _REMOVES:
                cursor.execute(statement.encode(), keys)
        mark_hours(connection, datastream_id, time_ms)

    def read_range(
        self, connection: Connection, datastream_id: int, from_ms: int, to_ms: int, limit: int
    ) -> Range:
        """Read a range; see the port."""
        found = fetch(connection, _RANGE, (datastream_id, from_ms, to_ms, limit), _RANGE_FIELDS)
        return Range(found["time"], found["value"], found["quality"])


def _cursor(connection: Connection) -> psycopg.Cursor[tuple[Any, ...]]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("this store needs a psycopg connection")
    return driver.cursor()


def _stage(cursor: psycopg.Cursor[tuple[Any, ...]], columns: Columns) -> None:
    cursor.execute(_STAGING)
    _copy(cursor, _COPY_STAGED, _rows(columns).tobytes())


def _copy_directly(cursor: psycopg.Cursor[tuple[Any, ...]], columns: Columns) -> bool:
    """Add all rows; False, and nothing added, when one of them is there already."""
    cursor.execute(_SAVE)
    try:
        _copy(cursor, _COPY_DIRECT, _with_nulls(_rows(columns)))
    except psycopg.errors.UniqueViolation:
        is_new = False
        cursor.execute(_UNDO)
    else:
        is_new = True
    cursor.execute(_KEEP)
    return is_new


def _copy(cursor: psycopg.Cursor[tuple[Any, ...]], statement: str, rows: bytes) -> None:
    with cursor.copy(statement.encode()) as copy:
        copy.write(_HEADER + rows + _TRAILER)


def _with_nulls(rows: NDArray[np.void]) -> bytes:
    """Write rows with NULL in the place of NaN."""
    missing = np.isnan(rows["value"])
    if not missing.any():
        return rows.tobytes()
    rows["value_bytes"][missing] = _NO_BYTES
    written = np.ones((len(rows), _ROW.itemsize), dtype=np.bool_)
    written[missing, _VALUE_AT] = False
    return rows.view(np.uint8).reshape(written.shape)[written].tobytes()


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
