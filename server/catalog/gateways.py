"""Gateways: known from their first word on, and how they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, insert, select, text, update

from server.db.instant import to_datetime
from server.db.members import among
from server.db.tables import gateway
from server.quality.timing import FUTURE_TOLERANCE_MS
from wire.batch import MAX_TIME_MS
from wire.messages import Installation, Status, encode

Version = tuple[object, object]
"""Which inventory is in force, and since when; to be compared only."""

_NOTE_ALL = text("""
INSERT INTO gateway (id, state, status_at, status, first_seen_at)
SELECT id, state, at, CAST(status AS jsonb), CAST(:now AS timestamptz)
FROM unnest(CAST(:ids AS text[]), CAST(:states AS text[]), CAST(:at AS timestamptz[]),
    CAST(:statuses AS text[])) AS told (id, state, at, status)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, status_at = excluded.status_at,
    status = excluded.status
""")


@dataclass(frozen=True, slots=True)
class Told:
    """How a gateway says it is; `at_ms` is when it was like that."""

    gateway: str
    status: Status
    at_ms: int


def remember(connection: Connection, gateway_id: str, now_ms: int) -> None:
    """Make sure that a gateway has its row."""
    known = connection.execute(select(gateway.c.id).where(gateway.c.id == gateway_id)).first()
    if known is None:
        connection.execute(insert(gateway).values(id=gateway_id, first_seen_at=now_ms))


def note_status(connection: Connection, gateway_id: str, status: Status, at_ms: int) -> None:
    """Keep the newest status; `at_ms` is when the gateway was like that."""
    connection.execute(
        update(gateway)
        .where(gateway.c.id == gateway_id)
        .values(state=status.state, status_at=at_ms, status=msgspec.to_builtins(status))
    )


def note_statuses(connection: Connection, told: Sequence[Told], now_ms: int) -> None:
    """Keep the newest statuses of gateways, each named once, also of those not known yet.

    On PostgreSQL.
    """
    values = {
        "ids": [one.gateway for one in told],
        "states": [one.status.state for one in told],
        "at": [to_datetime(one.at_ms) for one in told],
        "statuses": [encode(one.status).decode() for one in told],
        "now": to_datetime(now_ms),
    }
    connection.execute(_NOTE_ALL, values)


def note_inventory(connection: Connection, gateway_id: str, rev: int, at_ms: int) -> None:
    """Keep which inventory is in force, and since when."""
    connection.execute(
        update(gateway)
        .where(gateway.c.id == gateway_id, gateway.c.inventory_rev.is_distinct_from(rev))
        .values(inventory_rev=rev, inventory_at=at_ms)
    )


def note_installation(
    connection: Connection, gateway_id: str, installation: Installation | None, now_ms: int
) -> None:
    """Keep how it was left, unless an older record comes late; none changes nothing.

    One of a clock that ran ahead gives way to whatever comes next.
    """
    if installation is None or not 0 <= installation.at <= MAX_TIME_MS:
        return
    own = gateway.c.id == gateway_id
    known = connection.execute(select(gateway.c.installation).where(own)).scalar()
    ahead_ms = now_ms + FUTURE_TOLERANCE_MS
    if known is None or known["at"] <= installation.at or known["at"] > ahead_ms:
        told = msgspec.to_builtins(installation)
        connection.execute(update(gateway).where(own).values(installation=told))


def note_change(connection: Connection, gateway_id: str, at_ms: int = 0) -> None:
    """Keep since when an inventory is in force that says something new, whatever its number.

    It never goes back, and is never the same again: one that came by hand may have held earlier,
    and what is made of one may change while it stays in force.
    """
    own = gateway.c.id == gateway_id
    known = connection.execute(select(gateway.c.inventory_at).where(own)).scalar()
    since_ms = at_ms if known is None else max(at_ms, known + 1)
    connection.execute(update(gateway).where(own).values(inventory_at=since_ms))


@dataclass(frozen=True, slots=True)
class Revisions:
    """Of what is remembered of a gateway: its inventory, and its watches (gateway.watch_rev)."""

    inventory: Version
    watches: int


def read_versions(connection: Connection, gateway_ids: Sequence[str]) -> dict[str, Revisions]:
    """Read which inventories are in force, and how often watches have changed."""
    columns = (gateway.c.id, gateway.c.inventory_rev, gateway.c.inventory_at, gateway.c.watch_rev)
    rows = connection.execute(select(*columns).where(among(connection, gateway.c.id, gateway_ids)))
    return {id_: Revisions((rev, at), watches) for id_, rev, at, watches in rows}
