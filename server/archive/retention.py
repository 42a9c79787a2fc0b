"""Removes what the journal has kept long enough. Inventories and what waits are always kept.

The ledger still tells that a removed batch was stored; only its bytes are gone, and with them the
chance to replay it.
"""

from sqlalchemy import Connection, Engine, delete, not_, select

from server.archive.rules import IN_FORCE, SETTLED
from server.db.engine import writing
from server.db.tables import journal, journal_block

_MANY = 500


def remove_some(engine: Engine, before_ms: int) -> int:
    """Remove entries received before an instant, a block's or 500 at once; 0 when none is left."""
    with writing(engine) as connection:
        return _remove_block(connection, before_ms) or _remove_unpacked(connection, before_ms)


def _remove_block(connection: Connection, before_ms: int) -> int:
    """Remove a block whose last payload is old enough, with its entries."""
    found = connection.execute(
        select(journal_block.c.id)
        .where(journal_block.c.last_received_at < before_ms)
        .order_by(journal_block.c.id)
        .limit(1)
    ).scalar()
    if found is None:
        return 0
    removed = connection.execute(delete(journal).where(journal.c.block_id == found)).rowcount
    connection.execute(delete(journal_block).where(journal_block.c.id == found))
    return max(removed, 1)


def _remove_unpacked(connection: Connection, before_ms: int) -> int:
    oldest = (
        select(journal.c.id)
        .where(
            journal.c.block_id.is_(None),
            journal.c.received_at < before_ms,
            journal.c.status.in_(SETTLED),
            not_(IN_FORCE),
        )
        .order_by(journal.c.id)
        .limit(_MANY)
    )
    ids = connection.execute(oldest).scalars().all()
    if not ids:
        return 0
    return connection.execute(delete(journal).where(journal.c.id.in_(ids))).rowcount
