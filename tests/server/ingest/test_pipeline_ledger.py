"""What ingest writes into the ledger, and what it finds missing there."""

from hashlib import sha256

import pytest
from sqlalchemy import delete, select

from server.db.engine import writing
from server.db.tables import journal, ledger_range
from server.ledger.tally import read_tallies
from wire import messages, topics
from wire.messages import MAX_RESENT, CommandResult, OutboxFigures, Status, block_digest

GATEWAY, EPOCH = "kubuqi-dune", "a1b2c3d4"


def status(station, state="online", **figures):
    outbox = [OutboxFigures(epoch=EPOCH, **figures)]
    payload = messages.encode(Status(state=state, outbox=outbox))
    return station.message(topics.status(GATEWAY), payload)


def result(station, **fields):
    payload = messages.encode(CommandResult(**({"kind": "resend", "ok": True} | fields)))
    return station.message(topics.command_result(GATEWAY, "resend-1"), payload)


def ranges(take):
    with take.engine.connect() as connection:
        found = select(ledger_range.c.first, ledger_range.c.last, ledger_range.c.fate)
        return [tuple(row) for row in connection.execute(found.order_by(ledger_range.c.first))]


def wanted(outcomes):
    return [list(one.spans) for outcome in outcomes for one in outcome.wanted]


def test_each_batch_has_its_fate_in_the_ledger(take, station):
    take(station.readings(1, ["2000"]))
    waiting = ranges(take)
    take(station.announce(), *(station.readings(seq, ["2001"]) for seq in (2, 3)))
    take(station.batch(4, b"garbage"))

    assert waiting == [(1, 1, "waiting")]
    assert ranges(take) == [(1, 1, "waiting"), (2, 3, "stored"), (4, 4, "refused")]


def test_other_bytes_under_a_stored_number_leave_it_stored(take_on_sqlite, station):
    take = take_on_sqlite
    take(station.announce(), station.readings(1, ["2000"]), station.readings(1, ["2001"]))

    assert take.entries()[-1][0] == "refused"
    assert ranges(take) == [(1, 1, "stored")]


