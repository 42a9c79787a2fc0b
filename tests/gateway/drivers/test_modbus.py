from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.checksums import crc16
from gateway.codecs.modbus_rtu import width
from gateway.drivers.modbus import MAX_BLOCK_REGISTERS, ModbusDriver, plan
from gateway.readings import Reading
from wire.catalogue import Field, Modbus, RegisterType, WordOrder, bundled
from wire.errors import ConfigError

PROBE = bundled()["RS485 soil probe ECTH (0x0000 family)"]
MAST = bundled()["Renke RS-FSXCS"]

ASK = bytes.fromhex("01 03 00 00 00 03 05 CB")
REPLY = bytes.fromhex("01 03 06 01 EF 01 44 00 04 B5 59")
VALUES = [
    Reading("vwc", Decimal("49.5")),
    Reading("soil_temperature", Decimal("32.4")),
    Reading("soil_ec", Decimal(4)),
]


def sealed(text):
    head = bytes.fromhex(text)
    return head + crc16(head, 0xFFFF).to_bytes(2, "little")


def missing(model, reason):
    return [Reading(field.property, None, reason) for field in model.field]


def field(register, kind=RegisterType.UINT16):
    return Field(
        property=f"p{register}", unit="1", resolution=Decimal(1), register=register, type=kind
    )


def test_the_published_example_is_read_in_one_request(script):
    assert script((ASK, REPLY)).run(ModbusDriver(PROBE, "1").poll()) == VALUES


def test_a_weather_transmitter_takes_one_request_over_its_small_gaps():
    blocks = plan(MAST)

    assert [(block.start, block.count) for block in blocks] == [(0x01F4, 16)]


def test_a_negative_temperature_is_twos_complement(script):
    reply = sealed("01 03 06 01 1D FF 9F 00 04")

    readings = script((ASK, reply)).run(ModbusDriver(PROBE, "1").poll())

    assert readings[1] == Reading("soil_temperature", Decimal("-9.7"))


def test_a_sentinel_misses_its_field_only(script):
    reply = sealed("01 03 06 FF FF 01 44 00 04")

    readings = script((ASK, reply)).run(ModbusDriver(PROBE, "1").poll())

    assert readings == [Reading("vwc", None, "probe fault"), *VALUES[1:]]


@pytest.mark.parametrize("bad", [b"", REPLY[:5], REPLY[:-1] + b"\x00"])
def test_a_failed_request_is_repeated_twice(script, bad):
    steps = script((ASK, bad), (ASK, bad), (ASK, REPLY))

    assert steps.run(ModbusDriver(PROBE, "1").poll()) == VALUES


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "timeout"),
        (REPLY[:-1] + b"\x00", "bad checksum"),
        (REPLY[:5], "bad frame"),
        (sealed("02 03 06 01 EF 01 44 00 04"), "bad frame"),
    ],
)
def test_what_fails_thrice_is_missing_with_the_last_reason(script, bad, reason):
    steps = script((ASK, bad), (ASK, bad), (ASK, bad))

    assert steps.run(ModbusDriver(PROBE, "1").poll()) == missing(PROBE, reason)


def test_a_silent_sensor_lets_others_go_first_before_it_is_asked_again(script):
    steps = script((ASK, b""), (ASK, b""), (ASK, b""))
    steps.run(ModbusDriver(PROBE, "1").poll())

    assert steps.gave_way == 2


@pytest.mark.parametrize("refusal", [sealed("01 83 06"), sealed("01 83 05")])
def test_a_busy_sensor_gets_a_while_before_it_is_asked_again(script, refusal):
    steps = script((ASK, refusal), (None, b""), (ASK, REPLY))

    assert steps.run(ModbusDriver(PROBE, "1").poll()) == VALUES
    assert steps.shared == [True]


def test_a_refusal_is_not_repeated(script):
    steps = script((ASK, bytes.fromhex("01 83 02 C0 F1")))

    found = steps.run(ModbusDriver(PROBE, "1").poll())

    assert found == missing(PROBE, "exception: illegal data address")


def test_a_dead_probe_costs_less_the_next_time(script):
    driver = ModbusDriver(PROBE, "1")
    script(*((ASK, b""),) * 3).run(driver.poll())

    assert script((ASK, b""), (ASK, b"")).run(driver.poll()) == missing(PROBE, "timeout")
    assert script((ASK, b""), (ASK, REPLY)).run(driver.poll()) == VALUES


def test_a_sensor_that_refuses_gaps_is_asked_around_them_from_then_on(script):
    driver = ModbusDriver(MAST, "2")
    whole = (sealed("02 03 01 F4 00 10"), sealed("02 83 02"))
    parts = (
        (sealed("02 03 01 F4 00 01"), sealed("02 03 02 00 22")),
        (
            sealed("02 03 01 F7 00 09"),
            sealed("02 03 12 00 C8 01 90 FF 9C 01 90 00 05 00 09 03 79 00 01 86 A0"),
        ),
        (sealed("02 03 02 01 00 01"), sealed("02 03 02 01 C3")),
        (sealed("02 03 02 03 00 01"), sealed("02 03 02 01 60")),
    )

    found = {one.key: one.value for one in script(whole, *parts).run(driver.poll())}

    assert found["wind_speed"] == Decimal("3.4")
    assert found["air_temperature"] == Decimal("-10.0")
    assert found["illuminance"] == Decimal(100_000)
    assert found["rain_total"] == Decimal("45.1")
    assert len(script(*parts).run(driver.poll())) == len(MAST.field)


