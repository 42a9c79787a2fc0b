"""The same rows without a server: what the database takes in when one process only writes.

From arrays to committed, in groups as large as those that the server makes of hour batches. It is
written here anew, not taken from the server: a yardstick must not change with what it measures.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.ingest_suite.databases import settle
from benchmarks.ingest_suite.station import CHANNELS, MINUTE_MS, VARIANTS, Load, variant_of
from benchmarks.ingest_suite.witness import Ids
from deploy.errors import SetupError
from server.db.engine import open_engine
from server.db.migrate import upgrade
from wire.quality import Flag

# Batches of an hour that the server puts into one transaction: 20,400 readings.
GROUP_BATCHES = 17

# PostgreSQL 17 manual, COPY, "Binary Format"; a timestamptz counts microseconds since 2000.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_PG_EPOCH_MS = 946_684_800_000
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("time_bytes", ">i4"),
        ("time", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">f8"),
        ("id_bytes", ">i4"),
        ("id", ">i4"),
        ("quality_bytes", ">i4"),
        ("quality", ">i4"),
    ]
)
_COLUMNS = "(time, value, datastream_id, quality)"
_STAGING = f"""
CREATE TEMP TABLE bare {_COLUMNS} ON COMMIT DELETE ROWS AS
SELECT time, value, datastream_id, quality FROM observation WITH NO DATA
"""
_INSERT = f"INSERT INTO observation {_COLUMNS} SELECT * FROM bare ON CONFLICT DO NOTHING"
_SQLITE_INSERT = f"INSERT INTO observation {_COLUMNS} VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of `observation` as arrays."""

    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    datastream_id: NDArray[np.int32]

    def __len__(self) -> int:
        """Count them."""
        return len(self.time_ms)

    def copy_bytes(self) -> bytes:
        """Write them as COPY reads them."""
        rows = np.empty(len(self), dtype=_ROW)
        rows["fields"] = 4
        rows["time_bytes"] = rows["value_bytes"] = 8
        rows["id_bytes"] = rows["quality_bytes"] = 4
        rows["time"] = (self.time_ms - _PG_EPOCH_MS) * 1000
        rows["value"], rows["id"] = self.value, self.datastream_id
        rows["quality"] = int(Flag.PASS)
        return _HEADER + rows.tobytes() + _TRAILER


def groups(load: Load, batches: Sequence[int], ids: Ids) -> Iterator[Rows]:
    """Give the rows of all batches that were sent, a group of batches at a time, in turns."""
    doubles = [load.doubles(variant) for variant in range(VARIANTS)]
    own = [[ids[name, channel.name] for channel in CHANNELS] for name in load.gateways]
    turns = [
        (number, gateway)
        for number in range(max(batches))
        for gateway, count in enumerate(batches)
        if number < count
    ]
    for first in range(0, len(turns), GROUP_BATCHES):
        yield _joined(
            [
                _rows(load, doubles[variant_of(gateway)], number, own[gateway])
                for number, gateway in turns[first : first + GROUP_BATCHES]
            ]
        )


def copy_rate(url: str, load: Load, batches: Sequence[int], ids: Ids) -> float:
    """Tell how many of a load's rows a second go through a staging table into an empty database."""
    _migrate(url)
    settle(url)
    with psycopg.connect(url) as connection:
        connection.execute(_STAGING.encode())
        connection.commit()
        count, began_s = 0, time.monotonic()
        for rows in groups(load, batches, ids):
            with connection.cursor() as cursor:
                with cursor.copy(
                    f"COPY bare {_COLUMNS} FROM STDIN (FORMAT binary)".encode()
                ) as copy:
                    copy.write(rows.copy_bytes())
                count += cursor.execute(_INSERT.encode()).rowcount
            connection.commit()
        seconds = time.monotonic() - began_s
    return _rate(count, seconds, load, batches)


def executemany_rate(path: Path, load: Load, batches: Sequence[int], ids: Ids) -> float:
    """Tell how many of a load's rows a second SQLite takes by executemany, as durably as ours."""
    _migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        began_s = time.monotonic()
        for rows in groups(load, batches, ids):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_SQLITE_INSERT, _tuples(rows))
            connection.execute("COMMIT")
        seconds = time.monotonic() - began_s
        ((count,),) = connection.execute("SELECT count(*) FROM observation")
    return _rate(count, seconds, load, batches)


def fill(url: str, ids: Ids, start_ms: int, rows: int) -> int:
    """Give every series a past of minutes from `start_ms` on, `rows` in all or a few more.

    Gives the instant after the last. Rows go in by time, as they would have come.
    """
    series = np.array(sorted(ids.values()), dtype=np.int32)
    minutes = -(-rows // len(series))
    slice_minutes = max(1, 400_000 // len(series))
    with psycopg.connect(url) as connection:
        for first in range(0, minutes, slice_minutes):
            count = min(slice_minutes, minutes - first)
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    f"COPY observation {_COLUMNS} FROM STDIN (FORMAT binary)".encode()
                ) as copy,
            ):
                copy.write(_past(series, start_ms + first * MINUTE_MS, count).copy_bytes())
            connection.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE observation")
    return start_ms + minutes * MINUTE_MS


def _past(series: NDArray[np.int32], start_ms: int, minutes: int) -> Rows:
    """Make so many minutes of all series: values that differ, with two decimals."""
    times = start_ms + np.arange(minutes, dtype=np.int64) * MINUTE_MS
    time_ms = np.repeat(times, len(series))
    ids = np.tile(series, minutes)
    return Rows(time_ms, (time_ms // MINUTE_MS * 7 + ids) % 4000 / 100, ids)


def _rows(load: Load, doubles: NDArray[np.float64], number: int, own: Sequence[int]) -> Rows:
    """Give the rows of one batch."""
    first = number * load.rows
    times = load.start_ms + np.arange(first, first + load.rows, dtype=np.int64) * MINUTE_MS
    return Rows(
        np.tile(times, len(own)),
        doubles[:, first : first + load.rows].ravel(),
        np.repeat(np.array(own, dtype=np.int32), load.rows),
    )


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        np.concatenate([one.time_ms for one in parts]),
        np.concatenate([one.value for one in parts]),
        np.concatenate([one.datastream_id for one in parts]),
    )


def _tuples(rows: Rows) -> Iterator[tuple[int, float, int, int]]:
    passed = int(Flag.PASS)
    columns = (rows.time_ms.tolist(), rows.value.tolist(), rows.datastream_id.tolist())
    return ((time, value, id_, passed) for time, value, id_ in zip(*columns, strict=True))


def _migrate(url: str) -> None:
    engine = open_engine(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def _rate(count: int, seconds: float, load: Load, batches: Sequence[int]) -> float:
    expected = sum(batches) * load.batch_readings
    if count != expected:
        raise SetupError(f"the bare way stored {count} rows of {expected}")
    return count / seconds
