"""The catalogue: every bundled entry is sound, and a wrong one is told apart."""

import re
from decimal import Decimal
from importlib.resources import files

import pytest

from wire.catalogue import Protocol, bundled, faults, parse_model
from wire.catalogue.remarks import remarks
from wire.errors import ConfigError
from wire.properties import observed_property
from wire.units import convert

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
MODELS = pytest.mark.parametrize("model", bundled().values(), ids=lambda model: model.model)


def test_the_models_of_field_stations_are_there():
    assert sorted(bundled()) == [
        "Acclima TDR-315 and TDR-310",
        "Campbell CS650",
        "Campbell CS655",
        "Campbell ClimaVUE 50",
        "Campbell SR50A",
        "Campbell SR50A, serial",
        "Campbell SR50AT",
        "DFRobot SEN0604",
        "Davis Vantage Pro2",
        "Davis Vantage Pro2 Plus",
        "Davis soil moisture station",
        "GNSS receiver, NMEA 0183",
        "Gill WindSonic",
        "Gill WindSonic, SDI-12",
        "Gill WindSonic, polled",
        "JXCT JXBS-3001",
        "JXCT JXBS-3001, 7-in-1",
        "METER ATMOS 41",
        "METER ATMOS 41 Gen 2",
        "METER TEROS 11",
        "METER TEROS 12",
        "METER TEROS 21",
        "NMEA 0183 weather station",
        "NMEA 0183 weather station, MDA",
        "RS485 soil probe 7-in-1 (0x0000 family)",
        "RS485 soil probe ECTH (0x0000 family)",
        "Renke RS-FSXCS",
        "Saltation counter, ASCII",
        "Saltation pulse counter, Modbus",
        "Saltation pulse counter, Modbus, 16 bit",
        "Sand trap on a load cell, Modbus",
        "SenseCAP ONE",
        "SenseCAP ORCH S4",
        "SenseCAP S-Temp&VWC&EC-02",
        "Stevens HydraProbe, firmware 2",
        "Stevens HydraProbe, firmware 6",
        "Vaisala WXT530",
        "Vaisala WXT530, NMEA",
        "Vaisala WXT530, automatic",
        "Vaisala WXT530, automatic with checksum",
        "Vaisala WXT530, with checksum",
        "WoMaster ES107",
    ]


def test_each_file_is_a_model_of_its_own():
    entries = [one.name for one in (files("wire.catalogue") / "models").iterdir()]

    assert len(bundled()) == len([name for name in entries if name.endswith(".toml")])


@MODELS
def test_a_model_says_where_its_facts_are_from(model):
    assert len(model.reference) >= 40, "name the manual and the section"


@MODELS
def test_each_property_of_a_model_is_there_once(model):
    """A datastream is named by thing, sensor and property: a second one would have no name."""
    keys = [field.property for field in model.field] + [one.property for one in model.derived]

    assert len(keys) == len(set(keys))


# What no manual gives limits for: raw signals, and totals that go on for years.
UNBOUNDED = {
    "signal_period",
    "signal_ratio",
    "rain_total",
    "rain_duration",
    "hail_total",
    "hail_rate",
    "saltation_total",
    "saltation_pulses_total",
}


@MODELS
def test_what_is_measured_has_limits_that_make_sense_in_the_unit_people_read(model):
    for field in model.field:
        if field.property in UNBOUNDED and field.span is None:
            continue
        shown = observed_property(field.property).unit
        low, high = (convert(limit, field.unit, shown) for limit in field.span)
        assert low < high
        widest = WIDEST.get(shown, (Decimal("-1e9"), Decimal("1e9")))
        assert widest[0] <= low, field.property
        assert high <= widest[1], field.property


