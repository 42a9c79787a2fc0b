"""The names of many gateways are read at once when they come, and judged as if read one by one."""

import pytest
import structlog
from msgspec import structs
from sqlalchemy import create_engine, event, select, update

from deploy.ports import free_port
from server.db import tables as t
from server.db.engine import writing
from server.ingest.bulk import names as names_module
from server.ingest.bulk.group import group_of
from server.ingest.bulk.names import Names, Strangers
from server.ingest.events import Turn
from server.ingest.pipeline import Pipeline
from server.ingest.worker import Backoff, Worker
from server.store.engines import store_for
from wire.catalogue import bundled

NOW_MS = 1_767_225_600_000
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"


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
def stations(take, station):
    """Five gateways that have announced themselves; one has a series the others have not."""
    made = [type(station)(gateway=f"dune-{number}") for number in range(5)]
    for one in made:
        gateway = structs.replace(one.inventory().gateway, id=one.gateway)
        streams = one.inventory().datastreams[: 1 if one is made[3] else 2]
        take(one.announce(one.inventory(gateway=gateway, datastreams=streams)))
    return made


def first_batches(stations, *, values=("2000",), **more):
    return [one.readings(1, values, **more) for one in stations]


def taken(engine, pipeline, group):
    with writing(engine) as connection:
        turn = Turn(connection, NOW_MS, alone=False)
        outcomes = pipeline.process_all(turn, group.ready) if group.ready else []
        return outcomes + [pipeline.process(turn, one) for one in group.singles]


def statements(engine, do):
    found = []

    def note(*given):
        found.append(given[2])

    event.listen(engine, "before_cursor_execute", note)
    do()
    event.remove(engine, "before_cursor_execute", note)
    return len(found)


def test_what_is_read_of_many_is_what_is_read_of_each(engine, take, stations):
    met = Names(bundled())
    Strangers(engine, met).meet(first_batches(stations))

    with engine.connect() as connection:
        for one in stations:
            alone = Names(bundled()).load(Turn(connection, NOW_MS, alone=True), one.gateway)
            assert met.get(one.gateway).refs == alone.refs
            assert met.get(one.gateway).version == alone.version
    assert len(met.get("dune-3").refs) < len(met.get("dune-4").refs)


def test_many_are_met_with_as_many_questions_as_one(engine, stations):
    few, many = (
        statements(
            engine, lambda count=count: Strangers(engine, Names(bundled())).meet(
                first_batches(stations[:count])
            )
        )
        for count in (1, 5)
    )  # fmt: skip

    assert 0 < many == few


def test_who_is_known_or_sends_no_batches_is_not_asked_for(engine, stations):
    names = Names(bundled())
    strangers = Strangers(engine, names)
    strangers.meet(first_batches(stations[:2]))
    others = [stations[4].announce(), stations[4].batch(1, b"no batch")]

    assert (
        statements(engine, lambda: strangers.meet([*first_batches(stations[:2]), others[0]])) == 0
    )
    assert statements(engine, lambda: strangers.meet(others)) > 0
    assert names.get("dune-3") is None


def test_after_a_start_first_batches_are_bundled(engine, stations, wait_until, monkeypatch):
    """Gateway by gateway, a fleet of ten thousand would wait for two minutes."""
    read = []
    load = Names.load
    monkeypatch.setattr(Names, "load", lambda *given: read.append(given[2]) or load(*given))
    pipeline = Pipeline(store_for(engine), bundled())
    worker = Worker(
        engine, pipeline, lambda _: None, lambda: NOW_MS, Backoff(0.01, 0.02), lambda: None
    )
    for one in first_batches(stations):
        worker.offer(one)
    worker.start(SilentWire())
    wait_until(lambda: worker.counts.stored == len(stations))
    worker.stop()

    assert read == []


def test_an_inventory_that_comes_between_meeting_and_storing_is_noticed(engine, take, stations):
    """Another program took it: the instrument is another one, which measures to 80 degrees."""
    pipeline = Pipeline(store_for(engine), bundled())
    batches = first_batches(stations[:2], values=("70",), name=TEMPERATURE, at_ms=NOW_MS)
    Strangers(engine, pipeline.names).meet(batches)
    group = group_of(batches, pipeline.names)
    one = stations[0]
    probe = structs.replace(
        one.inventory().sensors[0], model="RS485 soil probe ECTH (0x0000 family)"
    )
    gateway = structs.replace(one.inventory().gateway, id=one.gateway)
    take(one.announce(one.inventory(rev=2, gateway=gateway, sensors=[probe])))

    taken(engine, pipeline, group)

    qualities = [quality & 15 for _, _, quality in take.rows(TEMPERATURE)]
    assert len(group.ready.prepared) == 2
    assert sorted(qualities) == [1, 4]  # a TEROS 12 ends at 60


def test_a_database_that_is_away_leaves_them_unknown(station):
    """Who writes finds out as well; nothing is lost, and nothing ends."""
    names = Names(bundled())
    nobody_there = create_engine(f"postgresql+psycopg://saxaul@127.0.0.1:{free_port()}/saxaul")

    Strangers(nobody_there, names).meet([station.readings(1, ["1"])])

    assert names.get(station.gateway) is None


def test_a_gateway_whose_names_make_no_sense_does_not_keep_the_others_out(engine, take, stations):
    """All are taken by themselves, and the one is told why."""
    with writing(engine) as connection:
        mine = t.datastream.c.gateway_id == "dune-1"
        connection.execute(update(t.datastream).where(mine).values(unit="m"))
    pipeline = Pipeline(store_for(engine), bundled())
    batches = first_batches(stations)
    with structlog.testing.capture_logs() as logs:
        Strangers(engine, pipeline.names).meet(batches)
    outcomes = taken(engine, pipeline, group_of(batches, pipeline.names))

    assert [one["event"] for one in logs] == [names_module.NAMES_NOT_READ]
    assert [one.status for one in outcomes] == ["stored", "refused", "stored", "stored", "stored"]
    with engine.connect() as connection:
        reason = select(t.journal.c.reason).where(t.journal.c.status == "refused")
        assert connection.execute(reason).scalar_one().startswith("cannot convert raw")
