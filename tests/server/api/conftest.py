"""A filled database of each kind, served once for all tests that only read."""

import secrets
import zlib
from collections.abc import Iterator

import psycopg
import pytest

from server.db.engine import open_engine, writing
from server.db.migrate import upgrade
from server.ledger import book
from server.ledger.book import Epoch
from server.ledger.runs import Fate
from tests.server.api.factory import HOUR, MINUTE, NOW, Catalog, fill, teros
from tests.server.api.running import RunningApi, served
from wire.messages import OutboxFigures


@pytest.fixture(scope="session", params=["sqlite", "timescale"])
def shared_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of an empty database that lives as long as the session."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('api')}/saxaul.db"
        return
    server = request.getfixturevalue("timescale_url")
    name = f"api_{secrets.token_hex(8)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield f"{server.rpartition('/')[0]}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def api(shared_database: str) -> Iterator[RunningApi]:
    """The API on a database in which everything is fresh at NOW; see the tables below."""
    engine = open_engine(shared_database)
    upgrade(engine)
    ids = fill(engine)
    with writing(engine) as connection:
        catalog = Catalog(connection)
        catalog.ids = ids
        _second_site(catalog)
        _series(catalog)
        _journal(catalog)
        _ledger(catalog)
    with served(engine, ids) as running:
        yield running
    engine.dispose()


def _second_site(catalog: Catalog) -> None:
    """A gateway never heard of, with a station whose four series never reported."""
    values = {"status_at": None, "state": "unknown", "status": None}
    catalog.gateway("quiet", **values)
    site = catalog.site("ulan-buh", "Ulan Buh")
    catalog.thing("quiet", site, "edge-1", "Edge 1")
    catalog.sensor("quiet", "edge-1", teros(15), interval_s=600)


def _series(catalog: Catalog) -> None:
    """Ten minutes of dune-1/soil-10cm/vwc up to NOW, the fourth missing, the sixth suspect."""
    values = [0.10, 0.11, 0.12, None, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19]
    quality = [1, 1, 1, 9, 1, 3 | 16, 1, 1, 1, 1]
    times = [NOW - (10 - index) * MINUTE for index in range(10)]
    name = "dune-1/soil-10cm/vwc"
    catalog.observations(name, list(zip(times, values, quality, strict=True)), "timeout")
    catalog.observations(name, [(NOW - 30 * HOUR, 0.2, 1)])
    catalog.observations("dune-1/soil-10cm/soil_ec", [(NOW - MINUTE, None, 9)], '=1+1, "quoted"')


def _journal(catalog: Catalog) -> None:
    """Three stored batches, the first of them packed, then a refused one, then one of another gateway that waits."""
    for seq in (1, 2, 3):
        entry = catalog.journal(
            epoch="e0123456", seq=seq, observations=5, first_time=NOW, last_time=NOW
        )
        if seq == 1:
            catalog.pack(entry, zlib.compress(b"the first batch"))
    catalog.journal(epoch="e0123456", seq=4, status="refused", reason="unknown unit 'furlong'")
    catalog.journal(gateway="quiet", epoch="e7654321", seq=1, status="waiting")


def _ledger(catalog: Catalog) -> None:
    """The same in the ledger; the gateway has sealed one batch more, and that has not come."""
    epoch = Epoch("kubuqi-dune", "e0123456")
    for seq, fate in ((1, Fate.STORED), (2, Fate.STORED), (3, Fate.STORED), (4, Fate.REFUSED)):
        book.note(catalog.connection, epoch, seq, fate, NOW)
    figures = OutboxFigures(epoch=epoch.name, sealed=5, unconfirmed=1, refused=1)
    book.note_figures(catalog.connection, epoch, figures, NOW, retained=False)
