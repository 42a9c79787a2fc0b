"""Relative water of what is stored: as if its soil had been known from the beginning."""

import pytest
from sqlalchemy import delete, select

from server.db import tables as t
from server.db.engine import writing
from server.replay.run import Order, Replay
from server.replay.selection import EVER
from server.rollup.statistics import HOUR_MS
from server.rollup.worker import Workshop, anything
from server.soil import keeper
from server.soil.ground import Said
from tests.server.soil.station import CAMPBELL, MINUTE_MS, NOW_MS, Probe, Server
from wire.catalogue import bundled
from wire.messages import ClockSource
from wire.quality import Flag, Test, pack

DUNE = Said(wilting_point=0.05, field_capacity=0.12)
LOAM = Said(wilting_point=0.12, field_capacity=0.26)
PROBE = Probe(model=CAMPBELL)
PASS = int(Flag.PASS)


def relative(said, *water):
    span = said.field_capacity - said.wilting_point
    return [pytest.approx((one - said.wilting_point) / span) for one in water]


def fill(server, probe=PROBE, count=10):
    """Water that falls by 0.001 a minute from 0.2 on; gives it."""
    water = [round(0.2 - 0.001 * minute, 3) for minute in range(count)]
    server.announce(probe)
    server.measure(probe, *map(str, water))
    return water


def test_what_is_stored_is_computed_anew_when_its_soil_is_said(server):
    water = fill(server)
    server.say(DUNE)

    server.compute(most=3)

    assert server.values(PROBE.relative) == relative(DUNE, *water)
    assert server.formula(PROBE.relative).endswith("field_capacity=0.12, wilting_point=0.05)")
    assert server.values(PROBE.name) == water


def test_the_newest_is_computed_first_and_each_step_stays(server):
    """Whoever is killed between two steps goes on from there."""
    water = fill(server)
    before = server.values(PROBE.relative)
    server.say(DUNE)

    done = [server.history(most=4).step() for _ in range(2)]

    assert [(one.observations, one.waiting) for one in done] == [(4, 1), (4, 1)]
    assert server.values(PROBE.relative) == [*before[:2], *relative(DUNE, *water[2:])]
    server.compute(most=4)
    assert server.values(PROBE.relative) == relative(DUNE, *water)
    assert server.rows("soil_history") == []


def test_what_comes_meanwhile_is_computed_by_the_new_soil(server):
    """By a pipeline that knew the old formula; older data too."""
    fill(server, count=8)
    server.say(DUNE)
    server.history(most=2).step()

    server.measure(PROBE, "0.10", at=100)
    server.measure(PROBE, "0.11", at=50)
    stored = server.stored(PROBE.relative)

    assert [stored[100][0], stored[50][0]] == relative(DUNE, 0.10, 0.11)
    server.compute(most=2)
    assert server.values(PROBE.relative) == relative(DUNE, *server.values(PROBE.name))


def test_what_comes_is_computed_by_the_new_soil_before_any_of_the_old_is(server):
    fill(server, count=8)
    server.say(DUNE)

    server.measure(PROBE, "0.10", at=100)

    assert [server.stored(PROBE.relative)[100][0]] == relative(DUNE, 0.10)


def test_a_soil_said_twice_is_computed_by_what_was_said_last(server):
    water = fill(server)
    server.say(LOAM)
    server.history(most=4).step()
    server.say(DUNE)

    server.compute(most=4)

    assert server.values(PROBE.relative) == relative(DUNE, *water)


def test_quality_is_inherited_and_what_is_missing_stays_missing(server):
    server.announce(PROBE)
    server.measure(PROBE, "0.2", None, "1.5")  # above what the probe can measure
    server.measure(PROBE, "0.19", at=3, clock=ClockSource.UNKNOWN)
    fresh = server.stored(PROBE.relative)

    server.say(DUNE)
    server.compute()
    stored = server.stored(PROBE.relative)

    assert {minute: row[1:] for minute, row in stored.items()} == {
        minute: row[1:] for minute, row in fresh.items()
    }
    assert [row[0] for row in stored.values()] == [
        *relative(DUNE, 0.2), None, None, *relative(DUNE, 0.19)
    ]  # fmt: skip
    assert [row[2] for row in stored.values()] == [
        None, "source missing", "source failed its check", None
    ]  # fmt: skip
    assert stored[3][1] == pack(Flag.SUSPECT, Test.CLOCK_UNKNOWN)


def test_what_the_page_shows_is_computed_too(server):
    fill(server)
    server.say(DUNE)
    server.compute()

    (relative_id,) = ids(server, PROBE.relative)
    shown = {row[0]: row for row in server.rows("latest")}

    assert shown[relative_id][1:4] == (9 * MINUTE_MS, *relative(DUNE, 0.191), PASS)
    assert shown[relative_id][-1] == NOW_MS


def ids(server, *names):
    with server.engine.connect() as connection:
        wanted = select(t.datastream.c.id).where(t.datastream.c.name.in_(names))
        return connection.execute(wanted.order_by(t.datastream.c.id)).scalars().all()


def roll_up(server):
    workshop = Workshop(server.engine, lambda: NOW_MS, is_due=anything)
    while workshop.step() is not None:
        pass


