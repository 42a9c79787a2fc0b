"""The newest observation of each datastream, in a table, so that no page has to search for it."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, or_
from sqlalchemy.dialects import postgresql, sqlite

from server.db.tables import latest
from server.store.port import Columns, LatestRow


def newest(columns: Columns, received_at: int) -> list[LatestRow]:
    """Pick the newest observation of each datastream among the columns.

    Of several at one instant it is the first, which is the one that the store keeps.
    """
    order = np.lexsort((-np.arange(len(columns)), columns.time_ms, columns.datastream_id))
    ids = columns.datastream_id[order]
    last = order[np.append(ids[1:] != ids[:-1], True)] if len(order) else order
    return [_row(columns, int(index), received_at) for index in last]


def update_latest(
    connection: Connection, rows: Sequence[LatestRow], horizon_ms: int
) -> list[LatestRow]:
    """Keep the rows that are newer than what is there, in one statement, and return those.

    What is there from after `horizon_ms` came from a clock that ran ahead: it gives way to any row.
    """
    if not rows:
        return []
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(latest)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=[latest.c.datastream_id],
        set_={column.name: new[column.name] for column in latest.c if not column.primary_key},
        where=or_(new.time > latest.c.time, latest.c.time > horizon_ms),
    ).returning(latest.c.datastream_id)
    kept = set(connection.execute(upsert, [_values(row) for row in rows]).scalars())
    return [row for row in rows if row.datastream_id in kept]


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
