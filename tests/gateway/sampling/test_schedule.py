from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.sampling.schedule import Schedule, offset_of

MINUTE = 60_000
WALL = 1_767_225_600_000  # 2026-01-01T00:00:00Z, a whole minute

intervals_s = st.sampled_from([0.5, 1, 7, 10, 60, 600, 3600])


class HandClock:
    def __init__(self, mono_ms, wall_ms):
        self.mono, self.offset = mono_ms, wall_ms - mono_ms

    def mono_ms(self):
        return self.mono

    def wall_of(self, mono_ms):
        return mono_ms + self.offset


def test_the_first_slot_is_the_next_whole_multiple_of_the_interval():
    schedule = Schedule(60, mono_ms=5_000)

    assert schedule.next_ms(WALL - 3_000 - 5_000) == 5_000 + 3_000


def test_a_slot_at_the_very_start_is_taken():
    schedule = Schedule(60, mono_ms=5_000)

    assert schedule.due(5_000, WALL - 5_000) == [5_000]


def test_a_slot_is_taken_once():
    schedule = Schedule(60, mono_ms=0)
    schedule.due(MINUTE, WALL)

    assert schedule.due(MINUTE + 1, WALL) == []
    assert schedule.due(2 * MINUTE, WALL) == [2 * MINUTE]


def test_slots_that_were_slept_through_all_come_up_oldest_first():
    schedule = Schedule(60, mono_ms=1)

    assert schedule.due(3 * MINUTE + 5, WALL) == [MINUTE, 2 * MINUTE, 3 * MINUTE]


def test_a_slot_converts_back_to_the_exact_wall_instant():
    schedule = Schedule(600, mono_ms=123_457)
    offset = WALL + 77_777

    slot = schedule.next_ms(offset)

    assert (slot + offset) % 600_000 == 0


def test_a_small_jump_over_a_slot_does_not_lose_it():
    """At 23:59:59 the clock is set two seconds on, past midnight."""
    schedule = Schedule(60, mono_ms=1)
    schedule.due(MINUTE, WALL)

    assert schedule.due(2 * MINUTE - 1_000, WALL) == []
    assert schedule.due(2 * MINUTE - 1_000, WALL + 2_000) == [2 * MINUTE - 2_000]


def test_a_jump_back_over_a_slot_does_not_double_it():
    schedule = Schedule(60, mono_ms=1)
    schedule.due(MINUTE, WALL)

    assert schedule.due(MINUTE + 100, WALL - 2_000) == []
    assert schedule.next_ms(WALL - 2_000) == 2 * MINUTE + 2_000


def test_three_years_forward_do_not_make_up_three_years_of_slots():
    schedule = Schedule(60, mono_ms=1)
    schedule.due(MINUTE, WALL)
    three_years = 3 * 365 * 86_400_000 + 1_234

    assert len(schedule.due(2 * MINUTE, WALL + three_years)) <= 1


def test_the_wait_is_never_zero_or_negative():
    schedule = Schedule(60, mono_ms=0)

    assert schedule.wait_ms(10 * MINUTE, WALL) == 1
    assert schedule.wait_ms(0, WALL - 1_500) == 1_500


def test_the_offset_is_wall_minus_monotonic():
    assert offset_of(HandClock(1_000, WALL), 1_000) == WALL - 1_000


@given(
    interval_s=intervals_s,
    start=st.integers(0, 10**9),
    steps=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=60),
)
def test_with_a_steady_clock_every_slot_comes_up_exactly_once(interval_s, start, steps):
    interval = round(interval_s * 1000)
    schedule = Schedule(interval_s, start)
    now, taken = start, []
    for step in steps:
        now += max(1, round(step * interval))
        taken += [slot + WALL for slot in schedule.due(now, WALL)]

    first = -(-(start + WALL) // interval) * interval
    assert taken == list(range(first, now + WALL + 1, interval))


@given(
    interval_s=intervals_s,
    moves=st.lists(
        st.tuples(
            st.floats(0.01, 0.9),
            st.one_of(st.just(0), st.integers(-100_000_000_000, 100_000_000_000)),
        ),
        min_size=1,
        max_size=80,
    ),
)
def test_however_the_wall_clock_is_set_slots_are_neither_lost_nor_doubled(interval_s, moves):
    """Two slots are half to one and a half intervals of real time apart, and aligned as it stood."""
    interval = round(interval_s * 1000)
    schedule = Schedule(interval_s, 0)
    now, offset, taken, looked = 0, WALL, [], 0
    for step, jump in moves:
        offset = max(0, offset + jump)
        now += max(1, round(step * interval))
        assert schedule.wait_ms(now, offset) >= 1
        for slot in schedule.due(now, offset):
            assert (slot + offset) % interval == 0
            assert slot <= now
            taken.append(slot)
        looked = now

    gaps = [later - earlier for earlier, later in pairwise(taken)]
    assert all(interval // 2 < gap <= interval // 2 + interval for gap in gaps)
    assert looked - (taken[-1] if taken else 0) <= interval // 2 + interval


def test_a_clock_that_is_set_before_the_first_slot_puts_none_far_in_the_past():
    schedule = Schedule(10, 1_000_001)
    assert schedule.due(1_008_000, 0) == []
    assert schedule.due(1_009_000, -1_500) == []  # 1_001_500 is more than half an interval ago
    assert schedule.due(1_012_000, -1_500) == [1_011_500]
