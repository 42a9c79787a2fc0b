"""A server put back from an old backup fills itself again from its gateway, through Mosquitto."""

import pytest
from sqlalchemy import delete, select, update

from server.db.engine import writing
from server.db.tables import gateway_epoch, journal, ledger_range, observation
from server.ingest.service import BrokerAddress, IngestService
from server.ledger.tally import read_tallies
from tests.server.ledger.field import GATEWAY, Field, until

SEALED = 8


@pytest.fixture
def outbox(tmp_path, mosquitto):
    """The outbox of a gateway that is connected and has sealed eight batches of one reading."""
    field = Field(tmp_path / "field", mosquitto.port, heartbeat_s=0.2)
    field.measure(*range(2000, 2000 + SEALED))
    field.connect()
    yield field.outbox
    field.close()


@pytest.fixture
def server(engine, mosquitto):
    broker = BrokerAddress("127.0.0.1", mosquitto.port)
    service = IngestService(engine, broker, lambda _rows: None)
    service.start()
    until(lambda: service.health().connected)
    yield service
    service.stop()


@pytest.fixture
def tally(engine):
    def read():
        with engine.connect() as connection:
            return next(iter(read_tallies(connection, GATEWAY)), None)

    return read


def values(engine):
    with engine.connect() as connection:
        return values_of(connection)


def values_of(connection):
    found = select(observation.c.value).where(observation.c.value >= 2000)
    return sorted(connection.execute(found).scalars())


def put_back(engine, last_seq):
    """Make the database what it was when a batch had just been stored; give its values then.

    A heartbeat later it begins to fill itself.
    """
    with writing(engine) as connection:
        kept = journal.c.seq <= last_seq
        since = connection.execute(select(journal.c.last_time).where(journal.c.seq == last_seq))
        connection.execute(delete(observation).where(observation.c.time > since.scalar_one()))
        connection.execute(delete(journal).where(~kept))
        connection.execute(update(ledger_range).values(last=last_seq))
        connection.execute(update(gateway_epoch).values(sealed=last_seq))
        return values_of(connection)


def test_a_server_restored_from_a_backup_fills_itself_again(engine, server, outbox, tally):
    """Also with what was confirmed long ago; what the gateway no longer keeps is lost for good."""
    until(lambda: tally() and tally().stored == SEALED and not outbox.figures().unconfirmed)
    before = values(engine)
    with outbox._transaction() as db:
        db.execute("DELETE FROM payload WHERE seq = 5")
        db.execute("DELETE FROM batch WHERE seq = 5")

    restored = put_back(engine, 2)
    until(lambda: tally().stored == SEALED - 1 and tally().lost == 1)

    assert before == [2000.0 + number for number in range(SEALED)]
    assert restored == before[:2]
    assert values(engine) == [*before[:4], *before[5:]]
    until(lambda: not outbox.figures().unconfirmed)
    assert (tally().holes, tally().has_unsent_holes) == (0, False)
