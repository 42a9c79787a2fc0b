"""The newest observation of each datastream, in a table, so that no page has to search for it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from sqlalchemy import Connection

from server.db.arrays import float8s, int4s, int8s
from server.store.port import Columns, Floats, Int32s, Int64s, LatestRow

_AT = "timestamptz '1970-01-01 00:00Z' + {} * interval '1 millisecond'"
# An array that is shorter than the others gives NULL: most rows have no reason.
_UPSERT_ARRAYS = f"""
INSERT INTO latest (datastream_id, time, value, quality, reason, received_at)
SELECT id, {_AT.format("time_ms")}, NULLIF(value, 'NaN'), quality, COALESCE(reason, ''),
    {_AT.format("received_ms")}
FROM unnest(%s, %s, %s, %s, %s::text[], %s)
    AS new (id, time_ms, value, quality, reason, received_ms)
ON CONFLICT (datastream_id) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value,
    quality = EXCLUDED.quality, reason = EXCLUDED.reason, received_at = EXCLUDED.received_at
WHERE EXCLUDED.time > latest.time OR latest.time > {_AT.format("%s")}
RETURNING datastream_id
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

    def of(self, datastream_ids: set[int]) -> "Newest":
        """Leave only some datastreams."""
        if len(datastream_ids) == len(self.datastream_id):
            return self
        wanted = np.fromiter(datastream_ids, dtype=np.int32, count=len(datastream_ids))
        return self.at(np.flatnonzero(np.isin(self.datastream_id, wanted)))

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


def _upsert_arrays(connection: Connection, new: Newest, horizon_ms: int) -> set[int]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("this needs a psycopg connection")
    count = max(new.reasons, default=-1) + 1
    columns = (
        int4s(new.datastream_id),
        int8s(new.time_ms),
        float8s(new.value),
        int4s(new.quality),
        [new.reasons.get(index) for index in range(count)],
        int8s(new.received_at),
    )
    with driver.cursor() as cursor:
        cursor.execute(_UPSERT_ARRAYS.encode(), (*columns, horizon_ms))
        return {id_ for (id_,) in cursor.fetchall()}


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
