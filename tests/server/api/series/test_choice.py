"""Which level answers, and how wide its buckets are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.series.choice import (
    DAY_MS,
    HOUR_MS,
    Level,
    cells,
    choose,
    days_a_bucket,
    hour_width_ms,
    raw_width_ms,
)

YEAR = 365 * DAY_MS
MINUTE = 60_000
NOW = 1_795_158_000_000


@pytest.mark.parametrize(
    ("span", "intervals", "level"),
    [
        (DAY_MS, [10.0], Level.RAW),
        (YEAR, [60.0], Level.HOUR),
        (YEAR, [86_400.0], Level.RAW),  # a value a day
        (20 * YEAR, [60.0], Level.DAY),
        (30 * DAY_MS, [60.0] * 10, Level.HOUR),
        (YEAR, [60.0] * 50, Level.DAY),  # together they would be half a million hours
        (10 * DAY_MS, [3600.0, 60.0], Level.RAW),  # the densest of them counts
        (15 * DAY_MS, [3600.0, 60.0], Level.HOUR),
    ],
)
def test_the_finest_level_that_is_cheap_is_chosen(span, intervals, level):
    assert choose(span, 2000, intervals) is level


def test_what_six_hours_are_too_short_for_is_told_by_days():
    assert choose(YEAR, 1500, [60.0]) is Level.HOUR
    assert choose(YEAR, 1460, [60.0]) is Level.DAY


def test_a_year_at_2000_points_is_told_by_six_hours():
    assert hour_width_ms(NOW - YEAR, NOW, 2000) == 6 * HOUR_MS


def test_buckets_of_raw_values_are_no_shorter_than_the_longest_interval():
    """Else a series with a value every ten minutes would be full of gaps beside one a minute."""
    assert raw_width_ms(NOW, NOW + HOUR_MS, 2000, 10 * MINUTE) == 10 * MINUTE


@given(
    st.integers(0, NOW), st.integers(1, 100 * YEAR), st.integers(10, 10_000), st.integers(0, DAY_MS)
)
def test_never_more_buckets_than_points_and_each_divides_a_day_or_is_days(
    start, span, points, least
):
    for width in (
        raw_width_ms(start, start + span, points, least),
        hour_width_ms(start, start + span, points),
    ):
        assert cells(start, start + span, width) <= points
        assert DAY_MS % width == 0 or width % DAY_MS == 0
    assert raw_width_ms(start, start + span, points, least) >= least
    assert span / DAY_MS / days_a_bucket(start, start + span, points) <= points
