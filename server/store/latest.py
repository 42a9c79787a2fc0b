"""The newest observation of each datastream, in a table, so that no page has to search for it."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, or_, text
from sqlalchemy.dialects.sqlite import insert

from server.db.tables import latest
from server.store.port import Columns, Int64s, LatestRow

_AT = "timestamptz '1970-01-01 00:00Z' + {} * interval '1 millisecond'"
_UPSERT_ARRAYS = text(f"""
INSERT INTO latest (datastream_id, time, value, quality, reason, received_at)
SELECT id, {_AT.format("time_ms")}, value, quality, reason, {_AT.format("received_ms")}
FROM unnest(
    CAST(:datastream_id AS integer[]), CAST(:time_ms AS bigint[]),
    CAST(:value AS double precision[]), CAST(:quality AS integer[]), CAST(:reason AS text[]),
    CAST(:received_at AS bigint[])
) AS new (id, time_ms, value, quality, reason, received_ms)
ON CONFLICT (datastream_id) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value,
    quality = EXCLUDED.quality, reason = EXCLUDED.reason, received_at = EXCLUDED.received_at
WHERE EXCLUDED.time > latest.time OR latest.time > {_AT.format(":horizon_ms")}
RETURNING datastream_id
""")  # noqa: S608 - constants only


def newest(columns: Columns, received_at: int | Int64s) -> list[LatestRow]:
    """Pick the newest observation of each datastream among the columns.

    Of several at one instant it is the first, which is the one that the store keeps. `received_at`
    is the same for all rows or given for each.
    """
    received = np.broadcast_to(received_at, len(columns))
    order = np.lexsort((-np.arange(len(columns)), columns.time_ms, columns.datastream_id))
    ids = columns.datastream_id[order]
    last = order[np.append(ids[1:] != ids[:-1], True)] if len(order) else order
    return [_row(columns, int(index), int(received[index])) for index in last]


def update_latest(
    connection: Connection, rows: Sequence[LatestRow], horizon_ms: int
) -> list[LatestRow]:
    """Keep the rows that are newer than what is there, in one statement, and return those.

    What is there from after `horizon_ms` came from a clock that ran ahead: it gives way to any row.
    """
    if not rows:
        return []
    on_postgresql = connection.dialect.name == "postgresql"
    upsert = _upsert_arrays if on_postgresql else _upsert_rows
    kept = upsert(connection, rows, horizon_ms)
    return [row for row in rows if row.datastream_id in kept]


def _upsert_rows(connection: Connection, rows: Sequence[LatestRow], horizon_ms: int) -> set[int]:
    statement = insert(latest)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=[latest.c.datastream_id],
        set_={column.name: new[column.name] for column in latest.c if not column.primary_key},
        where=or_(new.time > latest.c.time, latest.c.time > horizon_ms),
    ).returning(latest.c.datastream_id)
    return set(connection.execute(upsert, [_values(row) for row in rows]).scalars())


def _upsert_arrays(connection: Connection, rows: Sequence[LatestRow], horizon_ms: int) -> set[int]:
    """Pass the rows as arrays: the text of the statement does not grow with their number."""
    columns: dict[str, object] = {
        name: [getattr(row, name) for row in rows]
        for name in ("datastream_id", "time_ms", "value", "quality", "reason", "received_at")
    }
    found = connection.execute(_UPSERT_ARRAYS, columns | {"horizon_ms": horizon_ms})
    return set(found.scalars())


def _row(columns: Columns, index: int, received_at: int) -> LatestRow:
    value = float(columns.value[index])
    return LatestRow(
        int(columns.datastream_id[index]),
        int(columns.time_ms[index]),
        None if np.isnan(value) else value,
        int(columns.quality[index]),
        columns.reasons.get(index, ""),
        received_at,
    )


def _values(row: LatestRow) -> dict[str, object]:
    return {
        "datastream_id": row.datastream_id,
        "time": row.time_ms,
        "value": row.value,
        "quality": row.quality,
        "reason": row.reason,
        "received_at": row.received_at,
    }
