import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import modbus_rtu
from gateway.codecs.checksums import ChecksumError, crc16
from gateway.codecs.modbus_rtu import ExceptionReplyError
from gateway.codecs.numbers import NotANumberError, float32
from gateway.errors import FrameError
from wire.catalogue import RegisterType, WordOrder

hexes = bytes.fromhex
READ_3 = hexes("01 03 00 00 00 03 05 CB")
REPLY_3 = hexes("01 03 06 01 EF 01 44 00 04 B5 59")

# Request arguments, request, reply, registers: published examples, recomputed.
READS = [
    ((1, 3, 0, 3), READ_3, REPLY_3, [495, 324, 4]),
    (
        (1, 3, 0x12, 2),
        hexes("01 03 00 12 00 02 64 0E"),
        hexes("01 03 04 01 1D FF 9F 6A 51"),
        [285, 0xFF9F],
    ),
    ((1, 3, 0x12, 1), hexes("01 03 00 12 00 01 24 0F"), hexes("01 03 02 00 2D 78 59"), [45]),
    (
        (1, 4, 0, 3),
        hexes("01 04 00 00 00 03 B0 0B"),
        hexes("01 04 06 09 E9 07 32 01 38 9D 24"),
        [2537, 1842, 312],
    ),
]


def sealed(head):
    return head + crc16(head, 0xFFFF).to_bytes(2, "little")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        *[(arguments, request) for arguments, request, _, _ in READS],
        ((1, 3, 0x1F4, 16), hexes("01 03 01 F4 00 10 04 08")),
        ((0x11, 3, 0x6B, 3), hexes("11 03 00 6B 00 03 76 87")),
        ((0xFF, 3, 0x07D0, 1), hexes("FF 03 07 D0 00 01 91 59")),
    ],
)
def test_a_read_request_is_the_published_frame(arguments, expected):
    assert modbus_rtu.read_registers(*arguments) == expected


def test_a_single_write_is_the_published_frame():
    assert modbus_rtu.write_register(1, 0x07D0, 2) == hexes("01 06 07 D0 00 02 08 86")


def test_a_multiple_write_is_the_published_frame():
    expected = hexes("01 10 00 10 00 02 04 00 0A 01 02 52 F0")

    assert modbus_rtu.write_registers(1, 0x10, [0x0A, 0x0102]) == expected


@pytest.mark.parametrize(
    "ask",
    [
        lambda: modbus_rtu.read_registers(1, 6, 0, 1),
        lambda: modbus_rtu.read_registers(1, 3, 0, 0),
        lambda: modbus_rtu.read_registers(1, 3, 0, 126),
        lambda: modbus_rtu.write_registers(1, 0, []),
        lambda: modbus_rtu.write_registers(1, 0, [0] * 124),
    ],
)
def test_a_request_that_the_protocol_does_not_allow_is_our_own_mistake(ask):
    with pytest.raises(ValueError, match="register"):
        ask()


@pytest.mark.parametrize(("arguments", "request_", "reply", "registers"), READS)
def test_registers_are_read_out_of_a_reply(arguments, request_, reply, registers):
    assert modbus_rtu.expected_length(request_) == len(reply)
    assert modbus_rtu.parse_registers(reply, request_) == registers


def test_writes_are_confirmed_by_their_echo():
    one = modbus_rtu.write_register(1, 0x07D0, 2)
    many = modbus_rtu.write_registers(1, 0x10, [0x0A, 0x0102])

    modbus_rtu.check_written(one, one)
    modbus_rtu.check_written(hexes("01 10 00 10 00 02 40 0D"), many)
    assert modbus_rtu.expected_length(many) == 8


def test_a_write_that_names_another_register_is_refused():
    request = modbus_rtu.write_register(1, 0x07D0, 2)

    with pytest.raises(FrameError):
        modbus_rtu.check_written(modbus_rtu.write_register(1, 0x07D1, 2), request)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (hexes("01 83 02 C0 F1"), "exception: illegal data address"),
        (sealed(hexes("01 83 06")), "exception: device busy"),
        (sealed(hexes("01 83 63")), "exception: code 99"),
    ],
)
def test_an_exception_is_told_in_words(reply, words):
    with pytest.raises(ExceptionReplyError) as caught:
        modbus_rtu.parse_registers(reply, READ_3)

    assert str(caught.value) == words


def test_an_exception_to_function_04_is_recognised():
    request = modbus_rtu.read_registers(1, 4, 0, 3)

    with pytest.raises(ExceptionReplyError, match="busy"):
        modbus_rtu.parse_registers(hexes("01 84 06 C3 02"), request)


def test_one_wrong_bit_is_a_checksum_error():
    damaged = bytes([*REPLY_3[:4], REPLY_3[4] ^ 1, *REPLY_3[5:]])

    with pytest.raises(ChecksumError):
        modbus_rtu.parse_registers(damaged, READ_3)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        REPLY_3[:-1],
        sealed(hexes("02 03 06 01 EF 01 44 00 04")),  # another server
        sealed(hexes("01 04 06 01 EF 01 44 00 04")),  # another function
        sealed(hexes("01 03 04 01 EF 01 44")),  # fewer registers
    ],
)
def test_what_is_no_reply_to_the_request_is_refused(reply):
    with pytest.raises(FrameError):
        modbus_rtu.parse_registers(reply, READ_3)


def test_fed_byte_by_byte_a_reply_ends_with_its_crc():
    lengths = [modbus_rtu.reply_length(REPLY_3[:n], READ_3) for n in range(len(REPLY_3) + 1)]

    assert lengths == [0] * len(REPLY_3) + [len(REPLY_3)]


