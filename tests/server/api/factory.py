"""Rows as ingest would have written them: a site with two gateways and two stations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from sqlalchemy import Connection, Engine, insert, select, update

from server.archive import block
from server.db import tables as t
from server.db.engine import writing
from server.store.engines import store_for
from server.store.port import Columns
from wire.properties import PROPERTIES

NOW = 1_795_158_000_000  # 2026-11-20T07:00:00Z
MINUTE = 60_000
HOUR = 3_600_000


@dataclass(frozen=True)
class Sensor:
    key: str
    model: str
    properties: tuple[tuple[str, str], ...]  # (property, unit)
    depth_m: float | None = None
    height_m: float | None = None


def teros(depth_cm: int) -> Sensor:
    series = (
        ("vwc_raw", "{raw}"),
        ("soil_temperature", "Cel"),
        ("soil_ec", "uS/cm"),
        ("vwc", "m3/m3"),
    )
    return Sensor(f"soil-{depth_cm}cm", "METER TEROS 12", series, depth_m=depth_cm / 100)


MAST = Sensor(
    "mast",
    "METER ATMOS 41",
    (
        ("air_temperature", "Cel"),
        ("wind_speed", "m/s"),
        ("wind_direction", "deg"),
        ("solar_radiation", "W/m2"),
        ("rain", "mm"),
    ),
    height_m=2.0,
)
SAND = Sensor("sand", "SALTATION COUNTER", (("saltation_count", "{count}"),), height_m=0.05)


class Catalog:
    """Writes rows; each datastream's id is kept by name."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.ids: dict[str, int] = {}
        self.things: dict[str, int] = {}

    def gateway(self, key: str, **values: object) -> None:
        row = {"id": key, "state": "online", "status_at": NOW, "first_seen_at": NOW - HOUR}
        self.connection.execute(insert(t.gateway).values(row | values))

    def site(self, key: str, name: str) -> int:
        return self._insert(t.site, key=key, name=name)

    def thing(self, gateway: str, site: int, key: str, name: str) -> int:
        thing = self._insert(t.thing, gateway_id=gateway, site_id=site, key=key, name=name)
        place = self._insert(t.location, name=name, lat=40.6, lon=108.9, elevation_m=1030.0)
        link = insert(t.thing_location).values(thing_id=thing, location_id=place)
        self.connection.execute(link)
        self.things[key] = thing
        return thing

    def sensor(self, gateway: str, thing: str, sensor: Sensor, interval_s: float) -> None:
        instrument = self._insert(t.sensor, gateway_id=gateway, model=sensor.model, serial="1")
        self._insert(
            t.deployment,
            sensor_id=instrument,
            thing_id=self.things[thing],
            key=sensor.key,
            depth_m=sensor.depth_m,
            height_m=sensor.height_m,
            since=NOW - 100 * HOUR,
        )
        for key, unit in sensor.properties:
            name = f"{thing}/{sensor.key}/{key}"
            self.ids[name] = self._insert(
                t.datastream,
                gateway_id=gateway,
                name=name,
                thing_id=self.things[thing],
                sensor_key=sensor.key,
                observed_property_id=self._property(key),
                unit=unit,
                statistic="last",
                interval_s=interval_s,
                source_id=self.ids.get(f"{thing}/{sensor.key}/vwc_raw") if key == "vwc" else None,
                transform="teros12-mineral/1" if key == "vwc" else None,
            )

    def latest(self, name: str, value: float | None, time: int = NOW, **values: object) -> None:
        row = {
            "datastream_id": self.ids[name],
            "time": time,
            "value": value,
            "quality": 9 if value is None else 1,
            "received_at": time + 500,
        }
        self.connection.execute(insert(t.latest).values(row | values))

    def observations(
        self, name: str, rows: Sequence[tuple[int, float | None, int]], reason: str = ""
    ) -> None:
        """Write (time, value, quality); a missing value gets `reason`."""
        stream = self.ids[name]
        values = [
            {"time": time, "value": value, "datastream_id": stream, "quality": quality}
            for time, value, quality in rows
        ]
        self.connection.execute(insert(t.observation), values)
        notes = [
            {"datastream_id": stream, "time": time, "reason": reason}
            for time, value, _ in rows
            if value is None and reason
        ]
        if notes:
            self.connection.execute(insert(t.observation_note), notes)

    def journal(self, **values: object) -> int:
        row = {
            "gateway": "kubuqi-dune",
            "topic": "saxaul/1/kubuqi-dune/batch/e0123456/1",
            "digest": bytes(32),
            "received_at": NOW,
            "payload": b"\x00payload",
            "status": "stored",
        }
        return self._insert(t.journal, **(row | values))

    def pack(self, entry: int, payload: bytes) -> None:
        """Move the payload of an entry into a block."""
        digest = sha256(payload).digest()
        data = block.pack([block.Slot(entry, payload, digest)])
        where = {"gateway": "kubuqi-dune", "last_received_at": NOW}
        block_id = self._insert(t.journal_block, data=data, **where)
        self.connection.execute(
            update(t.journal)
            .where(t.journal.c.id == entry)
            .values(payload=b"", digest=digest, block_id=block_id, packed_size=len(payload))
        )

    def _property(self, key: str) -> int:
        column = t.observed_property.c
        found = self.connection.execute(select(column.id).where(column.key == key)).scalar()
        if found is not None:
            return found
        known = PROPERTIES[key]
        return self._insert(
            t.observed_property,
            key=key,
            label=known.label,
            unit=known.unit,
            cf_name=known.cf_name,
            aggregate=known.aggregate.value,
        )

    def _insert(self, table, **values: object) -> int:
        return self.connection.execute(insert(table).values(values).returning(table.c.id)).scalar()


