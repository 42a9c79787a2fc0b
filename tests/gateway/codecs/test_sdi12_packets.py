from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.checksums import ChecksumError, crc16
from gateway.codecs.numbers import NotANumberError
from gateway.codecs.sdi12.packets import packet_length, parse_packet
from gateway.errors import FrameError

hexes = bytes.fromhex
# SDI-12 v1.4, 5.2.2, table 18.
INTEGERS = hexes("31 0400 03 FFFF 0100 C2AC")
FLOATS = hexes("31 0800 09 C3F54840 0000803F 3B6E")
NOTHING = hexes("31 0000 00 0EFC")


def sealed(head):
    return head + crc16(head, 0).to_bytes(2, "little")


@pytest.mark.parametrize(
    ("packet", "values"),
    [
        (INTEGERS, ["-1", "1"]),
        (FLOATS, ["3.14", "1"]),
        (NOTHING, []),
        (sealed(hexes("31 0200 01 FF7F")), ["-1", "127"]),
        (sealed(hexes("31 0200 02 FF7F")), ["255", "127"]),
        (sealed(hexes("31 0200 04 FFFF")), ["65535"]),
        (sealed(hexes("31 0400 05 FEFFFFFF")), ["-2"]),
        (sealed(hexes("31 0400 06 FEFFFFFF")), ["4294967294"]),
        (sealed(hexes("31 0800 07 FFFFFFFFFFFFFFFF")), ["-1"]),
        (sealed(hexes("31 0800 08 FFFFFFFFFFFFFFFF")), ["18446744073709551615"]),
        (sealed(hexes("31 0800 0A 9A9999999999B93F")), ["0.1"]),
    ],
)
def test_a_packet_is_read_by_its_data_type(packet, values):
    assert parse_packet(packet, "1") == [Decimal(one) for one in values]


@pytest.mark.parametrize("packet", [INTEGERS, FLOATS, NOTHING])
def test_fed_byte_by_byte_a_packet_ends_with_its_crc(packet):
    lengths = [packet_length(packet[:n], "1") for n in range(len(packet) + 1)]

    assert lengths == [0] * len(packet) + [len(packet)]


@pytest.mark.parametrize("before", [b"\x00", b"1", b"11\x00", b"\r\n", b"1DB0!"])
def test_noise_around_a_packet_is_passed_over(before):
    buffer = before + INTEGERS + b"\x31\x00"

    assert packet_length(buffer, "1") == len(before) + len(INTEGERS)


def test_a_turned_bit_is_a_checksum_error():
    with pytest.raises(ChecksumError):
        parse_packet(INTEGERS[:5] + b"\xfe" + INTEGERS[6:], "1")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        INTEGERS[:-1],
        b"2" + INTEGERS[1:],
        sealed(hexes("31 0300 03 FFFF01")),
        sealed(hexes("31 0100 0B 01")),
    ],
)
def test_what_is_no_packet_is_refused(packet):
    with pytest.raises(FrameError):
        parse_packet(packet, "1")


def test_a_float_that_is_no_number_is_told():
    with pytest.raises(NotANumberError):
        parse_packet(sealed(hexes("31 0400 09 0000C07F")), "1")


@given(data=st.binary(max_size=80) | st.binary(max_size=40).map(lambda one: b"1" + one))
def test_garbage_gives_values_or_one_of_two_errors(data):
    with suppress(FrameError, NotANumberError):
        parse_packet(data, "1")
    assert 0 <= packet_length(data, "1") <= len(data)