def test_a_transaction_that_fails_leaves_the_ledger_as_it_was(take_on_sqlite, station, monkeypatch):
    take = take_on_sqlite
    take(station.announce(), station.readings(1, ["2000"]))
    monkeypatch.setattr("server.ingest.journal.settle", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take(station.readings(2, ["2000"]))

    assert ranges(take) == [(1, 1, "stored")]


def test_a_server_put_back_from_a_backup_wants_what_the_gateway_takes_for_delivered(take, station):
    take(station.announce(), *(station.readings(seq, ["2000"]) for seq in range(1, 7)))
    with writing(take.engine) as connection:
        connection.execute(delete(journal).where(journal.c.seq > 2))
        connection.execute(ledger_range.update().values(last=2))

    asked = wanted(take(status(station, sealed=6, unconfirmed=0)))
    take(*(station.readings(seq, ["2000"]) for seq in range(3, 7)))

    assert asked == [[(3, 6)]]
    assert wanted(take(status(station, sealed=6, unconfirmed=0))) == []
    assert ranges(take) == [(1, 6, "stored")]


def test_nothing_is_wanted_that_is_under_way(take_on_sqlite, station):
    take = take_on_sqlite
    take(station.announce(), station.readings(3, ["2000"]))

    assert wanted(take(status(station, sealed=5, unconfirmed=4))) == []


@pytest.mark.parametrize("state", ["offline", "online"])
def test_only_a_gateway_that_listens_is_asked(take_on_sqlite, station, state):
    found = wanted(take_on_sqlite(status(station, state, sealed=5)))

    assert found == ([[(1, 5)]] if state == "online" else [])


def test_what_is_wanted_at_once_is_bounded(take_on_sqlite, station):
    assert wanted(take_on_sqlite(status(station, sealed=2**63 - 1))) == [[(1, MAX_RESENT)]]


def test_what_the_gateway_no_longer_has_is_not_wanted_again(take, station):
    take(status(station, sealed=5))
    take(result(station, epoch=EPOCH, again=2, gone=[(1, 3)]))

    assert wanted(take(status(station, sealed=5, unconfirmed=2))) == []
    with take.engine.connect() as connection:
        (tally,) = read_tallies(connection, GATEWAY)
    assert (tally.lost, tally.holes) == (3, 2)


def test_a_command_that_was_not_done_loses_nothing(take_on_sqlite, station):
    take = take_on_sqlite
    take(status(station, sealed=5))
    take(result(station, epoch=EPOCH, ok=False, reason="another outbox", gone=[(1, 3)]))
    take(result(station, epoch=EPOCH, kind="scan", gone=[(1, 3)]))

    assert ranges(take) == []


def test_a_result_that_makes_no_sense_is_refused(take_on_sqlite, station):
    (outcome,) = take_on_sqlite(result(station, epoch=EPOCH, gone=[(3, 1)]))

    assert outcome.status == "refused"


def test_a_result_of_an_outbox_nobody_knows_changes_nothing(take_on_sqlite, station):
    take_on_sqlite(result(station, epoch="NOBODY'S", gone=[(1, 3)]))

    assert ranges(take_on_sqlite) == []


def test_of_many_outboxes_the_first_sixteen_with_a_proper_name_are_kept(take_on_sqlite, station):
    take = take_on_sqlite
    names = ["", "GARBLED!", *(f"{n:08}" for n in range(17))]
    outbox = [OutboxFigures(epoch=name, sealed=1) for name in names]
    payload = messages.encode(Status(state="online", outbox=outbox))
    (outcome,) = take(station.message(topics.status(GATEWAY), payload))

    assert outcome.status == "stored"
    assert {one.epoch.name for one in outcome.wanted} == {f"{n:08}" for n in range(16)}


def test_an_older_gateway_that_knows_no_such_command_changes_nothing(take_on_sqlite, station):
    """Asked to send all again it says that another outbox is in use; a comparison it knows not."""
    take = take_on_sqlite
    take(status(station, sealed=5, unconfirmed=5))
    outcomes = take(
        result(station, ok=False, reason="another outbox is in use"),
        result(station, ok=False, kind="compare", reason="this gateway knows no command"),
        result(station, epoch="", again=3),
    )

    assert [one.status for one in outcomes] == 3 * ["stored"]
    assert ranges(take) == []


def compared(station, take, *seqs, more=False):
    """The answer of a gateway that counts some batches as unconfirmed, each a block."""
    digests = {seq: sha256(station.readings(seq, ["2000"]).payload).digest() for seq in seqs}
    blocks = [(seq, seq, block_digest([digests[seq]])) for seq in seqs]
    (outcome,) = take(result(station, kind="compare", epoch=EPOCH, blocks=blocks, more=more))
    return outcome.same


def test_what_is_stored_and_counted_as_unconfirmed_is_compared(take, station):
    take(station.announce(), *(station.readings(seq, ["2000"]) for seq in (1, 2, 3, 4, 7)))
    take(station.readings(8, ["2001"]))

    (outcome,) = take(status(station, sealed=8, unconfirmed=5))
    (few,) = take(status(station, sealed=8, unconfirmed=2))

    (asked,) = outcome.comparable
    assert (asked.epoch.name, asked.excess, asked.spans) == (EPOCH, 3, [(1, 4), (7, 8)])
    assert few.comparable == []
    same = compared(station, take, 1, 2, 8)
    assert (same.spans, same.rest) == ([(1, 1), (2, 2)], [])
    assert compared(station, take, 8) is None


def test_behind_the_batches_that_were_named_one_goes_on(take_on_sqlite, station):
    take = take_on_sqlite
    take(station.announce(), *(station.readings(seq, ["2000"]) for seq in (1, 2, 3, 4, 7)))

    assert compared(station, take, 1, 2, more=True).rest == [(3, 4), (7, 7)]


def test_a_closed_outbox_is_neither_asked_for_nor_compared(take, station):
    take(station.announce(), station.readings(1, ["2000"]))

    (outcome,) = take(status(station, sealed=9, unconfirmed=9, closed=True, carried=[(1, 9)]))

    assert (outcome.wanted, outcome.comparable) == ([], [])
    assert ranges(take) == [(1, 1, "stored"), (2, 9, "carried")]
