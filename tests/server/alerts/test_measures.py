"""Thresholds in other units."""

from decimal import Decimal

import pytest

from server.alerts.measures import alike, convert, dimension, require_unit
from wire.errors import ContractError


@pytest.mark.parametrize(
    ("value", "source", "target", "is_difference", "expected"),
    [
        ("0.08", "m3/m3", "%", False, "8"),
        ("32", "[degF]", "Cel", False, "0"),
        ("1.8", "[degF]", "Cel", True, "1"),
        ("5", "Cel", "K", False, "278.15"),
        ("5", "Cel", "K", True, "5"),
        ("36", "km/h", "m/s", False, "10"),
        ("2", "d", "h", False, "48"),
        ("90", "s", "min", False, "1.5"),
        ("7", "{raw}", "{raw}", False, "7"),
    ],
)
def test_conversion(value, source, target, is_difference, expected):
    found = convert(Decimal(value), source, target, is_difference=is_difference)

    assert float(found) == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize(
    ("source", "target"), [("Cel", "m/s"), ("d", "Cel"), ("{raw}", "m3/m3"), ("furlong", "m")]
)
def test_what_does_not_convert(source, target):
    for is_difference in (False, True):
        with pytest.raises(ContractError):
            convert(Decimal(1), source, target, is_difference=is_difference)


def test_units_alike():
    assert alike("Cel") == ["Cel", "K", "[degF]"]
    assert {"s", "min", "h", "d"} <= set(alike("d"))
    assert dimension("h") == dimension("s") == "time"


def test_an_unknown_unit():
    require_unit("d")
    require_unit("m3/m3")
    with pytest.raises(ContractError, match="furlong"):
        require_unit("furlong")
