"""Units, properties, flags: the words both sides use."""

from decimal import Decimal

import pytest

from wire.errors import ContractError
from wire.properties import PROPERTIES, Aggregate, observed_property
from wire.quality import Flag, Test, failed_tests, flag_of, pack
from wire.units import convert, unit


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("9.53", "%", "m3/m3", "0.0953"),
        ("25", "Cel", "K", "298.15"),
        ("0.9", "1", "%", "90"),
        ("1500", "uS/cm", "dS/m", "1.5"),
        ("0.15", "S/m", "dS/m", "1.5"),
        ("100.83", "kPa", "hPa", "1008.3"),
        ("1.0236", "bar", "hPa", "1023.6"),
        ("10", "[mi_i]/h", "m/s", "4.4704"),
        ("1", "[in_i]", "mm", "25.4"),
        ("100", "[ft_i]/min", "m/s", "0.508"),
    ],
)
def test_converts_exactly(value, source, target, expected):
    assert convert(Decimal(value), source, target) == Decimal(expected)


def test_ten_knots_are_five_metres_a_second():
    """1 knot is 1852 m an hour."""
    assert round(convert(Decimal(10), "[kn_i]", "m/s"), 9) == Decimal("5.144444444")
    assert round(convert(Decimal(36), "km/h", "m/s"), 9) == 10


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("50", "[degF]", "Cel", "10"),
        ("-40", "[degF]", "Cel", "-40"),
        ("29.921", "[in_i'Hg]", "hPa", "1013.2413"),
        ("760", "mm[Hg]", "hPa", "1013.2501"),
        ("1", "[in_i]/h", "mm/h", "25.4"),
        ("3600000", "mm/h", "m/s", "1"),
        ("12.5", "us", "s", "0.0000125"),
    ],
)
def test_converts_to_more_digits_than_any_instrument_has(value, source, target, expected):
    assert abs(convert(Decimal(value), source, target) - Decimal(expected)) < Decimal("0.0001")


@pytest.mark.parametrize(("source", "target"), [("furlong", "m"), ("m", "furlong"), ("m", "s")])
def test_units_that_do_not_fit_are_refused_by_name(source, target):
    with pytest.raises(ContractError, match=r"furlong|length"):
        convert(Decimal(1), source, target)


def test_every_property_has_a_known_unit():
    assert [item.key for item in PROPERTIES.values() if unit(item.unit).code != item.unit] == []


# What CF's table of standard names has (version 83) of what we measure.
CF_NAMES = {
    "air_pressure",
    "air_temperature",
    "dew_point_temperature",
    "mass_concentration_of_pm10_ambient_aerosol_particles_in_air",
    "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air",
    "rainfall_rate",
    "relative_humidity",
    "soil_temperature",
    "surface_downwelling_shortwave_flux_in_air",
    "thickness_of_rainfall_amount",
    "volume_fraction_of_condensed_water_in_soil",
    "water_vapor_partial_pressure_in_air",
    "wind_from_direction",
    "wind_speed",
    "wind_speed_of_gust",
}


def test_no_name_is_given_out_as_cf_that_cf_does_not_have():
    """Conductivity, matric potential, sand and batteries have none."""
    assert {item.cf_name for item in PROPERTIES.values()} == CF_NAMES | {None}


@pytest.mark.parametrize(
    ("aggregate", "keys"),
    [
        (Aggregate.VECTOR_MEAN, {"wind_direction"}),
        (
            Aggregate.SUM,
            {"rain", "rain_drops", "rain_tips", "lightning_strikes", "saltation_count",
             "saltation_energy", "saltation_seconds", "saltation_pulses", "trap_catch"},
        ),
        (Aggregate.MAX, {"wind_gust", "wind_speed_max"}),
        (
            Aggregate.COUNTER,
            {"rain_total", "rain_duration", "hail_total", "evapotranspiration_total",
             "saltation_total", "saltation_energy_total", "saltation_pulses_total"},
        ),
    ],
)  # fmt: skip
def test_values_combine_over_time_as_what_they_are(aggregate, keys):
    assert {item.key for item in PROPERTIES.values() if item.aggregate is aggregate} == keys


def test_what_instruments_compute_from_other_values_of_theirs_is_marked():
    """Nobody is to be called out for the nitrogen that a probe computes from conductivity."""
    assert {item.key for item in PROPERTIES.values() if not item.is_measured} == {
        "nitrogen",
        "phosphorus",
        "potassium",
        "soil_pore_ec",
        "sea_level_pressure",
        "evapotranspiration_total",
    }


def test_an_unknown_property_is_refused_by_name():
    with pytest.raises(ContractError, match="'mood'"):
        observed_property("mood")


def test_a_flag_and_its_tests_share_one_integer():
    packed = pack(Flag.SUSPECT, Test.GROSS_RANGE | Test.FUTURE_TIME)

    assert packed == 3 + 16 + 64
    assert flag_of(packed) is Flag.SUSPECT
    assert failed_tests(packed) == Test.GROSS_RANGE | Test.FUTURE_TIME
