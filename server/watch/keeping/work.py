"""Works off what records are behind: what came late, and hours that are over. Some watches a time.

The watches of a gateway are brought up to date in one transaction under its lock, and under those
of the gateways whose series some of them are compared with.
"""

from sqlalchemy import ColumnElement, Connection, Engine, exists, or_, select

from server.db.alert_tables import alert_input, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import datastream
from server.watch.keeping.refold import refold
from server.watch.keeping.samples import settled_hour
from server.watch.record import bump
from server.watch.rows import read_watches

# Ingest waits for the gateway meanwhile; on SQLite, for the whole database.
_MANY = 20

_W = alert_watch.c


def read_behind(connection: Connection, now_ms: int, *, with_hours: bool = True) -> list[str]:
    """List the gateways with watches whose records are behind.

    What came late is soon found; to find who lacks an hour all that are judged by it are read.
    """
    behind = _is_behind(now_ms) if with_hours else _is_late()
    return list(
        connection.execute(
            select(_W.gateway_id).where(behind).distinct().order_by(_W.gateway_id)
        ).scalars()
    )


def catch_up(engine: Engine, gateway_id: str, now_ms: int) -> int:
    """Bring some of a gateway's watches up to date; gives how many were behind, up to a limit."""
    with engine.connect() as connection:
        others = _read_others(connection, gateway_id)
    with writing(engine) as connection:
        lock_gateways(connection, [gateway_id, *others])
        behind = select(_W.id).where(_W.gateway_id == gateway_id, _is_behind(now_ms))
        ids = connection.execute(behind.order_by(_W.id).limit(_MANY)).scalars().all()
        watches = read_watches(connection, _W.id.in_(ids), locked=True)
        refold(connection, watches, now_ms)
        bump(connection, others)
    return len(watches)


def _is_late() -> ColumnElement[bool]:
    return _W.retired_at.is_(None) & _W.refold_from.is_not(None)


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
