"""What the server's tests share: each store test runs on SQLite and on TimescaleDB, both real."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

import server.db.alert_tables
import server.db.notify_tables  # noqa: F401 - their tables are emptied too
from server.db.engine import open_engine
from server.db.migrate import upgrade
from server.db.tables import metadata


@pytest.fixture(params=["sqlite", "timescale"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database, without tables, that goes with the test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'saxaul.db'}"
    url: str = request.getfixturevalue("timescale_database")
    return url


@pytest.fixture(params=["sqlite", "timescale"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An open database with the schema of this program and no rows."""
    opened: Engine = request.getfixturevalue(f"{request.param}_engine")
    return opened


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """The same on SQLite only, for what does not touch the store."""
    opened = open_engine(f"sqlite:///{tmp_path / 'saxaul.db'}")
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def timescale_engine(migrated_timescale: Engine) -> Engine:
    """The same on TimescaleDB only; tests take turns in one database, emptied for each."""
    tables = ", ".join(metadata.tables)
    with migrated_timescale.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    return migrated_timescale


@pytest.fixture(scope="session")
def migrated_timescale(timescale_url: str) -> Iterator[Engine]:
    """One TimescaleDB with the tables, for the whole session."""
    name = f"server_{secrets.token_hex(8)}"
    with psycopg.connect(timescale_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        opened = open_engine(f"{timescale_url.rpartition('/')[0]}/{name}")
        upgrade(opened)
        yield opened
        opened.dispose()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
