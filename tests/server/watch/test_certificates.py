"""What a gateway's uplink depends on ends: from the broker's TLS to the warning, and renewed."""

import socket
import subprocess
from random import Random

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from gateway.app import uplink_settings
from gateway.clock import Clock
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.outbox import Outbox
from gateway.uplink import Uplink
from server.db.alert_tables import alert_rule, alert_transition, alert_watch
from server.ingest.events import Message
from server.watch.keeping.renewing import Renewal
from server.watch.keeping.states import judge_states
from tests.gateway.conftest import Ear, broker, config_of, until
from tests.server.watch.field import DAY_MS, GATEWAY, Field
from wire import messages, topics
from wire.messages import CertificateInfo

__all__ = ["broker", "config_of", "until"]

START_MS = 1_700_000_000_000


@pytest.fixture
def field(sqlite_engine):
    """A gateway that is known, with the rules that come with the program."""
    one = Field(sqlite_engine)
    one.announce(START_MS)
    one.take(status(START_MS), now_ms=START_MS)
    Renewal(sqlite_engine).step(START_MS)
    return one


def status(at_ms, *ends_ms, state="online"):
    told = [CertificateInfo(of="broker", ends=one) for one in ends_ms]
    said = messages.Status(state=state, at=at_ms, clock="ntp", certificates=told)
    return Message(topics.status(GATEWAY), messages.encode(said), at_ms)


def say(field, at_ms, *ends_ms, **more):
    field.take(status(at_ms, *ends_ms, **more), now_ms=at_ms)
    judge_states(field.engine, at_ms)


def record(field):
    """What was noted of the rule that comes with the program: transition, level, days left."""
    query = (
        select(alert_transition.c.kind, alert_transition.c.level_to, alert_transition.c.evidence)
        .join(alert_watch, alert_watch.c.id == alert_transition.c.watch_id)
        .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
        .where(alert_rule.c.kind == "gateway_certificate")
        .order_by(alert_transition.c.id)
    )
    with field.engine.connect() as connection:
        rows = connection.execute(query).all()
    return [(kind, level, round(evidence["value"])) for kind, level, evidence in rows]


def test_the_first_to_end_is_judged_and_its_renewal_ends_the_warning(field):
    ends_ms = START_MS + 40 * DAY_MS
    for day in (0, 9, 11, 20, 34):
        say(field, START_MS + day * DAY_MS, ends_ms, ends_ms + 90 * DAY_MS)
    say(field, START_MS + 35 * DAY_MS, ends_ms + 90 * DAY_MS)

    assert record(field) == [("raised", 2, 29), ("risen", 3, 6), ("cleared", 0, 95)]


def test_time_alone_goes_on(field):
    """The gateway need not say it again."""
    say(field, START_MS, START_MS + 40 * DAY_MS)
    judge_states(field.engine, START_MS + 11 * DAY_MS)

    assert [kind for kind, *_ in record(field)] == ["raised"]


def test_a_gateway_that_tells_of_no_certificate_is_not_judged(field):
    say(field, START_MS)
    say(field, START_MS + DAY_MS, START_MS + 5 * DAY_MS)
    say(field, START_MS + 2 * DAY_MS, state="offline")

    assert [kind for kind, *_ in record(field)] == ["raised"]


@pytest.fixture
def secured(broker, tmp_path):
    """A broker that speaks TLS, and plainly beside it; gives what renews its certificate."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        plain = probe.getsockname()[1]
    certfile, keyfile = tmp_path / "broker.crt", tmp_path / "broker.key"
    broker.config.write_text(
        f"user root\nallow_anonymous true\nlistener {plain} 127.0.0.1\n"
        f"listener {broker.port} 127.0.0.1\ncertfile {certfile}\nkeyfile {keyfile}\n"
    )

    def renew(days):
        broker.kill()
        kind = "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"
        subprocess.run(
            [
                *("openssl", "req", "-x509", *kind, "-days", str(days), "-subj", "/CN=broker"),
                *("-addext", "subjectAltName=IP:127.0.0.1"),
                *("-out", str(certfile), "-keyout", str(keyfile)),
            ],
            check=True,
            capture_output=True,
        )
        broker.start()

    renew(5)
    ear = Ear(plain)
    yield ear, certfile, renew
    ear.close()


def test_a_certificate_that_ends_in_5_days_warns_until_it_is_renewed(
    field, secured, broker, config_of, tmp_path, until
):
    """End to end but for the sender: a real broker's TLS, the gateway's uplink, the record."""
    ear, certfile, renew = secured
    config = config_of(port=broker.port)
    section = replace(config.uplink, tls=True, ca_file=str(certfile))
    settings = uplink_settings(replace(config, uplink=section), None)
    clock = Clock("assume")

    def days_told():
        said = [messages.decode(one.payload, messages.Status) for one in ear.on("status")]
        ends = [min(each.ends for each in one.certificates) for one in said if one.certificates]
        return round((ends[-1] - clock.wall_of(clock.mono_ms())) / DAY_MS) if ends else None

    def take_newest():
        newest = [one for one in ear.on("status") if b"certificates" in one.payload][-1]
        now_ms = clock.wall_of(clock.mono_ms())
        field.take(Message(newest.topic, newest.payload, now_ms), now_ms=now_ms)
        judge_states(field.engine, now_ms)

    with Outbox(tmp_path, clock, 60) as outbox:
        uplink = Uplink(
            settings, outbox, clock, InventoryBook(config, outbox), Health(clock), Random(1)
        )
        uplink.start()
        until(lambda: days_told() == 5)
        take_newest()
        warned = record(field)
        renew(300)
        until(lambda: days_told() == 300)
        take_newest()
        uplink.stop()

    assert warned == [("raised", 3, 5)]
    assert record(field) == [("raised", 3, 5), ("cleared", 0, 300)]
