"""The newest observation of each datastream, in a table, so that no page has to search for it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import Connection

from server.db.arrays import float8s, instants, int4s, read_int4s
from server.db.instant import to_datetime
from server.store.port import Columns, Floats, Int32s, Int64s, LatestRow

# An array that is shorter than the others gives NULL: most rows have no reason.
_NEW = """
unnest(%(id)s, %(time)s, %(value)s, %(quality)s, %(reason)s::text[], %(received_at)s)
    AS new (id, time, value, quality, reason, received_at)
"""
# Nearly all rows are there and give way: to find that by INSERT ... ON CONFLICT costs a third more,
# and it writes to rows that stay as they are. The ids come back as one array.
_UPDATE_ARRAYS = f"""
WITH kept AS (
    UPDATE latest SET time = new.time, value = NULLIF(new.value, 'NaN'), quality = new.quality,
        reason = COALESCE(new.reason, ''), received_at = new.received_at
    FROM {_NEW}
    WHERE datastream_id = new.id AND (new.time > latest.time OR latest.time > %(horizon)s)
    RETURNING datastream_id
) SELECT array_agg(datastream_id) FROM kept
"""  # noqa: S608 - constants only
# What another program enters meanwhile is met as above.
_INSERT_ARRAYS = f"""
WITH kept AS (
    INSERT INTO latest (datastream_id, time, value, quality, reason, received_at)
    SELECT id, time, NULLIF(value, 'NaN'), quality, COALESCE(reason, ''), received_at FROM {_NEW}
    WHERE NOT EXISTS (SELECT FROM latest WHERE datastream_id = new.id)
    ON CONFLICT (datastream_id) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value,
        quality = EXCLUDED.quality, reason = EXCLUDED.reason, received_at = EXCLUDED.received_at
    WHERE EXCLUDED.time > latest.time OR latest.time > %(horizon)s
    RETURNING datastream_id
) SELECT array_agg(datastream_id) FROM kept
"""  # noqa: S608 - constants only

_THERE = """
SELECT datastream_id, time FROM latest WHERE datastream_id IN (SELECT value FROM json_each(?))
"""
_REPLACE = """
INSERT INTO latest (datastream_id, time, value, quality, reason, received_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET time = excluded.time, value = excluded.value, quality = excluded.quality,
    reason = excluded.reason, received_at = excluded.received_at
"""


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """The newest observation of each of some datastreams, as columns; a missing value is NaN."""

    datastream_id: Int32s
    time_ms: Int64s
    value: Floats
    quality: Int32s
    received_at: Int64s
    reasons: dict[int, str]

    def rows(self) -> list[LatestRow]:
        """Give them one by one."""
        columns = zip(
            self.datastream_id.tolist(),
            self.time_ms.tolist(),
            [
                None if missing else value
                for missing, value in zip(
                    np.isnan(self.value).tolist(), self.value.tolist(), strict=True
                )
            ],
            self.quality.tolist(),
            [self.reasons.get(index, "") for index in range(len(self.time_ms))],
            self.received_at.tolist(),
            strict=True,
        )
        return [LatestRow(*one) for one in columns]

    def lazy(self) -> "LatestRows":
        """Give them one by one to whoever looks at them."""
        return LatestRows(self)

    def of(self, datastream_ids: Int32s) -> "Newest":
        """Leave only some datastreams."""
        if len(datastream_ids) == len(self.datastream_id):
            return self
        return self.at(np.flatnonzero(np.isin(self.datastream_id, datastream_ids)))

    def at(self, indices: Int64s) -> "Newest":
        """Leave only some rows."""
        reasons = {
            new: self.reasons[old]
            for new, old in (enumerate(indices.tolist()) if self.reasons else ())
            if old in self.reasons
        }
        return Newest(
            self.datastream_id[indices],
            self.time_ms[indices],
            self.value[indices],
            self.quality[indices],
            self.received_at[indices],
            reasons,
        )


class LatestRows(Sequence[LatestRow]):
    """Newest observations, made into rows when somebody looks: with no page open nobody does."""

    def __init__(self, newest: Newest) -> None:
        """Keep the columns."""
        self._newest = newest
        self._rows: list[LatestRow] | None = None

    def __len__(self) -> int:
        """Count the rows; makes none."""
        return len(self._newest.datastream_id)

    def __getitem__(self, index: Any) -> Any:
        """Give a row or a slice of them."""
        return self._made()[index]

    def __iter__(self) -> Iterator[LatestRow]:
        """Give all rows."""
        return iter(self._made())

    @property
    def datastream_ids(self) -> list[int]:
        """List whose rows these are; makes none."""
        ids: list[int] = self._newest.datastream_id.tolist()
        return ids

    def _made(self) -> list[LatestRow]:
        if self._rows is None:
            self._rows = self._newest.rows()
        return self._rows


def ids_of(rows: Sequence[LatestRow]) -> list[int]:
    """List whose rows these are, without making any that are not made yet."""
    if isinstance(rows, LatestRows):
        return rows.datastream_ids
    return [row.datastream_id for row in rows]


def pick_newest(columns: Columns, received_at: int | Int64s) -> Newest:
    """Pick the newest observation of each datastream among the columns.

    Of several at one instant it is the first, which is the one that the store keeps. `received_at`
    is the same for all rows or given for each.
    """
    received = np.broadcast_to(np.asarray(received_at, dtype=np.int64), len(columns))
    order = np.lexsort((-np.arange(len(columns)), columns.time_ms, columns.datastream_id))
    ids = columns.datastream_id[order]
    last = order[np.append(ids[1:] != ids[:-1], True)] if len(order) else order
    whole = Newest(
        columns.datastream_id,
        columns.time_ms,
        columns.value,
        columns.quality,
        received,
        dict(columns.reasons),
    )
    return whole.at(last)


def newest(columns: Columns, received_at: int | Int64s) -> list[LatestRow]:
    """Do the same, and give them one by one."""
    return pick_newest(columns, received_at).rows()


def keep_newest(connection: Connection, new: Newest, horizon_ms: int) -> Newest:
    """Keep what is newer than what is there, in one statement, and return that.

    What is there from after `horizon_ms` came from a clock that ran ahead: it gives way to any row.
    """
    if not len(new.datastream_id):
        return new
    if connection.dialect.name == "postgresql":
        return new.of(_upsert_arrays(connection, new, horizon_ms))
    return _upsert_rows(connection, new, horizon_ms)


def update_latest(
    connection: Connection, rows: Sequence[LatestRow], horizon_ms: int
) -> list[LatestRow]:
    """Do the same with rows."""
    return keep_newest(connection, _columns(rows), horizon_ms).rows()


def _upsert_rows(connection: Connection, new: Newest, horizon_ms: int) -> Newest:
    ids = json.dumps(new.datastream_id.tolist())
    rows = connection.exec_driver_sql(_THERE, (ids,))
    there = {int(row[0]): int(row[1]) for row in rows}
    kept = [
        index
        for index, (id_, time_ms) in enumerate(
            zip(new.datastream_id.tolist(), new.time_ms.tolist(), strict=True)
        )
        if (at := there.get(id_)) is None or time_ms > at or at > horizon_ms
    ]
    newer = new.at(np.array(kept, dtype=np.int64))
    if kept:
        connection.exec_driver_sql(_REPLACE, [_tuple(row) for row in newer.rows()])
    return newer


def _upsert_arrays(connection: Connection, new: Newest, horizon_ms: int) -> Int32s:
    """Write what is newer; give the ids of which that was so."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("this needs a psycopg connection")
    count = max(new.reasons, default=-1) + 1
    given = {
        "id": int4s(new.datastream_id),
        "time": instants(new.time_ms),
        "value": float8s(new.value),
        "quality": int4s(new.quality),
        "reason": [new.reasons.get(index) for index in range(count)],
        "received_at": instants(new.received_at),
        "horizon": to_datetime(horizon_ms),
    }
    with driver.cursor(binary=True) as cursor:
        there = _ids(cursor.execute(_UPDATE_ARRAYS.encode(), given))
        if len(there) == len(new.datastream_id):
            return there
        return np.concatenate([there, _ids(cursor.execute(_INSERT_ARRAYS.encode(), given))])


def _ids(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Int32s:
    result = cursor.pgresult
    if result is None:
        raise TypeError("this needs a query that gives a row")
    return read_int4s(result.get_value(0, 0))


def _columns(rows: Sequence[LatestRow]) -> Newest:
    return Newest(
        np.array([row.datastream_id for row in rows], dtype=np.int32),
        np.array([row.time_ms for row in rows], dtype=np.int64),
        np.array([row.value for row in rows], dtype=np.float64),  # None becomes NaN
        np.array([row.quality for row in rows], dtype=np.int32),
        np.array([row.received_at for row in rows], dtype=np.int64),
        {index: row.reason for index, row in enumerate(rows) if row.reason},
    )


def _tuple(row: LatestRow) -> tuple[object, ...]:
    return (row.datastream_id, row.time_ms, row.value, row.quality, row.reason, row.received_at)
