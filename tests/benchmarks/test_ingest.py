"""`bin/bench ingest`: what its gateways send, what it takes for void, and what it tells."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from benchmarks import ingest
from benchmarks.ingest_suite import bare, packets
from benchmarks.ingest_suite.databases import Databases
from benchmarks.ingest_suite.figures import Sqlite, Timescale, broken_limits, figures
from benchmarks.ingest_suite.measurements import Calendar, Kind
from benchmarks.ingest_suite.rig import Rig, cpu_s, memory_of
from benchmarks.ingest_suite.sender import Sender
from benchmarks.ingest_suite.stall import Stall
from benchmarks.ingest_suite.station import CHANNELS, Load, gateway_names, inventory, variant_of
from benchmarks.ingest_suite.witness import verify
from deploy.children import Child
from deploy.errors import SetupError
from deploy.local_postgres import LocalPostgres
from deploy.ports import wait_until
from deploy.postgres_install import PostgresInstall
from server.db.engine import open_engine, writing
from server.db.migrate import upgrade
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.store.engines import store_for
from wire import batch, messages, topics
from wire.catalogue import bundled
from wire.messages import Receipt

START_MS = 1_767_225_600_000
GATEWAYS = gateway_names(12)
LOAD = Load("testepoch", GATEWAYS, START_MS, 3, 4)
SENT = [2, *[1] * 10, 4]

GOOD = Timescale(
    hour_rps=300_000,
    bare_rps=310_000,
    row_rps=110_000,
    full_rps=290_000,
    rss_mb=150,
    stalled_rss_mb=140,
)
GOOD_SQLITE = Sqlite(rps=100_000, bare_rps=150_000, rss_mb=120)


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


# ---------------------------------------------------------------- what gateways send


def test_a_payload_holds_the_values_that_are_expected_in_the_database():
    payloads = LOAD.payloads(3)
    decoded = batch.decode(payloads[1])

    expected = LOAD.doubles(3)[:, 3:6].tolist()
    assert len(payloads) == LOAD.batches
    found = {one.name: [float(row.value) for row in one.samples()] for one in decoded.series}
    assert found == dict(zip([channel.name for channel in CHANNELS], expected, strict=True))
    assert list(decoded.series[0].times_ms) == LOAD.times_ms(2)[3:].tolist()


def test_variants_differ_and_are_always_the_same():
    assert LOAD.payloads(1) == LOAD.payloads(1)
    assert LOAD.payloads(1) != LOAD.payloads(2)
    assert [variant_of(number) for number in (0, 3, 4)] == [0, 3, 0]


def test_packets_are_those_of_the_standard():
    assert packets.connect("gw") == b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02gw"
    assert packets.subscribe("a/b") == b"\x82\x08\x00\x01\x00\x03a/b\x01"
    assert packets.publish("t", 5, b"xy") == b"\x32\x07\x00\x01t\x00\x05xy"
    assert packets.publish("t", 5, b"x" * 200)[:3] == b"\x32\xcd\x01"
    assert packets.puback(258) == b"\x40\x02\x01\x02"
    assert (packets.packet_id_of(65_534), packets.packet_id_of(65_535)) == (65_535, 1)


def receipt(*stored, refused=(), epoch="testepoch"):
    told = Receipt(epoch=epoch, stored=list(stored), refused=list(refused))
    return packets.publish(topics.receipt("gw"), 7, messages.encode(told))


def sender(window):
    return Sender("gw", "testepoch", [b"payload"] * 500, window)


def test_a_receipt_makes_room_for_as_many_batches_and_is_acknowledged():
    one = sender(4)

    assert one.due().count(b"payload") == 4
    assert one.feed(receipt((1, 3))) == packets.puback(7)
    assert one.due().count(b"payload") == 3
    assert (one.sent, one.confirmed, one.is_idle) == (7, 3, False)


def test_the_window_doubles_up_to_the_contracts_when_the_server_waits_for_the_gateway():
    one = sender(24)

    for expected in (48, 64, 64):
        one.due()
        one.feed(receipt((1, one.sent)))
        assert one.window == expected


def test_a_receipt_is_counted_once_and_only_for_its_epoch():
    one = sender(4)
    one.due()

    one.feed(receipt((1, 4), epoch="another1"))
    assert one.confirmed == 0
    one.feed(receipt((1, 2)) + receipt((1, 2)))
    assert one.confirmed == 2


def test_a_refused_batch_is_told_and_no_longer_waited_for():
    one = sender(1)
    one.due()

    one.feed(receipt(refused=[messages.Refusal(seq=1, reason="no such unit")]))

    assert (one.refused, one.is_idle, one.confirmed) == (["gw 1: no such unit"], True, 0)


def test_loads_follow_each_other_in_time():
    calendar = Calendar(GATEWAYS, START_MS)

    first, second = (
        calendar.load(name, Kind(60, 6.0, 32), 10.0) for name in ("epoch001", "epoch002")
    )

    assert first.batches == second.batches == 5 + 32
    assert (first.start_ms, second.start_ms) == (START_MS, first.end_ms)


# ---------------------------------------------------------------- what is void


@pytest.fixture
def taken_in(tmp_path):
    """A SQLite database that holds what each gateway has sent of the load, and a way to change it."""
    url = f"sqlite:///{tmp_path / 'saxaul.db'}"
    engine = open_engine(url)
    upgrade(engine)
    pipeline = Pipeline(store_for(engine), bundled())
    with writing(engine) as connection:
        turn = Turn(connection, START_MS + 3_600_000, alone=False)
        for number, name in enumerate(GATEWAYS):
            told = [(topics.inventory(name), inventory(name))] + [
                (topics.batch(name, LOAD.epoch, seq + 1), payload)
                for seq, payload in enumerate(LOAD.payloads(variant_of(number))[: SENT[number]])
            ]
            for topic, payload in told:
                pipeline.process(turn, Message(topic, payload, START_MS + 3_600_000))

    def change(statement):
        with writing(engine) as connection:
            assert connection.execute(text(statement)).rowcount == 1

    yield url, change
    engine.dispose()


def test_what_is_there_once_and_unchanged_counts(taken_in):
    url, _ = taken_in

    verify(url, LOAD, SENT)


ONE = f"datastream_id = 1 AND time = {START_MS}"


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM observation WHERE {ONE}",
        f"UPDATE observation SET value = value + 0.5 WHERE {ONE}",
        f"UPDATE observation SET quality = 4 WHERE {ONE}",
        "UPDATE latest SET time = time - 1 WHERE datastream_id = 2",
        "DELETE FROM journal WHERE id = (SELECT max(id) FROM journal)",
    ],
)
def test_what_is_lost_or_changed_makes_a_measurement_void(taken_in, statement):
    url, change = taken_in
    change(statement)

    with pytest.raises(SetupError, match="the measurement is void"):
        verify(url, LOAD, SENT)


def test_the_bare_way_writes_the_same_rows(taken_in, tmp_path):
    url, _ = taken_in
    engine = open_engine(url)
    query = text("SELECT datastream_id, time, value, quality FROM observation ORDER BY 1, 2")
    with engine.connect() as connection:
        served = connection.execute(query).all()
        ids = {
            (row.gateway_id, row.name): row.id
            for row in connection.execute(text("SELECT gateway_id, name, id FROM datastream"))
        }
    engine.dispose()

    bare.executemany_rate(tmp_path / "bare.db", LOAD, SENT, ids)

    other = open_engine(f"sqlite:///{tmp_path / 'bare.db'}")
    with other.connect() as connection:
        assert connection.execute(query).all() == served
    other.dispose()


def test_a_row_is_written_as_copy_reads_it():
    row = bare.Rows(np.array([946_684_800_001]), np.array([-2.0]), np.array([258], np.int32))

    data = row.copy_bytes()

    assert data[:19] == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    assert data[19:-2].hex() == (
        "0004"
        "00000008" "00000000000003e8"
        "00000008" "c000000000000000"
        "00000004" "00000102"
        "00000004" "00000001"
    )  # fmt: skip
    assert data[-2:] == b"\xff\xff"


# ---------------------------------------------------------------- what is told


def test_figures_are_rates_and_their_ratios():
    assert figures(GOOD, GOOD_SQLITE, 500) == {
        "hour_ratio": 0.968,
        "hour_rps": 300_000,
        "row_rps": 110_000,
        "sqlite_ratio": 0.667,
        "flat_ratio": 0.967,
        "rss_mb": 150,
        "bare_rps": 310_000,
        "full_rps": 290_000,
        "sqlite_rps": 100_000,
        "sqlite_bare_rps": 150_000,
        "stalled_rss_mb": 140,
        "rows": 500,
    }
    assert broken_limits(figures(GOOD, GOOD_SQLITE, 500)) == []


@pytest.mark.parametrize(
    ("figure", "value", "broken"),
    [
        ("hour_ratio", 0.899, "hour_ratio 0.899 is under 0.9"),
        ("hour_rps", 249_999, "hour_rps 249999 is under 250000"),
        ("row_rps", 99_999, "row_rps 99999 is under 100000"),
        ("sqlite_ratio", 0.59, "sqlite_ratio 0.59 is under 0.6"),
        ("flat_ratio", float("nan"), "flat_ratio nan is under 0.8"),
        ("rss_mb", 300.1, "rss_mb 300.1 is over 300"),
        ("stalled_rss_mb", 301, "stalled_rss_mb 301 is over 300"),
    ],
)
def test_each_limit_is_held_by_its_own(figure, value, broken):
    told = figures(GOOD, GOOD_SQLITE, 500) | {figure: value}

    assert broken_limits(told) == [broken]


@pytest.mark.parametrize(("hour_rps", "held", "code"), [(300_000, True, 0), (200_000, False, 1)])
def test_the_json_line_says_whether_it_held(monkeypatch, capsys, hour_rps, held, code):
    found = figures(GOOD, GOOD_SQLITE, 500) | {"hour_rps": hour_rps}
    monkeypatch.setattr(ingest, "_measure", lambda _: found)

    assert ingest.main(["--json"]) == code
    assert json.loads(capsys.readouterr().out) == {"name": "ingest", "figures": found, "held": held}


def test_what_a_person_can_mend_is_said_in_a_line(monkeypatch, capsys):
    def fail(_):
        raise SetupError("mosquitto is not installed: run bin/prepare full")

    monkeypatch.setattr(ingest, "_measure", fail)

    assert ingest.main(["--json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "bin/bench ingest: mosquitto is not installed: run bin/prepare full\n"


# ---------------------------------------------------------------- for real


def test_a_quick_run_measures_everything(timescale_url, capsys):
    code = ingest.main(["--quick", "--json", "--database-url", timescale_url])

    told = json.loads(capsys.readouterr().out)
    found = told["figures"]
    assert told["name"] == "ingest"
    assert list(found) == list(figures(GOOD, GOOD_SQLITE, 1))
    assert all(value > 0 for value in found.values())
    assert told["held"] is (broken_limits(found) == [])
    assert code == (0 if told["held"] else 1)


@pytest.fixture
def sleeper(tmp_path):
    child = Child("sleeper", ["sleep", "60"], tmp_path / "sleeper.log")
    child.start()
    # The memory of what it was before its `exec` is not the sleeper's.
    assert wait_until(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "sleep\n", 20)
    yield child
    child.kill()


def state(child):
    return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_database_of_our_own_is_stopped_and_goes_on_again(tmp_path, sleeper):
    own = LocalPostgres(tmp_path, PostgresInstall(Path("/")))
    own.child = sleeper
    rig = Rig("postgresql://nobody@127.0.0.1/none", 0, sleeper, sleeper)
    stall = Stall(rig, Databases(rig.database_url, own), 0.3)
    seen = []

    def look():
        seen.append(state(sleeper))
        return memory_of(sleeper.pid)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.ingest_suite.stall.memory_of", lambda _: look())
        stall()

    assert set(seen[1:]) == {"T"}
    assert wait_until(lambda: state(sleeper) != "T", 30)
    assert 0 < stall.most_mb <= memory_of(sleeper.pid).most_mb


def test_processor_time_is_that_of_a_program_with_its_children(tmp_path):
    busy = Child("busy", ["sh", "-c", "(while :; do :; done) & wait"], tmp_path / "busy.log")
    busy.start()
    try:
        assert wait_until(lambda: cpu_s(busy.pid) > 0.2, 20)
    finally:
        busy.kill()
    assert busy.exit_code() == -signal.SIGKILL
