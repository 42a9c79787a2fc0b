"""Registers of the RS-FSXCS that the catalogue leaves out."""

import pytest

from firmware_sim.devices.renke import WeatherTransmitter

NOW = 1_795_000_000.0


@pytest.fixture
def words(set_up, still):
    def read(**values):
        still.change(**values)
        station = WeatherTransmitter(set_up("Renke RS-FSXCS"))
        return station.more_words(station.measure(NOW))

    return read


@pytest.mark.parametrize(
    ("speed", "force"), [(0.0, 0), (0.3, 1), (5.4, 3), (5.5, 4), (10.8, 6), (24.5, 10)]
)
def test_wind_force_is_beaufort(words, speed, force):
    assert words(wind_speed_ms=speed)[0x01F5] == force


@pytest.mark.parametrize(
    ("degrees", "sector"), [(0, 0), (22, 0), (23, 1), (90, 2), (225, 5), (337, 7), (338, 0)]
)
def test_the_sector_is_the_nearest_eighth_of_the_compass(words, degrees, sector):
    assert words(wind_direction_deg=float(degrees))[0x01F6] == sector
