"""What was carried by hand is known to be stored at the next contact, and hardly sent again."""

from contextlib import closing
from io import StringIO

import pytest
from rich.console import Console

from gateway import cli as gateway_cli
from server.carry import command
from server.ingest.service import BrokerAddress, IngestService, wall_clock_ms
from server.ledger.tally import read_tallies
from tests.server.ledger.field import GATEWAY, Field, Spy, until

SEALED = 300


@pytest.fixture
def folder(tmp_path, mosquitto):
    """A gateway that never had a connection: 300 batches of one reading in its outbox."""
    field = Field(tmp_path / "field", mosquitto.port, heartbeat_s=0.5)
    field.outbox._db.execute("PRAGMA synchronous = OFF")
    field.measure(*range(SEALED))
    field.close()
    return tmp_path / "field"


@pytest.fixture
def server(sqlite_engine, mosquitto, monkeypatch):
    monkeypatch.setattr("server.ingest.receipts.HOLD_S", 60.0)  # the answer may take its time here
    service = IngestService(
        sqlite_engine, BrokerAddress("127.0.0.1", mosquitto.port), lambda _rows: None
    )
    service.start()
    until(lambda: service.health().connected)
    yield service
    service.stop()


@pytest.fixture
def spy(mosquitto):
    listening = Spy(mosquitto.port)
    yield listening
    listening.close()


def test_all_that_was_carried_is_confirmed_at_the_next_contact_and_hardly_any_sent_again(
    folder, server, spy, mosquitto, sqlite_engine, tmp_path
):
    stick = tmp_path / "usb"
    stick.mkdir()
    config = str(folder / "gateway.toml")
    assert gateway_cli.main(["export", "--config", config, "--to", str(stick)]) == 0
    console = Console(file=StringIO())
    assert command.run([stick], sqlite_engine, wall_clock_ms, console) == 0
    with sqlite_engine.connect() as connection:
        (tally,) = read_tallies(connection, GATEWAY)
    assert (tally.stored, tally.sealed) == (SEALED, SEALED)

    with closing(Field(folder, mosquitto.port, heartbeat_s=0.5)) as field:
        field.connect()

        until(lambda: field.unconfirmed == 0, timeout_s=60)
        assert field.outbox.figures().refused == 0
        assert len(set(spy.seqs())) <= 64, spy.seqs()
