"""Frozen soil reads as dry: while the thermometer beside a probe says so, that is no evidence."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from server.alerts.rules import LevelRule, Rule, Scope
from server.db.alert_tables import alert_notice, alert_rule, alert_transition, alert_watch
from server.db.engine import writing
from server.ingest.events import Message
from server.watch.keeping.renewing import Renewal
from server.watch.rules import book
from server.watch.rules.subjects import read_subjects
from server.watch.rules.trial import try_out
from tests.server.alerts.timeline import HOUR_MS, START_MS
from tests.server.watch.field import EPOCH, GATEWAY, Field
from wire import messages, topics
from wire.batch import Sample, encode
from wire.messages import ClockSource

WATER, WARMTH = "dune-1/soil-10cm/vwc", "dune-1/soil-10cm/soil_temperature"
WET, DRY = "0.09", "0.02"
COLD, MILD = "-2.0", "4.0"
DRY_RULE = Rule(
    key="winter",
    kind="dry_soil",
    unit="m3/m3",
    scope=Scope(property="vwc"),
    levels=[LevelRule(severity="warning", below=Decimal("0.04"), leave=Decimal("0.05"))],
)


def series(name, property_key, unit):
    sensor = name.rpartition("/")[0]
    return messages.DatastreamInfo(
        name=name, sensor=sensor, property=property_key, unit=unit, interval_s=3600.0
    )


def sensor(id_, depth_m):
    return messages.SensorInfo(id=id_, thing="dune-1", model="ACME X1", depth_m=depth_m)


def announce(field, *more_series, more_sensors=()):
    thing = messages.ThingInfo(id="dune-1", name="Dune 1", site="kubuqi-north", lat=40.6, lon=108.9)
    inventory = messages.Inventory(
        rev=1,
        gateway=messages.GatewayInfo(id=GATEWAY),
        things=[thing],
        sensors=[sensor("soil-10cm", 0.1), *more_sensors],
        datastreams=[
            series(WATER, "vwc", "m3/m3"), series(WARMTH, "soil_temperature", "Cel"), *more_series
        ],
    )  # fmt: skip
    message = Message(topics.inventory(GATEWAY), messages.encode(inventory), START_MS)
    field.take(message, now_ms=START_MS)


@pytest.fixture
def field(sqlite_engine):
    """A probe at 10 cm that measures water and warmth each hour, and a rule that knows no season."""
    made = Field(sqlite_engine)
    announce(made)
    with writing(sqlite_engine) as connection:
        book.put_rule(connection, DRY_RULE, START_MS, "Oyun")
    Renewal(sqlite_engine).step(START_MS)
    made.keep(START_MS)
    return made


def measure(field, hours, water, warmth, now_h=None):
    """Take in a poll an hour; None: that series has none then."""
    for hour in hours:
        at_ms = START_MS + hour * HOUR_MS
        given = {WATER: water, WARMTH: warmth}
        samples = {name: [Sample(at_ms, Decimal(one))] for name, one in given.items() if one}
        field.seq += 1
        now_ms = at_ms if now_h is None else START_MS + now_h * HOUR_MS
        topic = topics.batch(GATEWAY, EPOCH, field.seq)
        field.take(Message(topic, encode(ClockSource.NTP, samples), now_ms), now_ms=now_ms)


def record(field, key="winter"):
    """The transitions that hold of a rule: kind, and hour."""
    with field.engine.connect() as connection:
        rows = connection.execute(
            select(alert_transition.c.kind, alert_transition.c.at)
            .join(alert_watch, alert_watch.c.id == alert_transition.c.watch_id)
            .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
            .where(alert_rule.c.key == key, alert_transition.c.superseded_at.is_(None))
            .order_by(alert_transition.c.at)
        ).all()
    return [(kind, (at - START_MS) // HOUR_MS) for kind, at in rows]


def test_frozen_soil_is_not_dry_and_thawed_soil_may_be(field):
    measure(field, range(2), WET, MILD)
    measure(field, range(2, 40), DRY, COLD)
    frozen = record(field)
    with field.engine.connect() as connection:
        told = connection.execute(select(alert_notice.c.id)).all()
    measure(field, range(40, 50), DRY, MILD)

    assert (frozen, told) == ([], [])
    # The sample of hour 40 goes by what the thermometer said an hour before.
    assert record(field) == [("raised", 47)]


def test_a_run_that_the_frost_broke_is_forgotten(field):
    """Else all that was measured since would be read with each sample, all winter."""
    measure(field, range(4), DRY, MILD)
    measure(field, range(4, 11), DRY, COLD)
    with field.engine.connect() as connection:
        own = select(alert_watch.c.machine).join(alert_rule).where(alert_rule.c.key == "winter")
        machine = connection.execute(own).scalar_one()
    measure(field, range(11, 20), DRY, MILD)

    assert machine["pending"] == []
    assert record(field) == [("raised", 18)]


def test_what_thaws_is_no_recovery_until_it_has(field):
    """Nor is soil that freezes while it is dry told of anew."""
    measure(field, range(8), DRY, MILD)
    measure(field, range(8, 30), DRY, COLD)
    measure(field, range(30, 34), WET, COLD)
    assert record(field) == [("raised", 6)]
    measure(field, range(34, 42), WET, MILD)

    assert record(field) == [("raised", 6), ("cleared", 41)]


def test_made_anew_the_record_is_the_same(field):
    """By the watchkeeper after late rows, and by a dry run."""
    measure(field, [0, 1, *range(3, 30)], DRY, COLD)
    measure(field, range(30, 40), DRY, MILD)
    measure(field, [2], WET, MILD, now_h=40)
    field.keep(START_MS + 40 * HOUR_MS)
    with field.engine.connect() as connection:
        trial = try_out(connection, DRY_RULE, START_MS + 41 * HOUR_MS, days=3)

    assert record(field) == [("raised", 37)]
    assert [(one.raised_ms - START_MS) // HOUR_MS for one in trial.episodes] == [37]


def test_a_thermometer_that_fell_silent_says_nothing(field):
    measure(field, range(3), WET, COLD)
    measure(field, range(3, 20), DRY, None)

    # It was read at hour 2, and is believed until hour 8.
    assert record(field) == [("raised", 15)]


def test_a_thaw_is_no_rain_and_rain_on_thawed_soil_is(field):
    """By the hour: what melts adds to the water that a probe sees."""
    with writing(field.engine) as connection:
        rule = Rule(key="rained", kind="water_arrived", scope=Scope(site="kubuqi-north"))
        book.put_rule(connection, rule, START_MS, "Oyun")
    Renewal(field.engine).step(START_MS)
    measure(field, range(24), DRY, COLD)
    measure(field, range(24, 30), WET, COLD)
    measure(field, range(30, 60), WET, MILD)
    field.keep(START_MS + 61 * HOUR_MS)
    thawed = record(field, "rained")
    measure(field, range(60, 64), "0.15", MILD)
    field.keep(START_MS + 65 * HOUR_MS)

    assert thawed == []
    assert record(field, "rained") == [("raised", 61)]


def thermometers(field):
    with field.engine.connect() as connection:
        found = read_subjects(connection, GATEWAY).series
    names = {one.datastream_id: one.name for one in found}
    return {
        one.name: (names[one.thermometer.datastream_id], one.thermometer.thawed_above)
        for one in found
        if one.thermometer is not None
    }


def test_a_probe_goes_by_its_own_thermometer_else_by_one_as_deep(field):
    announce(
        field,
        series("dune-1/wet-12cm/vwc", "vwc", "m3/m3"),
        series("dune-1/wet-30cm/vwc", "vwc", "m3/m3"),
        series("dune-1/fine-30cm/soil_temperature", "soil_temperature", "[degF]"),
        series("dune-1/wet-90cm/vwc", "vwc", "m3/m3"),
        more_sensors=[
            sensor("wet-12cm", 0.12), sensor("wet-30cm", 0.3), sensor("fine-30cm", 0.3),
            sensor("wet-90cm", 0.9),
        ],
    )  # fmt: skip
    found = thermometers(field)

    assert found[WATER] == (WARMTH, 1.0)
    assert found["dune-1/wet-12cm/vwc"] == (WARMTH, 1.0)
    fine, line = found["dune-1/wet-30cm/vwc"]
    assert (fine, round(line, 6)) == ("dune-1/fine-30cm/soil_temperature", 33.8)
    assert "dune-1/wet-90cm/vwc" not in found
    assert WARMTH not in found


def judged_by(field, kind):
    """What the watches of a kind are judged by, and the revision of their records."""
    with field.engine.connect() as connection:
        rows = connection.execute(
            select(alert_watch.c.input, alert_watch.c.rule_rev)
            .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
            .where(alert_rule.c.kind == kind, alert_watch.c.retired_at.is_(None))
            .order_by(alert_watch.c.id)
        ).all()
    return [("thermometer" in str(judged), rev) for judged, rev in rows]


def test_a_fault_of_a_probe_is_one_in_the_cold_as_well(field):
    assert judged_by(field, "sensor_fault") == [(False, 1), (False, 1)]
    assert judged_by(field, "getting_dry") == judged_by(field, "water_arrived") == [(True, 1)]


def test_a_thermometer_that_is_announced_later_is_gone_by_from_then_on(field):
    warmth = series("dune-1/fine-30cm/soil_temperature", "soil_temperature", "Cel")
    deep = [sensor("wet-30cm", 0.3), sensor("fine-30cm", 0.3)]
    water = series("dune-1/wet-30cm/vwc", "vwc", "m3/m3")
    announce(field, water, more_sensors=deep)
    renewal = Renewal(field.engine)
    renewal.step(START_MS)
    field.keep(START_MS)
    before, samples = judged_by(field, "water_arrived"), judged_by(field, "dry_soil")
    announce(field, water, warmth, more_sensors=deep)
    renewal.step(START_MS + HOUR_MS)

    assert before == [(True, 1), (False, 1)]
    assert judged_by(field, "water_arrived") == [(True, 1), (True, 2)]
    assert judged_by(field, "dry_soil") == [(True, 1 if told else 2) for told, _ in samples]
    assert (False, 1) in samples
