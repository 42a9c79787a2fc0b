"""Ingest workers as real processes: they share the load, and nothing is lost when one of them is."""

import os
import signal
import time
from pathlib import Path

from deploy.ports import wait_until
from server.ingest.service import BrokerAddress, IngestService

PATIENCE_S = 30.0
# More than the time between two reports of a worker.
REPORTED_S = 0.3


def is_all_there(field, in_database):
    return wait_until(lambda: field.confirmed == field.sent, PATIENCE_S) and in_database() == (
        field.sent,
        field.sent,
    )


def shares(crew):
    """Batches taken in by each of the workers that share them."""
    return [one.report.stored for one in crew.health() if one.number]


def test_workers_share_the_batches_and_each_is_stored_once(start_crew, field, in_database):
    field.announce()
    crew = start_crew(2)

    field.send(rounds=20)

    assert is_all_there(field, in_database)
    assert wait_until(lambda: sum(shares(crew)) == field.sent, PATIENCE_S)
    assert min(shares(crew)) >= field.sent // 3, shares(crew)
    assert field.refused == []


def test_what_a_worker_had_in_hand_when_it_was_killed_is_stored_once(
    start_crew, field, in_database
):
    """The broker brings it again, not the gateways. They send again what has no receipt.

    A worker tells the broker at once what is committed, and the gateways a moment later.
    """
    field.announce()
    crew = start_crew(2)
    before = [one.pid for one in crew.health()]

    field.send(rounds=10)
    assert wait_until(lambda: field.confirmed > 0, PATIENCE_S)
    os.kill(before[2], signal.SIGKILL)
    field.send(rounds=10)
    stored = (field.sent, field.sent)
    assert wait_until(lambda: in_database() == stored, PATIENCE_S), in_database()
    field.send_again()

    assert wait_until(lambda: field.confirmed == field.sent, PATIENCE_S)
    assert in_database() == stored
    now = [one.pid for one in crew.health()]
    assert now[:2] == before[:2]
    assert now[2] not in (None, before[2])
    assert set(field.asked.values()) <= {1}  # for the sessions that were new at the start


def test_fewer_workers_leave_no_session_behind_that_takes_a_share(start_crew, field, in_database):
    field.announce()
    crew = start_crew(3)
    field.send(rounds=1)
    assert is_all_there(field, in_database)
    crew.stop(5)
    field.asked.clear()

    field.send(rounds=3)
    crew = start_crew(1)
    # What lay in the sessions that are gone has to be sent again, and the gateways are told so.
    assert wait_until(lambda: set(field.asked) == set(field.gateways), PATIENCE_S)
    field.send(rounds=3)

    wanted = {(gateway, seq) for gateway in field.gateways for seq in (5, 6, 7)}
    assert wait_until(lambda: wanted <= field.stored.keys(), PATIENCE_S)


def test_a_server_that_gets_workers_does_not_get_its_messages_twice(
    start_crew, field, in_database, timescale_engine, mosquitto
):
    field.announce()
    broker = BrokerAddress("127.0.0.1", mosquitto.port)
    alone = IngestService(timescale_engine, broker, lambda _rows: None)
    alone.start()
    assert wait_until(lambda: alone.health().connected, PATIENCE_S)
    field.send(rounds=1)
    assert is_all_there(field, in_database)
    alone.stop()
    field.send(rounds=2)  # they wait in the session that worker 0 goes on with
    crew = start_crew(2)
    assert is_all_there(field, in_database)
    assert wait_until(lambda: crew.health()[0].report.stored >= 40, PATIENCE_S)
    time.sleep(2 * REPORTED_S)  # what it took beside those is told by then
    before = [one.report.stored for one in crew.health()]

    field.send(rounds=5)

    assert is_all_there(field, in_database)
    assert wait_until(lambda: sum(shares(crew)) >= sum(before[1:]) + 100, PATIENCE_S)
    time.sleep(2 * REPORTED_S)
    now = [one.report.stored for one in crew.health()]
    assert (now[0], sum(now)) == (before[0], sum(before) + 100)


def has_settled(field):
    """Whether somebody was asked, and nobody is being asked any more."""
    before = field.asked.copy()
    time.sleep(0.3)
    return before and before == field.asked


def test_after_a_restart_of_the_broker_gateways_send_again_what_it_may_have_dropped(
    start_crew, field, in_database, mosquitto
):
    """Mosquitto keeps sessions over a restart, but not that they share a subscription."""
    field.announce()
    crew = start_crew(2)
    field.send(rounds=1)
    assert is_all_there(field, in_database)
    # A start asks those that are known then: some were announced only while it was starting.
    assert wait_until(lambda: has_settled(field), PATIENCE_S)
    once_more = {one: field.asked[one] + 1 for one in field.gateways}

    mosquitto.stop()
    mosquitto.start()

    assert wait_until(lambda: field.asked == once_more, PATIENCE_S), field.asked
    assert [one.report.new_sessions for one in crew.health()] == [1, 1, 1]


def test_a_stop_finishes_and_leaves_no_process(start_crew, field):
    field.announce()
    crew = start_crew(2)
    pids = [one.pid for one in crew.health()]
    field.send(rounds=5)

    crew.stop(10)

    assert [one.pid for one in crew.health()] == [None] * 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
