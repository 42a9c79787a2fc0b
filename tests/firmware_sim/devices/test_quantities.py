"""From observed properties to numbers in the surroundings."""

import pytest

from firmware_sim.devices.quantities import eastward, knows, northward, sense
from firmware_sim.world import Conditions
from wire.catalogue import Field
from wire.errors import ContractError

NOW = 1_795_000_000.0


def _field(property_key, unit):
    return Field(property=property_key, unit=unit, resolution=1)


@pytest.mark.parametrize(
    ("property_key", "unit", "value"),
    [
        ("vwc", "m3/m3", 0.285),
        ("vwc", "%", 28.5),
        ("soil_temperature", "K", 263.45),
        ("air_pressure", "kPa", 89.2314),
        ("soil_ec", "dS/m", 0.0386),
        ("wind_speed", "km/h", 19.44),
        ("illuminance", "lx", 61488.0),
    ],
)
def test_values_come_in_the_unit_of_the_field(set_up, property_key, unit, value):
    setup = set_up("METER TEROS 12")
    assert sense(setup, _field(property_key, unit), NOW) == pytest.approx(value)


def test_what_the_surroundings_do_not_know_is_none(set_up, still):
    still.change(wind_speed_ms=None)
    assert sense(set_up("METER TEROS 12"), _field("wind_speed", "m/s"), NOW) is None


def test_a_property_that_the_world_does_not_have_is_refused(set_up):
    assert not knows("tilt_x")
    with pytest.raises(ContractError, match="tilt_x"):
        sense(set_up("METER TEROS 12"), _field("tilt_x", "deg"), NOW)


def test_wind_components_are_of_where_it_comes_from():
    """A field sample of METER's: 0.93 m/s from 246.3 degrees prints -0.38 and -0.86."""
    wind = Conditions(wind_speed_ms=0.93, wind_direction_deg=246.3)
    assert northward(wind) == pytest.approx(-0.38, abs=0.01)
    assert eastward(wind) == pytest.approx(-0.86, abs=0.01)


def test_components_need_speed_and_direction():
    assert northward(Conditions(wind_speed_ms=3.0)) is None
