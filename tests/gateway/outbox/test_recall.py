"""Batches that the server has lost go out again, as far as they are still there."""

from hashlib import sha256
from time import monotonic

import pytest

from gateway.clock import Clock
from gateway.outbox import Outbox
from gateway.outbox.recall import Recalled
from wire.messages import Refusal


@pytest.fixture
def outbox(hand, outbox_of, observe) -> Outbox:
    """Six batches: 1 to 4 confirmed, 5 refused, 6 unconfirmed; 2 is no longer kept."""
    hand.synchronised = True
    opened = outbox_of(hand)
    for _ in range(6):
        opened.append([observe(hand.mono_ms)])
        opened.seal()
        hand.advance(60_000)
    opened.confirm([(2, 2)])
    hand.advance(1000)
    opened.prune(keep_ms=500)
    opened.confirm([(1, 4)])
    opened.refuse([Refusal(seq=5, reason="unknown unit")])
    return opened


def unconfirmed(outbox):
    return sorted(one.seq for one in outbox.unconfirmed(99, 0))


def test_what_is_kept_is_sent_again_and_the_rest_is_named(outbox):
    assert outbox.recall([(1, 3), (5, 5)], 100) == Recalled(again=3, gone=[(2, 2)])
    assert unconfirmed(outbox) == [1, 3, 5, 6]
    assert outbox.figures().refused == 0


def test_a_recalled_batch_is_confirmed_again(outbox):
    outbox.recall([(1, 1)], 100)
    outbox.confirm([(1, 1)])

    assert unconfirmed(outbox) == [6]


def test_what_is_unconfirmed_anyway_is_not_counted(outbox):
    assert outbox.recall([(6, 6)], 100) == Recalled(again=0, gone=[])


def test_what_was_never_sealed_is_neither_sent_nor_gone(outbox):
    assert outbox.recall([(6, 2**63 - 1), (2**63 - 1, 2**63 - 1)], 100) == Recalled(0, [])


def test_no_more_than_the_limit_is_taken(outbox):
    assert outbox.recall([(1, 2), (3, 6)], 3) == Recalled(again=2, gone=[(2, 2)])
    assert unconfirmed(outbox) == [1, 3, 6]


def test_unconfirmed_batches_are_told_by_what_they_hold(outbox):
    outbox.recall([(1, 3)], 100)

    found = outbox.digests((1, 9), 2)

    assert found == [(seq, sha256(outbox.payload(seq)).digest()) for seq in (1, 3)]
    assert [seq for seq, _ in outbox.digests((4, 9), 9)] == [6]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """An outbox with 100,000 short batches, every second one confirmed."""
    opened = Outbox(tmp_path_factory.mktemp("full"), Clock("assume"), 60)
    with opened._transaction() as db:
        db.execute(
            "WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n LIMIT 100000)"
            " INSERT INTO batch (seq, clock, count, bytes, first_ms, last_ms, state, sealed_at_ms)"
            " SELECT seq, 'ntp', 1, 9, seq, seq,"
            " CASE seq % 2 WHEN 0 THEN 'stored' ELSE 'unconfirmed' END, seq FROM n"
        )
        db.execute("INSERT INTO payload SELECT seq, 'x' FROM batch")
    yield opened
    opened.close()


@pytest.mark.parametrize("sent", ["UPDATE batch", "SELECT seq, body"])
def test_a_wide_range_is_found_by_its_numbers(full, sent):
    """No statement about a range walks through batches outside of it."""
    statements = []
    full._db.set_trace_callback(statements.append)
    full.confirm([(7, 8)])
    full.digests((7, 8), 9)
    full._db.set_trace_callback(None)

    (statement,) = [one for one in statements if one.startswith(sent)]
    plan = [row[3] for row in full._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert plan[0] == "SEARCH batch USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"


def test_one_range_over_all_of_a_large_outbox_is_confirmed_at_once(full):
    """And a second time, when nothing is left to change, in a moment."""
    left = full.figures().unconfirmed
    changed = full.confirm([(1, 2**63 - 1)])
    began_s = monotonic()
    again = full.confirm([(1, 2**63 - 1)] * 5)

    assert (changed, again, full.figures().unconfirmed) == (left, 0, 0)
    assert monotonic() - began_s < 10.0


def test_a_batch_whose_number_is_taken_gets_the_next_one_and_is_sent_again(outbox):
    """A card that forgot what it had synced, or a file put back from a copy, gives numbers twice."""
    payload = outbox.payload(6)

    changed = outbox.refuse([Refusal(seq=6, reason="another batch of this number", taken=True)])

    assert (changed, unconfirmed(outbox)) == (1, [7])
    assert (outbox.payload(6), outbox.payload(7)) == (None, payload)
    assert (outbox.figures().sealed, outbox.figures().refused) == (7, 1)


def test_the_next_batch_comes_after_one_that_got_a_new_number(outbox, hand, observe):
    outbox.refuse([Refusal(seq=6, reason="another batch of this number", taken=True)])
    outbox.append([observe(hand.mono_ms)])
    outbox.seal()

    assert unconfirmed(outbox) == [7, 8]


def test_a_batch_counted_as_stored_for_another_one_of_its_number_is_sent_again(outbox):
    """The receipt came for what the file has forgotten, then the server refused what we sent."""
    payload = outbox.payload(6)
    outbox.confirm([(6, 6)])

    outbox.refuse([Refusal(seq=6, reason="another batch of this number", taken=True)])

    assert (unconfirmed(outbox), outbox.payload(7)) == ([7], payload)


def test_a_refused_batch_keeps_its_number(outbox):
    assert outbox.refuse([Refusal(seq=5, reason="another batch", taken=True)]) == 0
    assert outbox.figures().sealed == 6
