"""The catalogue: every bundled entry is sound, and a wrong one is told apart."""

from decimal import Decimal

import pytest

from wire.catalogue import bundled, parse_model
from wire.errors import ConfigError

GOOD = """
model = "Probe"
vendor = "v"
protocol = "modbus"
reference = "r"
[modbus]
[[field]]
property = "vwc"
register = 0
unit = "%"
resolution = 0.1
[[sentinel]]
value = 6553.5
reason = "probe fault"
"""


def test_the_models_of_the_first_release_are_there():
    assert sorted(bundled()) == [
        "Campbell SR50A",
        "METER ATMOS 41",
        "METER TEROS 12",
        "NMEA 0183 weather station",
        "RS485 soil probe ECTH (0x0000 family)",
        "Renke RS-FSXCS",
        "Saltation counter, ASCII",
    ]


@pytest.mark.parametrize("model", bundled().values(), ids=lambda model: model.model)
def test_each_property_of_a_model_is_there_once(model):
    """A datastream is named by thing, sensor and property: a second one would have no name."""
    keys = [field.property for field in model.field] + [one.property for one in model.derived]

    assert len(keys) == len(set(keys))
    assert all(field.span is None or field.span[0] < field.span[1] for field in model.field)


@pytest.mark.parametrize("model", bundled().values(), ids=lambda model: model.model)
def test_a_sentinel_is_nothing_that_can_be_measured(model):
    """Else a real value would be taken for a missing one."""
    for field in model.field:
        low, high = field.span or (None, None)
        for sentinel in model.sentinel:
            if low is not None and model.missing_reason(field.property, sentinel.value):
                assert not low <= sentinel.value <= high


def test_a_sentinel_is_missing_with_its_reason():
    model = parse_model(GOOD, "probe.toml")

    assert model.missing_reason("vwc", Decimal("6553.50")) == "probe fault"
    assert model.missing_reason("vwc", Decimal("6553.4")) is None


def test_a_sentinel_can_belong_to_some_properties_only():
    """65535 lx is daylight; 65535 of a wind vane is a fault."""
    model = bundled()["Renke RS-FSXCS"]

    assert model.missing_reason("wind_direction", Decimal(65535)) == "module fault"
    assert model.missing_reason("illuminance", Decimal(65535)) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"vwc"', '"wvc"', "unknown observed property 'wvc'"),
        ('"%"', '"furlong"', "unknown unit 'furlong'"),
        ('"%"', '"m"', "cannot convert length"),
        ("register = 0", "position = 1", "needs a 'register'"),
        (
            'reason = "probe',
            'properties = ["ph"]\nreason = "probe',
            "probe.toml:14: sentinel 6553.5 names a property that is no field: 'ph'",
        ),
        ("[modbus]", "", "needs a \\[modbus\\] table"),
        ("register", "regster", "probe.toml:9: unknown key 'regster'; did you mean 'register'"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_reason(old, new, said):
    with pytest.raises(ConfigError, match=said):
        parse_model(GOOD.replace(old, new, 1), "probe.toml")
