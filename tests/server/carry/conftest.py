"""How carried files are imported, and what is stored then."""

import io
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, func, select

from server.carry.importer import FileImport, Hooks
from server.carry.report import Report
from server.db.tables import datastream, journal, observation
from tests.server.carry.factory import NOW, Carried


@pytest.fixture
def take(engine: Engine) -> Callable[..., Report]:
    """Import a file, given as what is to be written or as bytes."""

    def run(carried: Carried | bytes, now: int = NOW, **hooks: object) -> Report:
        raw = carried if isinstance(carried, bytes) else carried.written()
        return FileImport(engine, lambda: now, io.BytesIO(raw), Hooks(**hooks)).run()

    return run


@pytest.fixture
def values(engine: Engine) -> Callable[..., list[float]]:
    """Read what is stored of a sensor's raw series, in order of time."""

    def read(sensor: str = "soil-10cm") -> list[float]:
        with engine.connect() as connection:
            found = select(observation.c.value).join(
                datastream, datastream.c.id == observation.c.datastream_id
            )
            named = found.where(datastream.c.name == f"dune-1/{sensor}/vwc_raw")
            return list(connection.execute(named.order_by(observation.c.time)).scalars())

    return read


@pytest.fixture
def journalled(engine: Engine) -> Callable[[], int]:
    """Count what is in the journal."""

    def count() -> int:
        with engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(journal)).scalar_one()

    return count
