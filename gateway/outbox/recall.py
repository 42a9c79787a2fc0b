"""What the server asks about batches: to take confirmed ones back into sending, to compare others.

The first when it has lost them, restored from a backup; the second when it has what we have yet to
see confirmed, carried to it by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from sqlite3 import Connection

from wire.messages import ranges


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


def digests(db: Connection, span: tuple[int, int], limit: int) -> list[tuple[int, bytes]]:
    """Give the first `limit` unconfirmed batches of a closed range, each with its SHA-256."""
    rows = db.execute(
        "SELECT seq, body FROM batch JOIN payload USING (seq)"
        " WHERE seq BETWEEN ? AND ? AND state = 'unconfirmed' ORDER BY seq LIMIT ?",
        (*span, limit),
    )
    return [(seq, sha256(body).digest()) for seq, body in rows]
