"""A day's budget and the hours for sending, with clocks that are unknown, wrong, and set."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.allowance import (
    DAY_MS,
    OFF_HOURS,
    USED_UP,
    Instant,
    Plan,
    Rest,
    Usage,
    history_share,
    renewed,
    rest,
)

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
BUDGET = Plan(daily_bytes=5_000_000)


def utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = utc("2026-03-10T12:00")


class Machine:
    """A gateway that looks at its clock now and then."""

    def __init__(self, wall_ms=NOON, used=0):
        self.boot, self.mono_ms, self.wall_ms, self.usage = "a", 0, wall_ms, Usage(used=used)
        self.look(0)

    def look(self, ms, *, trusted=True):
        self.mono_ms += ms
        self.wall_ms += ms
        now = Instant(self.boot, self.mono_ms, self.wall_ms if trusted else None)
        self.usage = renewed(self.usage, now, ms)

    def run(self, ms, *, trusted=True):
        for _ in range(ms // (10 * MINUTE_MS)):
            self.look(10 * MINUTE_MS, trusted=trusted)

    def restart(self, off_ms, boot="b"):
        """Switch off and on; the running time is not known to have gone on."""
        self.wall_ms += off_ms
        self.boot, self.mono_ms = boot, 0


def test_a_midnight_that_is_reached_by_running_gives_a_new_budget():
    one = Machine(used=700)
    one.run(12 * HOUR_MS - 10 * MINUTE_MS)
    assert one.usage.used == 700
    assert one.usage.day == NOON // DAY_MS
    one.run(10 * MINUTE_MS)
    assert one.usage.used == 0


@pytest.mark.parametrize("days", [1, 3 * 365, -14])
def test_a_clock_that_is_set_gives_nothing(days):
    one = Machine(utc("2026-03-10T00:30"), used=700)
    one.run(20 * HOUR_MS)
    one.wall_ms += days * DAY_MS
    one.look(1_000)
    one.wall_ms -= days * DAY_MS
    one.look(1_000)
    assert one.usage.used == 700


@pytest.mark.parametrize("days", [3 * 365, -14])
def test_nor_does_it_block_for_ever(days):
    one = Machine(used=700)
    one.wall_ms += days * DAY_MS
    one.run(12 * HOUR_MS)
    assert one.usage.used == 0


def test_a_small_correction_over_midnight_gives_one_budget():
    one = Machine(utc("2026-03-10T11:59:59"), used=700)
    one.run(12 * HOUR_MS)
    one.look(2_000)
    assert one.usage.used == 0
    one.usage = Usage(**{**_fields(one.usage), "used": 50})
    one.wall_ms -= 5_000
    one.look(1_000)
    one.look(10_000)
    assert one.usage.used == 50


def _fields(usage):
    return {name: getattr(usage, name) for name in usage.__struct_fields__}


def test_a_gateway_that_is_off_at_night_has_a_new_budget_in_the_morning():
    one = Machine(used=700)
    one.restart(20 * HOUR_MS)
    one.look(0)
    assert one.usage.used == 0


def test_a_first_evening_waits_for_its_second_budget_until_it_has_run_for_12_hours():
    one = Machine(utc("2026-03-10T20:00"), used=700)
    one.run(12 * HOUR_MS - 10 * MINUTE_MS)
    assert one.usage.used == 700
    one.run(10 * MINUTE_MS)
    assert one.usage.used == 0


@pytest.mark.parametrize("begin", ["2026-03-10T20:00", "2026-03-10T08:00", "2026-03-10T13:40"])
def test_a_rest_ends_when_it_was_said_to(begin):
    """Whoever waits for the gateway would else miss it, or wait for too long."""
    one = Machine(utc(begin), used=BUDGET.daily_bytes)
    told = set()
    while found := rest(BUDGET, one.usage, Instant("a", one.mono_ms, one.wall_ms), 0):
        told.add(found.until_ms)
        one.look(10 * MINUTE_MS)
    assert told == {one.wall_ms}


def test_a_restart_on_the_same_day_gives_nothing():
    one = Machine(used=700)
    one.restart(HOUR_MS)
    one.look(0)
    assert one.usage.used == 700


def test_a_restart_of_the_program_alone_on_a_clock_that_was_set_gives_nothing():
    one = Machine(used=700)
    one.wall_ms += 2 * DAY_MS
    one.look(0)
    assert one.usage.used == 700


def test_a_start_with_a_clock_that_was_ahead_before_goes_on_with_what_was_used():
    one = Machine(used=700)
    one.restart(-30 * DAY_MS)
    one.look(0)
    assert one.usage.used == 700
    one.run(12 * HOUR_MS)
    assert one.usage.used == 0


def test_while_the_clock_is_unknown_nothing_is_given_for_25_hours_of_running():
    one = Machine(used=700)
    one.restart(0)
    one.run(25 * HOUR_MS - 10 * MINUTE_MS, trusted=False)
    assert one.usage.used == 700
    one.run(10 * MINUTE_MS, trusted=False)
    assert one.usage.used == 0


def test_a_clock_that_becomes_known_after_that_does_not_give_another():
    one = Machine(used=700)
    one.restart(0)
    one.run(25 * HOUR_MS, trusted=False)
    one.usage = Usage(**{**_fields(one.usage), "used": 50})
    one.look(MINUTE_MS)
    assert one.usage.used == 50
    one.run(12 * HOUR_MS)
    assert one.usage.used == 0


def test_a_new_gateway_whose_clock_becomes_known_has_used_what_it_has():
    one = Machine.__new__(Machine)
    one.boot, one.mono_ms, one.wall_ms, one.usage = "a", 0, 0, Usage(used=300)
    one.look(MINUTE_MS, trusted=False)
    one.wall_ms = NOON
    one.look(MINUTE_MS)
    assert (one.usage.used, one.usage.day) == (300, NOON // DAY_MS)


step = st.one_of(
    st.tuples(st.just("run"), st.integers(1, 30)),
    st.tuples(st.just("set"), st.integers(-2_000, 2_000)),
    st.tuples(st.just("trust"), st.booleans()),
)


@given(st.lists(step, max_size=60))
def test_whatever_a_clock_does_while_the_machine_runs_budgets_are_a_day_apart(steps):
    """Set a clock as you like, two a day are the most, and none is further away than 25 h."""
    one, trusted, given_at = Machine(used=1), True, []
    for what, value in steps:
        if what == "set":
            one.wall_ms += value * HOUR_MS
        if what == "trust":
            trusted = value
        for _ in range(value * 6 if what == "run" else 1):
            one.look(10 * MINUTE_MS if what == "run" else 0, trusted=trusted)
            if one.usage.used == 0:
                given_at.append(one.mono_ms)
                one.usage = Usage(**{**_fields(one.usage), "used": 1})
    assert one.usage.ran_ms < 25 * HOUR_MS
    gaps = [later - earlier for earlier, later in zip([0, *given_at], given_at, strict=False)]
    assert all(12 * HOUR_MS <= gap <= 25 * HOUR_MS for gap in gaps)


# ---------------------------------------------------------------- what may be sent


def at(text):
    wall_ms = utc(f"2026-03-10T{text}")
    return Instant("a", wall_ms, wall_ms)


def test_history_may_use_the_part_of_the_budget_that_belongs_to_the_day_gone():
    assert history_share(BUDGET, Usage(), at("00:00")) == 0
    assert history_share(BUDGET, Usage(), at("12:00")) == 0.5
    assert history_share(BUDGET, Usage(), at("23:59:59.999")) == pytest.approx(1, abs=1e-6)


def test_of_a_day_with_hours_for_sending_only_those_count():
    plan = Plan(5_000_000, ((300, 360), (1050, 1080)))
    shares = [history_share(plan, Usage(), at(t)) for t in ("04:00", "05:30", "12:00", "17:45")]
    assert shares == pytest.approx([0, 1 / 3, 2 / 3, 5 / 6])


def test_while_the_clock_is_unknown_the_time_that_ran_counts():
    now = Instant("a", 0, None)
    assert history_share(BUDGET, Usage(ran_ms=6 * HOUR_MS), now) == 0.25
    assert history_share(BUDGET, Usage(ran_ms=30 * HOUR_MS), now) == 1


def test_without_a_plan_there_is_no_rest():
    assert rest(Plan(), Usage(used=10**12), at("12:00"), 2_000) is None


def test_with_the_budget_used_up_it_rests_until_midnight():
    spent = Usage(used=4_998_000)
    assert rest(BUDGET, Usage(used=4_997_999), at("12:00"), 2_000) is None
    assert rest(BUDGET, spent, at("12:00"), 2_000) == Rest(USED_UP, utc("2026-03-11T00:00"))


def test_without_a_known_clock_it_cannot_say_until_when():
    now = Instant("a", 0, None)
    assert rest(BUDGET, Usage(used=5_000_000), now, 2_000) == Rest(USED_UP, None)


@pytest.mark.parametrize(
    ("time", "until"),
    [
        ("04:59:59.999", "2026-03-10T05:00"),
        ("05:00", None),
        ("05:59:59.999", None),
        ("06:00", "2026-03-10T22:30"),
        ("22:30", None),
        ("00:29", None),
        ("00:30", "2026-03-10T05:00"),
    ],
)
def test_outside_its_hours_it_rests_until_the_next_begin(time, until):
    """From 05:00 to 06:00, and from 22:30 over midnight to 00:30."""
    plan = Plan(hours=((300, 360), (1350, 30)))
    found = rest(plan, Usage(), at(time), 2_000)
    assert found == (until and Rest(OFF_HOURS, utc(until)))


@given(
    st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)), max_size=3),
    st.integers(NOON, NOON + 2 * DAY_MS),
)
def test_the_end_of_a_rest_is_the_first_minute_among_the_hours(spans, wall_ms):
    """As looking at one minute after the other finds it."""
    plan = Plan(hours=tuple((first, end) for first, end in spans if first != end))
    found = rest(plan, Usage(), Instant("a", 0, wall_ms), 0)

    def open_at(minute):
        return not plan.hours or any(
            first <= minute < end if first < end else minute >= first or minute < end
            for first, end in plan.hours
        )

    minute = wall_ms // MINUTE_MS
    later = next(one for one in range(minute, minute + 1441) if open_at(one % 1440))
    assert found == (None if later == minute else Rest(OFF_HOURS, later * MINUTE_MS))


def test_with_the_budget_used_up_it_comes_back_at_the_first_hours_of_the_next_day():
    plan = Plan(5_000_000, ((300, 360),))
    found = rest(plan, Usage(used=5_000_000), at("05:30"), 2_000)
    assert found == Rest(USED_UP, utc("2026-03-11T05:00"))


def test_hours_hold_only_once_the_clock_is_known():
    plan = Plan(hours=((300, 360),))
    assert rest(plan, Usage(), Instant("a", 0, None), 2_000) is None


def test_a_span_to_the_end_of_the_day_includes_its_last_minute():
    plan = Plan(hours=((1380, 1440),))
    assert rest(plan, Usage(), at("23:59:59"), 2_000) is None
    assert rest(plan, Usage(), at("00:00"), 2_000) == Rest(OFF_HOURS, utc("2026-03-10T23:00"))
