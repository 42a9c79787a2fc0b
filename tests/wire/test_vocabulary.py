"""Units, properties, flags: the words both sides use."""

from decimal import Decimal

import pytest

from wire.errors import ContractError
from wire.properties import PROPERTIES, observed_property
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
    ],
)
def test_converts_exactly(value, source, target, expected):
    assert convert(Decimal(value), source, target) == Decimal(expected)


def test_ten_knots_are_five_metres_a_second():
    """1 knot is 1852 m an hour."""
    assert round(convert(Decimal(10), "[kn_i]", "m/s"), 9) == Decimal("5.144444444")
    assert round(convert(Decimal(36), "km/h", "m/s"), 9) == 10


@pytest.mark.parametrize(("source", "target"), [("furlong", "m"), ("m", "furlong"), ("m", "s")])
def test_units_that_do_not_fit_are_refused_by_name(source, target):
    with pytest.raises(ContractError, match=r"furlong|length"):
        convert(Decimal(1), source, target)


def test_every_property_has_a_known_unit():
    assert [item.key for item in PROPERTIES.values() if unit(item.unit).code != item.unit] == []


def test_an_unknown_property_is_refused_by_name():
    with pytest.raises(ContractError, match="'mood'"):
        observed_property("mood")


def test_a_flag_and_its_tests_share_one_integer():
    packed = pack(Flag.SUSPECT, Test.GROSS_RANGE | Test.FUTURE_TIME)

    assert packed == 3 + 16 + 64
    assert flag_of(packed) is Flag.SUSPECT
    assert failed_tests(packed) == Test.GROSS_RANGE | Test.FUTURE_TIME
