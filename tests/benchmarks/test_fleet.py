"""`bin/bench fleet`: what its gateways do, and what it tells."""

import json
import signal
import socket
import time
from random import Random

import pytest

from benchmarks import fleet
from benchmarks.chaos_suite.mqtt_frames import Splitter
from benchmarks.fleet_suite import limits
from benchmarks.fleet_suite.catalog import copy_gateways
from benchmarks.fleet_suite.figures import Fleet, Stage, broken_limits, figures, percentiles
from benchmarks.fleet_suite.gateway import Gateway
from benchmarks.fleet_suite.lines import Lines
from benchmarks.ingest_suite import packets
from benchmarks.ingest_suite.station import CHANNELS, inventory
from deploy.errors import SetupError
from server.catalog.inventory import apply_inventory
from server.catalog.resolve import load_series
from server.db.engine import open_engine, writing
from server.db.migrate import upgrade
from wire import messages, topics
from wire.catalogue import bundled
from wire.messages import Inventory, Receipt

CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x01"
STAGES = [
    Stage(10_000, 10, 1_667, 1_600, 0.4, 1.2, 0.8),
    Stage(20_000, 10, 3_333, 3_300, 0.6, 2.2, 1.2),
    Stage(40_000, 10, 6_667, 5_000, 3.0, 7.5, 1.9),
]
GOOD = Fleet(
    wanted=10_000,
    connections=10_000,
    connect_s=4.0,
    announced_per_s=40.0,
    statuses_per_s=300.0,
    stages=STAGES,
    cold_s=30.0,
    burst_s=12.0,
    storm_s=21.0,
    broker_rss_mb=80,
    server_rss_mb=250,
    workers=2,
    processors=2,
)


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


# ---------------------------------------------------------------- what a gateway does


def connected(gateway, now_s=0.0):
    gateway.hello()
    gateway.feed(CONNACK, now_s)
    gateway.feed(SUBACK, now_s)
    return gateway.feed(SUBACK, now_s)


def published(data):
    return [told for frame in Splitter().feed(data) if (told := frame.publish()) is not None]


def receipt(*stored):
    told = Receipt(epoch="testepoch", stored=list(stored))
    return packets.publish(topics.receipt("gw"), 7, messages.encode(told))


def gateway():
    return Gateway("gw", "testepoch", [b"payload %d" % number for number in range(9)])


def batches(data):
    return [one.topic for one in published(data) if "/batch/" in one.topic]


def test_a_gateway_keeps_its_session_and_says_how_it_is_when_it_has_connected():
    one = gateway()

    assert one.hello() == packets.connect("gw", clean_session=False)
    assert one.hello()[9] == 0  # MQTT 3.1.1, 3.1.2.3: no clean session
    (status,) = published(connected(one))

    assert (status.topic, one.is_online) == ("saxaul/1/gw/status", True)


def test_the_time_to_a_receipt_runs_from_when_the_batch_was_due():
    one = gateway()
    connected(one)

    assert batches(one.measure(10.0)) == ["saxaul/1/gw/batch/testepoch/1"]
    answer = one.feed(receipt((1, 1)), 10.4)

    assert answer == packets.puback(7)
    assert one.delays == {1: pytest.approx(0.4)}
    assert (one.confirmed, one.is_idle) == (1, True)


def test_a_receipt_that_comes_twice_counts_once():
    one = gateway()
    connected(one)
    one.measure(0.0)

    one.feed(receipt((1, 1)) + receipt((1, 1)), 1.0)

    assert (one.confirmed, len(one.delays)) == (1, 1)


def test_what_has_no_receipt_is_sent_again_on_a_new_connection():
    one = gateway()
    connected(one)
    one.measure(0.0)
    one.measure(1.0)
    one.feed(receipt((1, 1)), 1.5)
    one.lose()

    assert one.measure(2.0) == b""
    assert batches(connected(one, 3.0)) == [
        "saxaul/1/gw/batch/testepoch/2",
        "saxaul/1/gw/batch/testepoch/3",
    ]
    one.feed(receipt((2, 3)), 4.0)
    assert one.delays == {1: 1.5, 2: pytest.approx(3.0), 3: pytest.approx(2.0)}


def test_what_has_no_receipt_is_sent_again_after_a_while_ever_more_rarely():
    one = gateway()
    connected(one)
    one.measure(0.0)

    sent = [at_s for at_s in range(200) if one.overdue(float(at_s))]

    assert sent == [30, 90]
    assert one.again == 2


def test_what_has_no_receipt_is_sent_again_when_the_server_asks_for_it():
    one = gateway()
    connected(one)
    one.measure(0.0)
    command = messages.encode(messages.Command(kind="resend"))

    answer = one.feed(packets.publish(topics.command("gw", "resend-1"), 9, command), 5.0)

    assert [told.topic for told in published(answer)] == [
        "saxaul/1/gw/command/resend-1/result",
        "saxaul/1/gw/batch/testepoch/1",
    ]


