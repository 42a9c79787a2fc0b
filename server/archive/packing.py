"""Moves old payloads into blocks: compressed outside of any lock, written in one moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, Engine, bindparam, func, insert, not_, select, update

from server.archive import block
from server.archive.block import Slot
from server.archive.rules import IN_FORCE, SETTLED
from server.db.engine import writing
from server.db.tables import journal, journal_block

# What one block may hold: about a megabyte of text, opened in some 50 ms.
MAX_BLOCK_BYTES = 256 * 1024
MAX_BLOCK_ENTRIES = 4000

_SCANNED = 20_000


@dataclass(frozen=True, slots=True)
class Due:
    """What may be packed: received before `before_ms`, at once if received before `at_once_ms`.

    Between the two a gateway's entries wait until they fill a block.
    """

    before_ms: int
    at_once_ms: int


@dataclass(frozen=True, slots=True)
class _Entry:
    id: int
    gateway: str
    received_at: int
    size: int


def pack_one(engine: Engine, due: Due) -> int:
    """Make one block of what is due; return how many payloads it took, 0 when nothing is due."""
    with engine.connect() as connection:
        chosen = _choose(connection, due)
        slots = _read(connection, chosen)
    if not chosen:
        return 0
    data = block.pack(slots)
    with writing(engine) as connection:
        _write(connection, chosen, data)
    return len(chosen)


def _choose(connection: Connection, due: Due) -> list[_Entry]:
    """Choose the entries of one gateway that fill a block or have waited long enough."""
    entries = sorted(_candidates(connection, due), key=lambda one: (one.gateway, one.id))
    for _, own in groupby(entries, key=lambda one: one.gateway):
        chosen, is_full = _first_block(own)
        if is_full or min(one.received_at for one in chosen) < due.at_once_ms:
            return chosen
    return []


def _candidates(connection: Connection, due: Due) -> Iterator[_Entry]:
    """List the oldest unpacked payloads; inventories stay, being few and often looked up."""
    rows = connection.execute(
        select(
            journal.c.id,
            journal.c.gateway,
            journal.c.received_at,
            func.length(journal.c.payload).label("size"),
        )
        .where(
            journal.c.block_id.is_(None),
            journal.c.status.in_(SETTLED),
            journal.c.received_at < due.before_ms,
            not_(IN_FORCE),
        )
        .order_by(journal.c.id)
        .limit(_SCANNED)
    )
    return (_Entry(row.id, row.gateway, row.received_at, row.size) for row in rows)


def _first_block(entries: Iterator[_Entry]) -> tuple[list[_Entry], bool]:
    """Take what fits into one block, at least one entry; tell whether it is full."""
    chosen: list[_Entry] = []
    size = 0
    for entry in entries:
        if chosen and (size + entry.size > MAX_BLOCK_BYTES or len(chosen) >= MAX_BLOCK_ENTRIES):
            return chosen, True
        chosen.append(entry)
        size += entry.size
    return chosen, False


def _read(connection: Connection, chosen: list[_Entry]) -> list[Slot]:
    if not chosen:
        return []
    wanted = {entry.id for entry in chosen}
    rows = connection.execute(
        select(journal.c.id, journal.c.payload, journal.c.digest)
        .where(
            journal.c.gateway == chosen[0].gateway,
            journal.c.id.between(chosen[0].id, chosen[-1].id),
            journal.c.block_id.is_(None),
        )
        .order_by(journal.c.id)
    )
    return [Slot(row.id, bytes(row.payload), bytes(row.digest)) for row in rows if row.id in wanted]


def _write(connection: Connection, chosen: list[_Entry], data: bytes) -> None:
    """Put the block in the place of the payloads; those of another packer stay where they are."""
    block_id = connection.execute(
        insert(journal_block)
        .values(
            gateway=chosen[0].gateway,
            last_received_at=max(entry.received_at for entry in chosen),
            data=data,
        )
        .returning(journal_block.c.id)
    ).scalar_one()
    connection.execute(
        update(journal)
        .where(journal.c.id == bindparam("entry"), journal.c.block_id.is_(None))
        .values(payload=b"", block_id=block_id, packed_size=bindparam("size")),
        [{"entry": entry.id, "size": entry.size} for entry in chosen],
    )
