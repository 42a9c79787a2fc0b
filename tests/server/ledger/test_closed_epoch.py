"""A damaged outbox is salvaged by its gateway: the server's account of the old one is closed."""

import pytest
from sqlalchemy import select

from gateway.health import Health
from server.db.engine import writing
from server.db.tables import observation
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.ledger.sentences import completeness
from server.ledger.tally import read_tallies
from server.store.engines import store_for
from tests.server.ledger.field import GATEWAY, Field
from wire import messages, topics
from wire.catalogue import bundled


@pytest.fixture
def take(engine):
    """Take messages in as ingest does, each with what became of it."""
    pipeline = Pipeline(store_for(engine), bundled())

    def run(*sent):
        with writing(engine) as connection:
            turn = Turn(connection, 1_800_000_000_000, alone=False)
            return [
                pipeline.process(turn, Message(topic, payload, received_at=turn.now_ms))
                for topic, payload in sent
            ]

    return run


@pytest.fixture
def salvaged(tmp_path):
    """Damage a gateway's outbox as it stands, and start it anew."""
    opened = []

    def start(field):
        field.close()
        content = bytearray(field.outbox.path.read_bytes())
        content[100:140] = b"\xa5" * 40
        field.outbox.path.write_bytes(content)
        opened.append(Field(tmp_path / "gateway", 1883))
        return opened[-1]

    yield start
    for field in opened:
        field.close()


def status(field):
    outbox = field.outbox
    said = Health(field.clock).status("online", outbox.figures(), outbox.past_figures())
    return topics.status(GATEWAY), messages.encode(said)


def test_after_a_salvage_nothing_is_asked_for_that_goes_on_under_the_new_epoch(
    engine, take, tmp_path, salvaged
):
    """Ten batches, six of them here, four of those confirmed: four go on as observations."""
    field = Field(tmp_path / "gateway", 1883)
    field.measure(*range(1, 11))
    take(field.inventory(), *(field.batch(seq) for seq in range(1, 7)), status(field))
    field.outbox.confirm([(1, 4)])

    field = salvaged(field)
    (outcome,) = take(status(field))
    field.outbox.seal()
    take(*(field.batch(seq) for seq in range(1, field.outbox.figures().sealed + 1)))
    (again,) = take(status(field))

    with engine.connect() as connection:
        new, old = read_tallies(connection, GATEWAY)
        found = select(observation.c.value).where(observation.c.value >= 1)
        values = sorted(connection.execute(found).scalars())
    assert (outcome.wanted, again.wanted) == ([], [])
    assert values == [float(n) for n in range(1, 11)]
    assert (completeness([new]), completeness([old])) == ("100 %", "100 %, 4 carried over")
    assert completeness([new, old]) == "100 %, 4 carried over"


def test_what_a_restored_server_lacks_of_a_closed_epoch_lies_in_the_file_set_aside(
    engine, take, tmp_path, salvaged
):
    """Confirmed batches stay in the damaged file; nobody is asked for them, and it is told."""
    field = Field(tmp_path / "gateway", 1883)
    field.measure(*range(1, 11))
    field.outbox.confirm([(1, 6)])
    take(field.inventory(), *(field.batch(seq) for seq in (1, 2)))

    (outcome,) = take(status(salvaged(field)))

    with engine.connect() as connection:
        (old,) = [one for one in read_tallies(connection, GATEWAY) if one.closed]
    assert outcome.wanted == []
    assert (old.stored, old.carried, old.set_aside, old.holes) == (2, 4, 4, 0)
