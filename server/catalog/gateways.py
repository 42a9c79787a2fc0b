"""Gateways: known from their first word on, and how they are."""

import msgspec
from sqlalchemy import Connection, insert, select, update

from server.db.tables import gateway
from wire.messages import Status


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