def test_a_late_reply_is_not_taken_for_the_next_blocks(script):
    """Rain was asked for twice and is told twice; it must not be read as radiation."""
    driver = ModbusDriver(MAST, "2")
    rain = sealed("02 03 02 01 C3")
    steps = script(
        (sealed("02 03 01 F4 00 10"), sealed("02 83 02")),
        (sealed("02 03 01 F4 00 01"), sealed("02 03 02 00 22")),
        (
            sealed("02 03 01 F7 00 09"),
            sealed("02 03 12 00 C8 01 90 FF 9C 01 90 00 05 00 09 03 79 00 01 86 A0"),
        ),
        (sealed("02 03 02 01 00 01"), b""),
        (sealed("02 03 02 01 00 01"), rain),
        (b"", rain),
        (sealed("02 03 02 03 00 01"), sealed("02 03 02 01 60")),
    )

    found = {one.key: one.value for one in steps.run(driver.poll())}

    assert (found["rain_total"], found["solar_radiation"]) == (Decimal("45.1"), Decimal(352))


def test_one_refused_part_costs_only_its_own_fields(script):
    driver = ModbusDriver(MAST, "2")
    whole = (sealed("02 03 01 F4 00 10"), sealed("02 83 02"))
    nine = sealed("02 03 12 00 C8 01 90 FF 9C 01 90 00 05 00 09 03 79 00 01 86 A0")
    parts = (
        (sealed("02 03 01 F4 00 01"), sealed("02 03 02 00 22")),
        (sealed("02 03 01 F7 00 09"), nine),
        (sealed("02 03 02 01 00 01"), sealed("02 83 02")),
        (sealed("02 03 02 03 00 01"), sealed("02 03 02 01 60")),
    )

    readings = script(whole, *parts).run(driver.poll())

    assert [one for one in readings if one.value is None] == [
        Reading("rain_total", None, "exception: illegal data address")
    ]


@pytest.mark.parametrize("address", ["", "0", "248", "x", "-1", "1.5"])
def test_an_impossible_address_is_a_configuration_error(address):
    with pytest.raises(ConfigError, match="Modbus address"):
        ModbusDriver(PROBE, address)


def test_a_model_of_another_protocol_is_a_configuration_error():
    with pytest.raises(ConfigError):
        ModbusDriver(bundled()["METER TEROS 12"], "1")


@given(
    registers=st.sets(st.integers(0, 600), min_size=1, max_size=60),
    max_gap=st.integers(0, 8),
    wide=st.booleans(),
)
def test_a_plan_reads_every_field_once_in_small_blocks(registers, max_gap, wide):
    kind = RegisterType.UINT32 if wide else RegisterType.UINT16
    fields = [field(register, kind) for register in registers]
    blocks = plan(msgspec.structs.replace(PROBE, field=fields), max_gap)

    assert sorted(f.register for block in blocks for f in block.fields) == sorted(registers)
    for block in blocks:
        ends = [f.register + width(f.type) for f in block.fields]
        assert block.count <= MAX_BLOCK_REGISTERS
        assert block.start == min(f.register for f in block.fields)
        assert block.start + block.count == max(ends)


# ---------------------------------------------------------------- all kinds of registers


def mixed():
    """A model of two functions and several types."""
    fields = [
        Field(property="vwc", unit="%", resolution=Decimal(1), register=0),
        Field(
            property="soil_temperature",
            unit="Cel",
            resolution=Decimal(1),
            register=1,
            type=RegisterType.FLOAT32,
            offset=Decimal("-273.15"),
        ),
        Field(
            property="soil_ec",
            unit="uS/cm",
            resolution=Decimal(1),
            register=0,
            function=3,
            type=RegisterType.UINT32,
            scale=Decimal("0.5"),
            word_order=WordOrder.CDAB,
        ),
    ]
    return msgspec.structs.replace(PROBE, field=fields, modbus=Modbus(function=4), sentinel=[])


HOLDING = (sealed("01 03 00 00 00 02"), sealed("01 03 04 00 07 00 01"))
INPUT = sealed("01 04 00 00 00 03")


def test_each_field_is_read_by_its_function_type_order_scale_and_offset(script):
    steps = script(HOLDING, (INPUT, sealed("01 04 06 00 2A 43 95 00 00")))

    found = {one.key: one.value for one in steps.run(ModbusDriver(mixed(), "1").poll())}

    assert found == {
        "soil_ec": Decimal("32771.5"),  # (0x0001 << 16 | 0x0007) / 2
        "vwc": Decimal(42),
        "soil_temperature": Decimal("24.85"),  # 298 K
    }


def test_what_is_no_number_misses_its_field_only(script):
    steps = script(HOLDING, (INPUT, sealed("01 04 06 00 2A 7F C0 00 00")))

    found = {one.key: one for one in steps.run(ModbusDriver(mixed(), "1").poll())}

    assert found["soil_temperature"] == Reading("soil_temperature", None, "not a number")
    assert found["vwc"].value == Decimal(42)
