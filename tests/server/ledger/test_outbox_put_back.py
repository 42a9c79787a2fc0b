"""An outbox that went back in time gives its numbers out twice: what is in both batches is stored."""

import shutil
from contextlib import closing

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import select

from server.db.tables import observation
from server.ingest.service import BrokerAddress, IngestService
from tests.server.ledger.field import GATEWAY, Field, until
from wire import messages, topics


@pytest.fixture
def server(engine, mosquitto):
    service = IngestService(engine, BrokerAddress("127.0.0.1", mosquitto.port), lambda _rows: None)
    service.start()
    until(lambda: service.health().connected)
    yield service
    service.stop()


@pytest.fixture
def stored(engine):
    def read():
        with engine.connect() as connection:
            found = select(observation.c.value).where(observation.c.value >= 2000)
            return sorted(connection.execute(found).scalars())

    return read


@pytest.fixture
def tell(mosquitto):
    """Publish a receipt as the server would."""

    def publish(receipt):
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", mosquitto.port)
        client.loop_start()
        client.publish(topics.receipt(GATEWAY), messages.encode(receipt), 1).wait_for_publish(20)
        client.disconnect()
        client.loop_stop()
        client.reinitialise()  # closes its sockets now, not when the collector comes

    return publish


def test_a_receipt_that_waits_for_batches_the_file_forgot_confirms_no_others(
    tmp_path, mosquitto, server, stored, tell
):
    """A power cut left it at the broker; the numbers it names were given out anew since."""
    first, copy = tmp_path / "card", tmp_path / "copy"
    field = Field(first, mosquitto.port)
    field.measure(2000)
    field.connect()
    until(lambda: not field.unconfirmed)
    field.cut_off()
    shutil.copytree(first, copy)
    field.measure(2001, 2002)
    field.connect()
    until(lambda: not field.unconfirmed)
    field.close()
    tell(messages.Receipt(epoch=field.outbox.epoch, stored=[(1, 3)]))

    with closing(Field(copy, mosquitto.port)) as again:
        again.measure(2003, 2004)
        again.connect()
        until(lambda: not again.unconfirmed)

        assert stored() == [2000.0 + number for number in range(5)]


def test_what_is_sealed_under_numbers_given_out_before_is_stored_too(
    tmp_path, mosquitto, server, stored
):
    """As after a card that lied about its writes: three batches the server has are forgotten."""
    first, copy = tmp_path / "card", tmp_path / "copy"
    field = Field(first, mosquitto.port)
    field.measure(2000, 2001)
    field.close()
    shutil.copytree(first, copy)
    field = Field(first, mosquitto.port)
    field.measure(2002, 2003, 2004)
    field.connect()
    until(lambda: not field.unconfirmed)
    field.close()

    with closing(Field(copy, mosquitto.port)) as again:
        again.measure(2005, 2006)
        again.connect()
        until(lambda: not again.unconfirmed)

        assert stored() == [2000.0 + number for number in range(7)]
        assert again.outbox.figures().refused == 0
