"""What a link with a budget may carry, and that no restart and no crash gives any of it back."""

import pytest

from gateway.outbox import Candidate
from gateway.uplink.allowance import OFF_HOURS, USED_UP, Plan
from gateway.uplink.ration import BATCH_COST, KEEP_BACK, STEPS, USAGE, Ration

DAY = 1_000_000  # the budget of these tests
STEP = DAY // STEPS
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@pytest.fixture
def gateway(hand, outbox_of, clock_of):
    """Begin at midnight, the clock known."""
    hand.synchronised = True
    return outbox_of(hand), hand, clock_of


def rationed(gateway, hours=(), daily=DAY, boot="boot-a"):
    outbox, hand, clock_of = gateway
    one = Ration(Plan(daily, hours), outbox, clock_of(hand, boot_id=boot))
    one.rest()
    return one


def live(*sizes):
    return [Candidate(n, size, live=True) for n, size in enumerate(sizes, start=1)]


def history(*sizes):
    return [Candidate(n, size, live=False) for n, size in enumerate(sizes, start=101)]


def seqs(candidates):
    return [one.seq for one in candidates]


def test_without_a_budget_all_may_go_and_nothing_is_written(gateway):
    one = rationed(gateway, daily=0)
    one.count(10**12)
    one.ended()
    assert one.rest() is None
    assert one.takes_live(10**12)
    assert seqs(one.allowed([*live(1), *history(10**9)], 0)) == [1, 101]
    assert gateway[0].meta(USAGE) is None


def test_at_midnight_the_whole_budget_is_set_aside_for_live_readings(gateway):
    one = rationed(gateway)
    assert seqs(one.allowed([*live(200, 200), *history(200)], 0)) == [1, 2]


def test_history_gets_the_part_of_the_day_that_has_gone(gateway):
    one = rationed(gateway)
    gateway[1].advance(6 * HOUR_MS)
    one.rest()
    a_quarter = history(*[9_200] * 50)
    assert len(one.allowed(a_quarter, 0)) == (250_000 - KEEP_BACK) // (9_200 + BATCH_COST)


def test_what_live_readings_used_is_not_there_for_history(gateway):
    one = rationed(gateway)
    one.count(240_000)
    gateway[1].advance(6 * HOUR_MS)
    one.rest()
    assert seqs(one.allowed(history(9_200, 200), 0)) == [102]


def test_what_is_under_way_counts_already(gateway):
    one = rationed(gateway)
    gateway[1].advance(6 * HOUR_MS)
    one.rest()
    assert one.allowed(history(9_200), 245_000) == []
    assert one.takes_live(997_000)
    assert not one.takes_live(997_200)


def test_a_connection_is_counted_once_and_the_next_one_anew(gateway):
    one = rationed(gateway)
    for total in (100, 5_000, 5_000, 600_000):
        one.count(total)
    one.connecting()
    one.count(397_000)
    assert one.rest() is None
    one.count(398_000)
    assert one.rest().reason == USED_UP


def test_when_a_live_batch_does_not_fit_any_more_the_day_is_over(gateway):
    one = rationed(gateway)
    one.count(990_000)
    assert one.allowed(live(9_000), 0) == []
    assert one.rest().reason == USED_UP
    gateway[1].advance(24 * HOUR_MS)
    assert one.rest() is None


def test_while_something_is_under_way_it_is_not_over(gateway):
    """What is under way is counted twice for a moment: as a batch, and by the kernel."""
    one = rationed(gateway)
    one.count(900_000)
    assert one.allowed(live(9_000), 95_000) == []
    assert one.rest() is None


def test_a_restart_goes_on_with_what_was_used(gateway):
    one = rationed(gateway)
    one.count(500_000)
    one.ended()
    again = rationed(gateway)
    again.count(497_999)
    assert again.rest() is None
    again.count(498_000)
    assert again.rest().reason == USED_UP


@pytest.mark.parametrize("boot", ["boot-a", "boot-b"])
def test_a_crash_gives_nothing_back(gateway, boot):
    """What is on the disk is never less than what was used, and hardly more."""
    one = rationed(gateway)
    one.connecting()
    for total in range(0, 500_001, 1_000):
        one.count(total)
    again = rationed(gateway, boot=boot)
    assert 500_000 <= again._usage.used <= 500_000 + 2 * STEP


def test_a_crash_in_the_middle_of_connecting_gives_nothing_back(gateway):
    """A gateway that dies of what it hears at once pays for each connection."""
    for _ in range(10):
        rationed(gateway).connecting()
    assert rationed(gateway)._usage.used == 10 * STEP


def test_the_disk_is_written_in_steps(gateway, monkeypatch):
    writes = []
    monkeypatch.setattr(gateway[0], "set_meta", writes.append)
    one = rationed(gateway)
    for total in range(0, 100_001, 100):
        one.count(total)
    assert len(writes) <= 100_000 // STEP + 1


def test_time_that_runs_is_kept_too(gateway, hand):
    """Without a known clock 25 h of running give a new budget, also in many short days."""
    hand.synchronised = False
    outbox, _, clock_of = gateway
    one, rested = Ration(Plan(DAY), outbox, clock_of(hand)), 0
    one.rest()
    one.count(DAY)
    for _ in range(30):
        rested += one.rest() is not None
        for _ in range(61):
            hand.advance(MINUTE_MS)
            one.rest()
        one = Ration(Plan(DAY), outbox, clock_of(hand))
    assert 24 <= rested <= 26
    assert one.rest() is None


def test_a_note_that_cannot_be_read_counts_as_none(gateway, capsys):
    gateway[0].set_meta({USAGE: '{"used":"much"}'})
    assert rationed(gateway).rest() is None
    assert "uplink_usage_unreadable" in capsys.readouterr().out


def test_a_disk_that_fails_stops_nothing(gateway, capsys):
    one = rationed(gateway)
    gateway[0]._db.execute("PRAGMA query_only = ON")
    one.count(999_000)
    gateway[0]._db.execute("PRAGMA query_only = OFF")
    assert one.rest().reason == USED_UP
    assert "uplink_usage_not_written" in capsys.readouterr().out


def test_hours_are_kept_without_a_budget_too(gateway):
    one = rationed(gateway, hours=((300, 360),), daily=0)
    assert one.rest().reason == OFF_HOURS
    gateway[1].advance(5 * HOUR_MS)
    assert one.rest() is None
