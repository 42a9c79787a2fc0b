"""Modbus RTU servers, against byte literals and against foreign clients on a pty."""

import dataclasses
from decimal import Decimal

import minimalmodbus
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient

from firmware_sim.devices.modbus import ModbusBus, ModbusDevice, crc16
from firmware_sim.devices.renke import WeatherTransmitter
from firmware_sim.faults import Ailments, Fault, FaultKind
from firmware_sim.physics.chance import Dice
from firmware_sim.world import Soil
from wire.catalogue import Field, RegisterType, WordOrder

NOW = 1_795_000_000.0
PROBE = "RS485 soil probe ECTH (0x0000 family)"
STATION = "Renke RS-FSXCS"


@pytest.fixture
def probe(set_up, still):
    still.ground = Soil(water=0.495, temperature_c=-9.7, ec_uscm=4.2)
    return ModbusDevice(set_up(PROBE, name="dune-1/soil", address="1"))


@pytest.fixture
def station(set_up):
    return WeatherTransmitter(set_up(STATION, name="dune-1/weather", address="2"))


@pytest.fixture
def ask(probe, station):
    """Send a frame given in hex without its CRC; gives the reply in hex without its CRC."""
    bus = ModbusBus([probe, station])
    clock = [NOW]

    def send(request):
        clock[0] += 1.0
        frame = bytes.fromhex(request)
        sends = bus.receive(frame + crc16(frame), clock[0])
        if not sends:
            sends = bus.wake(clock[0] + 0.1)
        if not sends:
            return None
        (reply,) = sends
        assert crc16(reply.data[:-2]) == reply.data[-2:]
        return reply.data[:-2].hex(" ")

    return send


@pytest.mark.parametrize(
    "frame",
    [
        "31 32 33 34 35 36 37 38 39 37 4B",
        "01 03 00 00 00 03 05 CB",
        "01 03 06 01 EF 01 44 00 04 B5 59",
        "01 03 00 12 00 02 64 0E",
        "01 03 04 01 1D FF 9F 6A 51",
        "01 03 02 00 2D 78 59",
        "01 04 06 09 E9 07 32 01 38 9D 24",
        "01 03 01 F4 00 10 04 08",
        "01 06 07 D0 00 02 08 86",
        "01 10 00 10 00 02 04 00 0A 01 02 52 F0",
        "01 10 00 10 00 02 40 0D",
        "11 03 00 6B 00 03 76 87",
        "01 83 02 C0 F1",
        "01 84 06 C3 02",
    ],
)
def test_crc_vectors(frame):
    data = bytes.fromhex(frame)
    assert crc16(data[:-2]) == data[-2:]


@pytest.mark.parametrize("function", ["03", "04"])
def test_reads_moisture_temperature_and_conductivity(ask, function):
    """49.5 %, -9.7 degrees in two's complement, 4 uS/cm."""
    assert ask(f"01 {function} 00 00 00 03") == f"01 {function} 06 01 ef ff 9f 00 04"


def test_reads_part_of_the_registers(ask):
    assert ask("01 03 00 01 00 01") == "01 03 02 ff 9f"


def test_reads_a_weather_station_in_one_block(ask):
    """5.4 m/s, force 3, sector 5 (SW), 215 degrees, 43.2 %, 25 degrees, 44.4 dB, 11 and 32 ug/m3,
    89.2 kPa, 61488 lx in two words and in hundreds, 12.3 mm, no compass, 512 W/m2."""
    assert ask("02 03 01 F4 00 10") == (
        "02 03 20 00 36 00 03 00 05 00 d7 01 b0 00 fa 01 bc 00 0b 00 20"
        " 03 7c 00 00 f0 30 02 66 00 7b 00 00 02 00"
    )


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01 05 00 00 FF 00", "01 85 01"),
        ("01 2B 0E 01 00", "01 ab 01"),
        ("01 03 00 00 00 04", "01 83 02"),
        ("01 04 01 F4 00 01", "01 84 02"),
        ("01 03 FF FF 00 02", "01 83 02"),
        ("01 03 00 00 00 00", "01 83 03"),
        ("01 03 00 00 00 7E", "01 83 03"),
        ("01 06 00 00 00 01", "01 86 02"),
        ("01 06 07 D0 00 00", "01 86 03"),
        ("01 06 07 D0 00 F8", "01 86 03"),
        ("01 10 07 D0 00 01 03 00 05 00", "01 90 03"),
        ("01 10 07 CF 00 02 04 00 05 00 01", "01 90 02"),
    ],
)
def test_exceptions(ask, request_, reply):
    assert ask(request_) == reply


