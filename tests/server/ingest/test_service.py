"""Ingest between a real Mosquitto and a real database: what gateway and page get to know, and when."""

import pytest
import structlog
from sqlalchemy import func, select, text

from server.broker import EmbeddedBroker
from server.db import tables as t
from server.ingest.service import BrokerAddress, IngestService

RAW = "dune-1/soil-10cm/vwc_raw"


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_what_a_gateway_sends_is_stored_and_confirmed(
    run_ingest, gateway, station, engine, wait_until
):
    service = run_ingest()

    gateway.send(station.announce(), retain=True)
    gateway.send(*(station.readings(seq, ["2493.4"], at_ms=seq * 60_000) for seq in range(1, 31)))
    wait_until(lambda: sorted(gateway.stored) == list(range(1, 31)))

    assert count(engine, t.observation) == 90  # each with its soil water, twice
    health = service.health()
    assert (health.stored, health.refused, health.waiting) == (31, 0, 0)
    assert (health.connected, health.database_ok, health.last_error) == (True, True, "")


def test_receipts_are_few_and_name_ranges(run_ingest, gateway, station, wait_until):
    """At most one a second: a hundred batches at once need not a hundred receipts."""
    run_ingest()

    gateway.send(station.announce())
    gateway.send(*(station.readings(seq, ["2000"], at_ms=seq * 60_000) for seq in range(1, 101)))
    wait_until(lambda: len(set(gateway.stored)) == 100)

    assert len(gateway.receipts) <= 5
    assert gateway.receipts[-1].stored[-1][1] == 100


def test_a_batch_that_is_none_is_refused_and_the_next_is_stored(
    run_ingest, gateway, station, wait_until
):
    run_ingest()

    gateway.send(station.announce(), station.batch(1, b"noise"), station.readings(2, ["2000"]))
    wait_until(lambda: gateway.stored == [2] and gateway.refused)

    assert gateway.refused[1].startswith("not zlib data")


def test_the_live_page_hears_of_new_values_after_the_commit(
    run_ingest, gateway, station, engine, wait_until
):
    heard = []

    def hear(rows):
        heard.append((len(rows), count(engine, t.observation)))

    run_ingest(hear)
    gateway.send(station.announce(), station.readings(1, ["2000", "2001"]))
    wait_until(lambda: heard)

    assert heard == [(3, 6)]


def test_a_page_that_fails_does_not_stop_ingest(run_ingest, gateway, station, wait_until):
    def fail(_rows):
        raise ZeroDivisionError("page")

    with structlog.testing.capture_logs() as logs:
        service = run_ingest(fail)
        gateway.send(station.announce(), station.readings(1, ["2000"]))
        wait_until(lambda: gateway.stored == [1])

    assert service.health().last_error == "live page: page"
    assert "listener_failed" in [entry["event"] for entry in logs]


def test_batches_that_came_before_their_inventory_are_confirmed_after_it(
    run_ingest, gateway, station, wait_until
):
    service = run_ingest()
    gateway.send(*(station.readings(seq, ["2000"], at_ms=seq * 60_000) for seq in (1, 2, 3)))
    wait_until(lambda: service.health().waiting == 3)
    assert gateway.receipts == []

    gateway.send(station.announce())
    wait_until(lambda: sorted(gateway.stored) == [1, 2, 3])


def test_nothing_is_confirmed_while_the_database_fails_and_all_of_it_after(
    run_ingest, gateway, station, engine, wait_until
):
    """The table is taken away under ingest: no receipt, health red; given back: all is stored."""
    service = run_ingest()
    gateway.send(station.announce(), station.readings(1, ["2000"]))
    wait_until(lambda: gateway.stored == [1])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE observation RENAME TO away"))

    gateway.send(*(station.readings(seq, ["2000"], at_ms=seq * 60_000) for seq in (2, 3, 4)))
    wait_until(lambda: not service.health().database_ok)
    told, journalled = list(gateway.stored), count(engine, t.journal)
    error = service.health().last_error
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO observation"))
    wait_until(lambda: sorted(gateway.stored) == [1, 2, 3, 4])

    assert (told, journalled) == ([1], 2)
    assert error.startswith("database ")
    assert service.health().database_ok
    assert service.health().last_error == ""
    assert count(engine, t.observation) == 12


def test_a_message_is_not_acknowledged_before_it_is_committed(
    run_ingest, gateway, station, engine, wait_until
):
    """What ingest had in hand when it stopped, the broker gives it again."""
    service = run_ingest()
    gateway.send(station.announce())
    wait_until(lambda: service.health().stored == 1)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE observation RENAME TO away"))
    gateway.send(station.readings(1, ["2000"]))
    wait_until(lambda: not service.health().database_ok)
    service.stop()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO observation"))

    run_ingest()
    wait_until(lambda: gateway.stored == [1])


def test_an_error_of_the_past_does_not_hide_that_the_broker_is_gone(
    run_ingest, gateway, station, mosquitto, wait_until
):
    def fail(_rows):
        raise ZeroDivisionError("page")

    service = run_ingest(fail)
    gateway.send(station.announce(), station.readings(1, ["2000"]))
    wait_until(lambda: service.health().last_error == "live page: page")

    mosquitto.stop()

    wait_until(lambda: service.health().last_error.startswith("broker 127.0.0.1:"))


def test_ingest_comes_back_when_the_broker_does(
    run_ingest, gateway, station, mosquitto, wait_until
):
    service = run_ingest()
    mosquitto.stop()
    wait_until(lambda: not service.health().connected)
    error = service.health().last_error
    mosquitto.start()
    wait_until(lambda: service.health().connected and gateway.subscribed.is_set())

    gateway.send(station.announce(), station.readings(1, ["2000"]))
    wait_until(lambda: gateway.stored == [1])
    assert error.startswith(f"broker 127.0.0.1:{mosquitto.port}: ")


def test_a_topic_of_no_gateway_is_journalled(run_ingest, gateway, station, engine, wait_until):
    service = run_ingest()

    gateway.send(station.message("saxaul/1/NOBODY/status", b"{}"))
    wait_until(lambda: service.health().refused == 1)

    with engine.connect() as connection:
        row = connection.execute(select(t.journal)).one()
    assert (row.topic, row.gateway, bytes(row.payload)) == ("saxaul/1/NOBODY/status", "", b"{}")


@pytest.mark.parametrize("copies", [1000])
def test_more_messages_than_can_wait_at_once_are_all_stored(
    run_ingest, gateway, station, engine, wait_until, copies
):
    run_ingest()

    gateway.send(station.announce())
    gateway.send(
        *(station.readings(seq, ["2000"], at_ms=seq * 60_000) for seq in range(1, copies + 1))
    )
    wait_until(lambda: len(set(gateway.stored)) == copies, timeout_s=60)

    assert count(engine, t.observation) == 3 * copies


def test_the_embedded_profile_needs_no_other_process(sqlite_engine, station, connect, wait_until):
    """SQLite and the broker in this process: the same code, the same receipts."""
    broker = EmbeddedBroker(port=0)
    broker.start()
    service = IngestService(
        sqlite_engine, BrokerAddress("127.0.0.1", broker.port), lambda _rows: None
    )
    service.start()
    wait_until(lambda: service.health().connected)
    gateway = connect(broker.port)

    gateway.send(station.announce(), retain=True)
    gateway.send(*(station.readings(seq, ["2000"], at_ms=seq * 60_000) for seq in range(1, 51)))
    wait_until(lambda: sorted(set(gateway.stored)) == list(range(1, 51)))

    assert count(sqlite_engine, t.observation) == 150
    gateway.close()
    service.stop()
    broker.stop()
