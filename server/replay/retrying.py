"""Tries what was refused or waits once more; what can be used now is stored as if it just came."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from server.db.faults import is_database_fault
from server.db.tables import journal as journal_table
from server.ingest import journal
from server.ingest.events import NUMBER_TAKEN, Status
from server.ledger import book
from server.ledger.book import Epoch
from server.ledger.runs import Fate
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.replay.decoding import Entry, Failed, Made
from server.replay.selection import EVER, Span
from server.store.latest import newest, update_latest
from server.store.port import Int64s, Store
from server.watch.late import note_changed

# Instants further apart lie in spans of their own, except in a batch with more such gaps than that.
_GAP_MS, _MOST_GAPS = 3_600_000, 50


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of an entry; `reason` is "" when it is stored now.

    `overlap` is when some of its observations were there already, from a batch that came later or
    earlier: which of them counts must then be found out.
    """

    reason: str
    added: int = 0
    overlap: Sequence[Span] = ()


def foresee(connection: Connection, entry: Entry, made: Made | Failed) -> Tried:
    """Say what `retry` would do, as far as that can be told without writing."""
    judged = _judge(connection, entry, made)
    if isinstance(judged, Failed):
        return Tried(judged.reason)
    return Tried("", len(judged.columns))


def retry(
    connection: Connection, store: Store, entry: Entry, made: Made | Failed, now_ms: int
) -> Tried:
    """Store an entry, or write down why it still cannot be; the gateway's lock must be held."""
    judged = _judge(connection, entry, made)
    if isinstance(judged, Failed):
        return Tried(_settle(connection, entry, judged))
    try:
        with connection.begin_nested():
            return _store(connection, store, entry, judged, now_ms)
    except (SQLAlchemyError, psycopg.Error) as error:
        if is_database_fault(error, alone=True):
            raise
        failed = Failed(f"could not be used: {error}", waits=False)
        return Tried(_settle(connection, entry, failed))


def _judge(connection: Connection, entry: Entry, made: Made | Failed) -> Made | Failed:
    """Fail an entry whose number is that of another batch, unless it waits and still would."""
    if entry.status is Status.WAITING and isinstance(made, Failed) and made.waits:
        return made
    if entry.batch is not None and journal.is_booked(connection, entry.batch):
        return Failed(NUMBER_TAKEN, waits=False)
    return made


def _settle(connection: Connection, entry: Entry, failed: Failed) -> str:
    """Write down what an entry fails for; one that lacks only an inventory waits for it."""
    if failed.waits:
        return journal.settle(connection, entry.id, Status.WAITING, failed.reason)
    _book(connection, entry, Fate.REFUSED, entry.received_at)
    return journal.settle(connection, entry.id, Status.REFUSED, failed.reason)


def is_open(connection: Connection, entry: Entry) -> bool:
    """Tell whether an entry is still refused or waiting, and no other program has stored it."""
    status = connection.execute(
        select(journal_table.c.status).where(journal_table.c.id == entry.id)
    ).scalar()
    return status in (Status.REFUSED, Status.WAITING)


def _store(connection: Connection, store: Store, entry: Entry, made: Made, now_ms: int) -> Tried:
    columns = made.columns
    added = store.append(connection, columns)
    note_changed(connection, columns.datastream_id, columns.time_ms)
    rows = newest(columns, made.received_at)
    update_latest(connection, rows, now_ms + FUTURE_TOLERANCE_MS)
    journal.settle(connection, entry.id, Status.STORED, made.left_out, made.content)
    _book(connection, entry, Fate.STORED, now_ms)
    return Tried("", added, _spans(columns.time_ms) if added < len(columns) else ())


def _spans(times_ms: Int64s) -> list[Span]:
    """Cover instants by spans: a wrong one years ago must not have all between looked through."""
    times = np.unique(times_ms)
    gaps = np.diff(times)
    widest = np.argsort(gaps, kind="stable")[-_MOST_GAPS:]
    parts = np.split(times, np.sort(widest[gaps[widest] > _GAP_MS]) + 1)
    return [Span(int(part[0]), min(int(part[-1]) + 1, EVER.to_ms)) for part in parts]


def _book(connection: Connection, entry: Entry, fate: Fate, now_ms: int) -> None:
    if entry.batch is not None:
        epoch = Epoch(entry.batch.gateway, entry.batch.epoch)
        book.note(connection, epoch, entry.batch.seq, fate, now_ms)
