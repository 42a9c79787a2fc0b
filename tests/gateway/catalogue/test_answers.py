"""What models make of answers that instruments really gave: `catalogue check --answer`."""

import struct

import pytest

from gateway.catalogue.answers import decode, unusable
from gateway.codecs.checksums import crc16_ccitt
from gateway.errors import FrameError, SensorError
from wire.catalogue import bundled, parse_model

ATMOS = "+26+0.000+0+0+0.93+246.3+2.65+11.0+1.18+100.83+0.900+10.8+0.2+1.7+0-0.38-0.86+2.65"
ATMOS_VALUES = {
    "solar_radiation": "26",
    "rain": "0.000",
    "lightning_strikes": "0",
    "lightning_distance": "0",
    "wind_speed": "0.93",
    "wind_direction": "246.3",
    "wind_gust": "2.65",
    "air_temperature": "11.0",
    "vapour_pressure": "1.18",
    "air_pressure": "100.83",
    "relative_humidity": "0.900",
    "sensor_temperature": "10.8",
    "tilt_x": "0.2",
    "tilt_y": "1.7",
    "wind_north": "-0.38",
    "wind_east": "-0.86",
}


def read(model, *answers):
    """The values by property, as text; of a missing one its reason."""
    return {
        field.property: reading.reason if reading.value is None else str(reading.value)
        for field, reading in decode(bundled()[model], answers)
    }


@pytest.mark.parametrize(
    ("model", "answer", "values"),
    [
        # METER TEROS 12 integrator guide; the CRC is that of SDI-12 v1.4.
        ("METER TEROS 12", "0+2038.84+16.1+39",
         {"vwc_raw": "2038.84", "soil_temperature": "16.1", "soil_ec": "39"}),
        ("METER TEROS 12", "+1846.16-3.4+12",
         {"vwc_raw": "1846.16", "soil_temperature": "-3.4", "soil_ec": "12"}),
        ("METER TEROS 12", "0+2038.84+16.1+39Gmq",
         {"vwc_raw": "2038.84", "soil_temperature": "16.1", "soil_ec": "39"}),
        ("METER TEROS 12", "0+2038.84+16.1+39Gmr", dict.fromkeys(
            ("vwc_raw", "soil_temperature", "soil_ec"), "bad checksum")),
        ("METER TEROS 12", "0-9999-9992-9991",
         {"vwc_raw": "measurement compromised", "soil_temperature": "calibration lost",
          "soil_ec": "supply voltage too low"}),
        ("METER TEROS 11", "0+2038.84+16.1", {"vwc_raw": "2038.84", "soil_temperature": "16.1"}),
        ("METER TEROS 21", "1-1520.4+31.2",
         {"soil_matric_potential": "-1520.4", "soil_temperature": "31.2"}),
        # An answer of 18 values to C!, seen in the field.
        ("METER ATMOS 41", ATMOS, ATMOS_VALUES),
        ("METER ATMOS 41 Gen 2", ATMOS, ATMOS_VALUES),
        ("Campbell ClimaVUE 50", ATMOS, ATMOS_VALUES),
        ("Campbell CS655", "3+0.2135+0.452+21.6+11.87+9999999+1.05",
         {"vwc": "0.2135", "soil_ec": "0.452", "soil_temperature": "21.6",
          "permittivity": "11.87", "signal_period": "outside the sensor's limits",
          "signal_ratio": "1.05"}),
        ("Campbell SR50A", "0+2.345+189", {"sand_distance": "2.345", "echo_quality": "189"}),
        ("Campbell SR50A", "0+0+0", {"sand_distance": "no echo", "echo_quality": "no echo"}),
        # 0 degrees Celsius is a temperature, and no missing echo.
        ("Campbell SR50AT", "0+0+0+0",
         {"sand_distance": "no echo", "echo_quality": "no echo", "air_temperature": "0"}),
        ("Acclima TDR-315 and TDR-310", "0+21.4+18.2+11.0+312+1804",
         {"vwc": "21.4", "soil_temperature": "18.2", "permittivity": "11.0", "soil_ec": "312",
          "soil_pore_ec": "1804"}),
        # Gill's manual, section 14.6: good, and a blocked path.
        ("Gill WindSonic, SDI-12", "0+083+000.02+00",
         {"wind_direction": "83", "wind_speed": "0.02"}),
        ("Gill WindSonic, SDI-12", "0+999+999.9+04",
         {"wind_direction": "blocked path", "wind_speed": "blocked path"}),
        # The published example of the 0x0000 family.
        ("RS485 soil probe ECTH (0x0000 family)", "01 03 06 01 EF 01 44 00 04 B5 59",
         {"vwc": "49.5", "soil_temperature": "32.4", "soil_ec": "4"}),
        # A field capture, with its request; the conductivity was not asked for.
        ("JXCT JXBS-3001", "01 03 00 12 00 02 64 0E 01 03 04 01 1D FF 9F 6A 51",
         {"vwc": "28.5", "soil_temperature": "-9.7", "soil_ec": "not in this answer"}),
        ("JXCT JXBS-3001", "01 03 00 12 00 01 24 0F 01 03 02 00 2D 78 59",
         {"vwc": "4.5", "soil_temperature": "not in this answer",
          "soil_ec": "not in this answer"}),
        ("SenseCAP S-Temp&VWC&EC-02",
         "01040000 0003B00B 01 04 06 09 E9 07 32 01 38 9D 24",
         {"soil_temperature": "25.37", "vwc": "18.42", "soil_ec": "312",
          "permittivity": "not in this answer"}),
        # Recomputed from the maker's samples of each line.
        ("NMEA 0183 weather station", "$WIMWV,214.8,T,5.4,M,A*28",
         {"wind_speed": "5.4", "wind_speed_max": "5.4", "wind_gust": "5.4",
          "wind_direction": "214.8", "air_temperature": "not in this answer",
          "relative_humidity": "not in this answer", "air_pressure": "not in this answer"}),
    ],
)  # fmt: skip
def test_an_answer_is_read_as_its_manual_says(model, answer, values):
    assert read(model, answer) == values


