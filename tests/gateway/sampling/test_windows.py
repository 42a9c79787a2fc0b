import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.readings import Reading, rounded
from gateway.sampling.plan import plan_of
from gateway.sampling.windows import Span, Window, counters_of
from wire.catalogue import Field, SensorModel, Statistic, bundled
from wire.quality import Flag

STATION = bundled()["NMEA 0183 weather station"]
COUNTER = bundled()["Saltation counter, ASCII"]


def wind(angle, speed):
    return [Reading("MWV.angle", Decimal(angle)), Reading("MWV.speed", Decimal(speed))]


def grains(count, energy="0.0"):
    return [Reading("count", Decimal(count)), Reading("energy", Decimal(energy))]


def closed(model, interval_s, lines):
    window = Window(plan_of(model, interval_s))
    for second, line in enumerate(lines):
        window.add(line, second * 1000)
    end_ms = interval_s * 1000
    return {one.field.property: (one.value, one.reason) for one in window.close(Span(None, end_ms))}


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
    found = closed(STATION, 3, [*lines, lines[0]])

    assert found["wind_direction"] == (Decimal("90.0"), "")
    assert found["wind_speed"] == (Decimal("5.00"), "")


def test_a_station_tells_the_mean_of_the_last_minutes_and_the_gust_of_all():
    """WMO-No. 8: wind over 10 minutes, temperature over one; the gust is 3 s of any of them."""
    calm_s, windy_s = 3000, 600
    lines = [
        [*wind("90", "1"), Reading("XDR.C.AIR", Decimal(20))],
    ] * calm_s
    lines[100:103] = [[*wind("90", "12"), Reading("XDR.C.AIR", Decimal(20))]] * 3
    lines += [[*wind("180", "5"), Reading("XDR.C.AIR", Decimal(20))]] * (windy_s - 60)
    lines += [[*wind("180", "5"), Reading("XDR.C.AIR", Decimal(25))]] * 60
    found = closed(STATION, calm_s + windy_s, lines)

    assert found["wind_speed"] == (Decimal("5.00"), "")
    assert found["wind_direction"] == (Decimal("180.0"), "")
    assert found["air_temperature"] == (Decimal("25.00"), "")
    assert found["wind_gust"] == (Decimal("12.00"), "")


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


def test_a_reason_that_most_samples_have_is_told_rather_than_their_number():
    lines = [[Reading("MWV.angle", None, "status V"), Reading("MWV.speed", None, "status V")]] * 10

    assert closed(STATION, 10, lines)["wind_speed"] == (None, "status V")


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


def summed_up(plan, samples, end_ms, begin_ms=None, counters=None):
    """Close a window over samples of (ms, value or reason) of its only key; give its outcome."""
    window = Window(plan, counters)
    for mono_ms, told in samples:
        value = told if isinstance(told, Decimal) else None
        window.add([Reading("t", value, "" if value is not None else told)], mono_ms)
    (outcome,) = window.close(Span(begin_ms, end_ms))
    return outcome


def talking(statistic, **more):
    field = Field(
        property="wind_speed",
        unit="m/s",
        resolution=Decimal("0.1"),
        key="t",
        statistic=statistic,
        **more,
    )
    return SensorModel(model="x", vendor="x", protocol="nmea0183", reference="x", field=[field])


def seconds(values):
    return [(at * 1000, Decimal(value)) for at, value in enumerate(values)]


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        (["1", "1", "9", "1", "1", "1"], "3.7"),  # one second of 9 is no gust of 9
        (["1", "8", "9", "10", "1", "1"], "9.0"),
        (["2", "2", "2", "2", "8", "9"], "6.3"),
    ],
)
def test_a_gust_is_the_highest_mean_of_three_seconds(speeds, expected):
    found = summed_up(plan_of(talking(Statistic.GUST), 6), seconds(speeds), 6000)

    assert found.value == Decimal(expected)


def test_a_gust_of_four_samples_a_second_takes_twelve():
    plan = plan_of(talking(Statistic.GUST), 6, sample_s=0.25)
    samples = [(at * 250, Decimal(12 if 4 <= at < 16 else 0)) for at in range(24)]

    assert summed_up(plan, samples, 6000).value == 12
    samples[10] = (2500, Decimal(0))
    assert summed_up(plan, samples, 6000).value == 11


def test_samples_before_a_gap_are_of_no_gust_after_it():
    samples = [(0, Decimal(9)), (1000, Decimal(9)), (5000, Decimal(9)), (9000, Decimal(9))]
    plan = plan_of(talking(Statistic.GUST), 4)

    assert summed_up(plan, [*samples[:1], *samples[2:]], 10_000, 6000).value is None
    assert summed_up(plan, samples, 10_000, 6000).value == 9  # two of three seconds are enough


def test_a_mean_of_the_last_minute_leaves_the_rest_alone():
    plan = plan_of(talking(Statistic.MEAN, over_s=60), 600)
    samples = [(at * 1000, Decimal(99 if at < 540 else 5)) for at in range(600)]

    assert summed_up(plan, samples, 600_000).value == Decimal("5.0")


def test_the_last_minute_needs_its_own_samples():
    plan = plan_of(talking(Statistic.MEAN, over_s=60), 600)
    samples = [(at * 1000, Decimal(5)) for at in range(570)]
    found = summed_up(plan, samples, 600_000)

    assert (found.value, found.reason) == (None, "too few samples (30 of 60)")


@pytest.mark.parametrize(("count", "is_there"), [(450, True), (449, False)])
def test_ten_minute_wind_needs_three_quarters(count, is_there):
    plan = plan_of(talking(Statistic.MEAN), 600)

    assert (summed_up(plan, seconds(["5"] * count), 600_000).value is not None) is is_there


