"""The chunk interval fits into memory, and is not changed for little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.hypertable.chunks import DAY_MS, HOUR_MS, STEPS_MS, Measured, choose, words

MB = 1024 * 1024
rates = st.floats(0.001, 1e6)
memories = st.integers(16 * MB, 10**12)
steps = st.sampled_from(STEPS_MS)


@pytest.mark.parametrize(
    ("rows_per_s", "memory_mb", "days"),
    [
        (0.33, 512, 30),  # one station of 20 series a minute, PostgreSQL as it comes
        (3.3, 512, 3),
        (33, 512, 0.5),
        (33, 64 * 1024, 30),  # a hundred stations, and a machine that was made for it
        (1000, 64 * 1024, 1),
        (60_000, 256 * 1024, 0.25),
        (0.001, 512, 90),
    ],
)
def test_the_newest_chunk_takes_a_quarter_of_the_memory(rows_per_s, memory_mb, days):
    measured = Measured(rows_per_s, 84.0, memory_mb * MB)

    assert choose(measured, 30 * DAY_MS) == days * DAY_MS


def taken(measured, interval_ms):
    return measured.rows_per_s * measured.row_bytes * interval_ms / 1000 / measured.memory_bytes


@given(rate=rates, memory=memories, current=steps)
def test_a_chunk_is_never_much_too_large_unless_it_is_the_shortest(rate, memory, current):
    measured = Measured(rate, 84.0, memory)

    chosen = choose(measured, current)

    assert chosen in STEPS_MS
    assert chosen == STEPS_MS[0] or taken(measured, chosen) <= 0.25 * 1.25 + 1e-9


@given(rate=rates, memory=memories, current=steps)
def test_a_chunk_is_as_long_as_it_may_be(rate, memory, current):
    """Many small ones would make every plan slow."""
    measured = Measured(rate, 84.0, memory)

    chosen = choose(measured, current)

    longer = [one for one in STEPS_MS if one > chosen][:1]
    assert all(taken(measured, one) > 0.25 / 1.5 - 1e-9 for one in longer)


@given(
    about=steps,
    factor=st.floats(0.6, 1.8),
    current=steps,
    swings=st.lists(st.floats(0.81, 1.19), min_size=2, max_size=12),
)
def test_a_rate_that_goes_up_and_down_by_a_fifth_does_not_move_it_to_and_fro(
    about, factor, current, swings
):
    rate = 0.25 * 512 * MB / (84.0 * about / 1000 * factor)  # what a step fits about exactly
    chosen = [current]
    for swing in swings * 3:
        chosen.append(choose(Measured(rate * swing, 84.0, 512 * MB), chosen[-1]))

    assert len(set(chosen[-len(swings) :])) == 1


def test_a_rate_that_swings_by_a_fifth_about_a_limit_changes_nothing():
    at_limit = Measured(0.25 * 512 * MB / (84.0 * 7 * 86_400), 84.0, 512 * MB)
    chosen = choose(at_limit, 7 * DAY_MS)

    for factor in (1.2, 0.8, 1.2, 0.8):
        moved = Measured(at_limit.rows_per_s * factor, 84.0, 512 * MB)
        assert choose(moved, chosen) == chosen == 7 * DAY_MS


def test_without_readings_it_stays_as_it_is():
    assert choose(Measured(0.0, 84.0, 512 * MB), 7 * DAY_MS) == 7 * DAY_MS


@pytest.mark.parametrize(
    ("interval_ms", "said"),
    [(6 * HOUR_MS, "6 hours"), (DAY_MS, "1 day"), (30 * DAY_MS, "30 days")],
)
def test_an_interval_is_told_in_words(interval_ms, said):
    assert words(interval_ms) == said