def modbus(server, function, start, words):
    """A request and its reply, as captured on the bus."""
    from gateway.codecs.checksums import crc16

    def sealed(head):
        return head + struct.pack("<H", crc16(head, 0xFFFF))

    request = sealed(struct.pack(">BBHH", server, function, start, len(words)))
    reply = struct.pack(f">BBB{len(words)}H", server, function, 2 * len(words), *words)
    return (request + sealed(reply)).hex(" ")


@pytest.mark.parametrize(
    ("model", "function", "start", "words", "some"),
    [
        # SenseCAP ORCH S4 user guide, section 4.3: its examples.
        ("SenseCAP ORCH S4", 3, 0, [0x0AEE, 0x1AB2, 0x0001, 0x87D5, 0x0005, 0xFA00],
         {"air_temperature": "27.98", "relative_humidity": "68.34", "air_pressure": "100309",
          "illuminance": "391.680"}),
        ("SenseCAP ORCH S4", 3, 0, [0xFF05, 0, 0, 0, 0, 0], {"air_temperature": "-2.51"}),
        ("SenseCAP S-Temp&VWC&EC-02", 4, 0, [0xFF05, 0x071D, 0x071D, 0, 0, 1000],
         {"soil_temperature": "-2.51", "vwc": "18.21", "soil_ec": "1821",
          "permittivity": "10.00"}),
        ("SenseCAP ONE", 4, 0, [0xFFFF, 0xFC18, 0, 45_500, 0x05F5, 0xE100],
         {"air_temperature": "-1.000", "relative_humidity": "45.500",
          "air_pressure": "100000.000", "wind_speed": "not in this answer"}),
        ("Renke RS-FSXCS", 3, 0x01F4,
         [52, 3, 2, 90, 455, 0xFF9C, 612, 35, 80, 891, 0x0001, 0x86A0, 1000, 123, 0, 640],
         {"wind_speed": "5.2", "wind_direction": "90", "relative_humidity": "45.5",
          "air_temperature": "-10.0", "noise_level": "61.2", "pm2_5": "35", "pm10": "80",
          "air_pressure": "89.1", "illuminance": "100000", "rain_total": "12.3",
          "solar_radiation": "640"}),
        ("DFRobot SEN0604", 3, 0, [231, 0xFFFB, 312, 712],
         {"vwc": "23.1", "soil_temperature": "-0.5", "soil_ec": "312", "soil_ph": "7.12"}),
        ("WoMaster ES107", 3, 0, [231, 0xFFFB, 3120, 71, 12, 5, 40],
         {"soil_ec": "312.0", "soil_ph": "7.1", "nitrogen": "12", "potassium": "40"}),
        ("RS485 soil probe 7-in-1 (0x0000 family)", 3, 0, [231, 0, 312, 71, 12, 5, 40],
         {"soil_ec": "312", "soil_ph": "7.1", "phosphorus": "5"}),
        ("JXCT JXBS-3001, 7-in-1", 3, 0x0006, [712], {"soil_ph": "7.12"}),
        ("JXCT JXBS-3001", 3, 0x0012, [45, 0xFFFF, 0, 65535],
         {"vwc": "4.5", "soil_temperature": "-0.1", "soil_ec": "probe fault"}),
    ],
)  # fmt: skip
def test_registers_are_read_as_the_map_says(model, function, start, words, some):
    found = read(model, modbus(1, function, start, words))

    assert {key: found[key] for key in some} == some


