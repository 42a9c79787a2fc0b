"""Observations of many series, each over windows of its own, in one statement."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from server.errors import ServerError
from server.store.port import Floats, Int32s, Int64s
from server.store.reading.binary import INSTANT, Fields, columns_of, fetch

_FIELDS: Fields = (
    ("datastream_id", "int"),
    ("time", "time"),
    ("value", "double"),
    ("quality", "int"),
)
# LIMIT keeps the planner from joining all observations with the windows.
_QUERY = f"""
SELECT w.id, o.time, COALESCE(o.value, 'NaN'), o.quality
FROM unnest(%s::integer[], %s::bigint[], %s::bigint[]) AS w (id, from_ms, to_ms)
CROSS JOIN LATERAL (
    SELECT time, value, quality FROM observation
    WHERE datastream_id = w.id AND time >= {INSTANT.format("w.from_ms")}
      AND time < {INSTANT.format("w.to_ms")}
      AND time >= {INSTANT.format("%s")} AND time < {INSTANT.format("%s")}
    ORDER BY time LIMIT %s
) AS o
LIMIT %s
"""  # noqa: S608 - constants only
_SQLITE_QUERY = """
SELECT datastream_id, time, value, quality FROM observation
WHERE datastream_id = ? AND time >= ? AND time < ? ORDER BY time LIMIT ?
"""
_REMEDY = (
    "ask for a shorter range, for fewer datastreams, or for hourly or daily values "
    "(resolution=hour or day)."
)


class TooManyError(ServerError):
    """Who asks must ask for less: more observations are in the range than may be read for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows from_ms <= time < to_ms of series, none of them overlapping another of its series."""

    datastream_id: Int32s
    from_ms: Int64s
    to_ms: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Observations by series and, within one, by time; a missing value is NaN."""

    datastream_id: Int32s
    time_ms: Int64s
    value: Floats
    quality: Int32s

    def of(self, datastream_id: int) -> "Rows":
        """Give those of one series."""
        first, end = np.searchsorted(self.datastream_id, [datastream_id, datastream_id + 1])
        part = slice(int(first), int(end))
        return Rows(
            self.datastream_id[part], self.time_ms[part], self.value[part], self.quality[part]
        )


def read_windows(
    connection: Connection, windows: Windows, limit: int, remedy: str = _REMEDY
) -> Rows:
    """Read all observations in the windows; raises TooManyError beyond `limit`, with the remedy."""
    wanted = windows.to_ms > windows.from_ms
    if not wanted.any():
        none = np.empty(0)
        return Rows(none.astype(np.int32), none.astype(np.int64), none, none.astype(np.int32))
    windows = Windows(windows.datastream_id[wanted], windows.from_ms[wanted], windows.to_ms[wanted])
    on_postgresql = connection.dialect.name == "postgresql"
    read = _postgresql if on_postgresql else _sqlite
    found = read(connection, windows, limit)
    if len(found.time_ms) > limit:
        raise TooManyError(f"More than {limit:,} observations must be read for this: {remedy}")
    return found


def _postgresql(connection: Connection, windows: Windows, limit: int) -> Rows:
    lists = [column.tolist() for column in (windows.datastream_id, windows.from_ms, windows.to_ms)]
    ends = (int(windows.from_ms.min()), int(windows.to_ms.max()))
    columns = fetch(connection, _QUERY, [*lists, *ends, limit + 1, limit + 1], _FIELDS)
    order = np.lexsort((columns["time"], columns["datastream_id"]))
    return Rows(*(columns[name][order] for name, _ in _FIELDS))


def _sqlite(connection: Connection, windows: Windows, limit: int) -> Rows:
    rows = list(_sqlite_rows(connection, windows, limit))
    columns = columns_of(rows, _FIELDS)
    return Rows(*(columns[name] for name, _ in _FIELDS))


def _sqlite_rows(
    connection: Connection, windows: Windows, limit: int
) -> Iterator[tuple[int, int, float | None, int]]:
    order = np.lexsort((windows.from_ms, windows.datastream_id))
    found = 0
    for index in order.tolist():
        window = (
            int(windows.datastream_id[index]),
            int(windows.from_ms[index]),
            int(windows.to_ms[index]),
        )
        parameters = (*window, limit + 1 - found)
        rows = connection.exec_driver_sql(_SQLITE_QUERY, parameters).all()
        found += len(rows)
        yield from (tuple(row) for row in rows)
        if found > limit:
            return
