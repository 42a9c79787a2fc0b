"""What adds up over time."""

import pytest

from firmware_sim.physics import sand
from firmware_sim.physics.ledger import Ledger, friction_velocity, threshold
from firmware_sim.physics.weather import HOUR_S, Site, Weather

ORIGIN_S = 1_788_220_800.0  # 2026-09-01
WET, DRY = 0.09, 0.016


@pytest.fixture
def ledger():
    return Ledger(Weather(7, Site()), ORIGIN_S)


def _flux(speed_ms, water):
    return sand.flux(friction_velocity(speed_ms), threshold(water))


def test_no_sand_moves_below_the_threshold():
    """5.28 m/s at 2 m is the threshold of dry sand of 250 um on a surface of z0 1 mm."""
    assert _flux(5.2, DRY) == 0
    assert _flux(5.4, DRY) > 0


def test_wet_sand_moves_less():
    assert _flux(9.0, WET) < _flux(9.0, 0.04) < _flux(9.0, DRY)


def test_time_before_the_origin_is_as_at_the_origin(ledger):
    assert ledger.at(ORIGIN_S - 5 * HOUR_S) == ledger.at(ORIGIN_S)


def test_the_state_is_continuous_over_a_full_hour(ledger):
    full = ORIGIN_S + 30 * HOUR_S
    before, after = ledger.at(full - 0.001), ledger.at(full)
    assert before.water == pytest.approx(after.water, abs=1e-6)
    assert before.rain_mm == pytest.approx(after.rain_mm, abs=1e-3)


def test_rain_totals_never_fall(ledger):
    totals = [ledger.at(ORIGIN_S + k * 1000.0).rain_mm for k in range(2000)]
    assert totals == sorted(totals)
    assert totals[-1] > 5
