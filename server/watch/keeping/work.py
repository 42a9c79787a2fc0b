"""Works off what records are behind: what came late, and hours that are over. Some watches a time.

The watches of a gateway are brought up to date in one transaction under its lock, and under those
of the gateways whose series some of them are compared with. Those that judge each sample are apart
from those by the hour: ingest leaves the former alone until they are up to date, so they go first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, exists, or_, select

from server.db.alert_tables import alert_input, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import datastream
from server.watch.keeping.isolation import Isolation
from server.watch.keeping.refold import refold
from server.watch.keeping.samples import settled_hour
from server.watch.record import bump
from server.watch.rows import read_watches

# Ingest waits for the gateway meanwhile; on SQLite, for the whole database.
_MANY = 20

_W = alert_watch.c


@dataclass(frozen=True, slots=True)
class Late:
    """The gateways with watches that must be judged anew: by the sample, and by the hour."""

    samples: Sequence[str]
    hours: Sequence[str]


def read_late(connection: Connection, without: Sequence[int] = ()) -> Late:
    """List those for which something came late: that is soon found. Some watches do not count."""
    is_sample = _W.datastream_id.is_not(None)
    rows = connection.execute(
        select(_W.gateway_id, is_sample)
        .where(_W.retired_at.is_(None), _W.refold_from.is_not(None), _W.id.not_in(without))
        .distinct()
        .order_by(_W.gateway_id)
    ).all()
    return Late(
        [one for one, is_own in rows if is_own], [one for one, is_own in rows if not is_own]
    )


def read_behind(connection: Connection, now_ms: int, without: Sequence[int] = ()) -> list[str]:
    """List the gateways with watches whose records are behind. Some watches do not count.

    To find who lacks an hour all that are judged by it are read.
    """
    behind = _is_behind(now_ms) & _W.id.not_in(without)
    return list(
        connection.execute(
            select(_W.gateway_id).where(behind).distinct().order_by(_W.gateway_id)
        ).scalars()
    )


def catch_up(
    engine: Engine,
    gateway_id: str,
    now_ms: int,
    *,
    with_hours: bool = True,
    after: int = 0,
    isolation: Isolation | None = None,
) -> int | None:
    """Bring some of a gateway's watches up to date, those with ids beyond `after`.

    Those that `isolation` knows not to be readable are left alone; without it they raise. Gives the
    id after which there may be more; None when there are none. Ingest marks anew what was brought
    up to date before, so that whoever began at the front each time would never be through.
    """
    with engine.connect() as connection:
        others = _read_others(connection, gateway_id) if with_hours else []
    with writing(engine) as connection:
        lock_gateways(connection, [gateway_id, *others])
        unreadable = isolation.unreadable if isolation else ()
        behind = _is_behind(now_ms) if with_hours else _is_late()
        behind &= _W.id.not_in(unreadable)
        own = select(_W.id).where(_W.gateway_id == gateway_id, _W.id > after, behind)
        ids = connection.execute(own.order_by(_W.id).limit(_MANY)).scalars().all()
        note = isolation.note if isolation else None
        watches = read_watches(connection, _W.id.in_(ids), locked=True, without=note)
        refold(connection, watches, now_ms)
        bump(connection, others)
    return ids[-1] if len(ids) == _MANY else None


def _is_late() -> ColumnElement[bool]:
    """Find what judges each sample and must be judged anew."""
    return _W.retired_at.is_(None) & _W.refold_from.is_not(None) & _W.datastream_id.is_not(None)


def _is_behind(now_ms: int) -> ColumnElement[bool]:
    hour_ms = settled_hour(now_ms)
    by_the_hour = exists().where(alert_input.c.watch_id == _W.id)
    has_hours = or_(_W.folded_until.is_(None), _W.folded_until < hour_ms) & by_the_hour
    return _W.retired_at.is_(None) & or_(_W.refold_from.is_not(None), has_hours)


def _read_others(connection: Connection, gateway_id: str) -> list[str]:
    """List the other gateways whose series a gateway's watches are judged on."""
    rows = connection.execute(
        select(datastream.c.gateway_id)
        .join(alert_input, alert_input.c.datastream_id == datastream.c.id)
        .join(alert_watch, _W.id == alert_input.c.watch_id)
        .where(_W.gateway_id == gateway_id, datastream.c.gateway_id != gateway_id)
        .distinct()
        .order_by(datastream.c.gateway_id)
    )
    return list(rows.scalars())
