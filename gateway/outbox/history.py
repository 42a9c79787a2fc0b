"""What an outbox remembers of files before it: salvages, and how far their epochs had come."""

from sqlite3 import Connection
from typing import TypeVar

import msgspec

from wire.messages import OutboxFigures

# In `meta`.
SALVAGES = "salvages"
PAST = "past_epochs"

# A status may tell of few outboxes; a gateway that has had more has other worries.
_KEPT = 8

T = TypeVar("T")


class Salvage(msgspec.Struct, frozen=True):
    """A damaged file that was set aside: when (ms since the Unix epoch), its new name, and why.

    `observations` were carried over; `unreadable` batches and rows were not.
    """

    at_ms: int
    file: str
    reason: str
    observations: int
    unreadable: int


def read_salvages(db: Connection) -> list[Salvage]:
    """Read which damaged files came before this one, the oldest first."""
    return _read(db, SALVAGES, Salvage)


def read_past(db: Connection) -> list[OutboxFigures]:
    """Read how far earlier epochs had come when their files were set aside.

    An older program did not note that they are closed.
    """
    return [msgspec.structs.replace(one, closed=True) for one in _read(db, PAST, OutboxFigures)]


def note_salvage(db: Connection, salvage: Salvage, figures: OutboxFigures | None) -> None:
    """Keep a salvage and the last figures of the epoch that ended with it."""
    _write(db, SALVAGES, [*read_salvages(db), salvage])
    if figures is not None:
        _write(db, PAST, [*read_past(db), figures])


def _read(db: Connection, key: str, kind: type[T]) -> list[T]:
    found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return msgspec.json.decode(found[0], type=list[kind]) if found else []  # type: ignore[valid-type]  # a list of what was asked for


def _write(db: Connection, key: str, values: list[T]) -> None:
    text = msgspec.json.encode(values[-_KEPT:]).decode()
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))