def test_a_new_address_is_confirmed_from_the_old_one(ask):
    assert ask("01 06 07 D0 00 05") == "01 06 07 d0 00 05"
    assert ask("01 03 00 00 00 01") is None
    assert ask("05 03 07 D0 00 01") == "05 03 02 00 05"


def test_settings_are_written_together(ask):
    assert ask("01 10 07 D0 00 02 04 00 06 00 02") == "01 10 07 d0 00 02"
    assert ask("06 03 07 D0 00 02") == "06 03 04 00 06 00 02"


def test_other_addresses_are_met_with_silence(ask):
    assert ask("07 03 00 00 00 03") is None


def test_a_broadcast_is_obeyed_and_not_answered(ask, probe, station):
    assert ask("00 06 07 D1 00 02") is None
    assert ask("01 03 07 D1 00 01") == "01 03 02 00 02"
    assert ask("02 03 07 D1 00 01") == "02 03 02 00 02"


def test_a_wrong_crc_is_met_with_silence(probe):
    bus = ModbusBus([probe])
    assert bus.receive(bytes.fromhex("01 03 00 00 00 03 05 CC"), NOW) == []
    assert bus.wake(NOW + 1.0) == []


def test_a_frame_may_come_byte_by_byte(probe):
    bus = ModbusBus([probe])
    frame = bytes.fromhex("01 03 00 00 00 03 05 CB")
    sends = [bus.receive(frame[k : k + 1], NOW + k * 0.001) for k in range(8)]
    assert sends[:-1] == [[]] * 7
    assert len(sends[-1]) == 1


def test_a_pause_ends_a_torn_frame(probe):
    """What follows the pause is a frame of its own."""
    bus = ModbusBus([probe])
    assert bus.receive(bytes.fromhex("01 03 00"), NOW) == []
    assert len(bus.receive(bytes.fromhex("01 03 00 00 00 03 05 CB"), NOW + 0.5)) == 1


def test_an_answer_names_the_fields_that_were_read_whole(station):
    """Pressure and the high word of light: only pressure is complete."""
    bus = ModbusBus([station])
    frame = bytes.fromhex("02 03 01 FD 00 02")
    (send,) = bus.receive(frame + crc16(frame), NOW)
    assert send.answer.device == "dune-1/weather"
    assert send.answer.values == {"air_pressure": Decimal("89.2")}


def test_a_failed_module_is_a_reason_not_a_value(probe, still):
    still.ground = Soil(water=None, temperature_c=None, ec_uscm=None)
    frame = bytes.fromhex("01 03 00 00 00 03")
    (send,) = ModbusBus([probe]).receive(frame + crc16(frame), NOW)
    assert send.data[3:9].hex(" ") == "ff ff 7f ff ff ff"
    assert send.answer.values == {}
    assert send.answer.reasons == dict.fromkeys(
        ("vwc", "soil_temperature", "soil_ec"), "probe fault"
    )


@given(st.binary(max_size=300))
def test_noise_is_met_with_silence_or_an_exception(data):
    from firmware_sim.devices.base import Setup
    from wire.catalogue import bundled

    bus = ModbusBus([ModbusDevice(Setup("a/b", bundled()[PROBE], None, address="1"))])
    frame = b"\x01\x14" + data[:200]
    assert bus.receive(data, NOW) == []
    bus.wake(NOW + 1.0)
    bus.receive(frame + crc16(frame), NOW + 2.0)
    sends = bus.wake(NOW + 3.0)
    assert [send.data[:3] for send in sends] == [b"\x01\x94\x01"]


