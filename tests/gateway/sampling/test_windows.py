import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.readings import Reading
from gateway.sampling.windows import Window, rounded
from wire.catalogue import Field, SensorModel, Statistic, bundled

STATION = bundled()["NMEA 0183 weather station"]
COUNTER = bundled()["Saltation counter, ASCII"]


def wind(angle, speed):
    return [Reading("MWV.angle", Decimal(angle)), Reading("MWV.speed", Decimal(speed))]


def grains(count, energy="0.0"):
    return [Reading("count", Decimal(count)), Reading("energy", Decimal(energy))]


def closed(model, interval_s, lines):
    window = Window(model, interval_s)
    for line in lines:
        window.add(line)
    return {one.field.property: (one.value, one.reason) for one in window.close()}


def one_field(statistic, resolution="0.1"):
    return SensorModel(
        model="x",
        vendor="x",
        protocol="nmea0183",
        reference="x",
        field=[
            Field(
                property="air_temperature",
                unit="Cel",
                resolution=Decimal(resolution),
                key="t",
                statistic=statistic,
            )
        ],
    )


def result(statistic, values, resolution="0.1"):
    lines = [[Reading("t", Decimal(value))] for value in values]
    return closed(one_field(statistic, resolution), len(values), lines)["air_temperature"][0]


@pytest.mark.parametrize(
    ("statistic", "values", "expected"),
    [
        (Statistic.MEAN, ["1.0", "2.0"], "1.5"),
        (Statistic.MEAN, ["1.0", "1.1"], "1.0"),  # 1.05: half to even
        (Statistic.MEAN, ["1.1", "1.2"], "1.2"),  # 1.15: half to even
        (Statistic.MEAN, ["-1.0", "-1.1"], "-1.0"),
        (Statistic.MEAN, ["1.0", "1.0", "1.1"], "1.0"),
        (Statistic.SUM, ["0.017", "0.034", "0.001"], "0.052"),
        (Statistic.MAX, ["-3.21", "-3.3", "-9"], "-3.21"),
        (Statistic.LAST, ["5", "7", "6.5"], "6.5"),
        (Statistic.NONZERO_SECONDS, ["0", "0.0", "3", "1"], "2"),
    ],
)
def test_statistics_of_a_window(statistic, values, expected):
    assert result(statistic, values) == Decimal(expected)


@pytest.mark.parametrize(
    ("winds", "expected"),
    [
        ([("350", "5"), ("10", "5")], "0.0"),
        ([("359", "4"), ("1", "6"), ("10", "5")], "3.5"),
        ([("90", "1"), ("90", "9")], "90.0"),
        ([("0", "1"), ("90", "1")], "45.0"),
        ([("0", "3"), ("90", "1")], "18.4"),  # the stronger wind weighs more
        ([("359.97", "5"), ("359.98", "5")], "0.0"),  # 360.0 is north, written 0
        ([("180", "2"), ("0", "0")], "180.0"),
    ],
)
def test_directions_average_as_vectors(winds, expected):
    lines = [wind(angle, speed) for angle, speed in winds]

    assert closed(STATION, len(lines), lines)["wind_direction"] == (Decimal(expected), "")


@pytest.mark.parametrize("winds", [[("0", "0"), ("90", "0.00")], [("0", "5"), ("180", "5")]])
def test_a_wind_that_cancels_out_has_no_direction(winds):
    lines = [wind(angle, speed) for angle, speed in winds]

    assert closed(STATION, 2, lines)["wind_direction"] == (None, "calm")


def test_only_lines_with_both_angle_and_speed_count_for_the_direction():
    lines = [wind("90", "5"), [Reading("MWV.angle", Decimal(180)), Reading("MWV.speed", None, "x")]]
    found = closed(STATION, 2, [*lines, *lines])

    assert found["wind_direction"] == (Decimal("90.0"), "")
    assert found["wind_speed"] == (Decimal("5.00"), "")