# By the unit people read: a span beyond these is one in another unit than the field says.
WIDEST = {
    "Cel": (-80, 210),
    "%": (0, 100),
    "hPa": (10, 1300),
    "m/s": (-100, 100),
    "deg": (-180, 360),
    "W/m2": (0, 2000),
    "m3/m3": (0, 1),
    "uS/cm": (0, 100_000),
    "[pH]": (0, 14),
    "V": (0, 40),
    "mm/h": (0, 3000),
}


# In very dry soil -9999 kPa could be measured; rather that one number is lost than that a fault is
# taken for a drought.
MEASURABLE_SENTINELS = {("METER TEROS 21", "soil_matric_potential")}


@MODELS
def test_a_sentinel_is_nothing_that_can_be_measured(model):
    """Else a real value would be taken for a missing one."""
    for field in model.field:
        if field.span is None or (model.model, field.property) in MEASURABLE_SENTINELS:
            continue
        low, high = field.span
        for sentinel in model.sentinel:
            number = sentinel.value
            if number is not None and model.missing_reason(field.property, number):
                assert not low <= number <= high


@MODELS
def test_nothing_in_a_bundled_model_needs_a_second_look(model):
    said = [
        one.message for one in remarks(model) if "computed by the instrument" not in one.message
    ]
    allowed = UNBOUNDED | {key for name, key in MEASURABLE_SENTINELS if name == model.model}

    assert [one for one in said if not any(f"'{key}'" in one for key in allowed)] == []


@MODELS
def test_every_running_total_has_a_most_that_can_be_added(model):
    """Otherwise one digit changed on the line is hundreds of millimetres of rain."""
    assert [one.property for one in model.field if one.cumulative and one.max_per_s is None] == []


@MODELS
def test_a_sensor_that_can_say_who_it_is_is_asked(model):
    """Two are not checked: how they identify themselves could not be verified."""
    unverified = {"METER ATMOS 41 Gen 2", "Campbell ClimaVUE 50"}

    if model.protocol is Protocol.SDI12:
        assert bool(model.sdi12.identify) is (model.model not in unverified)


def test_a_sentinel_is_missing_with_its_reason():
    model = parse_model(GOOD, "probe.toml")

    assert model.missing_reason("vwc", Decimal("6553.50")) == "probe fault"
    assert model.missing_reason("vwc", Decimal("6553.4")) is None


def test_a_sentinel_can_belong_to_some_properties_only():
    """65535 lx is daylight; 65535 of a wind vane is a fault."""
    model = bundled()["Renke RS-FSXCS"]

    assert model.missing_reason("wind_direction", Decimal(65535)) == "module fault"
    assert model.missing_reason("illuminance", Decimal(65535)) is None


