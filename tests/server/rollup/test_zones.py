"""A site's time zone: set by a command, changed by an inventory; its days are computed anew."""

import argparse
import io
import re

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import select

from server.catalog.inventory import apply_inventory
from server.db.engine import writing
from server.db.tables import datastream, rollup_day, site
from server.hypertable import horizon
from server.rollup import site_command
from server.rollup.worker import Workshop, anything
from server.rollup.zones import set_zone, zones_of
from server.store.engines import store_for
from server.store.port import Columns
from tests.server.rollup.brute import World, midnight
from tests.server.rollup.conftest import DIRECTION, ELSEWHERE, SCALAR
from wire.catalogue import bundled
from wire.errors import ConfigError
from wire.messages import DatastreamInfo, GatewayInfo, Inventory, SensorInfo, ThingInfo

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_774_728_000_000  # 2026-03-28T20:00Z: summer time begins in Berlin five hours later


def fill(engine, ids, hours=60):
    times = np.arange(hours) * HOUR + START
    with writing(engine) as connection:
        for one in ids:
            columns = Columns(
                np.full(hours, one, dtype=np.int32),
                times,
                np.arange(hours) * 1.0,
                np.ones(hours, dtype=np.int32),
            )
            store_for(engine).append(connection, columns)


def work_all(engine):
    workshop = Workshop(engine, lambda: 0, is_due=anything)
    while workshop.step():
        pass


def days(engine, series):
    with engine.connect() as connection:
        rows = connection.execute(
            select(rollup_day.c.start, rollup_day.c.n)
            .where(rollup_day.c.datastream_id == series)
            .order_by(rollup_day.c.start)
        )
        return [tuple(row) for row in rows]


def site_run(engine, **given):
    arguments = argparse.Namespace(**({"key": None, "time_zone": None} | given))
    out = io.StringIO()
    code = site_command.run(engine, arguments, Console(file=out, width=200))
    return code, out.getvalue()


def test_days_are_those_of_the_site(world, engine):
    fill(engine, (SCALAR, ELSEWHERE))
    work_all(engine)

    kolkata, berlin = midnight(START, "Asia/Kolkata"), midnight(START, "Europe/Berlin")
    assert days(engine, SCALAR) == [
        *((kolkata, 23), (kolkata + DAY, 24), (kolkata + 2 * DAY, 13)),
    ]
    # The second day has 23 hours.
    assert days(engine, ELSEWHERE) == [
        *((berlin, 3), (berlin + DAY, 23), (berlin + DAY + 23 * HOUR, 24)),
        (berlin + 2 * DAY + 23 * HOUR, 10),
    ]


@pytest.mark.parametrize("offset", [-1, 0])
def test_midnight_within_an_hour_parts_it(world, engine, offset):
    """18:30 UTC in Kolkata; nothing else has that day computed."""
    at = midnight(START + DAY, "Asia/Kolkata") + offset
    with writing(engine) as connection:
        one = np.ones(1)
        columns = Columns(one.astype(np.int32), np.array([at]), one, one.astype(np.int32))
        store_for(engine).append(connection, columns)

    work_all(engine)

    assert days(engine, SCALAR) == [(midnight(at, "Asia/Kolkata"), 1)]
    assert world.wrong() == []


def test_a_site_in_another_zone_has_its_days_computed_anew(world, engine):
    fill(engine, (SCALAR, ELSEWHERE))
    work_all(engine)
    before = days(engine, ELSEWHERE)

    code, said = site_run(engine, key="site-1", time_zone="Asia/Shanghai")

    world.zones[SCALAR] = world.zones[DIRECTION] = "Asia/Shanghai"
    assert world.wrong(only_unmarked=True) == []
    assert code == 0
    assert "midnight in Asia/Shanghai" in said
    work_all(engine)
    assert world.wrong() == []
    assert days(engine, ELSEWHERE) == before


def test_days_of_which_observations_are_gone_keep_their_zone(world, engine):
    fill(engine, (SCALAR,))
    work_all(engine)
    first = days(engine, SCALAR)[0]
    with writing(engine) as connection:
        horizon.advance(connection, horizon.Level.RAW, START + DAY)
        set_zone(connection, 1, "UTC")

    work_all(engine)

    assert days(engine, SCALAR)[0] == first


def test_the_command_lists_sites(world, engine):
    _, said = site_run(engine)

    assert "site-1" in said
    assert "Asia/Kolkata" in said
    assert "Europe/Berlin" in said


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"key": "site-1", "time_zone": "Asia/Kolkatta"}, "did you mean Asia/Kolkata"),
        ({"key": "nowhere", "time_zone": "UTC"}, "no such site; known are: site-1, site-2"),
        ({"key": "nowhere"}, "no such site"),
        ({"time_zone": "UTC"}, "say of which site"),
    ],
)
def test_the_command_says_what_is_wrong(world, engine, given, hint):
    with pytest.raises(ConfigError, match=re.escape(hint)):
        site_run(engine, **given)

    with engine.connect() as connection:
        zones = connection.execute(select(site.c.time_zone).order_by(site.c.id)).scalars().all()
    assert zones == ["Asia/Kolkata", "Europe/Berlin"]


def inventory(site_key):
    return Inventory(
        rev=1,
        gateway=GatewayInfo(id="gw"),
        things=[ThingInfo(id="dune-1", name="Dune 1", site=site_key)],
        sensors=[SensorInfo(id="soil", thing="dune-1", model="METER TEROS 12")],
        datastreams=[
            DatastreamInfo(
                name="dune-1/soil/vwc_raw",
                sensor="dune-1/soil",
                property="vwc_raw",
                unit="{raw}",
                interval_s=60,
            )
        ],
    )


def test_a_thing_that_moves_to_another_site_takes_its_days_along(engine):
    with writing(engine) as connection:
        for key, zone in (("one", "Asia/Kolkata"), ("other", "Europe/Berlin")):
            connection.execute(site.insert().values(key=key, name=key, time_zone=zone))
        apply_inventory(connection, "gw", inventory("one"), bundled(), 0)
        series = connection.execute(
            select(datastream.c.id).where(datastream.c.name == "dune-1/soil/vwc_raw")
        ).scalar_one()
    fill(engine, (series,))
    work_all(engine)
    assert World(engine, {series: "Asia/Kolkata"}, set()).wrong() == []

    with writing(engine) as connection:
        apply_inventory(connection, "gw", inventory("other"), bundled(), 0)
        assert zones_of(connection, [series]) == {series: "Europe/Berlin"}

    moved = World(engine, {series: "Europe/Berlin"}, set())
    assert moved.wrong(only_unmarked=True) == []
    work_all(engine)
    assert moved.wrong() == []
