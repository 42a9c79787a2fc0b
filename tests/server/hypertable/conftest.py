"""A database with some days of readings, and plain PostgreSQL beside the two usual ones."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psycopg
import pytest
from sqlalchemy import Engine, text

from server.db.engine import open_engine, writing
from server.db.migrate import upgrade
from server.db.tables import metadata
from server.hypertable.chunks import FIRST_MS
from server.hypertable.intervals import write_interval
from server.store.engines import store_for
from server.store.port import Columns

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_767_225_600_000 + 5 * HOUR_MS  # 2026-01-01T05:00Z

_STATION = """
INSERT INTO gateway (id, first_seen_at) VALUES ('dune', {now});
INSERT INTO site (id, key, name) VALUES (1, 'north', 'North');
INSERT INTO thing (id, gateway_id, key, site_id, name) VALUES (1, 'dune', 'dune-1', 1, 'Dune 1');
INSERT INTO observed_property (id, key, label, unit, aggregate)
VALUES (1, 'vwc', 'Water', '%', 'mean');
"""
_SERIES = """
INSERT INTO datastream (id, gateway_id, name, thing_id, sensor_key, observed_property_id, unit,
    statistic, interval_s)
VALUES (:id, 'dune', :name, 1, 'soil', 1, '%', 'point', 60)
"""


@dataclass
class Field:
    """Stores readings and tells what is there."""

    engine: Engine

    def add_series(self, *ids: int) -> None:
        with writing(self.engine) as connection:
            now = "now()" if self.engine.dialect.name == "postgresql" else "0"
            for statement in _STATION.format(now=now).split(";")[:-1]:
                connection.execute(text(statement))
            connection.execute(text(_SERIES), [{"id": one, "name": f"d/s/{one}"} for one in ids])

    def store(self, datastream_id: int, times_ms: list[int], *, missing: bool = False) -> int:
        """Append readings, which are missing for a reason if so wanted."""
        count = len(times_ms)
        columns = Columns(
            np.full(count, datastream_id, np.int32),
            np.array(times_ms, np.int64),
            np.full(count, np.nan if missing else 7.0),
            np.full(count, 9 if missing else 1, np.int32),
            dict.fromkeys(range(count), "no answer") if missing else {},
        )
        with writing(self.engine) as connection:
            return store_for(self.engine).append(connection, columns)

    def times(self, datastream_id: int) -> list[int]:
        with self.engine.connect() as connection:
            found = store_for(self.engine).read_range(
                connection, datastream_id, 0, 2**43, 1_000_000
            )
            return found.time_ms.tolist()

    def count(self, table: str) -> int:
        with self.engine.connect() as connection:
            return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()

    def roll_up(self) -> None:
        """Call every mark worked off, as the rollup worker does in the end."""
        with writing(self.engine) as connection:
            connection.execute(text("DELETE FROM rollup_mark"))


@pytest.fixture(scope="session")
def migrated_plain(timescale_url: str) -> Iterator[Engine]:
    """One database without TimescaleDB, for the whole session."""
    name = f"plain_{secrets.token_hex(8)}"
    with psycopg.connect(timescale_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        opened = open_engine(f"{timescale_url.rpartition('/')[0]}/{name}")
        upgrade(opened)
        with opened.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP EXTENSION timescaledb CASCADE"))
        opened.dispose()
        yield opened
        opened.dispose()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def plain_engine(migrated_plain: Engine) -> Engine:
    """PostgreSQL as it is without TimescaleDB."""
    with migrated_plain.begin() as connection:
        tables = ", ".join(metadata.tables)
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    return migrated_plain


@pytest.fixture
def chunked_engine(timescale_engine: Engine) -> Iterator[Engine]:
    """TimescaleDB, with the interval of the first migration again afterwards."""
    yield timescale_engine
    with timescale_engine.begin() as connection:
        write_interval(connection, FIRST_MS)


@pytest.fixture(params=["sqlite", "plain", "chunked"])
def field(request: pytest.FixtureRequest) -> Field:
    """Readings of two series on each kind of database."""
    made: Field = request.getfixturevalue(f"on_{request.param}")
    return made


@pytest.fixture
def on_sqlite(sqlite_engine: Engine) -> Field:
    """The same on SQLite only."""
    return _made(sqlite_engine)


@pytest.fixture
def on_plain(plain_engine: Engine) -> Field:
    """The same on PostgreSQL alone."""
    return _made(plain_engine)


@pytest.fixture
def on_chunked(chunked_engine: Engine) -> Field:
    """The same on TimescaleDB only."""
    return _made(chunked_engine)


def _made(engine: Engine) -> Field:
    made = Field(engine)
    made.add_series(1, 2)
    return made
