"""Days of a time zone: half-hour zones, summer time, days left out, zones nobody knows."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rollup.days import day_starts, floors, require_zone
from tests.server.rollup.brute import midnight
from wire.batch import MAX_TIME_MS
from wire.errors import ConfigError


def ms(text):
    return int(datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


def texts(instants):
    return [datetime.fromtimestamp(one / 1000, UTC).strftime("%m-%d %H:%M") for one in instants]


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        ("UTC", "2026-03-01", ["03-01 00:00", "03-02 00:00"]),
        ("Asia/Kolkata", "2026-03-01", ["02-28 18:30", "03-01 18:30", "03-02 18:30"]),
        # 23 hours, and 25
        ("Europe/Berlin", "2026-03-29", ["03-28 23:00", "03-29 22:00", "03-30 22:00"]),
        ("Europe/Berlin", "2026-10-25", ["10-24 22:00", "10-25 23:00", "10-26 23:00"]),
        # Clocks went forward at midnight: the day began at 01:00 of the wall clock.
        ("America/Sao_Paulo", "2018-11-04", ["11-03 03:00", "11-04 03:00", "11-05 02:00"]),
        # 2011-12-30 was left out.
        ("Pacific/Apia", "2011-12-30", ["12-29 10:00", "12-30 10:00", "12-31 10:00"]),
    ],
)
def test_days_begin_at_local_midnight(zone, day, starts):
    begin = ms(f"{day}T00:00")

    assert texts(day_starts(zone, begin, begin + 86_400_000)) == starts


zones = st.sampled_from(
    ["UTC", "Asia/Kolkata", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"]
)


@given(zone=zones, time_ms=st.integers(0, 4_102_444_800_000), length=st.integers(1, 10**10))
def test_a_span_is_covered_by_whole_days(zone, time_ms, length):
    edges = day_starts(zone, time_ms, time_ms + length)

    assert edges[0] <= time_ms < edges[1]
    assert edges[-2] < time_ms + length <= edges[-1]
    hours = np.diff(edges) / 3_600_000
    assert set(hours.tolist()) <= {23.0, 23.5, 24.0, 24.5, 25.0}
    assert floors(zone, np.array([time_ms])).tolist() == [edges[0]]
    assert edges[0] == midnight(time_ms, zone)


def test_the_last_instants_a_database_holds_have_days_too():
    edges = day_starts("Asia/Kolkata", MAX_TIME_MS, MAX_TIME_MS + 1)

    assert edges[0] <= MAX_TIME_MS < edges[-1]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Asia/Kolkatta", "did you mean Asia/Kolkata"),
        ("", "write an IANA name"),
        ("../../etc/passwd", "no such zone"),
        ("Asia", "no such zone"),
    ],
)
def test_an_unknown_zone_is_refused_with_what_helps(name, hint):
    with pytest.raises(ConfigError, match=re.escape(hint)) as caught:
        require_zone(name)

    assert f"time zone '{name}'" in str(caught.value)


def test_days_go_on_long_after_the_calendar_of_python_has_ended():
    """Who takes days together looks as far over the range's end as one of its buckets is long."""
    end_ms = MAX_TIME_MS + 5000 * 86_400_000

    edges = day_starts("Asia/Kolkata", MAX_TIME_MS, end_ms)

    assert edges[0] <= MAX_TIME_MS < edges[1]
    assert edges[-2] < end_ms <= edges[-1]
    assert set(np.diff(edges).tolist()) == {86_400_000}
