"""What the tests of watches share."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from server.db.engine import open_engine
from server.db.migrate import upgrade
from tests.server.alerts.stories import CONDITIONS
from tests.server.watch.field import DatabaseWatch, Field


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory) -> Path:
    """A database file with the tables and no rows: to copy it is sooner done than to migrate."""
    path = tmp_path_factory.mktemp("migrated") / "saxaul.db"
    opened = open_engine(f"sqlite:///{path}")
    upgrade(opened)
    opened.dispose()
    return path


@pytest.fixture
def sqlite_engine(tmp_path, migrated_file) -> Iterator[Engine]:
    """An open database on SQLite with the schema of this program and no rows."""
    path = shutil.copy(migrated_file, tmp_path / "saxaul.db")
    opened = open_engine(f"sqlite:///{path}")
    yield opened
    opened.dispose()


@pytest.fixture
def watched(engine) -> DatabaseWatch:
    """A watch for dry samples on either engine; see tests.server.alerts.stories for its rule."""
    return DatabaseWatch(Field(engine), CONDITIONS)


@pytest.fixture
def watched_on_sqlite(sqlite_engine) -> DatabaseWatch:
    """The same, for what does not depend on the engine."""
    return DatabaseWatch(Field(sqlite_engine), CONDITIONS)


def _wait_until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition; fail when it does not come about."""
    return _wait_until
