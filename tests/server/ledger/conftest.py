"""A gateway whose series and batches have every kind of gap."""

import pytest
from sqlalchemy import Engine

from server.db.engine import writing
from server.ledger import book
from server.ledger.book import Epoch
from server.ledger.runs import Fate
from tests.server.api.factory import HOUR, MINUTE, NOW, Catalog, Sensor
from wire.messages import OutboxFigures

DUNE = Epoch("kubuqi-dune", "a1b2c3d4")
START = NOW - HOUR
SOIL = Sensor("soil", "METER TEROS 12", (("vwc_raw", "{raw}"), ("vwc", "m3/m3")), depth_m=0.1)
MAST = Sensor("mast", "METER ATMOS 41", (("air_temperature", "Cel"),), height_m=2.0)
# Minutes of the hour before NOW in which each series has something.
GATEWAY_ON = [*range(10), *range(20, 60)]
SOIL_ON = [minute for minute in GATEWAY_ON if not 50 <= minute < 55]
SOIL_MISSING = [30, 31, 32]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """An hour of one-minute values: off for ten minutes, a sensor missing, one series silent.

    Of ten sealed batches two have not come, one is refused, and one is lost.
    """
    with writing(engine) as connection:
        catalog = Catalog(connection)
        catalog.gateway("kubuqi-dune", first_seen_at=START)
        catalog.gateway("quiet")
        site = catalog.site("kubuqi-north", "Kubuqi North")
        catalog.thing("kubuqi-dune", site, "dune-1", "Dune 1")
        for sensor in (SOIL, MAST):
            catalog.sensor("kubuqi-dune", "dune-1", sensor, interval_s=60)
        soil = [
            (START + minute * MINUTE, None, 9)
            if minute in SOIL_MISSING
            else (START + minute * MINUTE, 2000.0, 1)
            for minute in SOIL_ON
        ]
        mast = [(START + minute * MINUTE, 16.1, 1) for minute in GATEWAY_ON]
        catalog.observations("dune-1/soil/vwc_raw", soil, "timeout")
        catalog.observations("dune-1/mast/air_temperature", mast)
        for seq in (1, 2, 3, 4, 5, 7):
            book.note(connection, DUNE, seq, Fate.STORED, START)
        book.note(connection, DUNE, 6, Fate.REFUSED, START)
        figures = OutboxFigures(epoch=DUNE.name, sealed=10, unconfirmed=2)
        book.note_figures(connection, DUNE, figures, NOW, retained=False)
        book.note_gone(connection, DUNE, [(8, 8)])
        for seq, minute in ((5, 36), (7, 44)):
            span = {
                "first_time": START + (minute - 3) * MINUTE,
                "last_time": START + minute * MINUTE,
            }
            catalog.journal(epoch=DUNE.name, seq=seq, **span)
    return engine
