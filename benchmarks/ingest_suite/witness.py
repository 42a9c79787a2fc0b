"""What is in the database: counted while it goes on, and compared value by value afterwards."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.chaos_suite.recovery.witness import Witness
from benchmarks.ingest_suite.station import CHANNELS, MINUTE_MS, Load, variant_of
from deploy.errors import SetupError
from server.db.instant import to_datetime
from wire.quality import Flag

# A few rows a gateway, so that asking ten times a second costs nothing; it is written in the
# transaction that stores the readings.
_COMMITTED = """
SELECT coalesce(sum(last - first + 1), 0) FROM ledger_range WHERE epoch = {arg} AND fate = 'stored'
"""
_JOURNALLED = """
SELECT count(*), coalesce(sum(observations), 0) FROM journal
WHERE epoch = {arg} AND status = 'stored'
"""
_STORED = """
SELECT count(*), coalesce(sum(CASE WHEN quality = {arg} THEN 1 ELSE 0 END), 0) FROM observation
WHERE time >= {arg} AND time < {arg}
"""
_LATEST = """
SELECT d.gateway_id, {newest} FROM latest l JOIN datastream d ON d.id = l.datastream_id
GROUP BY d.gateway_id
"""
_SERIES = "SELECT gateway_id, name, id FROM datastream WHERE source_id IS NULL"
_SAMPLED = 5

Ids = Mapping[tuple[str, str], int]


class Ledger:
    """Reads one database by SQL; for one thread."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self._is_sqlite = url.startswith("sqlite:///")
        self._db: Any
        if self._is_sqlite:
            path = Path(url.removeprefix("sqlite:///")).absolute()
            self._db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)
        else:
            self._db = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def committed(self, epoch: str) -> int:
        """Count the batches of an epoch that are committed."""
        return int(self._ask(_COMMITTED, epoch)[0][0])

    def journalled(self, epoch: str) -> tuple[int, int]:
        """Count an epoch's entries that are stored, and the readings they held."""
        ((entries, readings),) = self._ask(_JOURNALLED, epoch)
        return int(entries), int(readings)

    def stored(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """Count the observations of a time, and those that passed every check."""
        times = (self._instant(from_ms), self._instant(to_ms))
        ((count, passed),) = self._ask(_STORED, int(Flag.PASS), *times)
        return int(count), int(passed)

    def latest(self) -> Mapping[str, int]:
        """Tell by gateway the newest instant that all of its series have."""
        newest = "min(l.time)"
        if not self._is_sqlite:
            newest = "(extract(epoch FROM min(l.time)) * 1000)::bigint"
        return {gateway: int(time_ms) for gateway, time_ms in self._ask(_LATEST, newest=newest)}

    def series(self) -> Ids:
        """Give the ids of all series that gateways have announced, by gateway and name."""
        return {(gateway, name): id_ for gateway, name, id_ in self._ask(_SERIES)}

    def _instant(self, time_ms: int) -> object:
        return time_ms if self._is_sqlite else to_datetime(time_ms)

    def _ask(self, query: str, *values: object, newest: str = "") -> Sequence[Any]:
        text = query.format(arg="?" if self._is_sqlite else "%s", newest=newest)
        rows: Sequence[Any] = self._db.execute(text, values).fetchall()
        return rows


def verify(url: str, load: Load, batches: Sequence[int]) -> None:
    """Require that all of a load is there, once and unchanged; raises SetupError if it is not.

    `batches` counts what each gateway has sent. Everything is counted; of a few gateways every
    value is compared.
    """
    with closing(Ledger(url)) as ledger:
        _require(
            "batches and readings in the journal",
            ledger.journalled(load.epoch),
            _sum(load, batches),
        )
        readings = sum(batches) * load.batch_readings
        found = ledger.stored(load.start_ms, load.end_ms)
        _require("observations, and those that passed", found, (readings, readings))
        latest = ledger.latest()
        for name, count in zip(load.gateways, batches, strict=True):
            if count:
                last_ms = load.start_ms + (count * load.rows - 1) * MINUTE_MS
                _require(f"the newest instant of {name}", latest.get(name), last_ms)
    _compare_values(url, load, batches)


def _sum(load: Load, batches: Sequence[int]) -> tuple[int, int]:
    return sum(batches), sum(batches) * load.batch_readings


def _compare_values(url: str, load: Load, batches: Sequence[int]) -> None:
    every = max(1, len(load.gateways) // _SAMPLED)
    with closing(Witness(url)) as witness:
        for number in range(0, len(load.gateways), every):
            count = batches[number] * load.rows
            expected = load.doubles(variant_of(number))[:, :count]
            times_ms = load.times_ms(batches[number])
            for channel, values in zip(CHANNELS, expected, strict=True):
                gateway = load.gateways[number]
                found = witness.values(gateway, channel.name, load.start_ms, load.end_ms)
                is_same = np.array_equal(found[0], times_ms) and np.array_equal(found[1], values)
                _require(f"{gateway} {channel.name} as it was sent", is_same, expected=True)


def _require(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise SetupError(f"the measurement is void: {what}: {found}, but {expected} were sent")
