"""Notes from when on the record of watches must be made anew: what came late, or was rewritten.

The watchkeeper makes it anew (`server.watch.keeping.refold`); until then ingest leaves those
watches alone. To be called in the transaction that changes the observations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, Connection, bindparam, case, or_, select, update

from server.db.alert_tables import alert_input, alert_watch
from server.store.port import Int32s, Int64s
from server.watch.record import bump

_MANY = 500
_W = alert_watch.c


@dataclass(frozen=True, slots=True)
class Mark:
    """A watch whose record must be made anew from an instant on.

    `known_ms`: what came until then had been judged in time (None: as it stands on record).
    """

    watch_id: int
    gateway_id: str
    from_ms: int
    known_ms: int | None = None


def mark(connection: Connection, marks: Sequence[Mark]) -> None:
    """Note them, in order of their ids: nobody waits in a circle."""
    if not marks:
        return
    rows = [
        {"of_id": one.watch_id, "from_ms": one.from_ms, "known_ms": one.known_ms}
        for one in sorted(marks, key=lambda one: one.watch_id)
    ]
    connection.execute(_MARK, rows)
    bump(connection, {one.gateway_id for one in marks})


def note_changed(connection: Connection, datastream_id: Int32s, time_ms: Int64s) -> None:
    """Note that observations were rewritten, added or taken out other than by ingest.

    The gateway's lock must be held.
    """
    _note(connection, datastream_id, time_ms, _W.datastream_id)
    note_late(connection, datastream_id, time_ms)


def note_late(connection: Connection, datastream_id: Int32s, time_ms: Int64s) -> set[str]:
    """Note observations of hours that watches have judged; give those watches' gateways."""
    return _note(connection, datastream_id, time_ms, alert_input.c.datastream_id)


def _note(
    connection: Connection, datastream_id: Int32s, time_ms: Int64s, by: ColumnElement[int]
) -> set[str]:
    order = np.lexsort((time_ms, datastream_id))
    ids, first = np.unique(datastream_id[order], return_index=True)
    earliest = dict(zip(ids.tolist(), time_ms[order][first].tolist(), strict=True))
    touched: set[str] = set()
    for start in range(0, len(ids), _MANY):
        marks = _marks(connection, by, ids[start : start + _MANY].tolist(), earliest)
        mark(connection, marks)
        touched |= {one.gateway_id for one in marks}
    return touched


def _marks(
    connection: Connection,
    by: ColumnElement[int],
    ids: Sequence[int],
    earliest: Mapping[int, int],
) -> list[Mark]:
    """Find the watches of series, and of each from when on its record is no longer right."""
    query = select(_W.id, _W.gateway_id, by, _W.refold_from).where(
        _W.retired_at.is_(None), by.in_(ids)
    )
    if by is not _W.datastream_id:
        query = query.join(alert_input, alert_input.c.watch_id == _W.id)
    found: dict[int, Mark] = {}
    for id_, gateway_id, datastream_id, again_ms in connection.execute(query):
        from_ms = earliest[datastream_id]
        known = found.get(id_)
        if (again_ms is None or from_ms < again_ms) and (known is None or from_ms < known.from_ms):
            found[id_] = Mark(id_, gateway_id, from_ms)
    return list(found.values())


_FROM = bindparam("from_ms", type_=_W.refold_from.type)
_KNOWN = bindparam("known_ms", type_=_W.folded_until.type)
_MARK = (
    update(alert_watch)
    .where(_W.id == bindparam("of_id"))
    .values(
        folded_until=case(
            (_W.refold_from.is_(None) & _KNOWN.is_not(None), _KNOWN), else_=_W.folded_until
        ),
        refold_from=case(
            (or_(_W.refold_from.is_(None), _W.refold_from > _FROM), _FROM), else_=_W.refold_from
        ),
    )
)
