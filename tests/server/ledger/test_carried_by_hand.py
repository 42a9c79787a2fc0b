"""Batches that came another way are confirmed on the next contact, and not sent over the link."""

from contextlib import closing

import pytest
from sqlalchemy import func, select

from server.db.engine import writing
from server.db.tables import journal
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.ingest.service import BrokerAddress, IngestService
from server.store.engines import store_for
from tests.server.ledger.field import Field, Spy, until
from wire.catalogue import bundled

CARRIED = 500
IN_FLIGHT = 64


@pytest.fixture
def field(tmp_path, mosquitto):
    made = Field(tmp_path / "gateway", mosquitto.port)
    yield made
    made.close()


@pytest.fixture
def spy(mosquitto):
    listening = Spy(mosquitto.port)
    yield listening
    listening.close()


@pytest.fixture
def server(engine, mosquitto):
    """A server that was there before: the broker has a session of it."""

    def start():
        broker = BrokerAddress("127.0.0.1", mosquitto.port)
        service = IngestService(engine, broker, lambda _: None)
        service.start()
        until(lambda: service.health().connected)
        return service

    start().stop()
    service = start()
    yield service
    service.stop()


@pytest.fixture
def bring(engine, field):
    """Take batches into the database as an import does, without the broker."""

    def take(seqs):
        pipeline = Pipeline(store_for(engine), bundled())
        sent = [field.inventory(), *(field.batch(seq) for seq in seqs)]
        with writing(engine) as connection:
            turn = Turn(connection, field.clock.wall_of(field.clock.mono_ms()), alone=False)
            for topic, payload in sent:
                pipeline.process(turn, Message(topic, payload, received_at=turn.now_ms))

    return take


def stored(engine):
    with engine.connect() as connection:
        found = select(func.count(journal.c.seq.distinct())).where(journal.c.status == "stored")
        return connection.execute(found).scalar_one()


@pytest.mark.usefixtures("server")
def test_what_was_carried_by_hand_is_confirmed_and_not_sent_again(
    engine, field, bring, spy, monkeypatch
):
    """500 batches: what goes over the link in vain is what the window lets go with the status."""
    monkeypatch.setattr("server.ingest.receipts.HOLD_S", 60.0)  # the answer may take its time here
    field.measure(*range(1, CARRIED + 4))
    bring(range(1, CARRIED + 1))

    field.connect()
    until(lambda: stored(engine) == CARRIED + 3 and not field.unconfirmed, 60)
    until(lambda: {CARRIED + 1, CARRIED + 2, CARRIED + 3} <= set(spy.seqs()))

    in_vain = [seq for seq in spy.seqs() if seq <= CARRIED]
    assert len(in_vain) <= IN_FLIGHT
    assert [one.kind for one in spy.commands() if one.epoch] == ["compare"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("server")
def test_an_outbox_put_back_from_a_copy_is_not_told_that_its_new_batches_are_here(
    engine, field, bring, tmp_path, mosquitto
):
    """Its numbers are given out a second time: what is in them comes under new ones."""
    field.measure(*range(1, 81))
    bring(range(1, 81))
    epoch = field.outbox.epoch
    field.outbox.close()
    for file in (tmp_path / "gateway").glob("outbox.db*"):
        file.unlink()
    with closing(Field(tmp_path / "gateway", mosquitto.port, heartbeat_s=0.2)) as again:
        again.outbox.set_meta({"epoch": epoch})
        again.outbox.epoch = epoch
        again.measure(*range(1001, 1091))

        again.connect()
        until(lambda: not again.unconfirmed, 60)

        assert (again.outbox.figures().refused, stored(engine)) == (0, 170)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("server")
def test_a_gateway_whose_receipts_are_on_their_way_is_not_asked(spy, tmp_path, mosquitto):
    """A heartbeat that crosses receipts, as each does, says less than is true."""
    with closing(Field(tmp_path / "busy", mosquitto.port, heartbeat_s=0.05)) as busy:
        busy.connect()
        for value in range(1, 40):
            busy.measure(value)
        until(lambda: not busy.unconfirmed, 60)

        assert [one.kind for one in spy.commands() if one.epoch] == []
