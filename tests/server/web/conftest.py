"""The pages on a filled SQLite database, served by a real uvicorn."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.server.api.factory import fill
from tests.server.api.running import RunningApi, served


@pytest.fixture
def site(sqlite_engine: Engine) -> Iterator[RunningApi]:
    """Two stations, everything fresh at NOW, which is also the server's clock."""
    ids = fill(sqlite_engine)
    with served(sqlite_engine, ids) as running:
        yield running