def test_an_interval_that_the_clock_cut_short_needs_only_its_own_samples():
    """The wall clock was set on by 4 minutes: 6 minutes of grains are not thrown away."""
    plan = plan_of(talking(Statistic.SUM), 600)
    found = summed_up(plan, seconds(["2"] * 360), 360_000, begin_ms=0)

    assert found.value == 720


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["status V"] * 8 + ["no echo"] * 2, "status V"),
        (["status V"] * 4, "too few samples (0 of 10)"),  # six lines never came
    ],
)
def test_the_commonest_reason_is_told_unless_more_lines_never_came(reasons, expected):
    samples = [(at * 1000, reason) for at, reason in enumerate(reasons)]

    assert summed_up(plan_of(talking(Statistic.MEAN), 10), samples, 10_000).reason == expected


def test_a_direction_that_is_missing_in_a_calm_was_heard_all_the_same():
    calm = [Reading("MWV.angle", None, "calm"), Reading("MWV.speed", Decimal(0))]

    assert closed(STATION, 10, [calm] * 7 + [wind("90", "2")])["wind_direction"][0] == 90
    assert closed(STATION, 10, [calm] * 10)["wind_direction"] == (None, "calm")


def counting(**more):
    return talking(
        Statistic.SUM, cumulative=True, wraps_at=Decimal(1000), max_per_s=Decimal(20), **more
    )


def test_a_counter_that_talks_is_summed_by_what_it_added():
    plan = plan_of(counting(), 4)
    found = summed_up(plan, seconds([990, 995, 3, 3, 10]), 5000, begin_ms=1000)

    assert (found.value, found.flag, found.past.value) == (20, Flag.PASS, 10)


def test_the_next_window_goes_on_from_the_last_reading_of_this_one():
    plan = plan_of(counting(), 4)
    counters = counters_of(plan)
    summed_up(plan, seconds([1, 2, 3, 4]), 4000, counters=counters)
    later = [(ms + 4000, value) for ms, value in seconds([9, 9, 9, 9])]

    assert summed_up(plan, later, 8000, 4000, counters).value == 5


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in bundled() if name.startswith("Vaisala WXT530")),
        "Davis Vantage Pro2",
        "Davis Vantage Pro2 Plus",
    ],
)
def test_a_digit_of_a_rain_total_that_was_changed_on_the_line_invents_no_rain(name):
    """8 became 0: the total seems reset, and 800 mm to have fallen until the next reading."""
    plan = plan_of(bundled()[name], 60, 60)
    key = next(one.key for one in plan.fields if one.field.property == "rain")
    counters, found = counters_of(plan), []
    for at, total in enumerate(["812.40", "812.40", "012.40", "812.40", "812.60"]):
        window = Window(plan, counters)
        window.add([Reading(key, Decimal(total))], at * 60_000)
        outcomes = window.close(Span((at - 1) * 60_000, at * 60_000))
        found += [one.value for one in outcomes if one.field.property == "rain"]

    assert found == [None, 0, None, None, Decimal("0.20")]


def test_a_reset_costs_one_sample_and_not_the_window():
    plan = plan_of(counting(), 5)
    found = summed_up(plan, seconds([100, 101, 102, 2, 4, 5]), 5000, begin_ms=0)

    assert (found.value, found.flag) == (5, Flag.PASS)


def test_what_a_counter_added_over_a_gap_is_suspect_for_it_is_of_more_than_its_interval():
    plan = plan_of(counting(), 10)
    counters = counters_of(plan)
    summed_up(plan, [(0, Decimal(0))], 1000, counters=counters)
    found = summed_up(plan, [(19_000, Decimal(40))], 20_000, 10_000, counters)

    assert (found.value, found.flag) == (40, Flag.SUSPECT)


def test_a_counter_of_which_nothing_is_known_is_missing_with_the_reason():
    plan = plan_of(counting(), 4)
    found = summed_up(plan, seconds([7]), 4000)

    assert (found.value, found.reason) == (None, "too few samples (0 of 4)")
    assert summed_up(plan, [(0, "x"), *[(at, "timeout") for at in range(3)]], 4000).reason == (
        "timeout"
    )


@pytest.mark.parametrize("text", ["1E+38", "1.2345678901234567E+300", "-1E+300", "Infinity"])
def test_a_value_too_great_to_be_counted_in_steps_stays_as_it_is(text):
    assert rounded(Decimal(text), Decimal("0.01")) == Decimal(text)


@pytest.mark.parametrize("resolution", ["0.01", "0.02", "0.05", "0.09", "3"])
@pytest.mark.parametrize("exponent", [20, 23, 24, 25, 26, 27, 28, 39])
def test_no_magnitude_is_beyond_rounding(exponent, resolution):
    value = Decimal("9.999999999999999999999999999").scaleb(exponent)

    assert abs(rounded(value, Decimal(resolution)) / value - 1) < Decimal("1e-20")


def test_speeds_that_add_up_to_no_number_have_no_direction_that_is_one():
    winds = [wind("45", "1.7E308"), wind("45", "1.7E308"), wind("225", "1.7E308")] * 2
    value, _ = closed(STATION, len(winds), [*winds, wind("225", "1E400")])["wind_direction"]

    assert value is None or not value.is_finite()


def test_only_gauges_are_asked_for_what_they_have_gathered():
    """A mean that could not be told would cost the gauge beside it its memo."""
    model = talking(Statistic.MEAN)
    window = Window(plan_of(model, 4))
    for gathering in window._fields:
        gathering.folded = None

    assert list(window.sums()) == []