WXT = [
    "0R1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2M",
    "0R2,Ta=23.6C,Ua=14.2P,Pa=1026.6H",
    "0R3,Rc=0.0M,Rd=0s,Ri=0.0M,Hc=0.0M,Hd=0s,Hi=0.0M,Rp=0.0M,Hp=0.0M",
    "0R5,Th=76.1F,Vh=11.5N,Vs=11.5V,Vr=3.510V",
]


def test_several_answers_are_read_together():
    found = read("Vaisala WXT530", *WXT)

    assert [
        found[key] for key in ("wind_speed", "wind_direction", "air_pressure", "rain_total")
    ] == [
        "1.0",
        "283",
        "1026.6",
        "0.0",
    ]
    # 76.1 degrees Fahrenheit.
    assert (found["heater_temperature"], found["supply_voltage"]) == ("24.50", "11.5")


def test_pages_of_one_measurement_follow_each_other():
    assert read("METER TEROS 12", "1+2038.84", "1+16.1", "1+39")["soil_ec"] == "39"


def test_an_answer_says_to_which_command_it_was_given():
    found = read("Stevens HydraProbe, firmware 2", "M2: 0+25.1+77.2+0.123+0.02+0.3", "M3 0+5.5+6.1")

    assert found == {
        "soil_temperature": "25.1",
        "vwc": "0.123",
        "soil_ec": "0.02",
        "permittivity": "5.5",
    }


OF_FIRMWARE_2 = "012STEVENSW0000012.7ST4SN00000000"  # HydraProbe II manual, page 46


def test_another_firmware_is_not_read_in_the_wrong_order():
    found = read("Stevens HydraProbe, firmware 6", OF_FIRMWARE_2, "0+25.1+77.2+0.123+0.02+0.3")

    assert set(found.values()) == {"firmware not in the catalogue: 2.7"}


def test_another_sensor_is_told_by_its_identification():
    found = read("METER TEROS 12", "113METER   TER21 389631800001", "1-1520.4+31.2")

    assert set(found.values()) == {"another sensor model answers: METER TER21"}


def loop_packet():
    packet = bytearray(99)
    packet[:3] = b"LOO"
    struct.pack_into("<h", packet, 12, 725)  # 72.5 degF
    struct.pack_into("<H", packet, 16, 270)
    packet[33] = 31
    struct.pack_into("<H", packet, 50, 6)  # tips since midnight
    packet[97:] = crc16_ccitt(bytes(packet[:97])).to_bytes(2, "big")
    return bytes(packet)


def test_a_packet_of_a_davis_console_is_read():
    found = read("Davis Vantage Pro2", loop_packet().hex(" "))

    assert [found[key] for key in ("air_temperature", "relative_humidity", "wind_direction")] == [
        "22.50",
        "31",
        "270",
    ]


@pytest.mark.parametrize(
    ("model", "answer", "error", "said"),
    [
        ("METER TEROS 12", "013METER   TER12 400", SensorError, "give the answer to D0"),
        ("JXCT JXBS-3001", "01 03 04 01 1D FF 9F 6A 51", SensorError,
         "asks for 4 from 0x0012: give the request before the reply"),
        ("JXCT JXBS-3001", "28.5", SensorError, "is no hex: write the bytes as"),
        ("JXCT JXBS-3001", "01 03 04 01 1D FF 9F 6A 52", FrameError, "CRC does not fit"),
        ("RS485 soil probe ECTH (0x0000 family)", "01 83 02 C0 F1", SensorError,
         "illegal data address"),
        ("NMEA 0183 weather station", "$WIMWV,214.8,T,5.4,M,A*29", FrameError, "checksum"),
        ("NMEA 0183 weather station", "$GPGGA,1*4B", SensorError, "none of this model's values"),
        ("NMEA 0183 weather station", "18 °C", SensorError, "not ASCII"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_what_to_give(model, answer, error, said):
    with pytest.raises(error, match=said):
        decode(bundled()[model], [answer])


@pytest.mark.parametrize("model", bundled().values(), ids=lambda model: model.model)
def test_a_driver_can_be_made_for_every_bundled_model(model):
    assert unusable(model) == ""


def test_what_no_driver_can_use_is_told():
    text = """
model = "Console"
vendor = "v"
protocol = "davis"
reference = "r"
[[field]]
property = "air_temperature"
key = "outdoor_temperature"
unit = "Cel"
resolution = 0.1
"""

    assert unusable(parse_model(text, "f")).startswith(
        "Console: a LOOP packet has no 'outdoor_temperature'; it has barometer"
    )
