"""Gaps against an interval, and their causes, on arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ledger.gaps import Cause, Evidence, Gap, Window, absent, explain, longest, missing

STEP = 60_000
NOW = 100 * STEP


def at(*minutes):
    return np.array([round(minute * STEP) for minute in minutes], dtype=np.int64)


NOTHING = at()


def cause(gap, present=NOTHING, windows=(), heard_ms=None):
    return explain(gap, STEP, Evidence(present, windows, heard_ms), NOW).cause


def minutes(first, last):
    return Gap(first * STEP, last * STEP, last - first)


@given(st.sets(st.integers(0, 60)))
def test_every_absent_minute_is_in_one_gap(present):
    times = at(-1, *sorted(present), 61)

    found = absent(times, STEP)

    counted = [n for gap in found for n in range(gap.from_ms // STEP, gap.to_ms // STEP)]
    assert counted == sorted(set(range(61)) - present)
    assert all(gap.count == (gap.to_ms - gap.from_ms) // STEP for gap in found)


def test_a_late_observation_is_no_gap():
    assert absent(at(0, 1, 2.4, 3, 4), STEP) == []


def test_runs_of_missing_values_are_gaps_of_the_sensor():
    is_missing = np.array([True, False, True, True, False])

    assert missing(at(0, 1, 2, 3, 4), is_missing, STEP) == [
        Gap(0, STEP, 1, Cause.SENSOR_MISSING),
        Gap(2 * STEP, 4 * STEP, 2, Cause.SENSOR_MISSING),
    ]


def test_no_observations_have_no_gaps():
    assert missing(at(), np.array([], dtype=bool), STEP) == absent(at(), STEP) == []


def test_a_gateway_that_was_off_has_nothing_from_any_series():
    assert cause(minutes(10, 20), at(1, 9, 20, 21)) is Cause.GATEWAY_OFF


def test_a_quick_series_that_goes_on_a_little_does_not_hide_that_the_gateway_was_off():
    assert cause(minutes(10, 60), at(8, 9, 9.2, 9.4, 9.6, 10.1, 59.8, 60)) is Cause.GATEWAY_OFF


def test_a_gap_of_one_series_alone_is_not_explained():
    assert cause(minutes(10, 20), at(*range(30))) is Cause.UNEXPLAINED


def test_what_was_sealed_and_has_not_come_explains_a_gap():
    hole = Window(5 * STEP, 25 * STEP, Cause.NOT_YET_RECEIVED)

    assert cause(minutes(10, 20), windows=[hole]) is Cause.NOT_YET_RECEIVED
    assert cause(minutes(30, 40), windows=[hole]) is Cause.GATEWAY_OFF


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(None, 5 * STEP, Cause.LOST), Cause.GATEWAY_OFF),
        (Window(None, 10 * STEP, Cause.LOST), Cause.LOST),
        (Window(19 * STEP, None, Cause.LOST), Cause.LOST),
        (Window(20 * STEP, None, Cause.LOST), Cause.GATEWAY_OFF),
        (Window(None, None, Cause.LOST), Cause.LOST),
    ],
)
def test_a_window_may_be_open(window, expected):
    assert cause(minutes(10, 20), windows=[window]) is expected


def test_the_newest_values_of_a_gateway_that_speaks_are_under_way():
    assert cause(minutes(95, 100), heard_ms=98 * STEP) is Cause.NOT_YET_RECEIVED
    assert cause(minutes(95, 100), heard_ms=94 * STEP) is Cause.GATEWAY_OFF
    assert cause(minutes(95, 100), heard_ms=None) is Cause.GATEWAY_OFF


def test_the_longest_gaps_are_kept_in_order_of_time():
    gaps = [minutes(0, 1), minutes(5, 9), minutes(10, 12), minutes(20, 30)]

    assert longest(gaps, 2) == [gaps[1], gaps[3]]
