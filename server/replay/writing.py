"""Writes the difference between what entries come to and what is stored, `latest` included."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, delete, func, select, update

from server.db.tables import latest, observation, observation_note
from server.replay.merging import Difference, Merged, compare
from server.replay.selection import Span
from server.store.latest import update_latest
from server.store.notes import read_reasons
from server.store.port import Int64s, LatestRow, Range, Store, take
from server.watch.late import note_changed

_NO_LIMIT = 2**31 - 1


def difference(
    connection: Connection,
    store: Store,
    part: Merged,
    span: Span,
    derived_from: Mapping[int, Sequence[int]],
) -> Difference:
    """Compare entries with what is stored of their series in a span."""
    ids = set(part.columns.datastream_id.tolist())
    ids |= {derived for source in ids for derived in derived_from.get(source, ())}
    stored = {one: _stored(connection, store, one, span) for one in sorted(ids)}
    return compare(part.columns, stored, derived_from)


def write(
    connection: Connection, store: Store, part: Merged, differs: Difference, horizon_ms: int
) -> None:
    """Make what is stored agree; `horizon_ms` is after what no right clock has stamped yet."""
    written = take(part.columns, np.union1d(differs.changed, differs.added))
    store.replace(connection, written)
    store.remove(connection, differs.removed_id, differs.removed_ms)
    note_changed(
        connection,
        np.concatenate((written.datastream_id, differs.removed_id)),
        np.concatenate((written.time_ms, differs.removed_ms)),
    )
    newest = _newest(part, differs.added, horizon_ms)
    update_latest(connection, [_row(part, index) for index in newest], horizon_ms)
    _correct_latest(connection, part, differs.changed)
    for datastream_id in np.unique(differs.removed_id).tolist():
        gone = set(differs.removed_ms[differs.removed_id == datastream_id].tolist())
        _look_back(connection, datastream_id, gone, horizon_ms)


def _stored(
    connection: Connection, store: Store, datastream_id: int, span: Span
) -> tuple[Range, dict[int, str]]:
    limits = (datastream_id, span.from_ms, span.to_ms)
    return store.read_range(connection, *limits, _NO_LIMIT), read_reasons(connection, *limits)


def _row(part: Merged, index: int) -> LatestRow:
    columns = part.columns
    value = float(columns.value[index])
    return LatestRow(
        int(columns.datastream_id[index]),
        int(columns.time_ms[index]),
        None if np.isnan(value) else value,
        int(columns.quality[index]),
        columns.reasons.get(index, ""),
        int(part.received_at[index]),
    )


def _newest(part: Merged, indices: Int64s, horizon_ms: int) -> list[int]:
    """Pick the newest of each series; one from after the horizon only where there is no other."""
    ids = part.columns.datastream_id[indices]
    times = part.columns.time_ms[indices]
    order = np.lexsort((times, times <= horizon_ms, ids))
    is_last = np.append(ids[order][1:] != ids[order][:-1], True)[: len(order)]
    picked: list[int] = indices[order[is_last]].tolist()
    return picked


def _correct_latest(connection: Connection, part: Merged, changed: Int64s) -> None:
    """Write anew the newest observation of each series where it is one that changed."""
    index_of = {
        (int(part.columns.datastream_id[index]), int(part.columns.time_ms[index])): index
        for index in changed.tolist()
    }
    ids = {datastream_id for datastream_id, _ in index_of}
    if not ids:
        return
    rows = connection.execute(
        select(latest.c.datastream_id, latest.c.time).where(latest.c.datastream_id.in_(ids))
    ).all()
    for row in rows:
        index = index_of.get((row.datastream_id, row.time))
        if index is not None:
            _put(connection, _row(part, index))


def _look_back(connection: Connection, datastream_id: int, gone: set[int], horizon_ms: int) -> None:
    """Find the newest observation that is left of a series, if the newest was taken out."""
    where = latest.c.datastream_id == datastream_id
    shown = connection.execute(select(latest.c.time).where(where)).scalar()
    if shown not in gone:
        return
    own = observation.c.datastream_id == datastream_id
    newest = connection.execute(
        select(func.max(observation.c.time)).where(own, observation.c.time <= horizon_ms)
    ).scalar()
    if newest is None:
        connection.execute(delete(latest).where(where))
        return
    found = connection.execute(
        select(observation.c.value, observation.c.quality, observation_note.c.reason)
        .outerjoin(
            observation_note,
            (observation_note.c.datastream_id == observation.c.datastream_id)
            & (observation_note.c.time == observation.c.time),
        )
        .where(own, observation.c.time == newest)
    ).one()
    received = connection.execute(select(latest.c.received_at).where(where)).scalar_one()
    _put(
        connection,
        LatestRow(datastream_id, newest, found.value, found.quality, found.reason or "", received),
    )


def _put(connection: Connection, row: LatestRow) -> None:
    connection.execute(
        update(latest)
        .where(latest.c.datastream_id == row.datastream_id)
        .values(
            time=row.time_ms,
            value=row.value,
            quality=row.quality,
            reason=row.reason,
            received_at=row.received_at,
        )
    )