@pytest.fixture
def port(serve, probe, station):
    return serve(rtu=ModbusBus([probe, station])).ports["rtu"]


@pytest.fixture
def pymodbus_client(port):
    client = ModbusSerialClient(port, framer=FramerType.RTU, baudrate=9600, timeout=15, retries=0)
    assert client.connect()
    yield client
    client.close()


def test_pymodbus_reads_a_probe_and_a_station_on_one_line(pymodbus_client):
    probe = pymodbus_client.read_holding_registers(0, count=3, device_id=1)
    station = pymodbus_client.read_input_registers(0x01F4, count=16, device_id=2)
    assert probe.registers == [495, 0xFFFF - 96, 4]
    assert station.registers[:2] == [54, 3]


def test_pymodbus_understands_the_exceptions(pymodbus_client):
    assert pymodbus_client.read_holding_registers(3, count=1, device_id=1).exception_code == 2
    assert pymodbus_client.read_coils(0, count=1, device_id=1).exception_code == 1


def test_pymodbus_changes_an_address(pymodbus_client):
    assert not pymodbus_client.write_register(0x07D0, 9, device_id=1).isError()
    assert not pymodbus_client.write_registers(0x07D0, [10], device_id=9).isError()
    assert pymodbus_client.read_holding_registers(0, count=1, device_id=10).registers == [495]


@pytest.fixture
def minimal_client(port):
    client = minimalmodbus.Instrument(port, 1)
    client.serial.baudrate = 9600
    client.serial.timeout = 15
    yield client
    client.serial.close()


def test_minimalmodbus_reads_scaled_values(minimal_client):
    assert minimal_client.read_register(0, 1) == 49.5
    assert minimal_client.read_register(1, 1, signed=True) == -9.7
    assert minimal_client.read_registers(0, 3, functioncode=4) == [495, 0xFFFF - 96, 4]


def test_minimalmodbus_reads_light_over_two_registers(port, minimal_client):
    minimal_client.address = 2
    assert minimal_client.read_long(0x01FE) == 61488


def test_minimalmodbus_understands_the_exceptions(minimal_client):
    minimal_client.serial.timeout = 1.0  # it waits for more, an exception being shorter than values
    with pytest.raises(minimalmodbus.IllegalRequestError):
        minimal_client.read_register(0x40)


def test_minimalmodbus_hears_nothing_from_an_absent_device(minimal_client):
    minimal_client.address = 77
    minimal_client.serial.timeout = 0.2
    with pytest.raises(minimalmodbus.NoResponseError):
        minimal_client.read_register(0)


# ---------------------------------------------------------------- faults, types and orders


@pytest.fixture
def ailing(set_up, still):
    """Ask a probe at address 1 that has one fault, NOW and a second apart."""

    def build(kind, **more):
        still.ground = Soil(water=0.495, temperature_c=-9.7, ec_uscm=4.2)
        faults = Ailments([Fault(kind=FaultKind(kind), **more)], NOW)
        bus = ModbusBus([ModbusDevice(set_up(PROBE, address="1", faults=faults))])
        clock = [NOW]

        def send(after_s=1.0):
            clock[0] += after_s
            frame = bytes.fromhex("01 03 00 00 00 03 05 CB")
            return bus.receive(frame, clock[0])

        return send

    return build


@pytest.mark.parametrize(
    ("kind", "more", "reply"),
    [
        ("exception", {"code": 4}, "01 83 04"),
        ("busy", {}, "01 83 06"),
        ("wrong_address", {}, "02 03 06 01 ef ff 9f 00 04"),
        ("fewer_values", {}, "01 03 04 01 ef ff 9f"),
        ("garbage", {}, "07 01 03 06 01 ef ff 9f 00 04"),
    ],
)
def test_a_fault_spoils_the_reply(ailing, kind, more, reply):
    (send,) = ailing(kind, **more)()
    assert send.data[:-2].hex(" ") == reply


