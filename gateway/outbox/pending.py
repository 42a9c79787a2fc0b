"""Observations that are in no batch yet: how they are read by kind, and exchanged for a batch.

Called inside a transaction.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from gateway.outbox.sealing import Row, Sealed
from gateway.readings import Observation
from wire.batch import Sample, representable
from wire.quality import Flag

# In `meta`, before the name of a datastream: what sampling remembers of it.
MEMO = "memo:"
NOTE = "INSERT OR REPLACE INTO meta VALUES (?, ?)"

_INSERT = (
    "INSERT INTO pending (boot, mono_ms, wall_ms, clock, datastream, value, flag, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_WHERE = "boot = ? AND clock = ? AND mono_ms <= ?"


class Kind(NamedTuple):
    """What can be in one batch: one boot, one clock; taken up to an instant."""

    boot: str
    clock: str
    until_mono_ms: int


def stored(one: Observation | Sample) -> tuple[str | None, int, str]:
    """Write value, flag and reason; what a batch could not carry becomes a missing that says so."""
    if one.value is None:
        return None, int(Flag.MISSING), one.reason
    if not representable(one.value):
        return None, int(Flag.MISSING), f"value out of range: {one.value}"
    return str(one.value), int(one.flag), ""


def insert(
    db: sqlite3.Connection,
    rows: Sequence[tuple[object, ...]],
    memos: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write observations, and beside them what must be remembered with the last of each series."""
    db.executemany(_INSERT, rows)
    db.executemany(NOTE, memos.items())


def kinds_waiting(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """List boots and clocks of what waits."""
    return db.execute("SELECT DISTINCT boot, clock FROM pending").fetchall()


def rows_waiting(db: sqlite3.Connection, kind: Kind, limit: int) -> Iterator[Row]:
    """Read the first rows of a kind, one by one."""
    cursor = db.execute(
        "SELECT id, mono_ms, wall_ms, datastream, value, flag, reason FROM pending"  # noqa: S608 - constants only
        f" WHERE {_WHERE} ORDER BY id LIMIT ?",
        (*kind, limit),
    )
    return map(Row._make, cursor)


def exchange(db: sqlite3.Connection, batch: Sealed, kind: Kind, now_ms: int) -> int:
    """Put a batch in the place of the rows it was made of; tell how many rows those were.

    The rows go first: on a full disk the batch finds its room where they were.
    """
    gone = db.execute(
        f"DELETE FROM pending WHERE {_WHERE} AND id <= ?",  # noqa: S608 - constants only
        (*kind, batch.last_id),
    ).rowcount
    keep(db, batch, now_ms)
    return gone


def keep(db: sqlite3.Connection, batch: Sealed, sealed_at_ms: int) -> None:
    """Put a batch into the outbox, under the next number."""
    sealed = db.execute("SELECT value FROM meta WHERE key = 'sealed'").fetchone()[0]
    seq = int(sealed) + 1
    db.execute(
        "INSERT INTO batch (seq, clock, count, bytes, first_ms, last_ms, sealed_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(seq, batch.clock.value, batch.count, len(batch.payload)),
            *(batch.first_ms, batch.last_ms, sealed_at_ms),
        ),
    )
    db.execute("INSERT INTO payload VALUES (?, ?)", (seq, batch.payload))
    db.execute("UPDATE meta SET value = ? WHERE key = 'sealed'", (str(seq),))
