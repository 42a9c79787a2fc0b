"""What was to be expected, and how much of it is there."""

from server.completeness.shares import Share, Window, last_days, last_hours, share, together

NOON = 1_795_176_000_000  # 2026-11-20T12:00Z
HOUR = 3_600_000
DAY = 24 * HOUR


def test_an_hour_is_complete_five_minutes_after_its_end():
    assert last_hours(NOON + 299_999) == Window(NOON - 25 * HOUR, NOON - HOUR)
    assert last_hours(NOON + 300_000) == Window(NOON - DAY, NOON)


def test_days_are_those_of_the_site():
    midnight = NOON + 4 * HOUR  # in Shanghai, eight hours ahead of UTC

    assert last_days("Asia/Shanghai", midnight + HOUR) == Window(midnight - 30 * DAY, midnight)
    assert last_days("Asia/Shanghai", midnight - HOUR).to_ms == midnight - DAY


def test_a_day_of_23_hours_has_fewer_values():
    spring = 1_774_821_600_000  # 2026-03-29T22:00Z: in Berlin the 29th had 23 hours
    window = last_days("Europe/Berlin", spring + HOUR)

    assert share(0, 600.0, window).expected == (30 * 24 - 1) * 6


def test_only_what_is_whole_makes_a_hundred():
    window = Window(0, DAY)

    assert share(143, 600.0, window).percent == 99.3
    assert share(144, 600.0, window).percent == 100.0
    assert share(200, 600.0, window).percent == 100.0
    assert Share(86_399, 86_400, window).percent == 99.99


def test_nothing_is_expected_within_less_than_an_interval():
    assert share(0, 7200.0, Window(0, HOUR)) is None


def test_series_count_by_what_is_expected_of_them():
    day = Window(0, DAY)
    shares = [Share(60, 60, day), None, Share(0, 20, day), Share(30, 20, day)]

    assert together(shares) == Share(80, 100, day)
    assert together([None]) is None
