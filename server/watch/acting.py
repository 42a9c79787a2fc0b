"""What people do about a watch: acknowledge, shelve, take that back, comment. All of it is kept."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, Engine, insert, select, update

from server.db.alert_tables import alert_act, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.watch.record import bump
from wire.errors import ConfigError

# Longer than a season nobody means.
MOST_SHELVED_MS = 180 * 86_400_000

_W = alert_watch.c


class Act(StrEnum):
    """What somebody did."""

    ACK = "ack"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    COMMENT = "comment"


def acknowledge(engine: Engine, watch_id: int, who: str, now_ms: int, note: str = "") -> bool:
    """Say that somebody sees to it: no reminders until it gets worse; False when nothing is active.

    Raises ConfigError for a watch that is not there, as the others do.
    """
    values = {"acked_at": now_ms, "acked_by": who}
    return _act(engine, watch_id, (Act.ACK, who, note, None), now_ms, values, only_active=True)


def shelve(
    engine: Engine, watch_id: int, who: str, now_ms: int, until_ms: int, note: str = ""
) -> bool:
    """Tell nobody of it until then."""
    if not now_ms < until_ms <= now_ms + MOST_SHELVED_MS:
        raise ConfigError("shelve", "choose an end within the next 180 days")
    values = {"shelved_until": until_ms, "shelved_by": who}
    return _act(engine, watch_id, (Act.SHELVE, who, note, until_ms), now_ms, values)


def unshelve(engine: Engine, watch_id: int, who: str, now_ms: int, note: str = "") -> bool:
    """Tell of it again."""
    values = {"shelved_until": None, "shelved_by": None}
    return _act(engine, watch_id, (Act.UNSHELVE, who, note, None), now_ms, values)


def comment(engine: Engine, watch_id: int, who: str, now_ms: int, note: str) -> bool:
    """Keep a remark."""
    if not note.strip():
        raise ConfigError("comment", "write what there is to say")
    return _act(engine, watch_id, (Act.COMMENT, who, note, None), now_ms, {})


def _act(
    engine: Engine,
    watch_id: int,
    what: tuple[Act, str, str, int | None],
    now_ms: int,
    values: Mapping[str, object],
    *,
    only_active: bool = False,
) -> bool:
    act, who, note, until_ms = what
    with engine.connect() as connection:
        gateway_id = _gateway_of(connection, watch_id)
    with writing(engine) as connection:
        lock_gateways(connection, [gateway_id])
        own = select(_W.level).where(_W.id == watch_id)
        if only_active and not connection.execute(own).scalar_one():
            return False
        if values:
            connection.execute(update(alert_watch).where(_W.id == watch_id).values(values))
        row = {"watch_id": watch_id, "at": now_ms, "who": who, "act": act.value}
        connection.execute(insert(alert_act).values(**row, note=note, until=until_ms))
        bump(connection, [gateway_id])
    return True


def _gateway_of(connection: Connection, watch_id: int) -> str:
    found = connection.execute(
        select(_W.gateway_id).where(_W.id == watch_id, _W.retired_at.is_(None))
    ).scalar()
    if found is None:
        raise ConfigError(
            f"watch {watch_id}", "there is none of that number; see saxaul-server alerts list"
        )
    return str(found)
