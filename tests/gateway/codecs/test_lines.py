from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.checksums import ChecksumError, xor_checksum
from gateway.codecs.layouts import LineFormat
from gateway.codecs.lines import LineSplitter, checked_text, from_dollar, parse_number
from gateway.errors import FrameError
from wire.catalogue import Line, bundled
from wire.errors import ConfigError

SALT = b"$SALT,1,42,17,36.4*24"
FORMAT = LineFormat(bundled()["Saltation counter, ASCII"].line)


def starred(body):
    return b"$" + body + b"*%02X" % xor_checksum(body)


def test_the_line_of_the_reference_counter_is_read():
    assert FORMAT.decode(SALT) == {
        "unit": "1",
        "number": "42",
        "count": "17",
        "energy": "36.4",
    }


def test_its_checksum_is_the_xor_between_dollar_and_star():
    assert checked_text(b"$WIMWV,282,R,0.1,M,A*37") == "$WIMWV,282,R,0.1,M,A"


@pytest.mark.parametrize("line", [b"$SALT,1,42,18,36.4*24", b"$SALT,1,42,17,36.4*00", b"$*01"])
def test_a_wrong_checksum_is_told_as_such(line):
    with pytest.raises(ChecksumError):
        FORMAT.decode(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"$SALT,1,42,17,36.4",
        b"$SALT,1,42,17,36.4*",
        b"$SALT,1,42,17,36.4*4",
        starred(b"SALT,1,42,17"),
        starred(b"SALT,1,42,-17,36.4"),
        starred(b"SALT,1,42,17,36.4\xff"),
    ],
)
def test_what_is_no_line_of_the_sensor_is_refused(line):
    with pytest.raises(FrameError):
        FORMAT.decode(line)


def test_noise_and_a_torn_line_before_the_line_are_passed_over():
    assert FORMAT.decode(b"\x00\xff$SALT,1,4" + starred(b"SALT,1,42,17,36.4"))["count"] == "17"


def test_without_a_checksum_the_pattern_alone_decides():
    plain = LineFormat(Line(pattern=r"(?P<depth>\d+) cm", checksum="none"))

    assert plain.decode(b"12 cm") == {"depth": "12"}


@pytest.mark.parametrize(
    "line", [Line(pattern="x", checksum="crc32"), Line(pattern="(", checksum="none")]
)
def test_a_catalogue_line_that_cannot_be_used_is_a_configuration_error(line):
    with pytest.raises(ConfigError):
        LineFormat(line)


@pytest.mark.parametrize(
    ("text", "expected"), [("12", "12"), ("-0.50", "-0.50"), ("+3.", "3"), (".5", "0.5")]
)
def test_plain_numbers_are_read(text, expected):
    assert parse_number(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "-", ".", "1e9", "NaN", "Infinity", "1_0", "٣", "9" * 13])
def test_what_is_no_plain_number_is_refused(text):
    with pytest.raises(FrameError):
        parse_number(text)


def test_a_stream_is_cut_into_lines():
    assert LineSplitter().feed(b"one\r\ntwo\n\r\nthr") == [b"one", b"two"]


def test_fed_byte_by_byte_the_lines_are_the_same():
    splitter = LineSplitter()
    stream = b"\xff\x00noise\r\n$SALT\r\nend\n"
    lines = [line for byte in stream for line in splitter.feed(bytes([byte]))]

    assert lines == LineSplitter().feed(stream) == [b"\xff\x00noise", b"$SALT", b"end"]


def test_a_line_over_the_limit_is_dropped_whole_and_the_next_one_read():
    splitter = LineSplitter(max_bytes=10)
    lines = splitter.feed(b"x" * 8) + splitter.feed(b"x" * 8) + splitter.feed(b"yyy\r\nok\r\n")

    assert lines == [b"ok"]


def test_an_overlong_line_in_one_piece_is_dropped_too():
    assert LineSplitter(max_bytes=10).feed(b"x" * 11 + b"\r\nok\r\n") == [b"ok"]


def test_a_reset_forgets_the_torn_line():
    splitter = LineSplitter()
    splitter.feed(b"torn")
    splitter.reset()

    assert splitter.feed(b"whole\n") == [b"whole"]


def test_a_line_starts_at_its_last_dollar():
    assert from_dollar(b"$GPXX,1$SALT,1") == b"$SALT,1"
    assert from_dollar(b"no dollar") == b"no dollar"


@given(chunks=st.lists(st.binary(max_size=40), max_size=30))
def test_the_buffer_stays_bounded_and_lines_hold_no_line_end(chunks):
    splitter = LineSplitter(max_bytes=32)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]

    assert all(0 < len(line) <= 32 and b"\n" not in line for line in lines)
    assert len(splitter._buffer) <= 32


@given(
    lines=st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: not set(b) & {10, 13})),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_lines_come_out_however_the_stream_is_cut(lines, cuts):
    stream = b"".join(line + b"\r\n" for line in lines)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    splitter = LineSplitter()
    found = [line for start, end in pairwise(edges) for line in splitter.feed(stream[start:end])]

    assert found == lines


@given(data=st.binary(max_size=100) | st.binary(max_size=60).map(starred))
def test_garbage_never_raises_anything_but_frame_error(data):
    try:
        FORMAT.decode(data)
    except FrameError:
        assert True
