"""What ingest writes into the ledger, and what it finds missing there."""

import pytest
from sqlalchemy import delete, select

from server.db.engine import writing
from server.db.tables import journal, ledger_range
from server.ledger.tally import read_tallies
from wire import messages, topics
from wire.messages import MAX_RESENT, CommandResult, OutboxFigures, Status

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
