"""A batch whose journal entry was removed: the ledger still tells that it is stored."""

from sqlalchemy import delete

from server.db.tables import journal
from server.ingest.events import Status


def forget_batches(take):
    with take.engine.begin() as connection:
        connection.execute(delete(journal).where(journal.c.epoch.is_not(None)))


def test_it_is_answered_as_stored_and_not_taken_in_again(take, station):
    batch = station.readings(1, ["2493.4"])
    take(station.announce(), batch)
    forget_batches(take)

    (outcome,) = take(batch)

    assert (outcome.status, outcome.observations) == (Status.STORED, 0)
    assert (outcome.batch.epoch, outcome.batch.seq) == ("a1b2c3d4", 1)  # so a receipt goes out
    assert [status for status, _ in take.entries()] == ["stored"]  # the inventory alone


def test_what_the_ledger_does_not_call_stored_is_taken_in(take, station):
    """A number beside it, and one that was refused."""
    take(station.announce(), station.readings(1, ["2493.4"]), station.batch(2, b"garbage"))
    forget_batches(take)

    outcomes = take(station.readings(2, ["2000"]), station.readings(3, ["2001"]))

    assert [one.status for one in outcomes] == [Status.STORED, Status.STORED]
    assert [one.observations for one in outcomes] == [3, 3]
