"""Receipts: few, in ranges, and never one too early."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.ingest.events import NUMBER_TAKEN, BatchId
from server.ingest.receipts import Receipts
from server.ledger.book import Epoch
from wire.messages import Receipt, Refusal


def batch(seq, gateway="gw-a", epoch="a1b2c3d4"):
    return BatchId(gateway, epoch, seq)


def test_the_first_is_due_at_once_and_names_ranges():
    receipts = Receipts()
    for seq in (3, 1, 2, 7):
        receipts.add_stored(batch(seq))

    assert receipts.wait_s(100.0) == 0.0
    assert receipts.take_due(100.0) == [
        ("gw-a", Receipt(epoch="a1b2c3d4", stored=[(1, 3), (7, 7)], refused=[]))
    ]
    assert receipts.wait_s(100.0) is None


def test_the_next_waits_until_a_second_has_passed():
    receipts = Receipts()
    receipts.add_stored(batch(1))
    receipts.take_due(100.0)
    receipts.add_stored(batch(2))
    receipts.add_stored(batch(3))

    assert receipts.take_due(100.9) == []
    assert receipts.wait_s(100.75) == 0.25
    ((_, receipt),) = receipts.take_due(101.0)
    assert receipt.stored == [(2, 3)]


def test_gateways_do_not_wait_for_each_other():
    receipts = Receipts()
    receipts.add_stored(batch(1, "gw-a"))
    receipts.take_due(100.0)
    receipts.add_stored(batch(2, "gw-a"))
    receipts.add_stored(batch(1, "gw-b"))

    assert [gateway for gateway, _ in receipts.take_due(100.1)] == ["gw-b"]
    assert [gateway for gateway, _ in receipts.take_due(101.0)] == ["gw-a"]


def test_two_epochs_of_a_gateway_take_two_receipts_a_second_apart():
    receipts = Receipts()
    receipts.add_stored(batch(1, epoch="oldcard1"))
    receipts.add_stored(batch(1, epoch="newcard1"))

    first, none, second = (receipts.take_due(now) for now in (100.0, 100.5, 101.0))

    assert ([r.epoch for _, r in first], none) == (["oldcard1"], [])
    assert [r.epoch for _, r in second] == ["newcard1"]


def test_a_refusal_carries_its_reason():
    receipts = Receipts()
    receipts.add_refused(batch(5), "unknown unit 'furlong'")

    ((_, receipt),) = receipts.take_due(0.0)
    assert receipt == Receipt(
        epoch="a1b2c3d4", stored=[], refused=[Refusal(seq=5, reason="unknown unit 'furlong'")]
    )


def test_a_batch_that_was_stored_is_not_refused_whatever_came_first():
    receipts = Receipts()
    receipts.add_refused(batch(1), "noise")
    receipts.add_stored(batch(1))
    receipts.add_stored(batch(2))
    receipts.add_refused(batch(2), "noise")

    ((_, receipt),) = receipts.take_due(0.0)
    assert (receipt.stored, receipt.refused) == ([(1, 2)], [])


def test_that_a_number_is_taken_is_told_whatever_else_is_told_of_it():
    """Both went out under it, from an outbox that went back in time; which is stored it can't know."""
    receipts = Receipts()
    receipts.add_refused(batch(1), NUMBER_TAKEN)
    receipts.add_stored(batch(1))
    receipts.add_stored(batch(2))
    receipts.add_refused(batch(2), NUMBER_TAKEN)

    ((_, receipt),) = receipts.take_due(0.0)
    assert receipt.stored == [(1, 2)]
    assert [(one.seq, one.taken) for one in receipt.refused] == [(1, True), (2, True)]


def test_at_the_end_all_are_sent():
    receipts = Receipts()
    receipts.add_stored(batch(1))
    receipts.take_due(100.0)
    for one in (batch(2), batch(1, epoch="newcard1"), batch(1, "gw-b")):
        receipts.add_stored(one)

    assert len(receipts.take_all(0.0)) == 3
    assert receipts.take_all(0.0) == []


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 24)), max_size=40))
def test_every_batch_is_confirmed_and_never_twice_within_a_second(steps):
    receipts, now, sent_at, told = Receipts(), 0.0, [], set()
    for seq, eighths in steps:
        receipts.add_stored(batch(seq))
        now += eighths / 8
        for _, receipt in receipts.take_due(now):
            sent_at.append(now)
            told.update(s for low, high in receipt.stored for s in range(low, high + 1))
    for _, receipt in receipts.take_due(now + 1.0):
        told.update(s for low, high in receipt.stored for s in range(low, high + 1))

    assert told == {seq for seq, _ in steps}
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(sent_at))


def test_what_lately_was_under_way_is_forgotten_with_the_outboxes_it_was_of():
    """A gateway that changes its epoch with each batch must not fill the memory."""
    receipts = Receipts()

    for number in range(1000):
        receipts.add_stored(batch(1, epoch=f"epoch{number:04}"))
        receipts.take_due(100.0 + number)

    assert len(receipts._under_way) <= 31
    known = [receipts.told(Epoch("gw-a", f"epoch{number:04}"), 1099.0) for number in range(1000)]
    assert sum(known) == sum(known[969:]) == 31
