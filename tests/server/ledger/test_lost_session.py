"""A broker that lost what it kept for the server: what went nowhere is sent again at once."""

import time
from contextlib import ExitStack

import pytest
from sqlalchemy import select

from deploy.ports import free_port
from server.broker import EmbeddedBroker
from server.db.tables import observation
from server.ingest.service import BrokerAddress, IngestService
from server.ledger.calls import AT_ONCE, INTERVAL_S, Calls
from tests.server.ledger.field import Field, Spy, until

# Without the call a batch goes out again 30 s after the broker acknowledged it.
SOON_S = 15.0


@pytest.fixture
def serve(sqlite_engine):
    """Start servers that hear what is published; those that still run are stopped after the test."""
    running = []

    def start(port):
        service = IngestService(sqlite_engine, BrokerAddress("127.0.0.1", port), lambda _: None)
        service.start()
        running.append(service)
        until(lambda: service.health().connected)
        return service

    yield start
    for service in running:
        service.stop()


@pytest.fixture
def field(tmp_path, mosquitto):
    made = Field(tmp_path / "gateway", mosquitto.port)
    yield made
    made.close()


@pytest.fixture
def spy_on():
    """Listen at a broker that may be gone and come back with nothing."""
    listening = []

    def listen(port):
        listening.append(Spy(port))
        return listening[-1]

    yield listen
    for spy in listening:
        spy.close()


@pytest.fixture
def values(sqlite_engine):
    def read():
        with sqlite_engine.connect() as connection:
            found = select(observation.c.value).where(observation.c.value >= 1)
            return sorted(connection.execute(found).scalars())

    return read


def wipe(mosquitto):
    mosquitto.kill()
    for file in mosquitto.folder.glob("mosquitto.db*"):
        file.unlink()
    mosquitto.start()


def test_what_was_published_into_the_void_arrives_soon(field, serve, mosquitto, spy_on, values):
    """Gateway back first: the broker has acknowledged what it gave to nobody."""
    field.connect()
    server = serve(mosquitto.port)
    field.measure(1)
    until(lambda: values() == [1] and not field.unconfirmed)
    server.stop()
    wipe(mosquitto)
    spy = spy_on(mosquitto.port)
    field.measure(2, 3, 4)
    until(lambda: sorted(spy.seqs()) == [2, 3, 4])
    until(lambda: field.is_acknowledged)

    serve(mosquitto.port)
    began_s = time.monotonic()
    until(lambda: values() == [1, 2, 3, 4] and not field.unconfirmed, 2 * SOON_S)

    assert time.monotonic() - began_s < SOON_S
    assert [(one.kind, one.epoch, one.ranges) for one in spy.commands()] == [("resend", "", [])]


def test_a_gateway_that_is_back_after_the_server_sends_all_by_itself(
    field, serve, mosquitto, values
):
    field.connect()
    serve(mosquitto.port)
    field.measure(1)
    until(lambda: values() == [1] and not field.unconfirmed)
    field.cut_off()
    field.measure(2, 3)
    wipe(mosquitto)
    serve(mosquitto.port)

    field.connect()
    until(lambda: values() == [1, 2, 3] and not field.unconfirmed, SOON_S)


def test_a_session_that_was_kept_calls_nobody(field, serve, mosquitto, spy_on, values):
    """What is queued there would go over the thin link a second time.

    Mosquitto 2.0.21 (Debian 13) keeps it back until something else comes, hence the third batch; what
    it keeps for longer the gateway sends again by itself.
    """
    field.connect()
    server = serve(mosquitto.port)
    field.measure(1)
    until(lambda: values() == [1] and not field.unconfirmed)
    server.stop()
    spy = spy_on(mosquitto.port)
    field.measure(2)
    until(lambda: spy.seqs() == [2])

    serve(mosquitto.port)
    field.measure(3)
    until(lambda: values() == [1, 2, 3] and not field.unconfirmed, timeout_s=60)

    assert spy.commands() == []


def test_the_embedded_broker_and_its_server_start_again_together(tmp_path, serve, values):
    """It keeps nothing: whoever comes back first, each batch is stored and confirmed."""
    with ExitStack() as stack:
        # A port that no outgoing connection is given while nothing listens there.
        broker = EmbeddedBroker(port=free_port())
        broker.start()
        stack.callback(broker.stop)
        field = Field(tmp_path / "gateway", broker.port)
        stack.callback(field.close)
        field.connect()
        server = serve(broker.port)
        field.measure(1)
        until(lambda: values() == [1] and not field.unconfirmed)
        server.stop()
        broker.stop()
        field.measure(2, 3)
        again = EmbeddedBroker(port=broker.port)
        again.start()
        stack.callback(again.stop)
        spy = Spy(broker.port)
        stack.callback(spy.close)
        until(lambda: {2, 3} <= set(spy.seqs()) and field.is_acknowledged)

        serve(broker.port)
        until(lambda: values() == [1, 2, 3] and not field.unconfirmed, SOON_S)


def test_a_hundred_thousand_gateways_are_not_called_in_one_breath():
    calls = Calls()
    calls.begin([f"gw-{n}" for n in range(60)])

    told = [calls.take(quarter * INTERVAL_S / 2) for quarter in range(8)]

    assert [len(one) for one in told] == [AT_ONCE, 0, AT_ONCE, 0, 10, 0, 0, 0]
    assert [name for one in told for name in one] == [f"gw-{n}" for n in range(60)]
