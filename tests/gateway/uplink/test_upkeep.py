"""Sealing and pruning a real outbox on time."""

from decimal import Decimal
from threading import Thread

import pytest

from gateway.uplink.upkeep import SEAL_WISH, Upkeep, ask_to_seal
from wire.batch import Sample

MINUTE_MS = 60_000


@pytest.fixture
def kept(hand, outbox_of, clock_of):
    hand.synchronised = True
    outbox = outbox_of(hand)
    return outbox, Upkeep(outbox, clock_of(hand), MINUTE_MS)


def days_without_a_link(days, kept, hand, observe, every_ms=MINUTE_MS, sensors=2):
    outbox, upkeep = kept
    for _ in range(days * 86_400_000 // every_ms):
        hand.advance(every_ms)
        outbox.append([observe(hand.mono_ms) for _ in range(sensors)])
        upkeep.step(can_send=False)


def test_days_without_a_link_make_a_batch_each_not_1440(kept, hand, observe):
    outbox, _ = kept
    days_without_a_link(2, kept, hand, observe)
    assert outbox.figures().sealed == 2
    assert outbox.pending().count < 2 * 2


def test_what_is_pending_is_sealed_when_it_can_leave(kept, hand, observe):
    outbox, upkeep = kept
    outbox.append([observe(hand.mono_ms)])
    upkeep.step(can_send=False)
    assert outbox.figures().sealed == 0
    upkeep.step(can_send=True)
    assert (outbox.figures().sealed, outbox.pending().count) == (1, 0)


def test_what_is_pending_survives_a_power_cut_and_is_sealed_afterwards(
    kept, hand, observe, outbox_of, clock_of
):
    outbox, upkeep = kept
    for _ in range(30):
        outbox.append([observe(hand.mono_ms)])
        hand.advance(MINUTE_MS)
        upkeep.step(can_send=False)
    again = outbox_of(hand, "boot-b")  # the first one was never closed
    assert again.pending().count == 30
    Upkeep(again, clock_of(hand, boot_id="boot-b"), MINUTE_MS).step(can_send=True)
    assert (again.figures().sealed, again.pending().count) == (1, 0)


def test_without_a_known_clock_what_was_held_for_a_day_goes_in_daily_batches(
    hand, observe, outbox_of, clock_of
):
    """No RTC and no network: 24 h are held, and then each day releases a day's worth."""
    outbox = outbox_of(hand)
    upkeep = Upkeep(outbox, clock_of(hand), MINUTE_MS)
    days_without_a_link(4, (outbox, upkeep), hand, observe, every_ms=5 * MINUTE_MS)
    assert 3 <= outbox.figures().sealed <= 4
    assert outbox.pending().count <= 2 * 12 * 25


def test_more_than_one_batch_can_take_is_sealed_in_a_row(kept, hand, observe):
    outbox, upkeep = kept
    outbox.append([observe(hand.mono_ms - n) for n in range(62_000)])
    for _ in range(3):
        upkeep.step(can_send=True)
    assert (outbox.figures().sealed, outbox.pending().count) == (3, 0)


def test_a_day_offline_is_bounded_by_thirty_thousand(kept, hand, observe):
    outbox, upkeep = kept
    for _ in range(24):
        hand.advance(MINUTE_MS)
        outbox.append([observe(hand.mono_ms - n) for n in range(2_500)])
        upkeep.step(can_send=False)
    assert (outbox.figures().sealed, outbox.pending().count) == (2, 0)


def test_an_export_has_what_is_pending_sealed_by_the_gateway_that_runs(
    kept, hand, observe, tmp_path, until
):
    outbox, upkeep = kept
    outbox.append([observe(hand.mono_ms)])
    upkeep.step(can_send=False)
    answers = []
    asking = Thread(target=lambda: answers.append(ask_to_seal(tmp_path, 10)))
    asking.start()
    until(lambda: upkeep.step(can_send=False) or answers)
    asking.join()
    assert answers == [True]
    assert (outbox.figures().sealed, outbox.pending().count) == (1, 0)


def test_a_wish_that_nobody_grants_is_taken_back(tmp_path):
    assert not ask_to_seal(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_wish_that_cannot_be_granted_is_told_of_once_a_period(kept, hand, tmp_path, capsys):
    (tmp_path / SEAL_WISH).mkdir()  # nothing that can be unlinked
    _, upkeep = kept
    for _ in range(5):
        upkeep.step(can_send=False)
    assert capsys.readouterr().out.count("outbox_failed") == 1


def test_a_disk_that_fails_is_told_of_once_a_period(kept, hand, observe, capsys):
    outbox, upkeep = kept
    outbox.append([observe(hand.mono_ms)])
    upkeep.step(can_send=False)
    outbox._db.execute("PRAGMA query_only = ON")
    for _ in range(10):
        upkeep.step(can_send=True)
    outbox._db.execute("PRAGMA query_only = OFF")
    assert capsys.readouterr().out.count("outbox_failed") == 1
    hand.advance(MINUTE_MS)
    upkeep.step(can_send=True)
    assert outbox.figures().sealed == 1


def test_what_is_pending_is_never_counted_too_low(hand, observe, outbox_of):
    """Of rows that are sealed apart, one kind may be gone from the middle."""
    outbox = outbox_of(hand)
    assert outbox.pending().count == 0
    outbox.append([observe(hand.mono_ms)])  # held: the clock is not known
    outbox.append_stamped([("dune-1/soil-10cm/vwc_raw", Sample(1, Decimal(1)))])
    outbox.append([observe(hand.mono_ms)])
    assert outbox.pending().count == 3
    outbox.seal()
    assert 2 <= outbox.pending().count <= 3
