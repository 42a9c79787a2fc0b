"""Reads payloads back, wherever the journal keeps them."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from server.archive import block
from server.archive.block import Kept
from server.db.tables import journal, journal_block

_MANY = 500  # ids in one question


def read_payload(connection: Connection, journal_id: int) -> Kept | None:
    """Read the payload of an entry; None when the journal has no such entry."""
    return next((kept for _, kept in read_payloads(connection, [journal_id])), None)


def read_payloads(connection: Connection, ids: Sequence[int]) -> Iterator[tuple[int, Kept]]:
    """Read payloads of entries in any order, each block opened once for up to 500 of the ids."""
    for start in range(0, len(ids), _MANY):
        yield from _read_some(connection, ids[start : start + _MANY])


def _read_some(connection: Connection, ids: Sequence[int]) -> Iterator[tuple[int, Kept]]:
    rows = connection.execute(
        select(journal.c.id, journal.c.digest, journal.c.block_id, journal.c.payload).where(
            journal.c.id.in_(ids)
        )
    ).all()
    packed: dict[int, dict[int, bytes]] = {}
    for row in rows:
        digest = bytes(row.digest)
        if row.block_id is None:
            yield row.id, block.keep(bytes(row.payload), digest)
        else:
            packed.setdefault(row.block_id, {})[row.id] = digest
    for block_id, digests in packed.items():
        data = connection.execute(
            select(journal_block.c.data).where(journal_block.c.id == block_id)
        ).scalar()
        if data is not None:  # else removed since
            yield from block.unpack(bytes(data), digests)
