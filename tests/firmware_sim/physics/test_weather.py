"""The weather as a function of time."""

from statistics import mean

import pytest

from firmware_sim.physics.weather import Site, Weather, saturation_kpa

SOLSTICE_S = 1_782_000_000.0  # 2026-06-21
MIDWINTER_S = 1_797_811_200.0  # 2026-12-21
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def weather():
    return Weather(7, Site())


def _days(start_s, count, step_s=1800.0):
    return [start_s + k * step_s for k in range(int(count * DAY_S / step_s))]


@pytest.mark.parametrize(("celsius", "kpa"), [(1.0, 0.657), (20.0, 2.338), (45.0, 9.585)])
def test_saturation_pressure_is_that_of_fao56(celsius, kpa):
    assert saturation_kpa(celsius) == pytest.approx(kpa, abs=0.003)


def test_summer_is_warmer_than_winter(weather):
    summer = mean(weather.air(t).temperature_c for t in _days(SOLSTICE_S, 20))
    winter = mean(weather.air(t).temperature_c for t in _days(MIDWINTER_S, 20))
    assert 17 < summer < 30
    assert -15 < winter < 0


def test_afternoons_are_warmer_than_nights(weather):
    """15 h at 108.9 degrees east is 7:44 UTC."""
    afternoon = mean(
        weather.air(SOLSTICE_S + d * DAY_S + 7.7 * 3600).temperature_c for d in range(20)
    )
    night = mean(weather.air(SOLSTICE_S + d * DAY_S + 19.7 * 3600).temperature_c for d in range(20))
    assert afternoon - night > 8


def test_the_sun_shines_by_day_only(weather):
    noon = SOLSTICE_S - SOLSTICE_S % DAY_S + 4.75 * 3600
    assert weather.air(noon).solar_wm2 > 150
    assert weather.air(noon + DAY_S / 2).solar_wm2 == 0


def test_air_stays_within_what_sensors_can_measure(weather):
    for t in _days(SOLSTICE_S, 365, 7 * 3600.0):
        air, wind = weather.air(t), weather.wind(t)
        assert -40 < air.temperature_c < 50
        assert 0 < air.relative_humidity_pct <= 100
        assert 850 < air.pressure_hpa < 920
        assert 0 <= air.solar_wm2 < 1300
        assert 0 <= wind.speed_ms <= wind.gust_ms < 30
        assert 0 <= wind.direction_deg < 360


def test_rain_adds_up(weather):
    """Rain over a span is the sum of the rain over its parts."""
    parts = sum(weather.rain_between(t, t + 1800.0) for t in _days(SOLSTICE_S, 60))
    assert parts == pytest.approx(weather.rain_between(SOLSTICE_S, SOLSTICE_S + 60 * DAY_S))
    assert 10 < parts < 200


def test_strikes_add_up(weather):
    parts = sum(weather.strikes_between(t, t + 1800.0) for t in _days(SOLSTICE_S, 60))
    assert parts == weather.strikes_between(SOLSTICE_S, SOLSTICE_S + 60 * DAY_S) > 0


def test_wind_changes_from_second_to_second(weather):
    speeds = [weather.wind(SOLSTICE_S + second).speed_ms for second in range(120)]
    assert len({round(speed, 2) for speed in speeds}) > 40
