"""The page of soils on two stations, one of them with three probes."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.server.api.running import RunningApi, served
from tests.server.soil.station import CAMPBELL, Probe, Server
from tests.server.web.alerts.conftest import chromium, visit

__all__ = ["chromium", "visit"]

SHALLOW = Probe(model=CAMPBELL)
DEEP = Probe(id="soil-40cm", model=CAMPBELL, depth_m=0.4)
OTHER = Probe(thing="dune-2", model=CAMPBELL)


@pytest.fixture
def station(sqlite_engine: Engine) -> Server:
    """Of the two at dune-1 the one at 10 cm tells 8.5 % of water; the one at dune-2 nothing."""
    server = Server(sqlite_engine)
    server.announce(SHALLOW, DEEP, OTHER)
    server.measure(SHALLOW, "0.085")
    server.measure(DEEP, "0.085")
    return server


@pytest.fixture
def api(station: Server) -> Iterator[RunningApi]:
    with served(station.engine, {}) as running:
        yield running