def test_a_broker_that_refuses_is_no_connection():
    one = gateway()
    one.hello()

    with pytest.raises(ConnectionError, match="gw is refused: code 5"):
        one.feed(b"\x20\x02\x00\x05", 0.0)


def test_a_lost_connection_is_opened_again_after_a_while():
    now = [100.0]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = gateway()
        lines = Lines(listener.getsockname()[1], [one], Random(1), lambda: now[0])
        lines.open(0)
        first, _ = listener.accept()
        lines.turn(0.1)
        assert first.recv(100) == packets.connect("gw", clean_session=False)
        first.close()
        until = time.monotonic() + 20
        while not lines.lost and time.monotonic() < until:
            lines.turn(0.05)

        lines.turn(0)
        assert (lines.lost, lines.lines[0].link) == (1, None)
        now[0] += 1.0
        lines.turn(0)
        again, _ = listener.accept()
        lines.turn(0.1)
        assert again.recv(100) == packets.connect("gw", clean_session=False)
        again.close()
        lines.close()


def test_copies_of_a_gateway_have_what_it_announced(timescale_database):
    """Their batches are then taken in as if they had announced themselves."""
    engine = open_engine(timescale_database)
    upgrade(engine)
    told = messages.decode(inventory("bench-0000"), Inventory)
    with writing(engine) as connection:
        apply_inventory(connection, "bench-0000", told, bundled(), 1_767_225_600_000)

    copy_gateways(timescale_database, "bench-0000", ["bench-0001", "bench-0002"])

    with engine.connect() as connection:
        first, *others = (
            load_series(connection, f"bench-000{number}", bundled()) for number in range(3)
        )
    engine.dispose()
    assert len(first) == len(CHANNELS)
    for other in others:
        assert {name: (ref.span, ref.no_values) for name, ref in other.items()} == {
            name: (ref.span, ref.no_values) for name, ref in first.items()
        }
    ids = {ref.datastream_id for one in (first, *others) for ref in one.values()}
    assert len(ids) == 3 * len(CHANNELS)


# ---------------------------------------------------------------- what is told


def test_figures_are_of_the_fleet_as_it_is_and_of_the_largest_that_is_served_in_time():
    assert figures(GOOD, 20) == {
        "gateways": 10_000,
        "connections": 10_000,
        "readings_per_s": 3_200,
        "receipt_p50_s": 0.4,
        "receipt_p95_s": 1.2,
        "cpu_share": 0.4,
        "most_gateways": 20_000,
        "most_readings_per_s": 6_600,
        "most_p95_s": 2.2,
        "most_cpu_share": 0.6,
        "storm_s": 21.0,
        "cold_s": 30.0,
        "burst_s": 12.0,
        "connect_per_s": 2_500,
        "announced_per_s": 40.0,
        "statuses_per_s": 300,
        "broker_rss_mb": 80,
        "server_rss_mb": 250,
        "workers": 2,
    }
    assert broken_limits(figures(GOOD, 20)) == []


@pytest.mark.parametrize(
    ("figure", "value", "broken"),
    [
        ("receipt_p95_s", 5.1, "receipt_p95_s 5.1 is over 5"),
        ("receipt_p95_s", float("inf"), "receipt_p95_s inf is over 5"),
        ("storm_s", 61, "storm_s 61 is over 60"),
        ("connections", 9_999, "connections 9999 is under 10000"),
    ],
)
def test_each_limit_is_held_by_its_own(figure, value, broken):
    assert broken_limits(figures(GOOD, 20) | {figure: value}) == [broken]


def test_percentiles_of_nothing_are_no_figures_to_be_proud_of():
    assert percentiles([]) == (float("inf"), float("inf"))
    assert percentiles([1.0, 2.0, 3.0]) == (2.0, 3.0)
    assert percentiles([1.0] * 9 + [float("inf")]) == (1.0, float("inf"))


def test_more_connections_than_the_machine_allows_are_refused_in_a_line(capsys):
    more = limits.connections() + 1

    assert fleet.main(["--gateways", str(more)]) == 2
    assert capsys.readouterr().err.startswith(
        f"bin/bench fleet: a process may hold {more - 1} connections here, not {more}: raise"
    )


def test_what_a_person_can_mend_is_said_in_a_line(monkeypatch, capsys):
    def fail(_):
        raise SetupError("mosquitto is not installed: run bin/prepare full")

    monkeypatch.setattr(fleet, "_measure", fail)

    assert fleet.main(["--json"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)


def test_a_quick_run_measures_everything(timescale_url, capsys):
    code = fleet.main(["--quick", "--json", "--database-url", timescale_url])

    told = json.loads(capsys.readouterr().out)
    found = told["figures"]
    assert told["name"] == "fleet"
    assert list(found) == list(figures(GOOD, 20))
    assert found["connections"] == found["gateways"] == fleet.QUICK_GATEWAYS
    assert 0 < found["storm_s"] < 60
    assert told["held"] is (broken_limits(found) == [])
    assert code == (0 if told["held"] else 1)
