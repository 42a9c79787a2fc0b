"""METER sensors."""

import pytest

from firmware_sim.devices.meter import Atmos41, Teros12, power_up_text
from firmware_sim.world import Soil

NOW = 1_795_000_000.0
ALL = tuple(range(1, 19))


@pytest.fixture
def atmos(set_up):
    return Atmos41(set_up("METER ATMOS 41"))


def test_teros_prints_counts_temperature_and_conductivity(set_up, still):
    """Counts turn back into water by the manual's line: 3.879e-4 x RAW - 0.6956."""
    still.ground = Soil(water=0.0953, temperature_c=16.12, ec_uscm=38.9)
    texts = Teros12(set_up("METER TEROS 12")).read((1, 2, 3), NOW)
    assert texts == ["+2038.93", "+16.1", "+39"]


def test_teros_measures_at_its_depth(set_up, still):
    Teros12(set_up("METER TEROS 12", depth_m=0.6)).read((1,), NOW)
    assert still.asked_depth_m == 0.6


def test_teros_answers_its_error_value_for_what_is_unknown(set_up, still):
    still.ground = Soil(water=0.1, temperature_c=None, ec_uscm=None)
    assert Teros12(set_up("METER TEROS 12")).read((1, 2, 3), NOW)[1:] == ["-9999", "-9999"]


def test_atmos_prints_its_eighteen_values_in_order(atmos):
    assert atmos.read(ALL, NOW) == [
        *("+512", "+0.000", "+0", "+9", "+5.40", "+214.8", "+8.25", "+25.0", "+1.37"),
        *("+89.23", "+0.432", "+25.0", "+0.4", "-0.7", "+0", "-4.43", "-3.08", "+8.25"),
    ]


def test_atmos_gives_the_rain_since_its_last_measurement(atmos, still):
    """0.017 mm is one drop: from 12.34 to 13.34 mm the drops 726 to 784 fall."""
    atmos.read(ALL, NOW)
    still.change(rain_total_mm=13.34)
    assert atmos.read(ALL, NOW)[1] == "+1.003"
    assert atmos.read(ALL, NOW)[1] == "+0.000"


def test_atmos_loses_no_rain_to_rounding(atmos, still):
    """Drops that one measurement cuts off come with the next."""
    atmos.read(ALL, NOW)
    total = 0.0
    for step in range(1, 101):
        still.change(rain_total_mm=12.34 + step * 0.05)
        total += float(atmos.read(ALL, NOW)[1])
    assert total == pytest.approx(5.0, abs=0.018)


def test_atmos_keeps_rain_that_a_set_without_rain_does_not_read(atmos, still):
    atmos.read(ALL, NOW)
    still.change(rain_total_mm=13.34)
    atmos.read(ALL[9:], NOW)
    assert atmos.read((2,), NOW) == ["+1.003"]


def test_atmos_counts_lightning_since_its_last_measurement(atmos, still):
    atmos.read(ALL, NOW)
    still.change(lightning_total=12)
    assert atmos.read((3,), NOW) == ["+5"]


def test_atmos_never_says_360_degrees(atmos, still):
    still.change(wind_direction_deg=359.97)
    assert atmos.read((6,), NOW) == ["+0.0"]


def test_atmos_answers_its_error_value_for_what_is_unknown(atmos, still):
    still.change(rain_total_mm=None, lightning_total=None, wind_speed_ms=None, pressure_hpa=None)
    texts = atmos.read(ALL, NOW)
    assert [position for position in ALL if texts[position - 1] == "-9999"] == [2, 3, 5, 10, 16, 17]


@pytest.mark.parametrize("kind", [Teros12, Atmos41])
def test_identities_have_the_length_of_the_standard(kind):
    assert len(kind.identity) == 8 + 6 + 3


def test_the_string_at_power_up_is_the_one_that_was_captured():
    assert power_up_text(["+2493.4", "+27.8", "+22"], "g") == b"\t2493.4 27.8 22\rgDb"
