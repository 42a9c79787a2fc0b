"""A site with two gateways, several sensors and observations, on both databases."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update

from server.catalog.inventory import apply_inventory
from server.db import tables as t
from server.db.engine import writing
from server.export.folder import Folder
from server.export.metadata import read_site
from server.export.query import Format, Query, Resolution
from server.export.reading import snapshot
from server.export.run import Setting, Work
from server.store.engines import store_for
from server.store.port import Columns
from wire import messages
from wire.catalogue import bundled

NOW_MS = 1_774_000_000_000  # 2026-03-20T09:46:40Z
HOUR_MS = 3_600_000
JANUARY = 1_767_225_600_000  # 2026-01-01T00:00Z
APRIL = 1_775_001_600_000  # 2026-04-01T00:00Z
TEN_MINUTES = 600_000


def inventory(gateway, *things):
    """Each thing is (key, lat, lon, elevation, ((sensor, model, depth, height, ((property, unit, statistic), ...)), ...))."""
    return messages.Inventory(
        rev=1,
        gateway=messages.GatewayInfo(id=gateway),
        things=[
            messages.ThingInfo(
                id=key, name=f"Station {key}", site="kubuqi", lat=lat, lon=lon, elevation_m=high
            )
            for key, lat, lon, high, _ in things
        ],
        sensors=[
            messages.SensorInfo(
                id=sensor,
                thing=key,
                model=model,
                serial=f"SN-{sensor}",
                depth_m=depth,
                height_m=height,
            )
            for key, *_, sensors in things
            for sensor, model, depth, height, _ in sensors
        ],
        datastreams=[
            messages.DatastreamInfo(
                name=f"{key}/{sensor}/{prop}",
                sensor=f"{key}/{sensor}",
                property=prop,
                unit=unit,
                interval_s=600.0,
                statistic=statistic,
            )
            for key, *_, sensors in things
            for sensor, _, _, _, series in sensors
            for prop, unit, statistic in series
        ],
    )


SOIL = (("vwc_raw", "{raw}", "last"), ("soil_temperature", "Cel", "last"))
DUNE = (
    "dune-1",
    40.6,
    108.9,
    1042.0,
    (
        ("soil-10cm", "METER TEROS 12", 0.1, None, SOIL),
        ("soil-30cm", "METER TEROS 12", 0.3, None, SOIL),
        (
            "weather",
            "METER ATMOS 41",
            None,
            2.0,
            (
                ("wind_direction", "deg", "last"),
                ("rain", "mm", "sum"),
                ("air_temperature", "Cel", "last"),
            ),
        ),
    ),
)
ORCHARD = ("dune-1", None, None, None, (("soil-10cm", "METER TEROS 12", 0.1, None, SOIL),))


class Station:
    """A database with the site `kubuqi` in it, and the folder that it is exported to."""

    def __init__(self, engine, tmp_path):
        self.engine = engine
        self.out = tmp_path / "out"
        self.now_ms = NOW_MS
        with writing(engine) as connection:
            for gateway, thing in (("kubuqi-dune", DUNE), ("kubuqi-orchard", ORCHARD)):
                found = inventory(gateway, thing)
                apply_inventory(connection, gateway, found, bundled(), NOW_MS)
            rows = connection.execute(
                select(t.datastream.c.id, t.datastream.c.gateway_id, t.datastream.c.name)
            )
            self.ids = {f"{gateway}:{name}": id_ for id_, gateway, name in rows}

    def id(self, name, gateway="kubuqi-dune"):
        return self.ids[f"{gateway}:{name}"]

    def zone(self, name):
        with writing(self.engine) as connection:
            connection.execute(update(t.site).values(time_zone=name))

    def store(self, series, rows, *, replace=False):
        """Store (time, value or None, quality, reason or "") of a series."""
        id_ = series if isinstance(series, int) else self.id(series)
        columns = Columns(
            np.full(len(rows), id_, dtype=np.int32),
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([row[1] for row in rows], dtype=np.float64),
            np.array([row[2] for row in rows], dtype=np.int32),
            {index: row[3] for index, row in enumerate(rows) if row[3]},
        )
        with writing(self.engine) as connection:
            store = store_for(self.engine)
            (store.replace if replace else store.append)(connection, columns)

    def fill(self, series, count, *, start=JANUARY, every=TEN_MINUTES, seed=1):
        """Store a value every ten minutes, some of them missing."""
        chance = np.random.default_rng(seed)
        missing = chance.random(count) < 0.05
        values = np.round(chance.normal(20, 8, count), 2)
        self.store(
            series,
            [
                (start + index * every, None if missing[index] else float(values[index]),
                 9 if missing[index] else 1, "timeout" if missing[index] else "")
                for index in range(count)
            ],
        )  # fmt: skip

    def query(self, fmt=Format.PARQUET, since=JANUARY, to=APRIL, resolution=Resolution.RAW, **more):
        with snapshot(self.engine) as connection:
            zone = read_site(connection, "kubuqi").time_zone
        return Query("kubuqi", zone, since, to, fmt, resolution, **more)

    def work(self, query, out=None, show=lambda _step: None):
        with snapshot(self.engine) as connection:
            site = read_site(connection, "kubuqi")
        folder = Folder(Path(out or self.out))
        return Work(Setting(self.engine, site, query, folder, lambda: self.now_ms, show))

    def export(self, query, out=None):
        return self.work(query, out).run()

    def stored(self, series_id, since=JANUARY, to=APRIL):
        """What a direct SELECT says: (time, value or None, quality, reason or "")."""
        o, n = t.observation.c, t.observation_note.c
        wanted = (
            select(o.time, o.value, o.quality, n.reason)
            .outerjoin_from(
                t.observation,
                t.observation_note,
                (n.datastream_id == o.datastream_id) & (n.time == o.time),
            )
            .where(o.datastream_id == series_id, o.time >= since, o.time < to)
            .order_by(o.time)
        )
        with self.engine.connect() as connection:
            return [
                (row.time, row.value, row.quality, row.reason or "")
                for row in connection.execute(wanted)
            ]


@pytest.fixture
def station(engine, tmp_path):
    return Station(engine, tmp_path)


@pytest.fixture
def sqlite_station(sqlite_engine, tmp_path):
    """For what does not touch the store."""
    return Station(sqlite_engine, tmp_path)
