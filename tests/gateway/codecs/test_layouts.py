"""Lines into their named parts, by the three ways of a catalogue entry."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.checksums import ChecksumError, xor_checksum
from gateway.codecs.layouts import LineFormat, RefusedError
from gateway.codecs.lines import LineSplitter
from gateway.errors import FrameError
from wire.catalogue import bundled
from wire.catalogue.lines import Line, Message

COLUMNS = Line(
    start="", delimiter=";", columns={"unit": 1, "speed": 3, "direction": 2}, checksum="none"
)
PAIRS = Line(start="", delimiter=",", pairs="=", begins=r"(?P<unit>\w)R[0-5]", checksum="none")

WIND = b"0R1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2M"
SOURCES = {
    "NMEA counter": (bundled()["Saltation counter, ASCII"].line, b"$SALT,1,42,17,36.4*24"),
    "Gill": (bundled()["Gill WindSonic"].line, b"\x02Q,229,002.74,M,00,\x0316"),
    "SR50A": (bundled()["Campbell SR50A, serial"].line, b"\x0233;1.838;194;11011;FE"),
    "Vaisala": (
        bundled()["Vaisala WXT530, automatic with checksum"].line,
        b"0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn",
    ),
}


def test_columns_are_numbered_from_one_and_blanks_around_them_do_not_count():
    assert LineFormat(COLUMNS).decode(b"7; 214 ;5.4;spare") == {
        "unit": "7",
        "direction": "214",
        "speed": "5.4",
    }


def test_a_line_with_too_few_columns_is_refused():
    with pytest.raises(FrameError, match="2 columns, not the 3"):
        LineFormat(COLUMNS).decode(b"7;214")


def test_pairs_come_by_their_keys_in_any_order_and_number():
    """A Vaisala sends what it was set to send, in a fixed order."""
    assert LineFormat(PAIRS).decode(b"0R0,Dx=005D,Sx=2.8M,Hd=0.00M,Th=23.6C") == {
        "unit": "0",
        "Dx": "005D",
        "Sx": "2.8M",
        "Hd": "0.00M",
        "Th": "23.6C",
    }


def test_a_key_that_comes_twice_refuses_the_line():
    with pytest.raises(FrameError, match="'Sm' twice"):
        LineFormat(PAIRS).decode(b"0R1,Sm=1.0M,Sm=2.0M")


def test_a_message_has_a_beginning_of_its_own():
    form = LineFormat(PAIRS, Message(ask="0R2\r\n", begins=r"(?P<unit>\w)R2", keys=["Ta"]))

    assert form.decode(b"0R2,Ta=23.6C") == {"unit": "0", "Ta": "23.6C"}
    with pytest.raises(FrameError):
        form.decode(WIND)


def test_an_error_that_the_instrument_tells_is_no_damage():
    line = msgspec.structs.replace(PAIRS, error=r"\w[Tt]X,.*")

    with pytest.raises(RefusedError):
        LineFormat(line).decode(b"0TX,Unknown cmd error")


def test_a_longer_line_than_any_instrument_sends_is_refused():
    with pytest.raises(FrameError, match="longer"):
        LineFormat(PAIRS).decode(WIND + b"," + b"x" * 512)


def test_what_a_text_of_its_own_ends_is_a_line_too():
    splitter = LineSplitter(ends=["\x03"])

    assert splitter.feed(b"\x02one\x03\x02two\r\n\x02thr") == [b"\x02one", b"\x02two"]
    assert splitter.feed(b"ee\x03") == [b"\x02three"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("noise", [b"\x07", b"\xff\xfe", b"$GP", b"\x02Q,2", b"0r1,Ta=2", b"33;"])
def test_noise_or_a_torn_line_before_a_line_costs_nothing(source, noise):
    line, text = SOURCES[source]
    form = LineFormat(line)
    before = noise[:-1] if noise[-1:].isalnum() and source == "Vaisala" else noise

    assert form.decode(before + text) == form.decode(text)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("noise", [b"\x07", b"9", b"*00"])
def test_what_stands_behind_the_checksum_refuses_the_line(source, noise):
    line, text = SOURCES[source]

    with pytest.raises(FrameError):
        LineFormat(line).decode(text + noise)


@pytest.mark.parametrize("source", SOURCES)
def test_byte_by_byte_with_garbage_around_the_same_lines_come_out(source):
    line, text = SOURCES[source]
    form = LineFormat(line)
    stream = b"\x00\xff\r\n" + text + b"\r\n\x03\xfe#~\r\n" + text + b"\r\n"
    splitter = LineSplitter()
    whole = splitter.feed(stream)
    splitter = LineSplitter()
    single = [one for byte in stream for one in splitter.feed(bytes([byte]))]

    def read(lines):
        for one in lines:
            try:
                yield form.decode(one)
            except FrameError:
                continue

    assert whole == single
    assert list(read(whole)) == [form.decode(text)] * 2


@given(
    source=st.sampled_from(sorted(SOURCES)),
    data=st.binary(max_size=600)
    | st.text(st.sampled_from("0r1RSmTaD=,.#M;Q\x02\x0333*$"), max_size=80).map(str.encode),
)
def test_garbage_raises_nothing_but_frame_error(source, data):
    try:
        assert LineFormat(SOURCES[source][0]).decode(data)
    except FrameError:
        assert data is not None


@given(source=st.sampled_from(sorted(SOURCES)), place=st.integers(0, 99), bit=st.integers(0, 7))
def test_no_changed_bit_gives_another_value(source, place, bit):
    line, text = SOURCES[source]
    place %= len(text)
    spoiled = text[:place] + bytes([text[place] ^ 1 << bit]) + text[place + 1 :]
    try:
        assert LineFormat(line).decode(spoiled) == LineFormat(line).decode(text)
    except FrameError:
        assert spoiled != text


def test_two_talkers_that_speak_at_once_give_no_value():
    """Their bytes alternate; whatever splits them apart again would be invention."""
    one = b"$SALT,1,42,17,36.4*%02X\r\n" % xor_checksum(b"SALT,1,42,17,36.4")
    other = b"$SALT,2,41,99,11.1*%02X\r\n" % xor_checksum(b"SALT,2,41,99,11.1")
    mixed = bytes(byte for pair in zip(one, other, strict=True) for byte in pair)
    form = LineFormat(SOURCES["NMEA counter"][0])

    for line in LineSplitter().feed(mixed):
        with pytest.raises((FrameError, ChecksumError)):
            form.decode(line)