DERIVED = '[[derived]]\nproperty = "vwc"\nunit = "%"\nsource = "ph"\ntransform = "t/1"\n'
FIELD = 'property = "vwc"\nregister = 0\nunit = "%"\nresolution = 0.1\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Probe"', '" "', "2: 'model' is empty: say as it is printed on the device"),
        ('"Probe"', f'"{"p" * 201}"', "2: 'model' is longer than 200 characters"),
        ('"r"', '""', "5: 'reference' is empty: say the manual and section its facts are from"),
        ('"modbus"', '"modbuss"', "4: protocol: Invalid enum value 'modbuss'; known: sdi12, modbus"),
        ('"vwc"', '"vcw"', "8: unknown observed property 'vcw'; did you mean 'vwc'?"),
        ('"vwc"', '"mood"', "8: unknown observed property 'mood'; 'saxaul-gateway catalogue prop"),
        ('"%"', '"furlong"', "10: unknown unit 'furlong'; known for it: 1, %, m3/m3"),
        ('"%"', '"m"', "10: cannot convert length 'm' to ratio 'm3/m3'; known for it: 1, %, m3/m3"),
        ("register = 0", "position = 1", "7: field 'vwc' needs a 'register': its address, from 0"),
        ("register", "regster", "9: unknown key 'regster'; did you mean 'register'?"),
        ("= 0.1", "= 0", "11: 'resolution' must be above 0"),
        ("= 0.1", '= "fine"', "11: field[0].resolution: Invalid decimal string; give a number"),
        ("= 0.1", "= 0.1\nspan = [60, 0]", "12: span from 60 to 0 holds nothing"),
        ("= 0.1", "= 0.1\nspan = [60]", "12: field[0].span: Expected `array` of length 2, got 1;"),
        ("[[sentinel]]", f"[[field]]\n{FIELD}[[sentinel]]", "13: 'vwc' is there twice"),
        ("[[sentinel]]", f"{DERIVED}[[sentinel]]", "13: 'vwc' is there twice"),
        ("value = 6553.5", 'text = "#"', "13: a modbus sensor sends numbers: give a 'value'"),
        ("value = 6553.5", "", "12: needs a 'value' or a 'text', one of them"),
        ('"probe fault"', '""', "14: 'reason' is empty: say why there is no value"),
        ('reason = "probe', 'properties = ["ph"]\nreason = "probe',
         "14: sentinel 6553.5 names a property that is no field: 'ph'"),
        ("[modbus]", "", "4: a modbus sensor needs a [modbus] table"),
        ("[modbus]", "[modbus]\nfunction = 6", "7: function 6 reads no registers"),
        ('"r"', '"r"\nwarm_up_s = -1', "6: warm_up_s: Expected `float` >= 0.0"),
        ('"r"', '"r"\nwarm_up_s = 1\nwarm = 2', "7: unknown key 'warm'"),
        ("protocol", "[", "4: not valid TOML"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused_with_line_key_and_remedy(old, new, said):
    with pytest.raises(ConfigError, match=re.escape(f"probe.toml:{said}")):
        parse_model(GOOD.replace(old, new, 1), "probe.toml")


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_lines():
    text = GOOD.replace('"v"', "5").replace("register", "regster").replace("value", "valve")
    text = text.replace("reference", "refrence")

    # The key that is missing has no line, the one that is not known has line 5.
    assert [error.line for error in faults(text, "probe.toml")] == [None, 3, 5, 9, 13]


def test_an_entry_without_fields_is_at_fault():
    text = GOOD[: GOOD.index("[modbus]")] + "field = []\n[modbus]\n"

    (error,) = faults(text, "probe.toml")
    assert str(error) == (
        "probe.toml:6: field: Expected `array` of length >= 1; give at least 1 values in [ ]"
    )


def test_all_that_cannot_be_meant_is_told_at_once():
    text = GOOD.replace('"vwc"', '"vcw"').replace("= 0.1", "= 0").replace('"probe fault"', '""')

    assert [error.line for error in faults(text, "probe.toml")] == [8, 11, 14]


def test_a_good_entry_has_no_faults():
    assert faults(GOOD, "probe.toml") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("= 0.1", "= 0.1", "'vwc' has no span"),
        ("= 0.1", "= 0.1\nspan = [0, 9999]", "'vwc': 6553.5 could be measured, but is a sentinel"),
        ("[modbus]", "[sdi12]\n[modbus]", "a modbus sensor does not use [sdi12]"),
        ("[[sentinel]]", f"[[field]]\n{FIELD.replace('vwc', 'relative_humidity')}[[sentinel]]",
         "'relative_humidity' is read where another field is"),
        ("= 0.1", '= 0.1\nstatistic = "sum"\ncumulative = true',
         "'vwc' is a running total without max_per_s"),
        ('"vwc"\nregister = 0\nunit = "%"', '"nitrogen"\nregister = 0\nunit = "mg/kg"',
         "'nitrogen' is computed by the instrument, not measured"),
    ],
)  # fmt: skip
def test_what_is_seldom_meant_is_remarked_on(old, new, said):
    messages = [one.message for one in remarks(parse_model(GOOD.replace(old, new, 1), "p.toml"))]

    assert any(one.startswith(said) for one in messages), messages
