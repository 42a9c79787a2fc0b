"""What cannot be read at one gateway stops no step of the watchkeeper for the others, and is told."""

import pytest
from sqlalchemy import select, text

from server.db.alert_tables import alert_rule, alert_watch
from server.watch.keeping.isolation import STUCK_S, Isolation
from server.watch.keeping.keeper import Grace, Rounds
from server.watch.rows import Unreadable
from tests.server.alerts.timeline import START_MS
from tests.server.watch.field import GATEWAY, Field
from tests.server.watch.test_keeping import Site, at_h

FIRST = "a-dune"  # it comes first in every step


class Two(Site):
    """Two gateways with a station each, whose watches of the first cannot be read."""

    def __init__(self, engine):
        self.engine = engine
        self.rounds = Rounds(engine, Grace(lambda: True, 0))
        self.now_s = 0.0
        for gateway, thing in ((FIRST, "dune-9"), (GATEWAY, "dune-1")):
            self.field = Field(engine, gateway=gateway)
            self.field.announce(things=(thing,))
            self.say_as(gateway, START_MS)
            self.measure(START_MS, things=(thing,))
        self.keep(START_MS)

    def say_as(self, gateway, now_ms, state="online"):
        self.field.gateway = gateway
        self.say(now_ms, state)

    def spoil(self, column="machine", value='{"level": "so dry"}'):
        self.write(f"UPDATE alert_watch SET {column} = :value WHERE gateway_id = :id", value)

    def write(self, statement, value=None):
        with self.engine.begin() as connection:
            connection.execute(text(statement), {"id": FIRST, "value": value})
            connection.execute(text("UPDATE gateway SET watch_rev = watch_rev + 1"))

    def level(self, kind, gateway=GATEWAY):
        with self.engine.connect() as connection:
            return connection.execute(
                select(alert_watch.c.level)
                .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
                .where(alert_rule.c.kind == kind, alert_watch.c.gateway_id == gateway)
            ).scalar_one()


@pytest.fixture
def two(sqlite_engine):
    return Two(sqlite_engine)


def be_gone(two, *gateways):
    for one in gateways:
        two.say_as(one, at_h(1), "offline")
    for hour in (1, 4, 7, 9):
        two.keep(at_h(hour + 0.5))


def test_gateways_are_judged_by_the_clock_though_those_of_another_cannot(two):
    two.spoil()
    be_gone(two, FIRST, GATEWAY)

    assert two.level("gateway_offline") == 2
    assert two.level("gateway_offline", FIRST) == 0
    assert "cannot be read" in two.rounds.isolation.sentence


def test_what_is_told_afterwards_is_told_but_of_the_watch_that_cannot_be_read(two):
    """What follows from a gateway that is gone is held back: at both, the fault of a sensor too."""
    be_gone(two, FIRST, GATEWAY)
    two.write("UPDATE alert_watch SET suppressed_by = NULL")
    of_sensors = "(SELECT id FROM alert_rule WHERE kind = 'sensor_fault')"
    spoil = "UPDATE alert_watch SET machine = :value WHERE gateway_id = :id AND rule_id IN "
    two.write(spoil + of_sensors, '{"level": "so dry"}')
    two.keep(at_h(10))

    with two.engine.connect() as connection:
        held = connection.execute(
            select(alert_watch.c.gateway_id, alert_rule.c.kind)
            .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
            .where(alert_watch.c.suppressed_by.is_not(None))
            .where(alert_rule.c.kind.in_(["no_data", "sensor_fault"]))
            .order_by(alert_watch.c.gateway_id, alert_rule.c.kind)
        )
        assert list(map(tuple, held)) == [
            (FIRST, "no_data"),
            (GATEWAY, "no_data"),
            (GATEWAY, "sensor_fault"),
        ]


def test_watches_are_renewed_though_those_of_another_gateway_cannot_be(two):
    """The first one's were made by what no program can read."""
    with two.engine.begin() as connection:
        count = "SELECT count(*) FROM alert_watch WHERE gateway_id = :id AND retired_at IS NULL"
        before = connection.execute(text(count), {"id": GATEWAY}).scalar_one()
    two.spoil("input", '{"condition": 5}')
    for gateway, things in ((FIRST, ("dune-9", "dune-8")), (GATEWAY, ("dune-1", "dune-2"))):
        two.field.gateway = gateway
        two.field.announce(START_MS + 1, things=things)
    two.keep(START_MS + 1)

    with two.engine.connect() as connection:
        assert connection.execute(text(count), {"id": GATEWAY}).scalar_one() > before
    assert f"something goes wrong at gateway {FIRST}" in two.rounds.isolation.sentence


def test_what_is_mended_is_kept_again_and_no_longer_told_of(two):
    two.spoil()
    two.keep(at_h(1))
    spoilt = two.rounds.isolation.sentence
    two.write("UPDATE alert_watch SET machine = NULL WHERE gateway_id = :id")
    two.now_s += STUCK_S
    be_gone(two, FIRST)

    assert spoilt
    assert two.level("gateway_offline", FIRST) == 2
    assert two.rounds.isolation.sentence == ""


def test_the_sentence_names_some_and_counts_the_rest():
    isolation = Isolation()
    isolation.begin(0.0)
    for id_ in range(1, 8):
        isolation.note(Unreadable(id_, FIRST, "?"))
    isolation.run("renew", FIRST, lambda: 1 / 0)

    assert isolation.sentence == (
        "something goes wrong at gateway a-dune; "
        "watch 1, 2, 3, 4, 5 and 2 more cannot be read: see the log"
    )
    assert isolation.run("renew", FIRST, lambda: 1) is None
    isolation.begin(STUCK_S)
    assert isolation.run("renew", FIRST, lambda: 1) == 1
