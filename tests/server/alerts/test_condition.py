"""Lines and seasons of conditions."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.condition import ALWAYS_MS, Condition, Level, Season, Severity, Side


def ms(text, zone="UTC"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("side", "value", "beyond", "past_leave"),
    [
        (Side.BELOW, 0.5, True, False),
        (Side.BELOW, 0.51, False, False),
        (Side.BELOW, 0.6, False, False),
        (Side.BELOW, 0.61, False, True),
        (Side.ABOVE, 0.5, True, False),
        (Side.ABOVE, 0.49, False, False),
        (Side.ABOVE, 0.4, False, False),
        (Side.ABOVE, 0.39, False, True),
    ],
)
def test_a_line_belongs_to_the_side_of_the_rule(side, value, beyond, past_leave):
    level = Level(Severity.WARNING, 0.5, 0.6 if side is Side.BELOW else 0.4)
    condition = Condition(side, (level,), 1000, 2000)

    assert condition.is_beyond(level, value) is beyond
    assert condition.is_past_leave(level, value) is past_leave


def test_a_season_follows_the_local_calendar():
    season = Season(frozenset({6}), "Asia/Shanghai")

    assert not season.holds(ms("2026-05-31T15:59:59"))
    assert season.holds(ms("2026-05-31T16:00"))
    assert season.holds(ms("2026-06-30T15:59:59"))
    assert not season.holds(ms("2026-06-30T16:00"))


def test_a_span_reaches_over_months_and_the_turn_of_the_year():
    season = Season(frozenset({11, 12, 1, 2}), "UTC")

    assert season.span(ms("2026-12-24T00:00")) == (ms("2026-11-01T00:00"), ms("2027-03-01T00:00"))
    assert season.span(ms("2026-03-01T00:00")) == (ms("2026-03-01T00:00"), ms("2026-11-01T00:00"))


@pytest.mark.parametrize("months", [frozenset(), frozenset(range(1, 13))])
def test_a_season_that_never_changes_has_no_edges(months):
    assert Season(months, "UTC").span(0) == (-ALWAYS_MS, ALWAYS_MS)


@given(
    months=st.frozensets(st.integers(1, 12), min_size=1, max_size=11),
    zone=st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Apia"]),
    time_ms=st.integers(-2_000_000_000_000, 4_000_000_000_000),
)
def test_a_span_is_the_longest_stretch_about_an_instant(months, zone, time_ms):
    season = Season(months, zone)

    begins_ms, ends_ms = season.span(time_ms)

    assert begins_ms <= time_ms < ends_ms
    held = season.holds(time_ms)
    assert season.holds(begins_ms) is season.holds(ends_ms - 1) is held
    assert season.holds(begins_ms - 1) is season.holds(ends_ms) is not held


@pytest.mark.parametrize("time_ms", [-ALWAYS_MS, ALWAYS_MS])
def test_no_instant_is_beyond_the_calendar(time_ms):
    season = Season(frozenset({6}), "UTC")

    season.span(time_ms)
    assert season.holds(time_ms) in (True, False)


def test_a_condition_without_a_season_holds_always():
    level = Level(Severity.WARNING, 1.0, 2.0)

    assert Condition(Side.BELOW, (level,), 1000, 2000).in_season(0)
    assert not Condition(
        Side.BELOW, (level,), 1000, 2000, season=Season(frozenset({7}), "UTC")
    ).in_season(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000))
