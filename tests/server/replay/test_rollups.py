"""Rollups after a replay: what it changes or takes out is marked, and comes out right."""

from decimal import Decimal

from sqlalchemy import select

from server.db.tables import datastream
from server.rollup.worker import Workshop, anything
from tests.server.rollup.brute import World
from wire.catalogue import Sentinel


def work_all(engine):
    workshop = Workshop(engine, lambda: 0, is_due=anything)
    while workshop.step():
        pass


def test_rollups_follow_what_a_replay_changes(server, station, changed):
    sentinels = [
        Sentinel(value=Decimal(2000), reason="probe unplugged", properties=["vwc_raw"]),
    ]
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500", "2000"] * 40}, at=30),
    )
    with server.engine.connect() as connection:
        zones = dict.fromkeys(connection.execute(select(datastream.c.id)).scalars(), "UTC")
    world = World(server.engine, zones, set())
    work_all(server.engine)
    assert world.wrong() == []

    tally = server.replay(catalogue=changed({"sentinel": sentinels}))

    assert tally.changed > 0
    assert world.wrong() != []
    assert world.wrong(only_unmarked=True) == []
    work_all(server.engine)
    assert world.wrong() == []
