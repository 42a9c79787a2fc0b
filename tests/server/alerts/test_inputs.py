"""What slow rules are judged on."""

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.condition import Side
from server.alerts.inputs import (
    MOST_DAYS,
    Layer,
    days_to_threshold,
    difference,
    fault_share,
    hours_of,
    layer_weights,
    mean,
    rate,
    rise,
    root_zone_mean,
    total,
)
from tests.server.alerts.timeline import DAY_MS, FLAGS, HOUR_MS, START_MS

NAN = float("nan")
TEN_MS = 600_000


def hourly(*values, first=0, interval_ms=HOUR_MS):
    """One observation in each hour; None leaves the hour out, NaN is a missing value."""
    kept = [(at, one) for at, one in enumerate(values, first) if one is not None]
    value = np.array([one for _, one in kept], dtype=np.float64)
    return hours_of(
        np.array([START_MS + at * HOUR_MS for at, _ in kept], dtype=np.int64),
        value,
        np.where(np.isnan(value), FLAGS["missing"], 1).astype(np.int32),
        interval_ms,
    )


def seen(samples):
    """Good samples as {hour at whose end it is stamped: value}."""
    return {
        (time_ms - START_MS) // HOUR_MS: pytest.approx(value, abs=1e-9)
        for time_ms, value in samples.after(None)
    }


def test_hours_are_made_of_good_observations_and_count_faulty_ones():
    quality = [1, 2, FLAGS["suspect"], FLAGS["missing"], FLAGS["clock-unknown"], 1]
    hours = hours_of(
        np.array([START_MS + at * TEN_MS for at in (0, 1, 2, 3, 4, 6)], dtype=np.int64),
        np.array([1.0, 2.0, 99.0, NAN, 99.0, 5.0]),
        np.array(quality, dtype=np.int32),
    )

    assert hours.start_ms.tolist() == [START_MS, START_MS + HOUR_MS]
    assert (hours.mean.tolist(), hours.sum.tolist()) == ([1.5, 5.0], [3.0, 5.0])
    assert hours.n_good.tolist() == [2, 1]
    assert (hours.n_told.tolist(), hours.n_faulty.tolist()) == ([4, 1], [2, 0])


def test_no_hours_make_no_samples():
    none = hourly()

    for samples in (
        mean(none),
        total(none, HOUR_MS),
        rate(none, HOUR_MS),
        rise(none, HOUR_MS),
        difference(none, none),
        fault_share(none, HOUR_MS),
        root_zone_mean([Layer(0.1, none)]),
        days_to_threshold(none, 0.5, DAY_MS, 0),
    ):
        assert len(samples) == 0


def test_the_mean_of_a_window():
    assert seen(mean(hourly(1, 2, 3, None, None, None, 9), 3 * HOUR_MS)) == {2: 1.5, 3: 2.0}


def test_an_hour_without_a_good_value_gives_no_sample():
    assert seen(mean(hourly(1, NAN, 3), 2 * HOUR_MS)) == {1: 1.0, 3: 3.0}


def test_the_sum_of_a_window_holds_its_last_hours():
    assert seen(total(hourly(5, 0, 1, 2), 2 * HOUR_MS)) == {1: 5.0, 2: 5.0, 3: 1.0, 4: 3.0}


def test_a_series_with_few_hours_is_judged_by_those_it_should_have():
    sparse = [1, None, None, None, None, None, 3]

    assert seen(mean(hourly(*sparse, interval_ms=6 * HOUR_MS), 12 * HOUR_MS)) == {1: 1.0, 7: 2.0}
    assert seen(mean(hourly(*sparse), 12 * HOUR_MS)) == {}


def test_a_rate_is_the_change_an_hour():
    assert seen(rate(hourly(10, 11, 14, 14), 2 * HOUR_MS)) == {3: 2.0, 4: 1.5}
    assert seen(rate(hourly(10, None, 14), HOUR_MS)) == {}


def test_a_rise_is_above_the_least_of_the_window():
    assert seen(rise(hourly(0.3, 0.1, 0.1, 0.14, 0.14), 2 * HOUR_MS)) == {
        2: 0.0,
        3: 0.0,
        4: 0.04,
        5: 0.04,
    }


def test_a_fall_is_below_the_most_of_the_window():
    assert seen(rise(hourly(0.30, 0.28, 0.29), 2 * HOUR_MS, Side.BELOW)) == {2: -0.02, 3: -0.01}


def test_a_difference_is_there_where_both_are():
    assert seen(difference(hourly(5, 6, NAN, 8), hourly(1, 1, 1, 1, first=1))) == {2: 5.0, 4: 7.0}


def test_the_share_of_faulty_observations():
    samples = fault_share(hourly(1, NAN, NAN, 1, None, NAN), 3 * HOUR_MS)

    assert seen(samples) == {1: 0.0, 2: 0.5, 3: 2 / 3, 4: 2 / 3, 6: 0.5}


