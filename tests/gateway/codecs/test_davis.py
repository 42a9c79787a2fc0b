"""LOOP packets of a Davis console."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import davis
from gateway.codecs.checksums import ChecksumError, crc16_ccitt
from gateway.errors import FrameError, SensorError

CLICK = Decimal("0.2")


def packet(**at):
    """A packet in which nothing has been heard, but for raw bytes given as at_12=b"..."."""
    body = bytearray(97)
    body[0:3] = b"LOO"
    body[12:14] = body[44:46] = b"\xff\x7f"
    body[14:16] = b"\xff\xff"
    body[18:41] = b"\xff" * 23
    body[62:70] = b"\xff" * 8
    body[95:97] = b"\n\r"
    for name, raw in at.items():
        start = int(name.removeprefix("at_"))
        body[start : start + len(raw)] = raw
    return bytes(body) + crc16_ccitt(bytes(body)).to_bytes(2, "big")


# 71.3 degF inside, 68.4 outside, 12 mph from 214 degrees, 55 %, 187 tips this year, 35 centibar.
PACKET = packet(
    at_9=b"\xc9\x02",
    at_12=b"\xac\x02",
    at_14=b"\x0c\x0a",
    at_16=b"\xd6\x00",
    at_33=b"\x37",
    at_44=b"\x9a\x02",
    at_54=b"\xbb\x00",
    at_62=b"\x23",
    at_87=b"\x33\x03",
)


def values(data=PACKET, click=CLICK):
    return {name: one.value for name, one in davis.parse_loop(data, click).items()}


def test_the_crc_of_the_manuals_example_is_as_printed():
    assert crc16_ccitt(bytes.fromhex("C6 CE A2 03")) == 0xE2B4
    assert crc16_ccitt(bytes.fromhex("C6 CE A2 03 E2 B4")) == 0


def test_values_stand_where_the_manual_has_them():
    found = values()

    assert found["inside_temperature"] == Decimal("71.3")
    assert found["outside_temperature"] == Decimal("68.4")
    assert (found["wind_speed"], found["wind_speed_10min"]) == (12, 10)
    assert (found["wind_direction"], found["outside_humidity"]) == (214, 55)
    assert (found["solar_radiation"], found["soil_tension_1"]) == (666, 35)
    assert found["rain_year"] == Decimal("37.4")
    assert found["console_voltage"] == Decimal("4.798828125")


@pytest.mark.parametrize(
    "name",
    [
        "outside_humidity",
        "solar_radiation",
        "soil_tension_4",
        "soil_temperature_1",
        "leaf_wetness_2",
        "outside_temperature",
        "wind_speed",
        "wind_direction",
        "barometer",
    ],
)
def test_dashes_are_missing(name):
    found = davis.parse_loop(packet(), CLICK)[name]

    assert (found.value, found.reason) == (None, "no value")


def test_frost_is_negative():
    assert values(packet(at_12=b"\x9c\xff"))["outside_temperature"] == Decimal("-10.0")
    assert values(packet(at_25=b"\x50"))["soil_temperature_1"] == -10


def test_direction_nought_is_none_and_north_is_360():
    calm = davis.parse_loop(packet(at_14=b"\x00", at_16=b"\x00\x00"), CLICK)["wind_direction"]

    assert (calm.value, calm.reason) == (None, "calm")
    assert values(packet(at_14=b"\x05", at_16=b"\x68\x01"))["wind_direction"] == 360


def test_rain_is_missing_until_the_collector_is_known():
    found = davis.parse_loop(PACKET, None)["rain_year"]

    assert (found.value, found.reason) == (None, "rain collector not known")


@pytest.mark.parametrize(
    ("bits", "click"), [(0x02, "0.254"), (0x12, "0.2"), (0x2F, "0.1"), (0x50, "0.2")]
)
def test_the_collector_is_in_the_setup_bits(bits, click):
    data = bytes([bits])
    reply = davis.ACK + data + crc16_ccitt(data).to_bytes(2, "big")

    assert davis.collector_length(reply) == 4
    assert davis.parse_collector(reply) == Decimal(click)


def test_a_collector_that_nobody_knows_is_the_consoles_fault():
    reply = davis.ACK + b"\x30" + crc16_ccitt(b"\x30").to_bytes(2, "big")

    with pytest.raises(SensorError):
        davis.parse_collector(reply)


def test_the_firmware_version_is_read():
    reply = b"\n\rOK\n\r3.15\n\r"

    assert davis.version_length(reply) == len(reply)
    assert davis.parse_version(reply) == "3.15"


@pytest.mark.parametrize("reply", [b"", b"\n\r", b"\x21", b"\n\rOK\n\r", b"\n\rOK\n\rx\n\r"])
def test_what_is_no_version_is_refused(reply):
    with pytest.raises(FrameError):
        davis.parse_version(reply)


@pytest.mark.parametrize("refusal", [b"\x21", b"\x15", b"\x18", b"\n\r\x21"])
def test_a_refusal_is_the_consoles_word(refusal):
    with pytest.raises(SensorError):
        davis.parse_loop(refusal, CLICK)


def test_a_changed_byte_is_a_checksum_error():
    with pytest.raises(ChecksumError):
        davis.parse_loop(davis.ACK + PACKET[:50] + b"\x01" + PACKET[51:], CLICK)


def test_a_packet_of_the_other_kind_is_none():
    with pytest.raises(FrameError):
        davis.parse_loop(packet(at_4=b"\x01"), CLICK)


@pytest.mark.parametrize("before", [b"", b"\x06", b"\xff\x00", b"LOO\x00\x00", b"\n\r\x06LO", b"!"])
def test_fed_byte_by_byte_with_garbage_around_the_packet_is_found(before):
    stream = before + PACKET + b"\x00\xffLOO"
    ends = [davis.loop_length(stream[:length]) for length in range(len(stream) + 1)]
    first = next(length for length in ends if length)

    assert first == len(before) + davis.LOOP_BYTES
    assert ends.index(first) == first
    assert values(stream) == values()


@given(data=st.binary(max_size=300))
def test_garbage_gives_one_documented_error(data):
    for parse in (davis.parse_collector, davis.parse_version):
        with pytest.raises((FrameError, SensorError)):
            parse(data + b"?")
    with pytest.raises((FrameError, SensorError)):
        davis.parse_loop(data, CLICK)


@given(place=st.integers(0, 98), bit=st.integers(0, 7))
def test_no_changed_bit_gives_a_value(place, bit):
    spoiled = PACKET[:place] + bytes([PACKET[place] ^ 1 << bit]) + PACKET[place + 1 :]

    assert davis.loop_length(spoiled) == 0
    with pytest.raises(FrameError):
        davis.parse_loop(spoiled, CLICK)