def test_hours_are_computed_anew_as_well(server):
    water = fill(server, count=180)
    roll_up(server)
    server.say(DUNE)
    server.compute(most=50)
    roll_up(server)

    (relative_id,) = ids(server, PROBE.relative)
    hours = t.rollup_hour
    with server.engine.connect() as connection:
        wanted = select(hours.c.start, hours.c.mean).where(hours.c.datastream_id == relative_id)
        found = connection.execute(wanted.order_by(hours.c.start)).all()
    means = [sum(water[first : first + 60]) / 60 for first in (0, 60, 120)]
    assert [start for start, _ in found] == [0, HOUR_MS, 2 * HOUR_MS]
    assert [mean for _, mean in found] == relative(DUNE, *means)


def forget_relative_water(server):
    """What an older program left."""
    with writing(server.engine) as connection:
        own = ids(server, PROBE.relative)
        for table in (t.observation, t.observation_note, t.latest):
            connection.execute(delete(table).where(table.c.datastream_id.in_(own)))
        connection.execute(delete(t.datastream).where(t.datastream.c.id.in_(own)))


def test_what_an_older_program_stored_gets_relative_water_at_the_next_start(server):
    fill(server)
    expected = server.stored(PROBE.relative)
    forget_relative_water(server)
    chore = keeper.chore(server.engine, bundled(), lambda: NOW_MS)

    rests = [chore.step() for _ in range(3)]

    assert rests == [0.0, None, None]
    assert server.stored(PROBE.relative) == expected
    assert server.formula(PROBE.relative).startswith("relative-water/1(")
    server.measure(PROBE, "0.1", at=200)
    assert 200 in server.stored(PROBE.relative)


def test_an_inventory_settles_what_an_older_program_stored(server):
    fill(server)
    expected = server.stored(PROBE.relative)
    forget_relative_water(server)

    server.announce(PROBE, rev=2)
    server.compute()

    assert server.stored(PROBE.relative) == expected


def test_a_server_that_starts_again_finds_nothing_to_do(server):
    fill(server)
    before = server.rows("datastream"), server.rows("gateway"), server.rows("rollup_mark")

    assert server.history().unsettled() == []
    assert keeper.chore(server.engine, bundled(), lambda: NOW_MS).step() is None

    after = server.rows("datastream"), server.rows("gateway"), server.rows("rollup_mark")
    assert after == before


def test_a_gateway_that_took_its_inventory_meanwhile_is_found_by_the_next_look(server):
    """It read what was said before, and was not there to be told."""
    other = Server(server.engine, "other-gateway")
    fill(server)
    fill(other)
    server.say(DUNE)
    with writing(server.engine) as connection:
        connection.execute(delete(t.soil_history))

    unsettled = server.history().unsettled()
    for gateway in unsettled:
        server.history().settle(gateway)
    server.compute()

    assert unsettled == ["kubuqi-dune", "other-gateway"]
    with server.engine.connect() as connection:
        series = connection.execute(
            select(t.datastream.c.transform).where(t.datastream.c.name == PROBE.relative)
        ).scalars()
        assert {text.partition("(")[2] for text in series} == {
            "; field_capacity=0.12, wilting_point=0.05)"
        }


def test_a_sensor_is_judged_by_the_soil_at_its_depth_of_the_time(server):
    """It hung at 10 cm until noon; what comes late is of the depth of its time."""
    deep = Probe(model=CAMPBELL, depth_m=0.4)
    server.now_ms = 0
    server.announce(PROBE)
    server.say(DUNE, from_m=0.0, to_m=0.3)
    server.say(LOAM, from_m=0.3)
    server.now_ms = 5 * MINUTE_MS
    server.announce(deep, rev=2)
    server.now_ms = NOW_MS
    server.measure(PROBE, *["0.2"] * 10)
    fresh = server.values(PROBE.relative)

    server.say(DUNE, from_m=0.0, to_m=0.3)
    server.compute(most=3)

    expected = [*relative(DUNE, *[0.2] * 5), *relative(LOAM, *[0.2] * 5)]
    assert fresh == expected
    assert server.values(PROBE.relative) == expected


@pytest.mark.parametrize("most", [3, 100])
def test_counts_become_relative_water_in_one_step(server, most):
    """TEROS 12: as from the water content beside it."""
    probe = Probe()
    server.announce(probe)
    server.measure(probe, "2038.84", "2493.4", None)
    server.say(DUNE)
    server.compute(most)

    water = server.values("dune-1/soil-10cm/vwc")

    assert water == [pytest.approx(0.0953, abs=5e-5), pytest.approx(0.2716, abs=5e-5), None]
    assert server.values(probe.relative) == [*relative(DUNE, *water[:2]), None]


def test_a_replay_agrees(server):
    fill(server)
    server.say(DUNE)
    server.compute()
    before = server.stored(PROBE.relative), server.formula(PROBE.relative)
    replay = Replay(server.engine, bundled(), Order(server.gateway, EVER), lambda: NOW_MS)

    for _ in replay.steps():
        pass

    assert (replay.tally.added, replay.tally.changed, replay.tally.removed) == (0, 0, 0)
    assert (server.stored(PROBE.relative), server.formula(PROBE.relative)) == before