def test_what_no_clock_vouches_for_is_no_fault():
    time_ms = np.array([START_MS, START_MS + HOUR_MS])
    quality = np.array([1, FLAGS["clock-unknown"]], dtype=np.int32)

    assert seen(fault_share(hours_of(time_ms, np.array([1.0, 1.0]), quality), HOUR_MS)) == {1: 0.0}


@pytest.mark.parametrize(
    ("depths", "span", "weights"),
    [
        ([0.1], None, [0.2]),
        ([0.1, 0.3], None, [0.2, 0.2]),
        ([0.1, 0.3, 0.6], None, [0.2, 0.25, 0.3]),
        ([0.1, 0.3], (0.0, 0.6), [0.2, 0.4]),
        ([0.1, 0.3], (0.1, 0.3), [0.1, 0.1]),
        ([0.1, 0.3, 1.0], (0.0, 0.4), [0.2, 0.2, 0.0]),
    ],
)
def test_each_depth_stands_for_the_soil_about_it(depths, span, weights):
    assert layer_weights(depths, span).tolist() == pytest.approx(weights)


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=8, unique=True),
    st.tuples(st.integers(0, 150), st.integers(151, 400)),
)
def test_weights_add_up_to_the_span(depths_cm, span_cm):
    span = (span_cm[0] / 100, span_cm[1] / 100)

    weights = layer_weights([one / 100 for one in sorted(depths_cm)], span)

    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(span[1] - span[0])


def test_the_mean_of_the_root_zone_is_weighted_by_thickness():
    layers = [Layer(0.6, hourly(0.3)), Layer(0.1, hourly(0.1)), Layer(0.3, hourly(0.2))]

    assert seen(root_zone_mean(layers)) == {1: (0.02 + 0.05 + 0.09) / 0.75}


def test_a_missing_depth_is_stood_for_while_it_is_little():
    shallow, deep = hourly(0.1, NAN, 0.1, None), hourly(0.2, 0.2, None, 0.2)

    samples = root_zone_mean([Layer(0.1, shallow), Layer(0.3, deep)], (0.0, 0.8))

    assert seen(samples) == {1: (0.02 + 0.12) / 0.8, 2: 0.2, 4: 0.2}


def test_sensors_at_one_depth_stand_for_it_together_or_one_for_the_other():
    first, second = hourly(0.1, NAN), hourly(0.3, 0.3)

    assert seen(root_zone_mean([Layer(0.1, first), Layer(0.1, second)])) == {1: 0.2, 2: 0.3}


def drying(days, tau=8.0, start=0.9, floor=0.1, swing=0.0):
    """Relative water by the hour since rain, with a daily swing."""
    times = np.arange(int(days * 24)) / 24
    swings = swing * np.sin(2 * np.pi * times)
    return [floor + (start - floor) * exp(-t / tau) + s for t, s in zip(times, swings, strict=True)]


def expected_days(now_days, threshold, tau=8.0, start=0.9, floor=0.1):
    return tau * np.log((start - floor) / (threshold - floor)) - now_days


@pytest.mark.parametrize("swing", [0.0, 0.02])
def test_days_to_a_threshold_by_the_dry_down(swing):
    """Within a tenth of a day, whatever the hour: soil swings with the day."""
    hours = hourly(*[0.3] * 24, *drying(5.5, swing=swing))

    samples = days_to_threshold(hours, 0.4, 30 * DAY_MS, int(hours.end_ms[-7]))

    found = [value for _, value in samples.after(None)]
    assert found == pytest.approx(
        [expected_days(5.5 - at / 24, 0.4) for at in range(5, -1, -1)], abs=0.1
    )


def test_days_count_from_the_newest_rain():
    hours = hourly(*drying(10), *drying(6))

    samples = days_to_threshold(hours, 0.4, 30 * DAY_MS, int(hours.end_ms[-2]))

    assert samples.value.tolist() == pytest.approx([expected_days(6, 0.4)], abs=0.1)


def test_too_short_a_dry_down_is_no_evidence():
    hours = hourly(*[0.3] * 24, *drying(2))

    assert seen(days_to_threshold(hours, 0.4, 30 * DAY_MS, 0)) == dict.fromkeys(range(12, 25), 0.0)


def test_no_days_are_left_below_the_threshold_and_never_is_a_year():
    dry, wet = hourly(*[0.3] * 30), hourly(*drying(8, floor=0.5))

    assert days_to_threshold(dry, 0.4, 30 * DAY_MS, int(dry.end_ms[-2])).value.tolist() == [0.0]
    assert days_to_threshold(wet, 0.4, 30 * DAY_MS, int(wet.end_ms[-2])).value.tolist() == [
        MOST_DAYS
    ]


def test_days_need_a_whole_day_that_is_there():
    values = [*drying(6), *[None] * 20, *drying(6.5)[-12:]]

    assert len(days_to_threshold(hourly(*values), 0.4, 30 * DAY_MS, 0)) > 0
    assert (
        seen(days_to_threshold(hourly(*values[:-1]), 0.4, 30 * DAY_MS, START_MS + 160 * HOUR_MS))
        == {}
    )
