"""An inventory of one soil station, and what the catalog holds after it was applied."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, select

from server.catalog.inventory import apply_inventory
from server.db import tables as t
from server.db.engine import writing
from wire.catalogue import bundled
from wire.messages import DatastreamInfo, GatewayInfo, Inventory, SensorInfo, ThingInfo

NOW = 1_767_225_600_000  # 2026-01-01T00:00Z

THING = {"id": "dune-1", "name": "Dune 1", "site": "kubuqi", "lat": 40.6, "lon": 108.9}
SENSOR = {
    "id": "soil-10cm",
    "thing": "dune-1",
    "model": "METER TEROS 12",
    "serial": "T12-1",
    "protocol": "sdi12",
    "address": "1",
    "depth_m": 0.1,
}


def make_series(name: str, unit: str, interval_s: float = 600.0) -> DatastreamInfo:
    sensor, _, key = name.rpartition("/")
    return DatastreamInfo(name=name, sensor=sensor, property=key, unit=unit, interval_s=interval_s)


def make_inventory(**changes: object) -> Inventory:
    """One TEROS 12 on one dune; `sensor` and `thing` change single fields of theirs."""
    sensor = SensorInfo(**(SENSOR | changes.pop("sensor", {})))
    thing = ThingInfo(**(THING | changes.pop("thing", {})))
    fields = {
        "rev": 1,
        "gateway": GatewayInfo(id="gw-a"),
        "things": [thing],
        "sensors": [sensor],
        "datastreams": [
            make_series("dune-1/soil-10cm/vwc_raw", "{raw}"),
            make_series("dune-1/soil-10cm/soil_temperature", "Cel"),
        ],
    }
    return Inventory(**(fields | changes))


@dataclass
class Catalog:
    """Applies inventories, each in its own transaction, and reads the tables."""

    engine: Engine

    def apply(
        self, inventory: Inventory, now_ms: int = NOW, gateway: str = "gw-a"
    ) -> list[tuple[str, str, str]]:
        """What it gives back is what there is to say: about what, of which kind, and why."""
        with writing(self.engine) as connection:
            found = apply_inventory(connection, gateway, inventory, bundled(), now_ms)
        return [(one.about, one.kind.value, one.reason) for one in found]

    def rows(self, table: str, *columns: str) -> list[tuple]:
        source = t.metadata.tables[table]
        chosen = [source.c[name] for name in columns] or [source]
        with self.engine.connect() as connection:
            order = source.primary_key.columns
            return [tuple(row) for row in connection.execute(select(*chosen).order_by(*order))]

    def everything(self) -> dict[str, list[tuple]]:
        return {name: self.rows(name) for name in t.metadata.tables if name != "observation"}


@pytest.fixture
def catalog(engine: Engine) -> Catalog:
    """On SQLite and on TimescaleDB."""
    return Catalog(engine)


@pytest.fixture
def inventory():
    """Builds an inventory, with changes."""
    return make_inventory


@pytest.fixture
def series():
    """Builds a datastream's entry."""
    return make_series
