"""Fixtures of the soils' tests."""

import pytest
from sqlalchemy import Engine

from tests.server.soil.station import Server


@pytest.fixture
def server(engine: Engine) -> Server:
    """On SQLite and on TimescaleDB."""
    return Server(engine)


@pytest.fixture
def sqlite_server(sqlite_engine: Engine) -> Server:
    """On SQLite only, for what does not touch the store."""
    return Server(sqlite_engine)
