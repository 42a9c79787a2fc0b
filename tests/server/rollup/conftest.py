"""A catalog of three series: a scalar and a direction at one site, a scalar at another."""

import pytest
from sqlalchemy import insert

from server.db import tables as t
from tests.server.hypertable.conftest import migrated_plain, plain_engine
from tests.server.rollup.brute import World

__all__ = ["migrated_plain", "plain_engine"]

SCALAR, DIRECTION, ELSEWHERE = 1, 2, 3
SERIES = (SCALAR, DIRECTION, ELSEWHERE)


def furnish(engine, zones):
    """Enter two sites with these zones and their series."""
    rows = {
        t.gateway: [{"id": "dune", "first_seen_at": 0}],
        t.site: [
            {"id": n, "key": f"site-{n}", "name": f"Site {n}", "time_zone": zone}
            for n, zone in enumerate(zones, start=1)
        ],
        t.thing: [
            {"id": n, "gateway_id": "dune", "key": f"t{n}", "site_id": n, "name": f"T{n}"}
            for n in (1, 2)
        ],
        t.observed_property: [
            {"id": n, "key": key, "label": key, "unit": "1", "aggregate": aggregate}
            for n, (key, aggregate) in enumerate(
                [("wind_speed", "mean"), ("wind_direction", "vector_mean")], start=1
            )
        ],
        t.datastream: [
            {
                "id": n,
                "gateway_id": "dune",
                "name": f"t/s/{n}",
                "thing_id": thing,
                "sensor_key": "s",
                "observed_property_id": kind,
                "unit": "1",
                "statistic": "mean",
                "interval_s": 60.0,
            }
            for n, thing, kind in ((SCALAR, 1, 1), (DIRECTION, 1, 2), (ELSEWHERE, 2, 1))
        ],
    }
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(insert(table), values)
    zone_of = {SCALAR: zones[0], DIRECTION: zones[0], ELSEWHERE: zones[1]}
    return World(engine, zone_of, {DIRECTION})


@pytest.fixture
def world(engine):
    """Two sites, half an hour off the hour and with summer time."""
    return furnish(engine, ("Asia/Kolkata", "Europe/Berlin"))
