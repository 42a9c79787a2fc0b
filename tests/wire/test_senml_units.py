"""SenML units: each converts exactly to the units we store in, and to no other dimension."""

from decimal import Decimal
from fractions import Fraction

import pytest

from wire.errors import ContractError
from wire.units import SENML_UNITS, UNITS, convert_senml


@pytest.mark.parametrize(
    ("value", "name", "target", "expected"),
    [
        ("0.231", "/", "m3/m3", "0.231"),
        ("0.231", "%", "m3/m3", "0.231"),
        ("23.1", "/100", "m3/m3", "0.231"),
        ("231", "/1000", "m3/m3", "0.231"),
        ("231", "ppm", "1", "0.000231"),
        ("45.5", "%RH", "%", "45.5"),
        ("0.455", "/", "%", "45.5"),
        ("23.1", "Cel", "Cel", "23.1"),
        ("23.1", "Cel", "K", "296.25"),
        ("296.25", "K", "Cel", "23.1"),
        ("101325", "Pa", "hPa", "1013.25"),
        ("1013.25", "hPa", "hPa", "1013.25"),
        ("1013.25", "hPa", "kPa", "101.325"),
        ("36", "km/h", "m/s", "10"),
        ("3600", "m/h", "m/s", "1"),
        ("3600000", "mm/h", "m/s", "1"),
        ("0.0002", "m", "mm", "0.2"),
        ("0.2", "mm", "mm", "0.2"),
        ("10", "cm", "m", "0.1"),
        ("1.5", "km", "km", "1.5"),
        ("2", "min", "s", "120"),
        ("0.5", "h", "s", "1800"),
        ("250", "ms", "s", "0.25"),
        ("0.0123", "S/m", "uS/cm", "123"),
        ("0.000000025", "kg/m3", "ug/m3", "25"),
        ("25", "ug/m3", "ug/m3", "25"),
        ("6.5", "Bspl", "dB", "65"),
        ("0.001", "kWh", "J", "3600"),
        ("1", "Wh", "J", "3600"),
        ("3700", "mV", "V", "3.7"),
        ("7.1", "pH", "[pH]", "7.1"),
        ("12", "count", "{count}", "12"),
        ("270", "deg", "deg", "270"),
    ],
)
def test_converts_exactly(value, name, target, expected):
    assert convert_senml(Decimal(value), name, target) == Fraction(expected)


def test_percent_is_the_old_name_of_the_ratio_one():
    assert convert_senml(Decimal(1), "%", "%") == 100


@pytest.mark.parametrize(
    ("name", "target", "why"),
    [
        ("Cel", "hPa", "cannot convert temperature 'Cel' to pressure 'hPa'"),
        ("count", "{raw}", "cannot convert count 'count' to raw '{raw}'"),
        ("uS/cm", "uS/cm", "unknown SenML unit 'uS/cm'"),
        ("x" * 99, "m", f"unknown SenML unit '{'x' * 40}'"),
        ("m", "furlong", "unknown unit 'furlong'"),
    ],
)
def test_refuses_what_it_does_not_know_or_what_is_of_another_dimension(name, target, why):
    with pytest.raises(ContractError) as caught:
        convert_senml(Decimal(1), name, target)
    assert str(caught.value) == why


def test_each_name_stands_for_a_code_we_know():
    assert {unit.code for unit in SENML_UNITS.values()} <= UNITS.keys()
