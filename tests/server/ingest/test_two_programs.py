"""Two programs take in batches at once: an import beside the server, or two workers."""

import threading

import pytest
from msgspec import structs
from sqlalchemy import select

from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import gateway, journal, ledger_range
from server.ingest.bulk import names
from server.ingest.bulk.group import group_of
from server.ingest.pipeline import Pipeline, Turn
from server.ingest.worker import Backoff, Worker
from server.store.engines import store_for
from wire import topics
from wire.catalogue import bundled
from wire.messages import Status, encode

NOW = 1_767_225_600_000
BATCHES = range(1, 41)


class SilentWire:
    """Stands where the broker is, and hears nothing out."""

    is_connected = True

    def take_new_session(self):
        return False

    def acknowledge(self, deliveries):
        pass

    def publish(self, topic, payload):
        pass


@pytest.fixture
def workers(engine):
    """Two of them on one database, not started."""
    made = [
        Worker(engine, Pipeline(store_for(engine), bundled()), lambda _: None, lambda: NOW,
               Backoff(0.01, 0.02), lambda: None)
        for _ in range(2)
    ]  # fmt: skip
    yield made
    for worker in made:
        worker.stop()


def entries(engine):
    with engine.connect() as connection:
        found = select(journal.c.seq, journal.c.status).where(journal.c.seq.is_not(None))
        return [tuple(row) for row in connection.execute(found.order_by(journal.c.seq))]


def test_the_same_batches_offered_to_both_at_once_are_stored_once(
    workers, engine, station, take, wait_until
):
    take(station.announce())
    for worker in workers:
        for seq in BATCHES:
            worker.offer(station.readings(seq, ["2000"], at_ms=NOW - seq * 60_000))

    for worker in workers:
        worker.start(SilentWire())
    wait_until(lambda: all(one.counts.stored == len(BATCHES) for one in workers), 60)

    assert entries(engine) == [(seq, "stored") for seq in BATCHES]
    with engine.connect() as connection:
        runs = connection.execute(select(ledger_range.c.first, ledger_range.c.last)).all()
    assert [tuple(run) for run in runs] == [(1, 40)]


@pytest.fixture
def carrying(engine, station):
    """Another program that is at the station's gateway until it is told to stop."""
    busy, done = threading.Event(), threading.Event()

    def carry():
        with writing(engine) as connection:
            lock_gateways(connection, [station.gateway])
            busy.set()
            done.wait(30)

    thread = threading.Thread(target=carry)
    thread.start()
    assert busy.wait(10)
    yield done
    done.set()
    thread.join()


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_a_gateway_that_another_program_is_at_does_not_hold_up_the_others(
    workers, engine, station, wait_until, carrying
):
    """Neither what came before its messages nor what came after; and of those none is lost."""
    worker, _ = workers
    other = type(station)(gateway="kubuqi-edge")
    announced = other.announce(other.inventory(gateway={"id": other.gateway}))
    worker.offer(station.announce())
    worker.offer(station.readings(1, ["2000"]))
    worker.start(SilentWire())
    wait_until(lambda: worker.counts.postponed > 2)
    for one in (announced, other.readings(1, ["1", "2"]), other.readings(2, ["3"])):
        worker.offer(one)
    wait_until(lambda: worker.counts.stored == 3)

    before = entries(engine)
    carrying.set()
    wait_until(lambda: worker.counts.stored == 5)

    assert before == [(1, "stored"), (2, "stored")]
    assert entries(engine) == [(1, "stored"), *before]


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_nothing_passes_what_is_held_back_of_its_gateway(workers, engine, station, carrying):
    """Neither while it waits nor when its gateway is free again."""
    worker, _ = workers
    topic = topics.status(station.gateway)
    offline, online = (
        station.message(topic, encode(Status(state=state, at=NOW)))
        for state in ("offline", "online")
    )
    names = worker._pipeline.names

    worker._take_in(group_of([offline], names), SilentWire())
    carrying.set()
    with writing(engine) as connection:
        lock_gateways(connection, [station.gateway])  # it is free again
    assert worker._try(group_of([online], names), SilentWire())
    assert worker._held == [offline, online]
    worker._take_in(None, SilentWire())

    assert (worker._held, worker.counts.postponed) == ([], 2)
    with engine.connect() as connection:
        state = select(gateway.c.state).where(gateway.c.id == station.gateway)
        assert connection.execute(state).scalar_one() == "online"


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_a_stop_does_not_wait_for_another_program(workers, station, wait_until, carrying):
    """What is held back stays with the broker."""
    worker, _ = workers
    worker.offer(station.announce())
    worker.start(SilentWire())
    wait_until(lambda: worker.counts.postponed)

    worker.stop()

    assert not worker._thread.is_alive()
    assert worker.counts.stored == 0


