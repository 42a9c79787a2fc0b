"""What the server says of batches that need more than a mark.

It asks for confirmed ones when it has lost them, restored from a backup; it compares those that it
has and we have yet to see confirmed, carried to it by hand; it refuses one whose number is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from sqlite3 import Connection

from wire.messages import Refusal, ranges

_REASON_LENGTH = 500  # of the server's, for a technician to read


@dataclass(frozen=True, slots=True)
class Recalled:
    """How many batches will be sent again, and the closed ranges of those no longer kept."""

    again: int
    gone: list[tuple[int, int]]


def recall(db: Connection, wanted: Sequence[tuple[int, int]], limit: int) -> Recalled:
    """Mark the first `limit` of the wanted batches as unconfirmed, where they are still kept.

    Refused ones too: the server has forgotten why. Numbers never sealed are neither sent nor gone.
    """
    sealed = int(db.execute("SELECT value FROM meta WHERE key = 'sealed'").fetchone()[0])
    gone: set[int] = set()
    again, left = 0, limit
    for first, last in wanted:
        end = min(last, sealed, first + left - 1)
        again += db.execute(
            "UPDATE batch SET state = 'unconfirmed', reason = '', settled_at_ms = NULL"
            " WHERE seq BETWEEN ? AND ? AND state <> 'unconfirmed'",
            (first, end),
        ).rowcount
        kept = db.execute("SELECT seq FROM batch WHERE seq BETWEEN ? AND ?", (first, end))
        gone.update(set(range(first, end + 1)).difference(seq for (seq,) in kept.fetchall()))
        left -= max(0, end - first + 1)
    return Recalled(again, ranges(list(gone)))


def set_aside(db: Connection, refusal: Refusal, now_ms: int) -> int:
    """Mark an unconfirmed batch as refused; returns how many batches that changed."""
    return db.execute(
        "UPDATE batch SET state = 'refused', reason = ?, settled_at_ms = ?"
        " WHERE seq = ? AND state = 'unconfirmed'",
        (refusal.reason[:_REASON_LENGTH], now_ms, refusal.seq),
    ).rowcount


def renumber(db: Connection, seq: int) -> int:
    """Give a batch the next number and send it: under its own the server has stored another one.

    That happens once the file has gone back in time: it was put back from a copy, or its disk
    forgot what it had synced. A receipt may have counted it as stored that was for the other one.
    Returns how many batches that changed.
    """
    # Inside a transaction, until its end: both tables name the batch.
    db.execute("PRAGMA defer_foreign_keys = ON")
    moved = db.execute(
        "UPDATE batch SET seq = (SELECT value + 1 FROM meta WHERE key = 'sealed'),"
        " state = 'unconfirmed', settled_at_ms = NULL WHERE seq = ? AND state <> 'refused'",
        (seq,),
    ).rowcount
    if moved:
        db.execute("UPDATE meta SET value = value + 1 WHERE key = 'sealed'")
        db.execute(
            "UPDATE payload SET seq = (SELECT value FROM meta WHERE key = 'sealed') WHERE seq = ?",
            (seq,),
        )
    return moved


def digests(db: Connection, span: tuple[int, int], limit: int) -> list[tuple[int, bytes]]:
    """Give the first `limit` unconfirmed batches of a closed range, each with its SHA-256."""
    rows = db.execute(
        "SELECT seq, body FROM batch JOIN payload USING (seq)"
        " WHERE seq BETWEEN ? AND ? AND state = 'unconfirmed' ORDER BY seq LIMIT ?",
        (*span, limit),
    )
    return [(seq, sha256(body).digest()) for seq, body in rows]