def test_an_absent_probe_keeps_silent_for_its_time(ailing):
    ask = ailing("absent", after_s=2, for_s=2)
    assert [len(ask()) for _ in range(5)] == [1, 0, 0, 1, 1]


def test_a_probe_that_sleeps_misses_the_first_request(ailing):
    ask = ailing("deaf_when_idle")
    assert [len(ask()), len(ask()), len(ask(10)), len(ask())] == [0, 1, 0, 1]


def test_a_fault_strikes_by_its_share(set_up):
    faults = Ailments([Fault(kind=FaultKind.ABSENT, share=0.3)], NOW, Dice(7, "faults"))
    struck = sum(bool(faults.struck(FaultKind.ABSENT, NOW)) for _ in range(1000))
    assert 250 < struck < 350


def field_of(**more):
    return Field(
        property="soil_temperature", unit="Cel", resolution=Decimal("0.1"), register=0, **more
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"type": "float32"}, "41 c4 00 00"),
        ({"type": "float32", "word_order": "CDAB"}, "00 00 41 c4"),
        ({"type": "float32", "word_order": "BADC"}, "c4 41 00 00"),
        ({"type": "float32", "word_order": "DCBA"}, "00 00 c4 41"),
        ({"type": "float64"}, "40 38 80 00 00 00 00 00"),
        ({"type": "int16", "scale": "0.1", "offset": "-273.1"}, "0b a0"),
        ({"type": "int16", "scale": "0.1", "word_order": "DCBA"}, "f5 00"),
    ],
)
def test_registers_lie_as_the_catalogue_says(set_up, still, more, words):
    still.ground = Soil(water=0.1, temperature_c=24.5, ec_uscm=4.2)
    setup = set_up(PROBE, address="1")
    more = {
        key: Decimal(value) if key in ("scale", "offset") else value for key, value in more.items()
    }
    if "type" in more:
        more["type"] = RegisterType(more["type"])
    if "word_order" in more:
        more["word_order"] = WordOrder(more["word_order"])
    model = msgspec.structs.replace(setup.model, field=[field_of(**more)], sentinel=[])
    device = ModbusDevice(dataclasses.replace(setup, model=model))
    pdu, answer = device.serve(bytes([3, 0, 0, 0, len(bytes.fromhex(words)) // 2]), NOW)
    assert pdu[2:].hex(" ") == words
    assert answer.values == {"soil_temperature": Decimal("24.5")}


def test_a_float_that_is_not_known_is_no_number(set_up, still):
    still.ground = Soil(water=None, temperature_c=None, ec_uscm=None)
    setup = set_up(PROBE, address="1")
    model = msgspec.structs.replace(
        setup.model, field=[field_of(type=RegisterType.FLOAT32)], sentinel=[]
    )
    pdu, answer = ModbusDevice(dataclasses.replace(setup, model=model)).serve(
        bytes([3, 0, 0, 0, 2]), NOW
    )
    assert pdu[2:].hex(" ") == "7f c0 00 00"
    assert answer.reasons == {"soil_temperature": "not a number"}


def test_fields_of_another_function_are_in_its_registers_only(set_up, still):
    still.ground = Soil(water=0.1, temperature_c=24.5, ec_uscm=4.0)
    setup = set_up(PROBE, address="1")
    fields = [
        field_of(type=RegisterType.INT16, scale=Decimal("0.1")),
        Field(property="soil_ec", unit="uS/cm", resolution=Decimal(1), register=0, function=4),
    ]
    model = msgspec.structs.replace(setup.model, field=fields, sentinel=[])
    device = ModbusDevice(dataclasses.replace(setup, model=model))
    assert device.serve(bytes([3, 0, 0, 0, 1]), NOW)[0].hex(" ") == "03 02 00 f5"
    assert device.serve(bytes([4, 0, 0, 0, 1]), NOW)[0].hex(" ") == "04 02 00 04"
