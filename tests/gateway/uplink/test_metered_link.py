"""A link with a budget a day and hours for sending: real broker, bytes counted on the wire."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateway.app import uplink_settings
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.outbox import Outbox
from gateway.readings import Observation
from gateway.uplink import Plan, Uplink
from gateway.uplink.ration import USAGE
from gateway.uplink.session import Link, Session, Will
from gateway.uplink.tls import TlsMemory
from gateway.uplink.upkeep import SEAL_WISH

NAME = "dune-1/soil-10cm/vwc_raw"
NOON = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
MIDNIGHT = NOON + 12 * 3_600_000


@pytest.fixture(params=["plain", "tls"])
def memory(request, certificate):
    """Speak TLS or not, and have the broker do likewise."""
    if request.param == "plain":
        return None
    request.getfixturevalue("tls_broker")
    return TlsMemory(str(certificate[0]))


@pytest.mark.parametrize(("count", "size"), [(3, 20), (40, 250), (5, 60_000)])
def test_the_count_of_a_connection_is_what_went_over_the_wire(
    broker, memory, counting, until, count, size
):
    """Within 10 %, TLS and all, the answers too."""
    proxy = counting(broker.port)
    link = Link("g", "127.0.0.1", proxy.port)
    session = Session(link, Will("will", b"gone"), memory, lambda *_: None)
    session.open("back/+")
    waiting = {session.publish("back/hear", bytes(size)) for _ in range(count)}
    until(lambda: not waiting.difference_update(session.pump(0.05)) and not waiting)
    # What was sent comes back, after its acknowledgement.
    until(lambda: session.pump(0.05) is not None and proxy.bytes > 2 * count * size)
    for _ in range(10):
        session.pump(0.05)
    session.close()
    until(lambda: abs(session.traffic().stream - proxy.bytes) <= 0.1 * proxy.bytes, 20)
    assert session.traffic().headers > 0


@pytest.fixture
def metered(tmp_path, config_of, broker, counting, shift, hasty):
    """Make gateways with a plan behind a counting link, at noon UTC of a hand-moved time."""
    shift.begin_at(NOON)
    proxy = counting(broker.port)
    config = config_of(port=proxy.port)
    clock, opened = shift.clock(), []
    outbox = Outbox(tmp_path, clock, 60)

    def make(plan, **settings):
        book = InventoryBook(config, outbox)
        wanted = replace(uplink_settings(config, None), plan=plan, **settings)
        uplink = Uplink(wanted, outbox, clock, book, Health(clock), hasty)
        opened.append(uplink)
        uplink.start()
        return uplink

    yield make, outbox, clock, proxy
    for uplink in opened:
        uplink.stop()
    outbox.close()


def measure(outbox, clock, count=1):
    outbox.append([Observation(NAME, clock.mono_ms() - n, Decimal("1.5")) for n in range(count)])


def last_status(ear):
    found = ear.on("status")
    return json.loads(found[-1].payload) if found else {}


def test_a_used_up_budget_ends_in_a_polite_rest_until_midnight(metered, ear, until, shift, capsys):
    make, outbox, clock, proxy = metered
    ear.answer = True
    make(Plan(daily_bytes=20_000))

    def spend():
        measure(outbox, clock)
        return last_status(ear).get("state") == "offline"

    until(spend, 60)
    status = last_status(ear)
    assert status["resting"] == "the day's data allowance is used up"
    late_ms = status["rests_until"] - MIDNIGHT
    assert 0 <= late_ms < 60_000, "half a day after the start, which was just after noon"
    told = []
    until(lambda: told.append(capsys.readouterr().out) or "uplink_rests" in told[-1])
    assert "uplink_unavailable" not in "".join(told)
    used = json.loads(outbox.meta(USAGE))["used"]
    assert 17_000 <= used <= 20_500
    assert proxy.bytes <= used, "the headers are counted too"

    connections = proxy.connections
    measure(outbox, clock)
    shift.advance_s(3600)
    assert outbox.pending().count > 0, "they wait for others to be packed with"
    (outbox.path.parent / SEAL_WISH).touch()
    until(lambda: outbox.pending().count == 0)  # an export is served all the same
    assert proxy.connections == connections
    shift.advance_s(11 * 3600)
    until(lambda: last_status(ear).get("state") == "online", 20)
    told = capsys.readouterr().out
    assert "uplink_resumes" in told
    assert "uplink_rests" not in told, "it is said once"


def test_a_restart_gives_no_second_budget(metered, ear, until):
    make, outbox, _, proxy = metered
    first = make(Plan(daily_bytes=30_000))
    until(lambda: last_status(ear).get("state") == "online")
    first.stop()
    used = json.loads(outbox.meta(USAGE))["used"]
    second = make(Plan(daily_bytes=used + 1_900))  # less than is kept back for a goodbye
    until(lambda: not second._thread.is_alive() or second._ration.rest() is not None)
    assert proxy.connections == 1


def test_history_waits_for_its_part_of_the_day_and_live_readings_do_not(metered, ear, until, shift):
    make, outbox, clock, _ = metered
    shift.begin_at(NOON - 12 * 3_600_000 + 60_000)
    for day in range(1, 4):
        outbox.append(
            [
                Observation(NAME, clock.mono_ms() - day * 86_400_000 - n * 1000, Decimal("1.5"))
                for n in range(50)
            ]
        )
        outbox.seal()
    ear.answer = True
    make(Plan(daily_bytes=200_000), heartbeat_s=900.0)
    until(lambda: ear.on("status"))
    measure(outbox, clock)
    until(lambda: outbox.figures().unconfirmed == 3 and outbox.figures().sealed == 4)
    shift.advance_s(6 * 3600)
    until(lambda: outbox.figures().unconfirmed == 0)


def test_outside_its_hours_a_gateway_is_offline_and_comes_back_by_itself(
    metered, ear, until, shift, capsys
):
    make, outbox, clock, proxy = metered
    ear.answer = True
    make(Plan(hours=((11 * 60, 12 * 60 + 30), (14 * 60, 15 * 60))))
    until(lambda: last_status(ear).get("state") == "online")
    shift.advance_s(1800)
    until(lambda: last_status(ear).get("state") == "offline")
    assert last_status(ear)["resting"] == "outside the hours for sending"
    assert last_status(ear)["rests_until"] == NOON + 2 * 3_600_000
    measure(outbox, clock)
    connections = proxy.connections
    until(lambda: "uplink_rests" in capsys.readouterr().out)
    shift.advance_s(5400)
    until(lambda: outbox.figures().sealed == 1 and outbox.figures().unconfirmed == 0, 20)
    assert proxy.connections == connections + 1
    assert last_status(ear)["state"] == "online"


def test_a_gateway_that_rests_stops_at_once(metered, until, capsys):
    make, *_ = metered
    uplink = make(Plan(hours=((0, 60),)))
    until(lambda: "uplink_rests" in capsys.readouterr().out)
    uplink.stop(15.0)
    assert not uplink._thread.is_alive()
