"""Clocks that run ahead: what they stamp is no evidence, and hides nothing that is."""

from sqlalchemy import select

from server.alerts.rules import Rule, Scope
from server.db.alert_tables import alert_transition, alert_watch
from server.db.engine import writing
from server.watch.keeping.renewing import Renewal
from server.watch.keeping.silence import mark_silence
from server.watch.keeping.states import judge_states
from server.watch.rules import book
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.watch.field import DAY_MS, GATEWAY, Field
from wire import messages, topics
from wire.quality import Flag, Test, pack

DRY, WET = 0.4, 0.8
YEARS_MS = 4 * 365 * DAY_MS


def at_h(hours):
    return START_MS + round(hours * HOUR_MS)


def rows(value, first_h, last_h):
    return [Row(at_h(at), value, pack(Flag.PASS)) for at in range(first_h, last_h + 1)]


def ahead(value=WET):
    """A row that was stamped years ahead."""
    return [Row(START_MS + YEARS_MS, value, pack(Flag.SUSPECT, Test.FUTURE_TIME))]


def take(watched, some, now_ms):
    """As a gateway sends it, received now."""
    message = watched.field.batch(some, now_ms)
    watched.field.take(type(message)(message.topic, message.payload, now_ms), now_ms=now_ms)


def test_what_a_clock_that_ran_ahead_said_does_not_make_the_next_warning_a_correction(watched):
    for hour in range(7):
        take(watched, rows(DRY, hour, hour), at_h(hour))
        if hour in (2, 5):
            take(watched, ahead(), at_h(hour + 0.5))
        watched.field.keep(at_h(hour + 0.6))
    raised = watched.notices()
    take(watched, ahead(), at_h(7))
    for hour in range(8, 13):
        take(watched, rows(WET, hour, hour), at_h(hour))
        watched.field.keep(at_h(hour + 0.1))

    assert raised == [("immediate", "new")]
    kinds = [(kind, (at - START_MS) // HOUR_MS) for at, kind, _ in watched.record()]
    assert kinds == [("raised", 6), ("cleared", 11)]
    assert watched.notices() == 2 * [("immediate", "new")]


def test_silence_is_seen_behind_a_row_from_the_future(watched_on_sqlite):
    watched = watched_on_sqlite
    take(watched, rows(DRY, 0, 0), at_h(0))
    take(watched, ahead(), at_h(1))

    assert mark_silence(watched.engine, GATEWAY, at_h(3.1)) == 1
    assert watched.state().since_ms == at_h(0)
    assert mark_silence(watched.engine, GATEWAY, at_h(4)) == 0
    take(watched, rows(WET, 5, 5), at_h(5))
    assert mark_silence(watched.engine, GATEWAY, at_h(5)) == 1


def test_a_station_whose_clock_ran_ahead_before_it_died_has_no_data(sqlite_engine):
    field = Field(sqlite_engine)
    field.announce()
    Renewal(sqlite_engine).step(START_MS)
    _say(field, START_MS)
    batches = [(rows(20.0, 0, 0), at_h(0)), (ahead(20.0), at_h(1))]
    for some, now_ms in batches:
        field.take(field.batch(some, now_ms), now_ms=now_ms)
    judge_states(field.engine, at_h(2))
    _say(field, at_h(9))
    judge_states(field.engine, at_h(9))

    with field.engine.connect() as connection:
        found = connection.execute(select(alert_transition.c.kind, alert_transition.c.level_to))
        assert found.all() == [("raised", 2)]


def test_who_is_heard_again_is_found_alone(sqlite_engine):
    """Another station of the gateway stays silent."""
    field = Field(sqlite_engine)
    field.announce(things=("dune-1", "dune-2"))
    renewal = Renewal(sqlite_engine)
    renewal.step(START_MS)
    _switch_on(field, renewal)
    for thing in ("dune-1", "dune-2"):
        name = f"{thing}/air/air_temperature"
        field.take(field.batch(rows(20.0, 0, 0), at_h(0), name), now_ms=at_h(0))
    lost = mark_silence(field.engine, GATEWAY, at_h(12))
    field.take(field.batch(rows(20.0, 12, 12), at_h(12)), now_ms=at_h(12))
    found = mark_silence(field.engine, GATEWAY, at_h(12.1))

    assert (lost, found) == (2, 1)
    with field.engine.connect() as connection:
        query = select(alert_watch.c.silent_since).where(alert_watch.c.datastream_id.is_not(None))
        assert sorted(map(str, connection.execute(query).scalars())) == [str(at_h(0)), "None"]


def _say(field, now_ms):
    status = messages.Status(state="online", at=now_ms, clock=messages.ClockSource.NTP)
    message = field.batch(rows(WET, 0, 0), now_ms)
    told = type(message)(topics.status(GATEWAY), messages.encode(status), now_ms)
    field.take(told, now_ms=now_ms)


def _switch_on(field, renewal):
    """Have frost judged, in all months."""

    rule = Rule(key="kubuqi-north-frost", kind="frost", scope=Scope(site="kubuqi-north"))
    with writing(field.engine) as connection:
        book.put_rule(connection, rule, START_MS, "Oyun")
    renewal.step(START_MS + 1)
