"""The watchkeeper: silence, gateways that are gone, causes first, reminders, hours, grace."""

import pytest
from msgspec import structs
from sqlalchemy import select, update

from server.alerts.kinds import KINDS
from server.alerts.rules import Rule, Scope
from server.db.alert_tables import alert_notice, alert_rule, alert_transition, alert_watch
from server.db.engine import writing
from server.db.tables import gateway
from server.ingest.events import Message
from server.watch import acting
from server.watch.keeping.afterwards import _EFFECTS, RELEASE_MS, tell_afterwards
from server.watch.keeping.keeper import Grace, Rounds
from server.watch.keeping.renewing import Renewal
from server.watch.keeping.silence import mark_silence, read_changing
from server.watch.rules.book import enter_defaults, find_rule, put_rule
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.watch.field import DAY_MS, GATEWAY, SERIES, Field, inventory
from wire import messages, topics
from wire.quality import Flag, pack

DRY, WET = 0.4, 0.8
MINUTE_MS = 60_000


def rows(value, first_h, last_h):
    return [
        Row(START_MS + at * HOUR_MS, value, pack(Flag.PASS)) for at in range(first_h, last_h + 1)
    ]


def at_h(hours):
    return START_MS + round(hours * HOUR_MS)


def listen(watched, now_ms):
    """Mark what is silent, as the watchkeeper does."""
    with watched.engine.connect() as connection:
        gateways = read_changing(connection, now_ms)
    return sum(mark_silence(watched.engine, one, now_ms) for one in gateways)


# ---------------------------------------------------------------- silence


