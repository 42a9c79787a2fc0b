"""How a sensor is sampled, by its settings and its catalogue entry."""

from decimal import Decimal

import pytest

from gateway.sampling.plan import faults, plan_of
from wire.catalogue import Protocol, Statistic, bundled

STATION = bundled()["NMEA 0183 weather station"]
TEROS = bundled()["METER TEROS 12"]
ATMOS = bundled()["METER ATMOS 41"]


def statistics(plan):
    return {one.field.property: one.statistic for one in plan.fields}


def test_an_asked_sensor_is_sampled_once_an_interval():
    plan = plan_of(TEROS, 600)

    assert (plan.sample_ms, plan.interval_ms, plan.is_single) == (600_000, 600_000, True)


def test_a_talker_is_sampled_as_often_as_it_speaks():
    assert plan_of(STATION, 600).sample_ms == 1000
    assert plan_of(STATION, 600, sample_s=5).sample_ms == 5000


def test_of_one_sample_that_sample_is_reported():
    assert set(statistics(plan_of(TEROS, 600)).values()) == {Statistic.LAST}


def test_of_many_samples_the_property_says_what_they_come_to():
    found = statistics(plan_of(ATMOS, 600, sample_s=60))

    assert found["air_temperature"] is Statistic.MEAN
    assert found["wind_direction"] is Statistic.VECTOR_MEAN
    assert found["wind_gust"] is Statistic.MAX
    assert found["rain"] is Statistic.SUM
    assert found["lightning_distance"] is Statistic.LAST


def test_one_sample_has_no_mean(a_model, a_field):
    field = a_field("air_temperature", Statistic.MEAN)

    assert statistics(plan_of(a_model(field), 60)) == {"air_temperature": Statistic.LAST}


def test_ten_minute_wind_needs_three_quarters_of_its_samples():
    needed = {one.field.property: one.min_percent for one in plan_of(STATION, 600).fields}

    assert needed["wind_speed"] == needed["wind_direction"] == 75
    assert needed["air_temperature"] == 66
    assert {one.min_percent for one in plan_of(STATION, 60).fields} == {66}


def test_what_only_seconds_can_tell_is_left_out_of_slower_samples(a_model, a_field):
    model = a_model(
        a_field("saltation_seconds", Statistic.NONZERO_SECONDS, "s"),
        a_field("wind_gust", Statistic.GUST, "m/s"),
        a_field("wind_speed", Statistic.MEAN, "m/s"),
    )

    assert set(statistics(plan_of(model, 60, 1))) == {
        "saltation_seconds",
        "wind_gust",
        "wind_speed",
    }
    assert set(statistics(plan_of(model, 60, 2))) == {"wind_speed"}


def test_a_gauge_that_is_asked_keeps_all_and_a_talker_does_not(a_model, a_field):
    field = a_field("rain", Statistic.SUM, "mm")

    assert plan_of(a_model(field), 60, 10).fields[0].keeps_all
    assert not plan_of(a_model(field, protocol=Protocol.NMEA0183), 60).fields[0].keeps_all


@pytest.mark.parametrize(
    ("interval_s", "sample_s", "key", "words"),
    [
        (60, 61, "sample_s", "60 s hold no sample every 61 s"),
        (60, 25, "sample_s", "interval_s 60 is no whole multiple of sample_s 25"),
        (0.5, None, "interval_s", "must be at least 1"),
    ],
)
def test_intervals_that_cannot_be_meant_are_told(interval_s, sample_s, key, words):
    ((found, fault), *_) = faults(ATMOS, interval_s, sample_s)

    assert found == key
    assert words in fault


@pytest.mark.parametrize(
    ("model", "interval_s", "sample_s"),
    [(TEROS, 0.2, None), (TEROS, 600, 600), (TEROS, 600, 0.5), (STATION, 4.5, None)],
)
def test_intervals_that_can_be_kept_are_not(model, interval_s, sample_s):
    assert list(faults(model, interval_s, sample_s)) == []


def test_a_counter_that_could_wrap_unseen_is_refused(a_model, a_field):
    """65536 at up to 1000 a second: a reading every 42 s, with room for late ones."""
    field = a_field(
        "saltation_count",
        Statistic.SUM,
        "{count}",
        cumulative=True,
        wraps_at=Decimal(65_536),
        max_per_s=Decimal(1000),
    )
    model = a_model(field)

    ((key, fault),) = faults(model, 600, None)
    assert key == "interval_s"
    assert "set sample_s to 42 or less" in fault
    assert list(faults(model, 600, 40)) == []
