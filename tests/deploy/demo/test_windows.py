"""The checker's own statistics: values by hand, and whose window a line belongs to."""

from decimal import Decimal

import pytest

from deploy.demo.check.windows import Line, Windows, explain, nominal, statistic_of
from wire.catalogue import bundled

NMEA = bundled()["NMEA 0183 weather station"]
SALT = bundled()["Saltation counter, ASCII"]


def lines(key, *values):
    return [Line(500 + 1000 * i, {key: Decimal(v)}) for i, v in enumerate(values)]


def test_mean_rounds_half_to_even_at_the_resolution():
    field = NMEA.field_for("wind_speed")

    assert statistic_of(field, lines("MWV.speed", "1.00", "1.01"), 2) == Decimal("1.00")
    assert statistic_of(field, lines("MWV.speed", "1.01", "1.02"), 2) == Decimal("1.02")


@pytest.mark.parametrize(
    ("property_key", "expected"),
    [("saltation_count", "7"), ("saltation_seconds", "2")],
)
def test_sums_and_seconds(property_key, expected):
    field = SALT.field_for(property_key)

    assert statistic_of(field, lines("count", "0", "5", "2"), 3) == Decimal(expected)


def test_max():
    field = NMEA.field_for("wind_speed_max")

    assert statistic_of(field, lines("MWV.speed", "3.1", "9.6", "2"), 3) == Decimal("9.6")


def test_gust_is_the_highest_mean_of_three_seconds():
    field = NMEA.field_for("wind_gust")

    found = statistic_of(field, lines("MWV.speed", "3", "9", "3", "8", "7", "1"), 6)
    assert found == Decimal("6.67")
    assert statistic_of(field, lines("MWV.speed", "3"), 1) is None


def test_direction_averages_across_north_and_by_speed():
    field = NMEA.field_for("wind_direction")
    said = [
        Line(500, {"MWV.angle": Decimal(350), "MWV.speed": Decimal(3)}),
        Line(1500, {"MWV.angle": Decimal(10), "MWV.speed": Decimal(3)}),
    ]

    assert statistic_of(field, said, 2) == Decimal("0.0")


def test_direction_of_a_calm_is_missing():
    field = NMEA.field_for("wind_direction")
    said = [Line(500, {"MWV.angle": Decimal(90), "MWV.speed": Decimal(0)})]

    assert statistic_of(field, said, 1) is None


def test_fewer_than_two_thirds_of_the_lines_are_missing():
    field = SALT.field_for("saltation_count")

    assert statistic_of(field, lines("count", *["1"] * 6), 10) is None
    assert statistic_of(field, lines("count", *["1"] * 7), 10) == 7


def test_a_line_near_a_boundary_may_lie_on_either_side():
    said = lines("count", *["1"] * 30)

    def fits(end_ms, window):
        return len(window) == {10_000: 9, 20_000: 11, 30_000: 10}[end_ms]

    windows = Windows([10_000, 20_000, 30_000], 10_000, 1000)

    assert explain(said, windows, fits) == [True, True, True]


def test_no_line_is_counted_in_two_windows():
    """Neighbours share the choice at their boundary: 11 + 11 of 20 lines is a double count."""
    said = lines("count", *["1"] * 30)

    def fits(end_ms, window):
        return len(window) == {10_000: 10, 20_000: 11, 30_000: 11}[end_ms]

    windows = Windows([10_000, 20_000, 30_000], 10_000, 400)

    assert explain(said, windows, fits) == [True, False, False]


def test_the_first_window_may_have_begun_late():
    said = lines("count", *["1"] * 20)

    def fits(end_ms, window):
        return len(window) == {10_000: 4, 20_000: 10}[end_ms]

    assert explain(said, Windows([10_000, 20_000], 10_000, 400), fits) == [True, True]


def test_nominal_takes_times_at_their_word():
    assert len(nominal(lines("count", *["1"] * 30), 20_000, 10_000)) == 10
