"""When a message may go: quiet hours across changes of the clock, groups, limits. Pure."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.condition import Severity
from server.notify.sending.grouping import (
    WINDOW_MS,
    Before,
    Go,
    LeaveToDigest,
    Manner,
    Wait,
    decide,
)
from server.notify.sending.quiet_hours import (
    DAY_MINUTES,
    Quiet,
    day_start_ms,
    last_due_ms,
    quiet_until_ms,
)
from server.notify.sending.rate import Rate

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NIGHT = Quiet(21 * 60, 6 * 60 + 30)
ZONES = ["UTC", "Asia/Shanghai", "Europe/Paris", "America/St_Johns", "Africa/Cairo", "Asia/Kabul"]
instants = st.integers(1_700_000_000_000, 1_900_000_000_000)
zones = st.sampled_from(ZONES)
minutes = st.integers(0, DAY_MINUTES - 1)
quiets = st.builds(Quiet, minutes, minutes)


def ms(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def minute_at(time_ms, zone):
    local = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    return local.hour * 60 + local.minute


@pytest.mark.parametrize(
    ("now", "zone", "until"),
    [
        ("2026-06-01T20:59:59+08:00", "Asia/Shanghai", "2026-06-01T20:59:59+08:00"),
        ("2026-06-01T21:00:00+08:00", "Asia/Shanghai", "2026-06-02T06:30:00+08:00"),
        ("2026-06-02T06:29:59+08:00", "Asia/Shanghai", "2026-06-02T06:30:00+08:00"),
        ("2026-06-02T06:30:00+08:00", "Asia/Shanghai", "2026-06-02T06:30:00+08:00"),
        # The night that is an hour shorter, and the one that is longer.
        ("2026-03-28T22:00:00+01:00", "Europe/Paris", "2026-03-29T06:30:00+02:00"),
        ("2026-10-24T22:00:00+02:00", "Europe/Paris", "2026-10-25T06:30:00+01:00"),
        # Nobody knows the zone: it counts as UTC.
        ("2026-06-01T22:00:00+00:00", "Nowhere/Land", "2026-06-02T06:30:00+00:00"),
    ],
)
def test_what_comes_at_night_waits_for_the_morning(now, zone, until):
    assert quiet_until_ms(ms(now), zone, NIGHT) == ms(until)


def test_quiet_hours_that_end_in_a_gap_of_the_clock_end_with_it():
    """At 02:00 it became 03:00: 02:30 never was."""
    found = quiet_until_ms(ms("2026-03-29T01:15:00+01:00"), "Europe/Paris", Quiet(60, 150))

    assert found == ms("2026-03-29T03:00:00+02:00")


@given(instants, zones, quiets)
def test_quiet_hours_end_within_a_day_and_are_then_over(now_ms, zone, quiet):
    until_ms = quiet_until_ms(now_ms, zone, quiet)

    assert now_ms <= until_ms <= now_ms + 25 * HOUR_MS
    assert (until_ms == now_ms) is not quiet.holds_at(minute_at(now_ms, zone))
    # All that is in between is quiet, but for an hour that comes twice.
    for at_ms in range(now_ms, until_ms, 15 * 60_000):
        assert quiet.holds_at(minute_at(at_ms, zone)) or until_ms - at_ms <= HOUR_MS


@given(instants, zones, minutes, st.one_of(st.none(), st.integers(0, 6)))
def test_the_last_morning_is_the_last_one(now_ms, zone, minute, weekday):
    due_ms = last_due_ms(now_ms, zone, minute, weekday)
    period_ms = DAY_MS if weekday is None else 7 * DAY_MS

    assert due_ms <= now_ms < due_ms + period_ms + 2 * HOUR_MS
    local = datetime.fromtimestamp(due_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    assert weekday in (None, local.weekday())


@given(instants, zones)
def test_a_day_begins_at_its_first_minute(now_ms, zone):
    begin_ms = day_start_ms(now_ms, zone)

    assert begin_ms <= now_ms < begin_ms + 25 * HOUR_MS
    assert minute_at(begin_ms, zone) in (0, 60)  # where midnight itself is left out


def manner(quiet=None, *, wakes=False, limit=10):
    return Manner("UTC", quiet, wakes, limit)


def test_only_what_is_critical_wakes_and_only_those_who_want_it():
    night = ms("2026-06-01T23:00:00+00:00")
    critical, warning = Severity.CRITICAL, Severity.WARNING

    assert decide(night, critical, manner(NIGHT, wakes=True), Before()) == Go()
    assert isinstance(decide(night, warning, manner(NIGHT, wakes=True), Before()), Wait)
    assert isinstance(decide(night, critical, manner(NIGHT), Before()), Wait)


@given(
    st.lists(st.tuples(st.integers(0, 30 * 60_000), st.integers(1, 3)), max_size=40),
    st.integers(1, 12),
)
def test_a_flood_makes_a_message_a_window_and_loses_nothing(arrivals, limit):
    """Each arrival is sent within its window or left to the digest; windows hold one message."""
    now_ms, last_ms, today = ms("2026-06-01T00:00:00+00:00"), None, 0
    sent, waiting, left = [], 0, 0
    clock = now_ms
    for gap_ms, level in arrivals:
        clock += gap_ms
        waiting += 1
        verdict = decide(clock, level, manner(limit=limit), Before(last_ms, today))
        if isinstance(verdict, Wait):
            assert verdict.until_ms == last_ms + WINDOW_MS
            continue
        if isinstance(verdict, LeaveToDigest):
            left, waiting = left + waiting, 0
            continue
        sent.append((clock, waiting))
        last_ms, today, waiting = clock, today + 1, 0
    times = [at for at, _ in sent]
    assert all(later - earlier >= WINDOW_MS for earlier, later in pairwise(times))
    assert len(sent) <= limit
    assert sum(count for _, count in sent) + left + waiting == len(arrivals)


@given(st.integers(1, 10_000), st.lists(st.floats(0, 30), max_size=60))
def test_no_minute_has_more_than_its_share_and_the_burst(per_minute, gaps):
    rate, now_s, sent = Rate(per_minute), 0.0, []
    for gap in gaps:
        now_s += gap
        while rate.wait_s(now_s) == 0 and len(sent) < 30_000:
            rate.spend()
            sent.append(now_s)
    for begin in sorted(set(sent)):
        within = sum(begin <= at < begin + 60 for at in sent)
        assert within <= per_minute + max(1, per_minute / 6) + 1