@pytest.mark.parametrize("before", [b"\x00", b"\xff\xff", b"\x01\x03\x06", READ_3, b"$GARBAGE\r\n"])
def test_noise_and_an_echo_around_a_reply_are_passed_over(before):
    buffer = before + REPLY_3 + b"\x00\x01\x03"

    assert modbus_rtu.reply_length(buffer, READ_3) == len(before) + len(REPLY_3)
    assert modbus_rtu.parse_registers(buffer, READ_3) == [495, 324, 4]


def test_an_exception_ends_after_five_bytes():
    assert modbus_rtu.reply_length(hexes("01 83 02 C0 F1"), READ_3) == 5


@pytest.mark.parametrize(
    ("registers", "kind", "expected"),
    [
        ([495], RegisterType.UINT16, "495"),
        ([0xFF9F], RegisterType.INT16, "-97"),
        ([0xFF9F], RegisterType.UINT16, "65439"),
        ([0x0001, 0x87D5], RegisterType.UINT32, "100309"),
        ([0x0005, 0xFA00], RegisterType.UINT32, "391680"),
        ([0xFFFF, 0xFFFE], RegisterType.INT32, "-2"),
        ([0x41C4, 0x0000], RegisterType.FLOAT32, "24.5"),
        ([0x4048, 0xF5C3], RegisterType.FLOAT32, "3.14"),
        ([0x3DCC, 0xCCCD], RegisterType.FLOAT32, "0.1"),
        ([0x0000, 0x0000], RegisterType.FLOAT32, "0"),
        ([0x7F7F, 0xFFFF], RegisterType.FLOAT32, "3.4028235E+38"),
        ([0x3FB9, 0x9999, 0x9999, 0x999A], RegisterType.FLOAT64, "0.1"),
    ],
)
def test_registers_become_exact_decimals(registers, kind, expected):
    assert modbus_rtu.decode(registers, kind) == Decimal(expected)


@pytest.mark.parametrize(
    ("order", "wire"),
    [
        (WordOrder.ABCD, "41 C4 00 00"),
        (WordOrder.CDAB, "00 00 41 C4"),
        (WordOrder.BADC, "C4 41 00 00"),
        (WordOrder.DCBA, "00 00 C4 41"),
    ],
)
def test_every_order_of_the_bytes_is_known(order, wire):
    """24.5 as a float of 32 bits, in the four orders that are met."""
    data = hexes(wire)
    registers = [int.from_bytes(data[at : at + 2], "big") for at in (0, 2)]

    assert modbus_rtu.decode(registers, RegisterType.FLOAT32, order) == Decimal("24.5")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (WordOrder.ABCD, 0x0102),
        (WordOrder.CDAB, 0x0102),
        (WordOrder.BADC, 0x0201),
        (WordOrder.DCBA, 0x0201),
    ],
)
def test_the_bytes_of_a_single_register_can_be_swapped_too(order, expected):
    assert modbus_rtu.decode([0x0102], RegisterType.UINT16, order) == expected


def test_the_words_of_64_bits_are_turned_round_as_a_whole():
    registers = [0x999A, 0x9999, 0x9999, 0x3FB9]

    assert modbus_rtu.decode(registers, RegisterType.FLOAT64, WordOrder.CDAB) == Decimal("0.1")


@pytest.mark.parametrize("registers", [[0x7FC0, 0], [0x7F80, 0], [0xFF80, 0]])
def test_what_is_no_number_is_no_value(registers):
    with pytest.raises(NotANumberError, match="not a number"):
        modbus_rtu.decode(registers, RegisterType.FLOAT32)


def test_a_value_needs_all_of_its_registers():
    with pytest.raises(FrameError):
        modbus_rtu.decode([1], RegisterType.UINT32)


@pytest.mark.parametrize(
    ("baud", "expected_ms"),
    [(1200, 32.08), (4800, 8.02), (9600, 4.01), (19200, 2.005), (38400, 1.75), (115200, 1.75)],
)
def test_the_silence_between_frames_is_that_of_the_standard(baud, expected_ms):
    """Serial line v1.02, 2.5.1.1: 3.5 characters of 11 bits, fixed above 19200 baud."""
    assert modbus_rtu.frame_gap_s(baud) * 1000 == pytest.approx(expected_ms, abs=0.005)


@given(data=st.binary(min_size=4, max_size=4))
def test_the_decimal_of_a_float_is_that_float_and_no_longer_than_needed(data):
    try:
        value = float32(data)
    except NotANumberError:
        return
    assert struct.pack(">f", float(value)) == data
    assert len(value.normalize().as_tuple().digits) <= 9


@given(
    server=st.integers(1, 247),
    start=st.integers(0, 0xFF00),
    registers=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=40),
    before=st.binary(max_size=20),
    after=st.binary(max_size=20),
)
def test_registers_come_out_as_they_went_in(server, start, registers, before, after):
    request = modbus_rtu.read_registers(server, 3, start, len(registers))
    data = b"".join(one.to_bytes(2, "big") for one in registers)
    reply = sealed(bytes([server, 3, len(data)]) + data)

    assert modbus_rtu.parse_registers(reply + after, request) == registers
    assert modbus_rtu.reply_length(before + reply, request) <= len(before) + len(reply)
    assert modbus_rtu.reply_length(before + reply, request) > 0


@given(data=st.binary(max_size=300), count=st.integers(1, 40))
def test_garbage_never_raises_anything_but_frame_or_sensor_error(data, count):
    request = modbus_rtu.read_registers(1, 3, 0, count)
    try:
        assert len(modbus_rtu.parse_registers(data, request)) == count
    except (FrameError, ExceptionReplyError):
        assert True
    assert 0 <= modbus_rtu.reply_length(data, request) <= len(data)
