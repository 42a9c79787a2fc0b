"""Gateways: known from their first word on, and how they are."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, insert, select, text, update

from server.db.tables import gateway
from wire.messages import Status

Version = tuple[object, object]
"""Which inventory is in force, and since when; to be compared only."""

_VERSIONS = text(
    "SELECT id, inventory_rev, inventory_at FROM gateway WHERE id = ANY(CAST(:ids AS text[]))"
)


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


def note_inventory(connection: Connection, gateway_id: str, rev: int, at_ms: int) -> None:
    """Keep which inventory is in force, and since when."""
    connection.execute(
        update(gateway)
        .where(gateway.c.id == gateway_id, gateway.c.inventory_rev.is_distinct_from(rev))
        .values(inventory_rev=rev, inventory_at=at_ms)
    )


def note_change(connection: Connection, gateway_id: str, at_ms: int = 0) -> None:
    """Keep since when an inventory is in force that says something new, whatever its number.

    It never goes back, and is never the same again: one that came by hand may have held earlier,
    and what is made of one may change while it stays in force.
    """
    own = gateway.c.id == gateway_id
    known = connection.execute(select(gateway.c.inventory_at).where(own)).scalar()
    since_ms = at_ms if known is None else max(at_ms, known + 1)
    connection.execute(update(gateway).where(own).values(inventory_at=since_ms))


def read_versions(connection: Connection, gateway_ids: Sequence[str]) -> dict[str, Version]:
    """Read which inventories are in force."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_VERSIONS, {"ids": list(gateway_ids)})
    else:
        rows = connection.execute(
            select(gateway.c.id, gateway.c.inventory_rev, gateway.c.inventory_at).where(
                gateway.c.id.in_(gateway_ids)
            )
        )
    return {id_: (rev, at) for id_, rev, at in rows}
