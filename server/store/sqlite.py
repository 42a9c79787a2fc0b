"""The store on SQLite: many rows a statement, in the caller's transaction."""

import sqlite3

import numpy as np
from sqlalchemy import Connection

from server.hypertable.horizon import without_late
from server.rollup.marks import mark_hours
from server.store.port import Columns, Int32s, Int64s, Range

# ON CONFLICT, not INSERT OR IGNORE: the latter also swallows violations of NOT NULL.
# OR FAIL: what breaks another rule stops there; the caller's savepoint or transaction undoes it.
# To be ready to undo each statement by itself SQLite would put every page aside that it touches.
_INTO = "INSERT OR FAIL INTO observation (time, value, datastream_id, quality) VALUES"
_APPEND = f"{_INTO} (?, ?, ?, ?) ON CONFLICT DO NOTHING"
# So many at a time are stored half as fast again as one by one, and the lock of the interpreter,
# which each statement lets go, is fought for less often.
_ROWS_EACH = 100
_APPEND_MANY = f"{_INTO} {', '.join(['(?, ?, ?, ?)'] * _ROWS_EACH)} ON CONFLICT DO NOTHING"
_REPLACE = """
INSERT INTO observation (time, value, datastream_id, quality) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = excluded.value, quality = excluded.quality
"""
_REMOVE = "DELETE FROM observation WHERE datastream_id = ? AND time = ?"
_REMOVE_NOTE = "DELETE FROM observation_note WHERE datastream_id = ? AND time = ?"
# A note belongs to a missing value: none is kept where a value had been stored before.
_NOTE = """
INSERT INTO observation_note (datastream_id, time, reason)
SELECT datastream_id, time, ? FROM observation
WHERE datastream_id = ? AND time = ? AND value IS NULL
ON CONFLICT DO NOTHING
"""
_RANGE = """
SELECT time, value, quality FROM observation
WHERE datastream_id = ? AND time >= ? AND time < ? ORDER BY time LIMIT ?
"""


class SqliteStore:
    """Observations in a WITHOUT ROWID table; see `server.store.port.Store`."""

    def append(self, connection: Connection, columns: Columns) -> int:
        """Add what is not there yet; return how many that were."""
        columns = without_late(connection, columns)
        if not len(columns):
            return 0
        added = _append(_driver(connection), columns)
        if columns.reasons:
            connection.exec_driver_sql(_NOTE, _notes(columns))
        if added:
            mark_hours(connection, columns.datastream_id, columns.time_ms)
        return added

    def replace(self, connection: Connection, columns: Columns) -> None:
        """Write observations over what is there; see the port."""
        columns = without_late(connection, columns)
        if not len(columns):
            return
        connection.exec_driver_sql(_REMOVE_NOTE, _keys(columns.datastream_id, columns.time_ms))
        connection.exec_driver_sql(_REPLACE, _rows(columns))
        if columns.reasons:
            connection.exec_driver_sql(_NOTE, _notes(columns))
        mark_hours(connection, columns.datastream_id, columns.time_ms)

    def remove(self, connection: Connection, datastream_id: Int32s, time_ms: Int64s) -> None:
        """Take observations out; see the port."""
        if not len(time_ms):
            return
        keys = _keys(datastream_id, time_ms)
        connection.exec_driver_sql(_REMOVE_NOTE, keys)
        connection.exec_driver_sql(_REMOVE, keys)
        mark_hours(connection, datastream_id, time_ms)

    def read_range(
        self, connection: Connection, datastream_id: int, from_ms: int, to_ms: int, limit: int
    ) -> Range:
        """Read a range; see the port."""
        parameters = (datastream_id, from_ms, to_ms, limit)
        with connection.exec_driver_sql(_RANGE, parameters) as found:
            # Rows as the driver gives them: to wrap each takes longer than to read it.
            rows = found.cursor.fetchall()
        # None becomes NaN; every whole number here, instants too, is far below 2^53.
        table = np.array(rows, dtype=np.float64).reshape(-1, 3)
        return Range(
            table[:, 0].astype(np.int64),
            np.ascontiguousarray(table[:, 1]),
            table[:, 2].astype(np.int32),
        )


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("this store needs a connection of sqlite3")
    return driver


def _append(driver: sqlite3.Connection, columns: Columns) -> int:
    """Add what is not there yet, many rows a statement; return how many that were."""
    before = driver.total_changes
    fields = _fields(columns)
    whole = len(columns) // _ROWS_EACH * _ROWS_EACH
    flat: list[float] = [0.0] * (len(fields) * whole)
    for place, field in enumerate(fields):
        flat[place :: len(fields)] = field[:whole]
    each = len(fields) * _ROWS_EACH
    for start in range(0, len(flat), each):
        driver.execute(_APPEND_MANY, flat[start : start + each])
    driver.executemany(_APPEND, zip(*(field[whole:] for field in fields), strict=True))
    return driver.total_changes - before


def _fields(columns: Columns) -> tuple[list[float], ...]:
    """Give the columns of the table; the driver writes NaN as NULL."""
    return (
        columns.time_ms.tolist(),
        columns.value.tolist(),
        columns.datastream_id.tolist(),
        columns.quality.tolist(),
    )


def _rows(columns: Columns) -> list[tuple[float, ...]]:
    return list(zip(*_fields(columns), strict=True))


def _keys(datastream_id: Int32s, time_ms: Int64s) -> list[tuple[int, int]]:
    return list(zip(datastream_id.tolist(), time_ms.tolist(), strict=True))


def _notes(columns: Columns) -> list[tuple[str, int, int]]:
    return [
        (reason, int(columns.datastream_id[index]), int(columns.time_ms[index]))
        for index, reason in columns.reasons.items()
    ]
