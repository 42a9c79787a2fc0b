"""Retention: what goes when the outbox is too old or too large. Called inside a transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Connection

import msgspec

# In `meta`: what was removed though the server never confirmed it.
LOST = "lost"
# In `meta`: observations that gave way in memory while the disk took nothing.
DROPPED = "dropped"

# Removed in one transaction at most, so that readings do not wait for it.
_STEP_BATCHES = 200
_STEP_ROWS = 5_000
_STEP_PAGES = 2_000

_OLDEST_FIRST = {"stored": "seq", "refused": "seq", "unconfirmed": "last_ms, seq"}


@dataclass(frozen=True, slots=True)
class Budget:
    """How long confirmed batches are kept, and how large the file may be."""

    keep_ms: int = 30 * 86_400_000
    max_bytes: int = 2_000_000_000


class Lost(msgspec.Struct, frozen=True):
    """What was removed unconfirmed because the budget was gone: how much, and of which time."""

    batches: int = 0
    observations: int = 0
    first_ms: int | None = None
    last_ms: int | None = None

    def plus(self, batches: int, observations: int, span: tuple[int, int]) -> "Lost":
        """Add to it; `span` is the first and last instant in ms since the Unix epoch."""
        first = span[0] if self.first_ms is None else min(self.first_ms, span[0])
        last = span[1] if self.last_ms is None else max(self.last_ms, span[1])
        return Lost(self.batches + batches, self.observations + observations, first, last)


def read_lost(db: Connection) -> Lost:
    """Read what this outbox has lost so far."""
    found = db.execute("SELECT value FROM meta WHERE key = ?", (LOST,)).fetchone()
    return msgspec.json.decode(found[0], type=Lost) if found else Lost()


def read_dropped(db: Connection) -> int:
    """Read how many observations gave way in memory."""
    found = db.execute("SELECT value FROM meta WHERE key = ?", (DROPPED,)).fetchone()
    return int(found[0]) if found else 0


def used_bytes(db: Connection) -> int:
    """Tell how much of the file is in use; pages that are free are filled before it grows."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def drop_aged(db: Connection, horizon_ms: int) -> int:
    """Remove some batches that were confirmed before `horizon_ms`; count them."""
    seqs = db.execute(
        "SELECT seq FROM batch WHERE state = 'stored' AND settled_at_ms < ? LIMIT ?",
        (horizon_ms, _STEP_BATCHES),
    ).fetchall()
    return _remove(db, [seq for (seq,) in seqs])


def drop_confirmed(db: Connection) -> int:
    """Remove the oldest confirmed batches, which are safe on the server; count them."""
    return _drop(db, "stored", 2**63)


def make_room(db: Connection, wanted_bytes: int) -> int:
    """Remove some confirmed batches unless that much of the file is free to be filled; count them.

    On a disk that is nearly full the file must not grow: once it cannot, its log cannot be folded
    in any more, and then not even a removal can be written.
    """
    free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size")
    )
    return drop_confirmed(db) if free * size < wanted_bytes else 0


def shrink(db: Connection, max_bytes: int) -> int:
    """Remove some of what is oldest if the file uses more than `max_bytes`; count the removed.

    Confirmed batches go first, then refused ones (the server has journalled them), then, counted as
    lost, unconfirmed ones, and observations that are in no batch only when no batch is left.
    """
    excess = used_bytes(db) - max_bytes
    if excess <= 0:
        return 0
    return (
        _drop(db, "stored", excess)
        or _drop(db, "refused", excess)
        or _drop(db, "unconfirmed", excess)
        or _drop_pending(db)
    )


def reclaim(db: Connection) -> int:
    """Give some free pages at the file's end back to the disk; tell how many are left."""
    # Each step of the statement frees a page: it must be stepped to its end.
    db.execute(f"PRAGMA incremental_vacuum({_STEP_PAGES})").fetchall()
    return int(db.execute("PRAGMA freelist_count").fetchone()[0])


def _drop(db: Connection, state: str, excess: int) -> int:
    found = db.execute(
        "SELECT seq, bytes, count, first_ms, last_ms FROM batch WHERE state = ?"  # noqa: S608 - constants only
        f" ORDER BY {_OLDEST_FIRST[state]} LIMIT ?",
        (state, _STEP_BATCHES),
    ).fetchall()
    chosen, freed = [], 0
    for row in found:
        if freed >= excess:
            break
        chosen.append(row)
        freed += row[1]
    if state == "unconfirmed" and chosen:
        span = (min(row[3] for row in chosen), max(row[4] for row in chosen))
        _count_lost(db, len(chosen), sum(row[2] for row in chosen), span)
    return _remove(db, [row[0] for row in chosen])


def _drop_pending(db: Connection) -> int:
    found = db.execute("SELECT id, wall_ms FROM pending ORDER BY id LIMIT ?", (_STEP_ROWS,))
    rows = found.fetchall()
    if rows:
        times = [wall_ms for _, wall_ms in rows]
        _count_lost(db, 0, len(rows), (min(times), max(times)))
        db.execute("DELETE FROM pending WHERE id <= ?", (rows[-1][0],))
    return len(rows)


def _count_lost(db: Connection, batches: int, observations: int, span: tuple[int, int]) -> None:
    lost = read_lost(db).plus(batches, observations, span)
    text = msgspec.json.encode(lost).decode()
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (LOST, text))


def _remove(db: Connection, seqs: Iterable[int]) -> int:
    keys = [(seq,) for seq in seqs]
    db.executemany("DELETE FROM payload WHERE seq = ?", keys)
    db.executemany("DELETE FROM batch WHERE seq = ?", keys)
    return len(keys)
