"""What an audit compares: outboxes and database, read by plain SQL, not by the programs' code."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import psycopg

from wire import batch as codec

_EPOCH = "SELECT value FROM meta WHERE key = 'epoch'"
_LOST = "SELECT json_extract(value, '$.observations') FROM meta WHERE key = 'lost'"
_PENDING = "SELECT datastream, wall_ms, value FROM pending"
_BATCHES = "SELECT seq, state, body FROM batch JOIN payload USING (seq) ORDER BY seq"
_JOURNALLED = """
SELECT gateway, epoch, seq FROM journal WHERE status = 'stored' AND epoch IS NOT NULL
"""
_OBSERVATIONS = """
SELECT d.gateway_id, d.name, {time}, o.value
FROM observation o JOIN datastream d ON d.id = o.datastream_id WHERE d.source_id IS NULL
"""
_PG_TIME = "(extract(epoch FROM o.time) * 1000)::bigint"
_STORED_TWICE = """
SELECT gateway || ' ' || epoch || ' ' || seq FROM journal
WHERE status = 'stored' AND epoch IS NOT NULL GROUP BY gateway, epoch, seq HAVING count(*) > 1
"""


class Kept(NamedTuple):
    """One observation in an outbox; `where` says in which batch, and what the server said of it."""

    datastream: str
    time_ms: int
    value: Decimal | None
    where: str


Stored = Mapping[tuple[str, str], Mapping[int, float | None]]
"""Observations by gateway and datastream, then by instant (ms); None where the value is missing."""


@dataclass(frozen=True, slots=True)
class Database:
    """All that was measured (nothing derived), and the batches stored more than once."""

    stored: Stored
    stored_twice: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outbox:
    """What an outbox file holds: state and bytes of each batch, and what is in none yet.

    `lost` is how many observations it says it has given up for its budget.
    """

    epoch: str
    batches: Mapping[int, tuple[str, bytes]]
    pending: Sequence[Kept]
    lost: int


def open_outbox(path: Path) -> Outbox:
    """Read an outbox file; no gateway may be using it."""
    with closing(sqlite3.connect(path)) as db:
        ((epoch,),) = db.execute(_EPOCH).fetchall()
        pending = [
            Kept(name, time_ms, None if value is None else Decimal(value), "not yet in a batch")
            for name, time_ms, value in db.execute(_PENDING)
        ]
        batches = {seq: (state, bytes(body)) for seq, state, body in db.execute(_BATCHES)}
        lost = sum(count for (count,) in db.execute(_LOST))
        return Outbox(epoch, batches, pending, lost)


def read_outbox(path: Path) -> list[Kept]:
    """Read all that an outbox keeps; no gateway may be using it."""
    outbox = open_outbox(path)
    return [*sealed(outbox.batches), *outbox.pending]


def sealed(batches: Mapping[int, tuple[str, bytes]]) -> Iterator[Kept]:
    """Unpack batches, given by number with their state and bytes."""
    for seq, (state, body) in batches.items():
        for series in codec.decode(body).series:
            for sample in series.samples():
                yield Kept(series.name, sample.time_ms, sample.value, f"batch {seq}, {state}")


def read_stored_batches(url: str) -> set[tuple[str, str, int]] | None:
    """Read gateway, epoch and number of each stored batch; None while that cannot be read."""
    try:
        if url.startswith("sqlite:///"):
            uri = f"{Path(url.removeprefix('sqlite:///')).absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=2)) as db:
                return set(db.execute(_JOURNALLED))
        with psycopg.connect(url, connect_timeout=2) as connection:
            rows = connection.execute(_JOURNALLED.encode()).fetchall()
            return {(gateway, epoch, seq) for gateway, epoch, seq in rows}
    except (sqlite3.Error, psycopg.OperationalError):
        return None


def read_database(url: str) -> Database | None:
    """Read a SQLite or PostgreSQL database; None while it cannot be read."""
    try:
        return _read(url)
    except (sqlite3.OperationalError, psycopg.OperationalError):
        return None


def _read(url: str) -> Database:
    if url.startswith("sqlite:///"):
        uri = f"{Path(url.removeprefix('sqlite:///')).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as db:
            rows = db.execute(_OBSERVATIONS.format(time="o.time"))
            return Database(_by_name(rows), [row[0] for row in db.execute(_STORED_TWICE)])
    with psycopg.connect(url) as connection:
        found = connection.execute(_OBSERVATIONS.format(time=_PG_TIME).encode())
        twice = connection.execute(_STORED_TWICE.encode())
        return Database(_by_name(found), [row[0] for row in twice])


def _by_name(rows: Iterable[tuple[str, str, int, float | None]]) -> Stored:
    stored: dict[tuple[str, str], dict[int, float | None]] = defaultdict(dict)
    for gateway, name, time_ms, value in rows:
        stored[gateway, name][time_ms] = value
    return stored