VALUES = {
    "vwc_raw": 2150.3,
    "vwc": 0.1384,
    "soil_temperature": 16.14,
    "soil_ec": 39.0,
    "air_temperature": -3.46,
    "wind_speed": 4.2,
    "wind_direction": 271.0,
    "solar_radiation": 512.4,
    "rain": 0.2,
    "saltation_count": 17.0,
}


def fill(engine: Engine, now: int = NOW) -> dict[str, int]:
    """Fill a database: dune-1 (soil at three depths, mast, sand) and plain-1 (one soil sensor).

    Everything is fresh at `now`. Returns the datastreams' ids by name.
    """
    with writing(engine) as connection:
        catalog = Catalog(connection)
        left = {"at": now - HOUR, "clock": "gnss", "by": "Bayar", "green": True}
        told = {"software": "0.1.0", "clock": "ntp"}
        catalog.gateway("kubuqi-dune", status_at=now, status=told, installation=left)
        catalog.gateway("kubuqi-plain", status_at=now)
        site = catalog.site("kubuqi-north", "Kubuqi North")
        catalog.thing("kubuqi-dune", site, "dune-1", "Dune 1, straw checkerboard")
        catalog.thing("kubuqi-plain", site, "plain-1", "Plain 1, saxaul plot")
        for sensor in (teros(10), teros(30), teros(60), MAST, SAND):
            catalog.sensor("kubuqi-dune", "dune-1", sensor, interval_s=10)
        catalog.sensor("kubuqi-plain", "plain-1", teros(20), interval_s=10)
        for name in catalog.ids:
            catalog.latest(name, VALUES[name.rpartition("/")[2]], now - 4000)
    return catalog.ids


def history(engine: Engine, datastream_id: int, now: int, hours: int, step_ms: int) -> None:
    """Write a daily cycle up to `now`, with a hole of three hours and one suspect value."""
    times = range(now - hours * HOUR, now, step_ms)
    hole = range(now - 9 * HOUR, now - 6 * HOUR)
    rows = [
        (
            time,
            0.12 + 0.03 * math.sin(time / (24 * HOUR) * 2 * math.pi),
            3 if time == times[-30] else 1,
        )
        for time in times
        if time not in hole
    ]
    store(engine, datastream_id, rows)


def store(
    engine: Engine, datastream_id: int, rows: Sequence[tuple[int, float | None, int]]
) -> None:
    """Store (time, value, quality) as ingest does, rollups marked."""
    times, values, quality = zip(*rows, strict=True)
    columns = Columns(
        np.full(len(rows), datastream_id, dtype=np.int32),
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.array(quality, dtype=np.int32),
    )
    with writing(engine) as connection:
        store_for(engine).append(connection, columns)
