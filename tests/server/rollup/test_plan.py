"""What is computed next: newest first, in pieces of bounded length, with rests in between."""

from server.rollup.marks import Level
from server.rollup.plan import Pace, Waiting, is_ripe, rest_s, units

HOUR = 3_600_000
MINUTE = 60_000
NOW = 500_000 * HOUR


def hour(start_ms, since_ms=0):
    return Waiting(Level.HOUR, start_ms, since_ms)


def day(start_ms, since_ms=0):
    return Waiting(Level.DAY, start_ms, since_ms)


def test_an_hour_that_has_ended_is_computed_once_it_has_settled():
    ended = NOW - HOUR

    assert not is_ripe(hour(ended, NOW - 10_000), NOW)
    assert is_ripe(hour(ended, NOW - 30_000), NOW)


def test_the_running_hour_is_computed_only_now_and_then():
    assert not is_ripe(hour(NOW - HOUR + 1, NOW - 9 * MINUTE), NOW)
    assert is_ripe(hour(NOW - HOUR + 1, NOW - 10 * MINUTE), NOW)


def test_a_day_waits_for_the_rest_of_its_hours():
    ended, running = NOW - 30 * HOUR, NOW - 20 * HOUR

    assert not is_ripe(day(ended, NOW - 9 * MINUTE), NOW)
    assert is_ripe(day(ended, NOW - 10 * MINUTE), NOW)
    assert not is_ripe(day(running, NOW - 5 * HOUR), NOW)
    assert is_ripe(day(running, NOW - 6 * HOUR), NOW)


def test_an_hour_that_lies_ahead_is_not_forgotten():
    assert is_ripe(hour(NOW + 1000 * HOUR, NOW - 10 * MINUTE), NOW)


def test_a_mark_made_while_the_clock_was_wrong_does_not_wait_for_years():
    assert is_ripe(hour(NOW - HOUR, NOW + 1000 * HOUR), NOW)
    assert not is_ripe(hour(NOW - HOUR, NOW + MINUTE), NOW)


def test_the_newest_come_first_and_those_near_them_together():
    months = 90 * 24
    waiting = [hour(NOW - n * HOUR) for n in (1, 2, 3, months)] + [day(NOW - 3 * HOUR)]

    found = [(unit.level, list(unit.starts)) for unit in units(waiting)]

    assert found == [
        (Level.HOUR, [NOW - HOUR, NOW - 2 * HOUR, NOW - 3 * HOUR]),
        (Level.DAY, [NOW - 3 * HOUR]),
        (Level.HOUR, [NOW - months * HOUR]),
    ]


def test_a_unit_takes_no_more_than_a_week_of_hours():
    sizes = [len(unit.starts) for unit in units([hour(NOW - n * HOUR) for n in range(400)])]

    assert sizes == [168, 168, 64]


def test_the_pace_follows_what_work_takes():
    pace = Pace(aim_s=0.2)
    pace.budget[Level.HOUR] = 1000

    pace.note(Level.HOUR, 1000, 0.4)
    assert pace.budget[Level.HOUR] == 500
    pace.note(Level.HOUR, 500, 0.001)
    assert pace.budget[Level.HOUR] == 1000  # at most twice as many
    pace.note(Level.HOUR, 1000, 1e9)
    assert pace.budget[Level.HOUR] == pace.least
    pace.note(Level.HOUR, 0, 1.0)
    assert pace.budget[Level.HOUR] == pace.least


def test_work_and_rest_are_in_the_proportion_asked_for():
    assert rest_s(0.1, 0.25) == 0.1 * 3
    assert rest_s(0.1, 1.0) == 0.0
