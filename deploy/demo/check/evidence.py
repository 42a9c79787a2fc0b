"""Read what the check compares: truth and history files, gateway configurations, the database.

The database is read by plain SQL, not through the server's code.
"""

import csv
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import psycopg

from deploy.demo.check.facts import Answer, HistoryRow, Sensor, Stored
from gateway.config import load

_OBSERVATIONS = """
SELECT d.name, {time}, o.value FROM observation o JOIN datastream d ON d.id = o.datastream_id
"""
_PG_TIME = "(extract(epoch FROM o.time) * 1000)::bigint"
_STORED_TWICE = """
SELECT gateway || ' ' || epoch || ' ' || seq FROM journal
WHERE status = 'stored' AND epoch IS NOT NULL GROUP BY gateway, epoch, seq HAVING count(*) > 1
"""


class Database(NamedTuple):
    """What a database holds: all observations, and batches stored more than once."""

    stored: Stored
    stored_twice: Sequence[str]


class _TruthLine(msgspec.Struct):
    at_ms: int
    device: str
    kind: str
    values: dict[str, Decimal] = {}
    reasons: dict[str, str] = {}


def read_truth(path: Path) -> list[Answer]:
    """Read the simulator's truth file."""
    decoder = msgspec.json.Decoder(_TruthLine)
    lines = (decoder.decode(line) for line in path.read_bytes().splitlines())
    return [
        Answer(one.at_ms, one.device, one.values, one.reasons, one.kind == "answer")
        for one in lines
    ]


def read_history(path: Path) -> list[HistoryRow]:
    """Read a backfilled file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            HistoryRow(
                int(row["time_ms"]),
                row["datastream"],
                Decimal(row["value"]) if row["value"] else None,
            )
            for row in csv.DictReader(file)
        ]


def read_sensors(configs: Iterable[Path]) -> list[Sensor]:
    """Read which sensors the gateways were told to read, and how often."""
    return [
        Sensor(f"{sensor.thing}/{sensor.id}", model, round(sensor.interval_s * 1000))
        for path in configs
        for _, sensor, model in load(path).sensors()
    ]


def read_database(url: str) -> Database:
    """Read all observations of a SQLite or PostgreSQL database."""
    if url.startswith("sqlite:///"):
        uri = f"{Path(url.removeprefix('sqlite:///')).absolute().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, uri=True)
        try:
            rows = db.execute(_OBSERVATIONS.format(time="o.time"))
            return Database(_by_name(rows), [row[0] for row in db.execute(_STORED_TWICE)])
        finally:
            db.close()
    with psycopg.connect(url) as connection:
        found = connection.execute(_OBSERVATIONS.format(time=_PG_TIME).encode())
        twice = connection.execute(_STORED_TWICE.encode())
        return Database(_by_name(found), [row[0] for row in twice])


def _by_name(rows: Iterable[tuple[str, int, float | None]]) -> Stored:
    stored: dict[str, dict[int, float | None]] = defaultdict(dict)
    for name, time_ms, value in rows:
        stored[name][time_ms] = value
    return stored
