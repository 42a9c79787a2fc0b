"""The worker by itself: order of commit and acknowledgement, back-off, messages nobody can use."""

import threading

import pytest
import structlog

from server.ingest.bulk import group
from server.ingest.events import Delivery
from server.ingest.pipeline import Pipeline
from server.ingest.worker import Backoff, Worker
from server.store.engines import store_for
from wire.catalogue import bundled

NOW = 1_767_225_600_000


class RecordedWire:
    """Stands where the broker is; notes what was said, and what the database held then."""

    is_connected = True

    def __init__(self, look=lambda: None):
        self.said = []
        self.look = look

    def take_new_session(self):
        return False

    def acknowledge(self, deliveries):
        for one in deliveries:
            self.said.append(("acknowledge", one.packet_id, self.look()))

    def publish(self, topic, payload):
        self.said.append(("publish", topic, self.look()))


@pytest.fixture
def worker(sqlite_engine):
    pipeline = Pipeline(store_for(sqlite_engine), bundled())
    died = threading.Event()
    backoff = Backoff(0.01, 0.02)
    made = Worker(sqlite_engine, pipeline, lambda _rows: None, lambda: NOW, backoff, died.set)
    made.died = died
    yield made
    made.stop()


def sent(message, packet_id):
    return type(message)(
        message.topic,
        message.payload,
        message.received_at,
        delivery=Delivery(1, packet_id),
    )


def test_the_broker_hears_nothing_before_the_commit(worker, station, take_on_sqlite, wait_until):
    """Each word to the broker is checked against what another connection can read."""
    wire = RecordedWire(lambda: len(take_on_sqlite.entries()))
    worker.offer(sent(station.announce(), 1))
    worker.offer(sent(station.readings(1, ["2000"]), 2))

    worker.start(wire)
    wait_until(lambda: len(wire.said) == 3)

    assert wire.said == [
        ("acknowledge", 1, 2),
        ("acknowledge", 2, 2),
        ("publish", "saxaul/1/kubuqi-dune/receipt", 2),
    ]


def test_a_live_message_is_not_kept_waiting_by_the_backlog_of_another_gateway(
    worker, station, wait_until
):
    wire = RecordedWire()
    for number in range(1, 51):
        worker.offer(sent(station.readings(number, ["2000"]), number))
    live = station.message("saxaul/1/kubuqi-control/status", b'{"state": "online"}')
    worker.offer(sent(live, 51))

    worker.start(wire)
    wait_until(lambda: len([one for one in wire.said if one[0] == "acknowledge"]) == 51)

    assert 51 in [number for word, number, _ in wire.said if word == "acknowledge"][:2]


def test_batches_that_waited_keep_no_other_gateway_waiting(
    worker, station, take_on_sqlite, wait_until
):
    """A month may have waited for its inventory: it is taken in beside what is live."""
    take_on_sqlite(*(station.readings(number, ["2000"]) for number in range(1, 1001)))
    own = sent(station.readings(1001, ["2000"]), 2)
    live = sent(station.message("saxaul/1/kubuqi-control/status", b'{"state": "online"}'), 3)

    class Busy(RecordedWire):
        def acknowledge(self, deliveries):
            super().acknowledge(deliveries)
            if [one.packet_id for one in deliveries] == [1]:
                worker.offer(own)
                worker.offer(live)

    wire = Busy(lambda: worker.counts.stored)
    worker.offer(sent(station.announce(), 1))
    worker.start(wire)
    wait_until(lambda: len([one for one in wire.said if one[0] == "acknowledge"]) == 3)

    at = {number: stored for word, number, stored in wire.said if word == "acknowledge"}
    assert at[3] < 300
    assert at[2] > 1000  # those of one gateway keep their order
    assert next(stored for word, _, stored in wire.said if word == "publish") < 300


def test_a_message_that_cannot_even_be_journalled_is_dropped_and_the_next_is_taken(
    worker, station, take_on_sqlite, wait_until, monkeypatch
):
    """No receipt is sent for it: its gateway keeps the batch."""

    def refuse(self, turn, message):
        if message.topic.endswith("/1"):
            raise ZeroDivisionError("boom")
        return taken(self, turn, message)

    taken = Pipeline._take
    monkeypatch.setattr(Pipeline, "_take", refuse)
    monkeypatch.setattr(group, "prepare", lambda *_: None)  # each by itself
    wire = RecordedWire()
    for packet_id, message in enumerate(
        [station.announce(), station.readings(1, ["1"]), station.readings(2, ["2000"])], start=1
    ):
        worker.offer(sent(message, packet_id))

    with structlog.testing.capture_logs() as logs:
        worker.start(wire)
        wait_until(lambda: len([one for one in wire.said if one[0] == "acknowledge"]) == 3)

    assert [entry["error"] for entry in logs if entry["event"] == "message_dropped"] == [
        "ZeroDivisionError: boom"
    ]
    assert (worker.counts.stored, worker.counts.refused) == (2, 0)


def test_receipts_wait_while_the_broker_is_away(worker, station, wait_until):
    wire = RecordedWire()
    wire.is_connected = False
    worker.offer(sent(station.announce(), 1))
    worker.offer(sent(station.readings(1, ["2000"]), 2))
    worker.start(wire)
    wait_until(lambda: worker.counts.stored == 2)
    before = [one[0] for one in wire.said if one[0] == "publish"]

    wire.is_connected = True
    wait_until(lambda: [one for one in wire.said if one[0] == "publish"])

    assert before == []


def test_a_worker_that_cannot_go_on_says_so(worker, station, wait_until):
    """Its thread does not end unseen while the server looks well."""

    class Broken(RecordedWire):
        def acknowledge(self, deliveries):
            raise ZeroDivisionError("boom")

    worker.offer(sent(station.announce(), 1))
    with structlog.testing.capture_logs() as logs:
        worker.start(Broken())
        wait_until(worker.died.is_set)

    assert worker.error == "ingest has stopped: ZeroDivisionError: boom"
    assert [one["event"] for one in logs] == ["worker_failed"]


def test_a_stopped_worker_takes_no_more_and_keeps_nobody_waiting(worker, station):
    worker.stop()

    for _ in range(2000):
        worker.offer(station.announce())

    assert worker.queued == 0


def test_the_delay_doubles_up_to_its_limit():
    backoff = Backoff(first_s=0.5, longest_s=15.0)

    assert [backoff.delay_s(n) for n in (1, 2, 3, 4, 5, 6, 100_000)] == [
        0.5,
        1.0,
        2.0,
        4.0,
        8.0,
        15.0,
        15.0,
    ]