def test_a_counter_sums_its_counts_and_its_seconds():
    found = closed(COUNTER, 3, [grains(0), grains(17, "36.4"), grains(2, "0.1")])

    assert found == {
        "saltation_count": (Decimal(19), ""),
        "saltation_energy": (Decimal("36.5"), ""),
        "saltation_seconds": (Decimal(2), ""),
    }


@pytest.mark.parametrize(("count", "is_there"), [(396, True), (395, False)])
def test_two_thirds_of_the_lines_are_enough(count, is_there):
    value, reason = closed(COUNTER, 600, [grains(1)] * count)["saltation_count"]

    assert (value is not None) is is_there
    assert reason == ("" if is_there else "too few samples (395 of 600)")


def test_an_empty_window_says_that_nothing_came():
    found = closed(STATION, 10, [])

    assert set(found.values()) == {(None, "too few samples (0 of 10)")}


def test_missing_readings_are_no_samples():
    lines = [[Reading("MWV.angle", None, "status V"), Reading("MWV.speed", None, "status V")]] * 10

    assert closed(STATION, 10, lines)["wind_speed"] == (None, "too few samples (0 of 10)")


def test_each_field_is_counted_by_its_own_lines():
    air = [Reading("XDR.C.AIR", Decimal("20.0"))]
    found = closed(STATION, 2, [air, air, wind("10", "1")])

    assert found["air_temperature"] == (Decimal("20.00"), "")
    assert found["wind_speed"] == (None, "too few samples (1 of 2)")


def test_an_endless_decimal_of_a_unit_conversion_is_rounded_to_the_resolution():
    endless = Decimal(10) * Decimal("0.5144444444444444444444444444")
    found = closed(STATION, 1, [[Reading("MWV.speed", endless), Reading("MWV.angle", Decimal(0))]])

    assert found["wind_speed_max"] == (Decimal("5.14"), "")


@pytest.mark.parametrize(
    ("value", "resolution", "expected"),
    [
        ("5.1444", "0.01", "5.14"),
        ("0.02", "0.017", "0.017"),
        ("2.5", "1", "2"),
        ("3.5", "1", "4"),
        ("-0.25", "0.5", "0.0"),
        ("1.23", "0", "1.23"),
    ],
)
def test_rounding_is_to_whole_multiples_with_halves_to_even(value, resolution, expected):
    assert rounded(Decimal(value), Decimal(resolution)) == Decimal(expected)


decimals = st.decimals(-50, 50, places=2)


@given(values=st.lists(decimals, min_size=1, max_size=50))
def test_a_sum_is_exact_and_a_maximum_was_there(values):
    assert result(Statistic.SUM, values) == sum(values)
    assert result(Statistic.MAX, values) == max(values)


@given(values=st.lists(decimals, min_size=1, max_size=50))
def test_a_mean_is_within_half_a_resolution_of_the_true_one(values):
    mean = sum(values) / len(values)

    assert abs(result(Statistic.MEAN, values, "0.01") - mean) <= Decimal("0.005")


@given(
    winds=st.lists(
        st.tuples(st.decimals(0, "359.9", places=1), st.decimals("0.1", 40, places=1)),
        min_size=1,
        max_size=30,
    )
)
def test_a_mean_direction_is_that_of_the_summed_vectors(winds):
    value, _ = closed(STATION, len(winds), [wind(*one) for one in winds])["wind_direction"]
    x = sum(float(speed) * math.sin(math.radians(angle)) for angle, speed in winds)
    y = sum(float(speed) * math.cos(math.radians(angle)) for angle, speed in winds)

    if value is None:
        assert math.hypot(x, y) < 1e-6
        return
    assert 0 <= value < 360
    turn = math.radians(float(value)) - math.atan2(x, y)
    assert abs(math.remainder(turn, 2 * math.pi)) <= math.radians(0.06)


@given(lines=st.integers(0, 40), interval_s=st.integers(1, 40))
def test_every_field_gets_a_value_or_a_reason(lines, interval_s):
    for value, reason in closed(COUNTER, interval_s, [grains(1)] * lines).values():
        assert (value is None) == bool(reason)
