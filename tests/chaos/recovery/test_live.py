"""The live watch: from the outbox to the database, never told too short."""

import sqlite3
import time
from decimal import Decimal

import pytest

from benchmarks.chaos_suite.recovery.live import LiveWatch
from deploy.ports import wait_until
from wire import batch
from wire.batch import Sample
from wire.messages import ClockSource

GATEWAY, NAME = "live-gateway", "control-1/soil-20cm/vwc"


@pytest.fixture
def outbox(tmp_path):
    db = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE pending (datastream TEXT, wall_ms INTEGER)")
    db.execute("CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB)")
    yield db
    db.close()


@pytest.fixture
def database(tmp_path):
    db = sqlite3.connect(tmp_path / "saxaul.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(
        "CREATE TABLE datastream (id INTEGER, gateway_id TEXT, name TEXT, source_id INTEGER)"
    )
    db.execute("CREATE TABLE observation (datastream_id INTEGER, time INTEGER, value DOUBLE)")
    db.execute("INSERT INTO datastream VALUES (1, ?, ?, NULL)", (GATEWAY, NAME))
    yield db
    db.close()


@pytest.fixture
def watch(outbox, database, tmp_path):
    url = f"sqlite:///{tmp_path / 'saxaul.db'}"
    early_ms = now_ms() - 1000
    outbox.execute("INSERT INTO pending VALUES (?, ?)", (NAME, early_ms))
    arrive(database, early_ms)
    with LiveWatch(GATEWAY, tmp_path / "outbox.db", url) as running:
        assert wait_until(lambda: running.ways(-2.0, 0.0), 30)  # it has looked once
        outbox.execute("DELETE FROM pending")
        yield running


def now_ms():
    return time.time_ns() // 1_000_000


def arrive(database, time_ms):
    database.execute("INSERT INTO observation VALUES (1, ?, 1.0)", (time_ms,))


def ways(watch):
    return watch.ways(0.0, float("inf"))


def test_a_reading_is_timed_from_its_commit_to_its_arrival(watch, outbox, database):
    time_ms = now_ms()
    outbox.execute("INSERT INTO pending VALUES (?, ?)", (NAME, time_ms))
    kept_s = time.monotonic()
    time.sleep(0.4)
    sent_s = time.monotonic()
    arrive(database, time_ms)
    assert wait_until(lambda: watch.is_current(0.0, 60), 30)

    (way,) = ways(watch)
    assert way.set_out_s <= kept_s
    assert way.arrived_s >= sent_s
    assert watch.slowest_s(0.0, float("inf")) == way.arrived_s - way.set_out_s


def test_a_reading_that_does_not_arrive_takes_longer_and_longer(watch, outbox):
    outbox.execute("INSERT INTO pending VALUES (?, ?)", (NAME, now_ms()))
    assert wait_until(lambda: ways(watch), 30)

    assert wait_until(lambda: watch.slowest_s(0.0, float("inf")) > 0.3, 30)
    assert not watch.is_current(0.0, 60)


def test_it_is_current_when_only_what_is_new_is_under_way(watch, outbox, database):
    old_ms, new_ms = now_ms(), now_ms() + 1
    outbox.execute("INSERT INTO pending VALUES (?, ?)", (NAME, old_ms))
    assert wait_until(lambda: len(ways(watch)) == 1, 30)
    time.sleep(0.3)
    outbox.execute("INSERT INTO pending VALUES (?, ?)", (NAME, new_ms))
    arrive(database, new_ms)
    assert wait_until(lambda: watch.is_current(0.0, 60), 30)

    assert not watch.is_current(0.0, 0.3)
    arrive(database, old_ms)
    assert wait_until(lambda: watch.is_current(0.0, 0.3), 30)
    assert not watch.is_current(time.monotonic() + 1, 60)


def test_a_reading_that_is_sealed_between_two_looks_is_seen_in_its_batch(watch, outbox, database):
    time_ms = now_ms()
    body = batch.encode(ClockSource.NTP, {NAME: [Sample(time_ms, Decimal(1))]})
    outbox.execute("INSERT INTO payload VALUES (1, ?)", (body,))
    arrive(database, time_ms)

    assert wait_until(lambda: watch.is_current(0.0, 60), 30)


def test_what_was_there_before_the_first_look_is_not_timed(outbox, database, tmp_path):
    outbox.execute("INSERT INTO pending VALUES (?, ?)", (NAME, now_ms()))

    with LiveWatch(GATEWAY, tmp_path / "outbox.db", f"sqlite:///{tmp_path / 'saxaul.db'}") as late:
        assert wait_until(lambda: late.ways(-2.0, 0.0), 30)
        assert ways(late) == []
