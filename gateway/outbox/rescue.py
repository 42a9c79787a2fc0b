"""Reads what a damaged outbox still yields, row by row, and writes it into a new one.

Whatever was not confirmed goes over: batches under new numbers, for those of the old epoch cannot
go on, but packed as they are, for unpacked they take a hundred times the room. What is carried over
twice does no harm, for the server keeps each reading once.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

import msgspec

from gateway.outbox.history import PAST, SALVAGES, Salvage
from gateway.outbox.pending import keep
from gateway.outbox.retention import DROPPED, LOST, Lost
from gateway.outbox.schema import NO_ROOM, UNREADABLE, error_code, transaction
from gateway.outbox.sealing import Sealed
from wire import batch as codec
from wire.batch import MAX_TIME_MS, representable
from wire.errors import ContractError
from wire.messages import ClockSource, Count, DatastreamName, OutboxFigures, ranges
from wire.quality import Flag
from wire.topics import MAX_SEQ

_TABLES_NEEDED = {"meta", "pending", "batch", "payload"}
_TYPED_NOTES = {SALVAGES: list[Salvage], PAST: list[OutboxFigures], DROPPED: Count}
_NOT_CARRIED = {"epoch", "sealed", "clean", LOST}
# Looked up one by one where reading in order breaks off.
_PROBES = 20_000
_CHUNK = 5_000
_CHUNK_BATCHES = 50
_MAX_MONO_MS = 2**53
# Of what was carried over, this many ranges are told: each status repeats them over a thin link.
_MOST_RANGES = 100

# The second when SQLite's message quotes what it found, and that is no text.
_BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)

_PENDING = "boot, mono_ms, wall_ms, clock, datastream, value, flag, reason"

Stored = tuple[str, int, int, str, str, str | None, int, str]


@dataclass(slots=True)
class Carried:
    """What came of it: observations carried over, batches and rows that could not be read.

    `batches` are those whose observations are among them; `figures` are the last of the old epoch,
    where its name could be read.
    """

    observations: int = 0
    unreadable: int = 0
    batches: list[int] = field(default_factory=list)
    figures: OutboxFigures | None = None


def readable(db: sqlite3.Connection) -> bool:
    """Tell whether the tables can be found; prepares the connection for what is wrong in them.

    Raises sqlite3.OperationalError when not the content but the disk is in the way.
    """
    try:
        # Takes the file at its real length where its header tells another.
        db.execute("PRAGMA writable_schema = ON")
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    except UnicodeDecodeError:
        return False
    except sqlite3.DatabaseError as error:
        code = error_code(error)
        if code & 0xFF in NO_ROOM and code not in UNREADABLE:
            raise
        return False
    return names >= _TABLES_NEEDED


def carry(old: sqlite3.Connection, new: sqlite3.Connection) -> Carried:
    """Carry over notes, observations that wait, and unconfirmed batches.

    Raises what SQLite says of `new`, never of `old`.
    """
    notes = _notes(old)
    with transaction(new):
        kept = [(key, text) for key, text in notes.items() if key not in _NOT_CARRIED]
        new.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", kept)
    result = Carried()
    _insert(new, _waiting(old, result), result)
    states = dict(_rows(old, "batch", "seq", "state"))
    seqs = {seq for (seq,) in _rows(old, "payload", "seq")} | set(states)
    open_ones = sorted(seq for seq in seqs if states.get(seq) not in {"stored", "refused"})
    _insert_batches(new, _unconfirmed(old, open_ones, result), result)
    refused = sum(state == "refused" for state in states.values())
    failed = len(open_ones) - len(result.batches)
    result.figures = _last_figures(notes, max(seqs, default=0), refused, failed, result.batches)
    return result


def _last_figures(
    notes: dict[str, str], highest: int, refused: int, failed: int, carried: list[int]
) -> OutboxFigures | None:
    epoch, sealed = notes.get("epoch"), notes.get("sealed", "")
    if not epoch:
        return None
    lost = Lost()
    with suppress(msgspec.MsgspecError):
        lost = msgspec.json.decode(notes.get(LOST, "{}"), type=Lost)
    return OutboxFigures(
        epoch=epoch,
        # Limited, for what damage made of it no reader would take.
        sealed=min(int(sealed) if sealed.isdecimal() else highest, MAX_SEQ),
        # On their way to the server still, though under numbers of the new epoch.
        unconfirmed=len(carried),
        refused=refused,
        lost=min(max(0, lost.batches) + failed, MAX_SEQ),
        closed=True,
        carried=_longest(ranges(carried)),
    )


def _longest(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept = sorted(found, key=lambda one: one[0] - one[1])[:_MOST_RANGES]
    return sorted(kept)


def _notes(old: sqlite3.Connection) -> dict[str, str]:
    found: list[tuple[Any, Any]] = []
    with suppress(*_BROKEN):
        # In place, so that what was read before it breaks off is kept.
        found.extend(old.execute("SELECT key, value FROM meta"))
    return {key: text for key, text in found if _sound_note(key, text)}


def _sound_note(key: object, text: object) -> bool:
    """Tell whether a note is what its reader expects: a broken one would stop every start."""
    if not isinstance(key, str) or not isinstance(text, str):
        return False
    if key in {"epoch", "sealed"}:
        return text.isascii() and text.isalnum()
    try:
        msgspec.json.decode(text, type=_TYPED_NOTES.get(key, Any))
    except msgspec.MsgspecError:
        return False
    return True


def _waiting(old: sqlite3.Connection, result: Carried) -> Iterator[Stored]:
    for _, *row in _rows(old, "pending", "id", _PENDING):
        if _sound(row):
            yield tuple(row)
        else:
            result.unreadable += 1


def _unconfirmed(old: sqlite3.Connection, seqs: list[int], result: Carried) -> Iterator[Sealed]:
    for seq in seqs:
        try:
            row = old.execute("SELECT body FROM payload WHERE seq = ?", (seq,)).fetchone()
            body = row[0] if row and isinstance(row[0], bytes) else b""
            batch = codec.decode(body)
        except (*_BROKEN, ContractError):
            result.unreadable += 1
            continue
        times = [time_ms for one in batch.series for time_ms in one.times_ms]
        if times:
            yield Sealed(body, batch.clock, len(batch), 0, min(times), max(times))
        result.batches.append(seq)


def _sound(row: list[Any]) -> bool:
    """Tell whether a row can be sealed: one that cannot would stop all that come after it."""
    boot, mono_ms, wall_ms, clock, datastream, value, flag, reason = row
    try:
        ClockSource(clock)
        Flag(flag)
        msgspec.convert(datastream, DatastreamName)
        number = None if value is None else Decimal(value)
    except (ValueError, TypeError, msgspec.ValidationError, InvalidOperation):
        return False
    times = isinstance(mono_ms, int) and isinstance(wall_ms, int)
    return (
        isinstance(boot, str)
        and isinstance(reason, str)
        and times
        and 0 <= mono_ms <= _MAX_MONO_MS
        and 0 <= wall_ms <= MAX_TIME_MS
        and (number is None or representable(number))
    )


def _insert(new: sqlite3.Connection, rows: Iterable[Stored], result: Carried) -> None:
    left = iter(rows)
    while chunk := list(islice(left, _CHUNK)):
        with transaction(new):
            new.executemany(
                f"INSERT INTO pending ({_PENDING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants only
                chunk,
            )
        result.observations += len(chunk)


def _insert_batches(new: sqlite3.Connection, batches: Iterable[Sealed], result: Carried) -> None:
    left = iter(batches)
    while chunk := list(islice(left, _CHUNK_BATCHES)):
        with transaction(new):
            for one in chunk:
                keep(new, one, one.last_ms)
        result.observations += sum(one.count for one in chunk)


def _rows(db: sqlite3.Connection, table: str, key: str, columns: str = "") -> Iterator[Any]:
    """Read a table around its damage: from the front, from the back, then one by one between."""
    select = f"SELECT {', '.join(filter(None, (key, columns)))} FROM {table} WHERE {key}"  # noqa: S608 - constants only
    low, high = 0, None
    with suppress(*_BROKEN):
        for row in db.execute(f"{select} > 0 ORDER BY {key}"):
            yield row
            low = max(low, row[0])
        return
    with suppress(*_BROKEN):
        for row in db.execute(f"{select} > ? ORDER BY {key} DESC", (low,)):
            yield row
            high = row[0]
    between = range(low + 1, min(high or low + _PROBES, low + _PROBES))
    for number in between:
        with suppress(*_BROKEN):
            yield from db.execute(f"{select} = ?", (number,))
