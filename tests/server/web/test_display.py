"""How numbers and ages are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.web.display import _DIGITS, MINUS, age, display_for, signed
from wire.properties import PROPERTIES


@pytest.mark.parametrize(
    ("property_key", "unit", "value", "text"),
    [
        ("vwc", "m3/m3", 0.1384, "13.8 % vol"),
        ("vwc", "%", 13.84, "13.8 % vol"),
        ("relative_extractable_water", "1", 0.374, "37.4 %"),
        ("relative_extractable_water", "1", -0.071, f"{MINUS}7.1 %"),
        ("air_temperature", "Cel", 16.14, "16.1 °C"),
        ("air_temperature", "Cel", -3.46, f"{MINUS}3.5 °C"),
        ("air_temperature", "Cel", -0.04, "0.0 °C"),
        ("air_pressure", "kPa", 100.83, "1008.3 hPa"),
        ("relative_humidity", "1", 0.354, "35.4 %"),
        ("relative_humidity", "%", 35.4, "35.4 %"),
        ("wind_direction", "deg", 271.4, "271°"),
        ("sand_distance", "m", 1.2345, "1.234 m"),
        ("saltation_count", "{count}", 17.0, "17 counts"),
        ("echo_quality", "1", 190.0, "190"),
        ("soil_ec", "uS/cm", 39.0, "39 µS/cm"),
        ("soil_ec", "m", 39.0, "39.00 m"),
        ("mood", "[furlong]", 2.0, "2.00 [furlong]"),
    ],
)
def test_a_value_is_written_in_the_unit_people_read(property_key, unit, value, text):
    assert display_for(property_key, unit).text(value) == text


@pytest.mark.parametrize("unit", sorted({one.unit for one in PROPERTIES.values()}))
def test_the_digits_of_every_unit_we_use_are_chosen_not_left_to_the_default(unit):
    assert {"m3/m3": "%"}.get(unit, unit) in _DIGITS


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_nothing_is_minus_zero(value, digits):
    text = signed(value, digits)

    assert text.replace(MINUS, "-") in {f"{value:.{digits}f}", f"{0:.{digits}f}"}
    assert "-" not in text
    assert not (text.startswith(MINUS) and float(text[1:]) == 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (4, "4 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 d ago"),
    ],
)
def test_an_age_is_written_as_people_say_it(seconds, text):
    assert age(int(seconds * 1000)) == text