def test_silence_while_active_makes_it_unknown_and_never_recovered(watched):
    """Silence is that of 3 h here. Nobody is told anything by it; what was active goes on."""
    watched.arrive(rows(DRY, 0, 6), at_h(6))
    assert listen(watched, at_h(9)) == 0
    assert listen(watched, at_h(9.1)) == 1
    silent = watched.state()
    assert listen(watched, at_h(20)) == 0
    watched.arrive(rows(DRY, 21, 21), at_h(21))
    found = listen(watched, at_h(21))

    assert (silent.word, silent.since_ms) == ("unknown", at_h(6))
    assert (found, watched.state().word) == (1, "warning")
    kinds = [(kind, (at - START_MS) // HOUR_MS) for at, kind, _ in watched.record()]
    assert kinds == [("raised", 6), ("lost", 9), ("found", 21)]
    assert watched.notices() == [("immediate", "new")]


def test_samples_that_are_no_evidence_do_not_end_silence(watched_on_sqlite):
    watched = watched_on_sqlite
    watched.arrive(rows(WET, 0, 1), at_h(1))
    suspect = [Row(one.time_ms, WET, pack(Flag.SUSPECT)) for one in rows(WET, 2, 8)]
    watched.arrive(suspect, at_h(8))

    assert listen(watched, at_h(8)) == 1
    assert watched.state().since_ms == at_h(1)
    assert listen(watched, at_h(8.2)) == 0


def test_an_episode_may_be_cleared_by_what_comes_after_silence(watched_on_sqlite):
    watched = watched_on_sqlite
    watched.arrive(rows(DRY, 0, 6), at_h(6))
    listen(watched, at_h(12))
    watched.arrive(rows(WET, 13, 16), at_h(16))
    listen(watched, at_h(16))

    kinds = [(kind, (at - START_MS) // HOUR_MS) for at, kind, _ in watched.record()]
    assert kinds == [("raised", 6), ("lost", 9), ("found", 13), ("cleared", 16)]


def test_nothing_is_silent_before_what_was_queued_has_come():
    is_quiet = []
    grace = Grace(lambda: bool(is_quiet), grace_s=120)
    assert not grace.is_over(0)
    is_quiet.append(True)
    assert not grace.is_over(10)
    assert not grace.is_over(129)
    assert grace.is_over(130)
    is_quiet.clear()
    assert not grace.is_over(131)
    is_quiet.append(True)
    assert not grace.is_over(140)


# ---------------------------------------------------------------- rules by default, by the clock


class Site:
    """A site with two stations at one gateway, its rules by default, and a watchkeeper."""

    def __init__(self, engine):
        self.engine = engine
        self.field = Field(engine)
        self.rounds = Rounds(engine, Grace(lambda: True, 0))
        self.now_s = 0.0

    def say(self, now_ms, state="online", **more):
        status = messages.Status(state=state, at=now_ms, clock=messages.ClockSource.NTP, **more)
        message = self.field.batch(rows(WET, 0, 0), now_ms)
        topic = topics.status(self.field.gateway)
        told = type(message)(topic, messages.encode(status), now_ms)
        self.field.take(told, now_ms=now_ms)

    def measure(self, now_ms, value=20.0, things=("dune-1", "dune-2")):
        for one in things:
            row = Row(now_ms, value, pack(Flag.PASS))
            batch = self.field.batch([row], now_ms, f"{one}/air/air_temperature")
            self.field.take(batch, now_ms=now_ms)

    def keep(self, now_ms):
        self.now_s += 60
        while self.rounds.step(now_ms, self.now_s):
            pass

    def watches(self, kind):
        with self.engine.connect() as connection:
            return connection.execute(
                select(alert_watch)
                .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
                .where(alert_rule.c.kind == kind)
                .order_by(alert_watch.c.id)
            ).all()

    def levels(self, kind):
        return [one.level for one in self.watches(kind)]

    def told(self):
        """Kind, level and reason of all that is to be told."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(alert_rule.c.kind, alert_transition.c.kind, alert_notice.c.reason)
                .join(alert_watch, alert_watch.c.id == alert_notice.c.watch_id)
                .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
                .outerjoin(alert_transition, alert_transition.c.id == alert_notice.c.transition_id)
                .order_by(alert_notice.c.id)
            )
            return [tuple(row) for row in rows]


@pytest.fixture
def site(sqlite_engine):
    return _site(sqlite_engine)


@pytest.fixture
def site_on_both(engine):
    return _site(engine)


def _site(engine):
    made = Site(engine)
    made.field.announce(things=("dune-1", "dune-2"))
    made.say(START_MS)
    made.measure(START_MS)
    made.keep(START_MS)
    return made


def test_a_new_site_has_rules_at_once(site):
    with site.engine.connect() as connection:
        kinds = set(connection.execute(select(alert_rule.c.kind)).scalars())
        due = connection.execute(select(alert_watch.c.refold_from)).scalars().all()

    assert {"dry_soil", "no_data", "gateway_offline", "frost"} <= kinds
    assert len(site.watches("no_data")) == 2
    assert set(due) == {None}


def test_a_gateway_that_is_gone_is_one_message_not_one_a_station(site_on_both):
    site = site_on_both
    site.say(at_h(1), "offline")
    for hour in (1, 4, 7, 9, 11):
        site.keep(at_h(hour + 0.5))

    assert site.levels("gateway_offline") == [2]
    assert site.levels("no_data") == [2, 2]
    assert site.told() == [("gateway_offline", "raised", "new")]


def test_what_is_still_silent_when_the_gateway_is_back_is_told_then(site):
    """It has half an hour to bring what it kept; then only what is still silent is told."""
    site.say(at_h(1), "offline")
    for hour in (1, 4, 7, 9, 11):
        site.keep(at_h(hour + 0.5))
    back_ms = at_h(12)
    for minutes in range(0, 60, 5):
        now_ms = back_ms + minutes * MINUTE_MS
        site.say(now_ms)
        site.measure(now_ms, things=("dune-1",))
        site.keep(now_ms)
        if minutes * MINUTE_MS < RELEASE_MS:
            assert "no_data" not in [kind for kind, *_ in site.told()]

    assert site.levels("no_data") == [0, 2]
    assert site.told() == [
        ("gateway_offline", "raised", "new"),
        ("gateway_offline", "cleared", "new"),
        ("no_data", "raised", "new"),
    ]


def test_a_gateway_whose_heartbeat_stops_is_gone_and_one_that_rests_is_not(site):
    site.say(at_h(1), "offline", resting="saves power", rests_until=at_h(5))
    site.keep(at_h(4))
    resting = site.levels("gateway_offline")
    site.say(at_h(5), heartbeat_s=60.0)
    for minutes in range(0, 40, 4):
        site.keep(at_h(5) + minutes * MINUTE_MS)

    assert (resting, site.levels("gateway_offline")) == ([0], [2])


def test_a_station_that_falls_silent_alone_is_told_of(site):
    for hour in range(1, 9):
        site.say(at_h(hour))
        site.measure(at_h(hour), things=("dune-1",))
        site.keep(at_h(hour))

    assert site.levels("no_data") == [0, 2]
    assert site.told() == [("no_data", "raised", "new")]


@pytest.mark.parametrize(("days", "mode"), [(21, "digest"), (2.5, "immediate")])
def test_what_was_silent_before_its_rule_was_made_is_dated_when_it_fell_silent(
    sqlite_engine, days, mode
):
    """One word at most; of a station that has been gone for weeks, none but in the digest."""
    site = Site(sqlite_engine)
    site.field.announce(things=("dune-1", "dune-2"))
    site.measure(START_MS)
    now_ms = at_h(days * 24)
    site.say(now_ms)
    site.measure(now_ms, things=("dune-1",))
    site.keep(now_ms)
    site.keep(now_ms + MINUTE_MS)

    assert site.levels("no_data") == [0, 3]
    with site.engine.connect() as connection:
        raised = connection.execute(select(alert_transition.c.at, alert_transition.c.level_to))
        assert list(map(tuple, raised)) == [(at_h(1 + 6), 2), (at_h(1 + 48), 3)]
        assert connection.execute(select(alert_notice.c.mode)).scalars().all() == [mode]


def test_evidence_says_what_was_measured_where(site):
    _put_frost(site, enabled=True)
    site.measure(at_h(1), -3.0, things=("dune-1",))
    site.keep(at_h(1))
    with site.engine.connect() as connection:
        evidence = connection.execute(select(alert_transition.c.evidence)).scalar_one()

    assert (evidence["datastream"], evidence["property"]) == (SERIES, "air_temperature")
    assert (evidence["thing"], evidence["sensor"], evidence["height_m"]) == ("Dune-1", "air", 2.0)


def test_a_fault_of_a_sensor_is_found_by_the_hour(site):
    for hour in range(1, 16):
        now_ms = at_h(hour)
        site.say(now_ms)
        missing = Row(now_ms, None, pack(Flag.MISSING))
        site.field.take(site.field.batch([missing], now_ms), now_ms=now_ms)
        site.measure(now_ms, things=("dune-2",))
        site.keep(now_ms + 20 * MINUTE_MS)

    assert site.levels("sensor_fault") == [2, 0]
    assert ("sensor_fault", "raised", "new") in site.told()


def test_late_hours_are_judged_anew(site_on_both):
    """Good readings that come late take a fault back that was on record."""
    site = site_on_both
    for hour in range(1, 16):
        site.say(at_h(hour))
        missing = Row(at_h(hour), None, pack(Flag.MISSING))
        site.field.take(site.field.batch([missing], at_h(hour)), now_ms=at_h(hour))
        site.measure(at_h(hour), things=("dune-2",))
    site.keep(at_h(16))
    before = site.levels("sensor_fault")
    good = [
        Row(at_h(1) + at * 10 * MINUTE_MS, 20.0, pack(Flag.PASS)) for at in range(1, 85) if at % 6
    ]
    site.field.take(site.field.batch(good, at_h(16)), now_ms=at_h(16))
    site.keep(at_h(16))

    assert (before, site.levels("sensor_fault")) == ([2, 0], [0, 0])


# ---------------------------------------------------------------- afterwards


def test_what_goes_on_is_told_again_unless_somebody_sees_to_it(watched):
    """After a week, by this rule; each time once."""
    watched.arrive(rows(DRY, 0, 6), at_h(6))
    assert tell_afterwards(watched.engine, at_h(6) + 7 * DAY_MS - 1) == 0
    assert tell_afterwards(watched.engine, at_h(6) + 7 * DAY_MS) == 1
    assert tell_afterwards(watched.engine, at_h(6) + 8 * DAY_MS) == 0
    acting.acknowledge(watched.engine, 1, "Oyun", at_h(6) + 9 * DAY_MS)
    assert tell_afterwards(watched.engine, at_h(6) + 20 * DAY_MS) == 0

    assert watched.notices() == [("immediate", "new"), ("immediate", "reminder")]


def test_nobody_is_reminded_of_what_is_not_known_to_go_on(watched_on_sqlite):
    watched = watched_on_sqlite
    watched.arrive(rows(DRY, 0, 6), at_h(6))
    listen(watched, at_h(10))

    assert tell_afterwards(watched.engine, at_h(6) + 8 * DAY_MS) == 0
    assert watched.notices() == [("immediate", "new")]


def test_what_is_shelved_is_told_when_that_ends_if_it_still_holds(watched):
    acting.shelve(watched.engine, 1, "Oyun", START_MS, at_h(10), "pipes are being laid")
    watched.arrive(rows(DRY, 0, 6), at_h(6))
    assert tell_afterwards(watched.engine, at_h(9.9)) == 0
    assert watched.notices() == []
    assert tell_afterwards(watched.engine, at_h(10)) == 1
    assert tell_afterwards(watched.engine, at_h(10)) == 0

    assert watched.notices() == [("immediate", "new")]


def test_what_gets_worse_needs_another_hand(watched):
    watched.arrive(rows(DRY, 0, 6), at_h(6))
    assert acting.acknowledge(watched.engine, 1, "Oyun", at_h(6))
    watched.arrive(rows(0.05, 7, 13), at_h(13))

    with watched.engine.connect() as connection:
        assert connection.execute(select(alert_watch.c.acked_at)).scalar_one() is None
    assert watched.notices() == [("immediate", "new")] * 2


# ---------------------------------------------------------------- rules


def test_a_rule_that_is_switched_off_ends_what_was_active_without_a_word(site):
    _put_frost(site, enabled=True)
    for hour in range(1, 4):
        site.measure(at_h(hour), -3.0)
        site.say(at_h(hour))
        site.keep(at_h(hour))
    active = site.levels("frost")
    told = len(site.told())
    _put_frost(site, enabled=False)
    site.keep(at_h(4))

    assert active == [2, 2]
    assert site.levels("frost") == [0, 0]
    assert all(one.retired_at is not None for one in site.watches("frost"))
    assert len(site.told()) == told


def test_a_rule_that_is_switched_on_again_tells_nobody_of_a_recovery(site):
    """What was told before it was switched off is no longer what people wait to hear the end of."""
    _put_frost(site, enabled=True)
    for hour in range(1, 4):
        site.measure(at_h(hour), -3.0)
    before = site.told()
    _put_frost(site, enabled=False)
    for hour in range(4, 10):
        site.measure(at_h(hour), 20.0)
    _put_frost(site, enabled=True)
    site.keep(at_h(10))

    assert [one[:2] for one in before] == 2 * [("frost", "raised")]
    assert site.levels("frost") == [0, 0]
    assert "cleared" not in [kind for _, kind, _ in site.told()]
    assert {one.rule_rev for one in site.watches("frost")} == {2}  # a record of its own


def test_rules_by_default_follow_the_soil_and_what_people_changed_stays(site):
    _put_frost(site, enabled=True)
    with writing(site.engine) as connection:
        connection.execute(
            update(alert_rule)
            .where(alert_rule.c.kind == "dry_soil")
            .values(definition={"key": "x"})
        )
        enter_defaults(connection, at_h(1))
        rules = connection.execute(select(alert_rule.c.kind, alert_rule.c.definition))
        definitions = dict(map(tuple, rules))

    assert definitions["dry_soil"]["level"][0]["below"] == "0.4"
    assert definitions["frost"]["name"] == "Our frost"


def test_the_seasons_of_a_site_follow_from_where_it_turns_out_to_lie(sqlite_engine):
    field, renewal = Field(sqlite_engine), Renewal(sqlite_engine)
    placed = inventory()
    nowhere = [structs.replace(one, lat=None, lon=None) for one in placed.things]
    months = []
    for told in (structs.replace(placed, things=nowhere), placed):
        payload = messages.encode(told)
        field.take(Message(topics.inventory(GATEWAY), payload, START_MS), now_ms=START_MS)
        renewal.step(START_MS)
        with sqlite_engine.connect() as connection:
            months.append(find_rule(connection, "kubuqi-north-dry-soil").rule.months)

    assert months == [[], [4, 5, 6, 7, 8, 9, 10]]


def test_a_rule_by_default_that_an_older_program_had_switched_on_is_switched_off(site):
    with writing(site.engine) as connection:
        own = alert_rule.c.kind == "blowing_sand"
        definition = {"key": "kubuqi-north-blowing-sand", "kind": "blowing_sand"}
        connection.execute(
            update(alert_rule).where(own).values(definition=definition, enabled=True)
        )
        enter_defaults(connection, at_h(1))

        assert connection.execute(select(alert_rule.c.enabled).where(own)).scalar_one() is False
        assert find_rule(connection, "kubuqi-north-blowing-sand").rule.enabled is False


def _put_frost(site, *, enabled):
    """Edit a rule by default without delays; -3 is beyond its warning, not its worst."""
    rule = Rule(
        key="kubuqi-north-frost",
        kind="frost",
        name="Our frost",
        enabled=enabled,
        scope=Scope(site="kubuqi-north"),
        on_delay="0 s",
    )
    with writing(site.engine) as connection:
        put_rule(connection, rule, START_MS, "Oyun")
    site.keep(START_MS)


def test_every_kind_that_a_gateway_being_gone_explains_is_held_back():
    assert {"no_data", "sensor_fault"} <= set(_EFFECTS)
    assert not {"dry_soil", "frost", "gateway_offline"} & set(_EFFECTS)
    assert set(_EFFECTS) <= set(KINDS)


def test_a_gateway_that_nobody_knows_any_status_of_is_not_judged(site):
    with writing(site.engine) as connection:
        connection.execute(update(gateway).values(status_at=None))
    site.keep(at_h(100))

    assert site.levels("gateway_offline") == [0]
