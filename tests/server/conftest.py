"""What the server's tests share: each store test runs on SQLite and on TimescaleDB, both real."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

import server.db.alert_tables
import server.db.notify_tables  # noqa: F401 - their tables are emptied too
from server.db.engine import open_engine
from server.db.migrate import upgrade
from tests.server.emptying import empty


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


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the tables and no rows: to copy it is sooner done than to migrate."""
    path: Path = tmp_path_factory.mktemp("migrated") / "saxaul.db"
    opened = open_engine(f"sqlite:///{path}")
    upgrade(opened)
    opened.dispose()
    return path


@pytest.fixture
def sqlite_engine(tmp_path: Path, migrated_file: Path) -> Iterator[Engine]:
    """The same on SQLite only, for what does not touch the store."""
    path = shutil.copy(migrated_file, tmp_path / "saxaul.db")
    opened = open_engine(f"sqlite:///{path}")
    yield opened
    opened.dispose()


@pytest.fixture
def timescale_engine(migrated_timescale: Engine) -> Engine:
    """The same on TimescaleDB only; tests take turns in one database, emptied for each."""
    with migrated_timescale.begin() as connection:
        empty(connection)
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
