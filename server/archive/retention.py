"""Removes what the journal has kept long enough. Inventories and what waits are always kept.

The ledger still tells that a removed batch was stored; only its bytes are gone, and with them the
chance to replay it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, and_, delete, exists, not_, select

from server.archive.rules import IN_FORCE, SETTLED
from server.db.engine import writing
from server.db.tables import journal, journal_block

_MANY = 500
_LOOKED_AT = 5_000
_IS_DONE_WITH = and_(journal.c.status.in_(SETTLED), not_(IN_FORCE))


def remove_some(engine: Engine, before_ms: int) -> int:
    """Remove entries received before an instant, a block's or 500 at once; 0 when none is left.

    They are looked for outside of the transaction that removes them: that may take long.
    """
    with engine.connect() as connection:
        block_id = _find_block(connection, before_ms)
        ids = [] if block_id is not None else _find_unpacked(connection, before_ms)
    if block_id is None and not ids:
        return 0
    with writing(engine) as connection:
        if block_id is not None:
            return _remove_block(connection, block_id)
        removed = connection.execute(delete(journal).where(journal.c.id.in_(ids), _IS_DONE_WITH))
        return max(removed.rowcount, 1)


def _find_block(connection: Connection, before_ms: int) -> int | None:
    """Find a block whose last payload is old enough.

    A replay may have taken up what was refused: then the block stays, with all that is in it.
    """
    needed = exists().where(journal.c.block_id == journal_block.c.id, not_(_IS_DONE_WITH))
    return connection.execute(
        select(journal_block.c.id)
        .where(journal_block.c.last_received_at < before_ms, not_(needed))
        .order_by(journal_block.c.id)
        .limit(1)
    ).scalar()


def _remove_block(connection: Connection, block_id: int) -> int:
    """Remove a block with its entries, of which there may be none any more."""
    own = journal.c.block_id == block_id
    removed = connection.execute(delete(journal).where(own, _IS_DONE_WITH)).rowcount
    is_empty = not_(exists().where(own))
    connection.execute(delete(journal_block).where(journal_block.c.id == block_id, is_empty))
    return max(removed, 1)


def _find_unpacked(connection: Connection, before_ms: int) -> Sequence[int]:
    """Find the first of what is too old among the oldest: all would be looked at in vain."""
    oldest = (
        select(journal.c.id, journal.c.received_at)
        .where(journal.c.block_id.is_(None), _IS_DONE_WITH)
        .order_by(journal.c.id)
        .limit(_LOOKED_AT)
        .subquery()
    )
    found = select(oldest.c.id).where(oldest.c.received_at < before_ms).limit(_MANY)
    return connection.execute(found).scalars().all()
