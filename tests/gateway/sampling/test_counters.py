"""Running totals: what was added, wraps and resets told apart as far as they can be."""

from decimal import Decimal
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sampling.counters import (
    FIRST,
    JUMPED,
    OUT_OF_RANGE,
    RESET,
    UNSURE,
    Counter,
    Past,
    longest_s,
)

MINUTE = 60_000
W16 = Decimal(65_536)


def added(counter, *readings, every_ms=MINUTE):
    """Feed readings; give each increment, or why there is none."""
    found = [
        counter.advance(Decimal(reading), at * every_ms) for at, reading in enumerate(readings)
    ]
    return [one.reason or one.value for one in found]


def test_the_first_reading_tells_nothing():
    assert added(Counter(), 4711) == [FIRST]


def test_what_was_added_is_the_difference():
    assert added(Counter(), "10.2", "10.4", "10.4") == [FIRST, Decimal("0.2"), Decimal("0.0")]


def test_a_counter_that_wraps_goes_on():
    assert added(Counter(W16), 65_530, 65_535, 4) == [FIRST, Decimal(5), Decimal(5)]


def test_without_a_range_a_lower_reading_is_a_reset():
    assert added(Counter(), 900, 3, 5) == [FIRST, RESET, Decimal(2)]


def test_half_a_range_or_more_is_rather_a_reset():
    """500 after 30000 would be 36036 by way of the wrap."""
    assert added(Counter(W16), 30_000, 500, 600) == [FIRST, RESET, Decimal(100)]


@pytest.mark.parametrize(
    ("max_per_s", "expected"),
    [
        # 60 s may last 92: up to 920 and 4600 can have been added, 1036 by way of the wrap.
        ("10", RESET),
        ("50", Decimal(1_036)),
    ],
)
def test_the_highest_rate_tells_a_wrap_from_a_reset(max_per_s, expected):
    counter = Counter(W16, Decimal(max_per_s))

    assert added(counter, 65_000, 500) == [FIRST, expected]


def test_more_than_can_have_been_added_is_missing():
    """Reset, and counted past the old reading by noise on the line: no increment of a million."""
    assert added(Counter(None, Decimal(10)), 5, 1_000_005, 1_000_006) == [FIRST, JUMPED, Decimal(1)]


def test_noise_of_what_is_weighed_is_no_jump():
    """In a second 3 g can be added, but a gust may shake the cell by its drift."""
    counter = Counter(None, Decimal(1), Decimal(30))

    assert added(counter, 100, 125, 101, 140, every_ms=1000) == [FIRST, 25, -24, JUMPED]


def test_when_a_whole_range_may_have_passed_nothing_is_known():
    counter = Counter(W16, Decimal(100))

    assert added(counter, 10, 20, every_ms=3_600_000) == [FIRST, UNSURE]


@pytest.mark.parametrize("reading", ["-1", "65536", "70000"])
def test_a_reading_out_of_the_range_is_no_reading(reading):
    assert added(Counter(W16), 10, reading, 12) == [FIRST, OUT_OF_RANGE, Decimal(2)]


def test_it_goes_on_from_what_was_remembered():
    counter = Counter(W16, past=Past(Decimal(65_530), 0))

    assert counter.advance(Decimal(4), MINUTE).value == 10


def test_after_a_boot_a_lower_reading_is_a_reset_however_near_the_wrap_it_was():
    """The power that the gateway lost may have been the counter's as well."""
    counter = Counter(W16, past=Past(Decimal(65_530), None))

    assert counter.advance(Decimal(4), MINUTE).reason == RESET


def test_after_a_boot_a_higher_reading_counts_on():
    counter = Counter(W16, Decimal(1), past=Past(Decimal(10), None))

    assert counter.advance(Decimal(4_010), MINUTE) == (Decimal(4_000), "", None)


def test_how_far_apart_readings_may_be_leaves_room_for_late_ones():
    assert longest_s(W16, Decimal(1000)) == pytest.approx(Decimal("42.36"), abs=Decimal("0.01"))


steps = st.lists(st.integers(0, 5_000), min_size=1, max_size=60)


@given(start=st.integers(0, 65_535), steps=steps)
def test_over_any_number_of_wraps_the_increments_are_what_was_counted(start, steps):
    totals = [start, *accumulate(steps, initial=start)][1:]
    counter = Counter(W16, Decimal(100))
    found = added(counter, *(total % 65_536 for total in totals))

    assert found[1:] == [later - earlier for earlier, later in pairwise(totals)]


@given(
    readings=st.lists(st.integers(0, 65_535), min_size=2, max_size=60),
    max_per_s=st.sampled_from([None, Decimal(1), Decimal(50), Decimal(700)]),
)
def test_whatever_it_reads_no_increment_is_negative_or_beyond_belief(readings, max_per_s):
    most = W16 / 2 if max_per_s is None else max_per_s * 92
    counter, previous = Counter(W16, max_per_s), None
    for at, reading in enumerate(readings):
        found = counter.advance(Decimal(reading), at * MINUTE)
        if found.value is not None:
            assert found.value >= 0
            assert found.value <= most or (max_per_s is None and reading > previous)
            assert (previous + found.value) % W16 == reading
        else:
            assert found.reason
        previous = reading


@given(runs=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=20), min_size=1, max_size=6))
def test_resets_lose_what_was_not_read_and_invent_nothing(runs):
    """A counter is switched off again and again: what is reported never exceeds what it counted."""
    readings = [total for run in runs for total in accumulate(run)]
    found = added(Counter(None, Decimal(10)), *readings)

    assert sum(one for one in found if isinstance(one, Decimal)) <= sum(map(sum, runs))
