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

from benchmarks.chaos_suite.hostile import Victim
from wire import batch as codec

_PENDING = "SELECT datastream, wall_ms, value FROM pending"
_BATCHES = "SELECT seq, state, body FROM batch JOIN payload USING (seq) ORDER BY seq"
_CONFIRMED = "SELECT seq, body FROM batch JOIN payload USING (seq) WHERE state = 'stored'"
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


def read_outbox(path: Path) -> list[Kept]:
    """Read all that an outbox keeps; no gateway may be using it."""
    with closing(sqlite3.connect(path)) as db:
        pending = [
            Kept(name, time_ms, None if value is None else Decimal(value), "not yet in a batch")
            for name, time_ms, value in db.execute(_PENDING)
        ]
        return [*_sealed(db.execute(_BATCHES)), *pending]


def _sealed(rows: Iterable[tuple[int, str, bytes]]) -> Iterator[Kept]:
    for seq, state, body in rows:
        for series in codec.decode(body).series:
            for sample in series.samples():
                yield Kept(series.name, sample.time_ms, sample.value, f"batch {seq}, {state}")


def read_victim(gateway: str, path: Path) -> Victim | None:
    """Learn from a gateway's outbox, also while it runs; None while that cannot be read."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=0.2)) as db:
            ((epoch,),) = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchall()
            confirmed = [(seq, bytes(body)) for seq, body in db.execute(_CONFIRMED)]
    except (sqlite3.Error, ValueError):
        return None
    bodies = [body for _, body in confirmed]
    names = sorted({one.name for body in bodies for one in codec.decode(body).series})
    return Victim(gateway, epoch, names, confirmed)


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
