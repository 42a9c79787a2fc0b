"""A site with warnings, made once; each test gets a copy of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.db.engine import open_engine
from server.db.migrate import upgrade
from tests.server.api.alerts.world import warned
from tests.server.api.running import RunningApi, served


@pytest.fixture(scope="session")
def warned_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """The database, closed, and the datastreams' ids by name."""
    path = tmp_path_factory.mktemp("warned") / "saxaul.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    ids = warned(engine)
    engine.dispose()
    return path, ids


@pytest.fixture
def warned_api(warned_file, tmp_path: Path) -> Iterator[RunningApi]:
    """See `tests.server.api.alerts.world.warned`; messages go by e-mail."""
    source, ids = warned_file
    path = tmp_path / "warned.db"
    shutil.copy(source, path)
    engine = open_engine(f"sqlite:///{path}")
    with served(engine, ids, channels=("email", "sms")) as running:
        yield running
    engine.dispose()