def test_a_name_that_another_program_announced_is_looked_up_again(take, engine, station):
    """A batch is not put off because what one has read is older than the inventory."""
    take(
        station.announce(
            station.inventory(datastreams=[station.series("dune-1/soil-10cm/vwc_raw", "{raw}")])
        )
    )
    take(station.readings(1, ["2000"]))
    type(take)(engine)(station.announce(station.inventory(rev=2)))

    (outcome,) = take(station.readings(2, ["16.1"], name="dune-1/soil-10cm/soil_temperature"))

    assert outcome.status == "stored"


def test_a_lone_batch_is_judged_by_the_inventory_that_another_program_took(take, engine, station):
    """Also one that goes in by itself: what is derived from it is what the model now calls for."""
    take(station.announce())
    take(station.readings(1, ["2000"]))
    unknown = structs.replace(station.inventory().sensors[0], model="ACME X1")
    type(take)(engine)(station.announce(station.inventory(sensors=[unknown])))

    take(station.readings(2, ["2100"], at_ms=station.now_ms))

    assert [value for _, value, _ in take.rows("dune-1/soil-10cm/vwc_raw")] == [2000.0, 2100.0]
    assert len(take.rows("dune-1/soil-10cm/vwc")) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_says_how_a_gateway_is_keeps_its_order_while_another_program_is_at_it(
    workers, engine, station, monkeypatch
):
    """The last will, and the greeting that is prepared already: it must not stay offline."""
    worker, _ = workers
    other = type(station)(gateway="kubuqi-edge")
    topic = topics.status(station.gateway)
    offline, online = (
        station.message(topic, encode(Status(state=state, at=NOW)))
        for state in ("offline", "online")
    )
    free = [{other.gateway}, {station.gateway}, {station.gateway}, {station.gateway}]
    monkeypatch.setattr(worker, "_lock", lambda *_: free.pop(0))

    for group in ([other.announce(), offline], [online], worker._inbox.take(9, 0)):
        if works := [*group, *worker._inbox.take(9, 0)]:
            worker._take_in(group_of(works, worker._pipeline.names), SilentWire())

    with engine.connect() as connection:
        state = select(gateway.c.state).where(gateway.c.id == station.gateway)
        assert connection.execute(state).scalar_one() == "online"


def test_a_name_that_nobody_announced_is_looked_up_once_a_transaction(
    take_on_sqlite, station, monkeypatch
):
    """Else whoever sends such batches would have the catalog read again and again."""
    take = take_on_sqlite
    take(station.announce(), station.readings(1, ["2000"]))
    read = []
    load = names.load_all
    monkeypatch.setattr(names, "load_all", lambda *given: read.append(given) or load(*given))
    take(*(station.readings(seq, ["1"], name="dune-1/soil-10cm/soil_ec") for seq in range(2, 20)))

    assert len(read) <= 1


def test_a_site_that_two_gateways_name_at_once_is_entered_once(engine, station):
    """No inventory is refused because another program entered the same site a moment before."""
    other = type(station)(gateway="kubuqi-edge")
    found = []
    is_in, goes_on = threading.Event(), threading.Event()

    def announce(one, *, linger):
        pipeline = Pipeline(store_for(engine), bundled())
        message = one.announce(one.inventory(gateway={"id": one.gateway}))
        with writing(engine) as connection:
            found.append(pipeline.process(Turn(connection, NOW, alone=True), message))
            is_in.set()
            goes_on.wait(20 if linger else 0)

    first = threading.Thread(target=announce, args=(station,), kwargs={"linger": True})
    second = threading.Thread(target=announce, args=(other,), kwargs={"linger": False})
    first.start()
    assert is_in.wait(20)
    second.start()
    second.join(0.5)  # it waits for the first, whichever way
    goes_on.set()
    first.join()
    second.join()

    assert [one.reason for one in found] == ["", ""]
    assert [one.status for one in found] == ["stored", "stored"]
