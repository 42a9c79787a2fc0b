"""Checksums at the end of lines: published and recomputed vectors, and those that manuals got wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.checksums import ChecksumError
from gateway.codecs.seals import Seal
from gateway.errors import FrameError
from wire.catalogue.lines import Checksum, Line
from wire.errors import ConfigError

NMEA = Line()
VAISALA = Line(start="", checksum=Checksum.CRC16_SDI12)
GILL = Line(start="\x02", checksum=Checksum.XOR, checksum_after="\x03")
SR50A = Line(
    start="\x02",
    checksum=Checksum.TWOS_COMPLEMENT,
    checksum_after=";",
    checksum_counts=["start", "mark"],
    checksum_adds="\r\n\x03",
)


@pytest.mark.parametrize(
    ("line", "sealed"),
    [
        (NMEA, b"$WIMWV,282,R,0.1,M,A*37"),
        (NMEA, b"$IIMWV,271.0,R,000.2,N,A*3B"),
        (VAISALA, b"0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG"),
        (VAISALA, b"0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn"),
        (VAISALA, b"0r3,Rc=0.00M,Rd=0s,Ri=0.0MIlm"),
        (VAISALA, b"0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T"),
        (VAISALA, b"0tX,Use chksum GoeIU~"),
        (VAISALA, b"0r1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2MJ\\Y"),
        (GILL, b"\x02Q,229,002.74,M,00,\x0316"),
        (GILL, b"\x02Q,,000.02,M,00,\x032C"),
        (GILL, b"\x02Q,090,012.30,M,00,\x0317"),
        (GILL, b"\x02Q,,,M,04,\x0334"),
        (SR50A, b"\x0233;1838;194;11011;2C"),
    ],
)
def test_a_published_line_is_opened_and_one_changed_byte_is_told(line, sealed):
    text = Seal(line).open(sealed)

    assert sealed.startswith(text)
    assert len(text) < len(sealed)
    spoiled = sealed.replace(text[2:3], bytes([text[2] ^ 1]), 1)
    with pytest.raises(ChecksumError):
        Seal(line).open(spoiled)


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        # As the manuals print them: their own text gives another checksum.
        (VAISALA, b"0r1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2MLFj"),
        (NMEA, b"$WIXDR,C,31.4,C,0,H,18.2,P,0,P,895.6,H,0*75"),
        (NMEA, b"$WIXDR,C,31.4,C,0,H,18.2,P,0,P,895.6,H,0*61"),
        (GILL, b"\x02Q,229,002.74,M,00,\x0325"),
    ],
)
def test_a_line_that_a_manual_prints_wrong_is_refused(line, printed):
    with pytest.raises(ChecksumError):
        Seal(line).open(printed)


@pytest.mark.parametrize(
    ("kind", "sealed"),
    [
        (Checksum.SUM8, b"123456789*DD"),
        (Checksum.TWOS_COMPLEMENT, b"123456789*23"),
        (Checksum.CRC16_MODBUS, b"123456789*4B37"),
        (Checksum.CRC16_CCITT, b"123456789*31C3"),
        (Checksum.CRC16_SDI12, b"123456789*Kl}"),
    ],
)
def test_the_check_string_has_the_published_sum_of_each_kind(kind, sealed):
    assert Seal(Line(checksum=kind, checksum_after="*")).open(sealed) == b"123456789"


def test_a_start_that_was_damaged_refuses_the_line():
    """NUL for STX: it is not in the checksum, and XOR does not see it either."""
    with pytest.raises(FrameError, match="begin"):
        Seal(GILL).open(b"\x00Q,229,002.74,M,00,\x0316")


def test_without_a_checksum_the_line_is_as_it_is():
    assert Seal(Line(checksum=Checksum.NONE)).open(b"12 cm") == b"12 cm"


@pytest.mark.parametrize("line", [b"", b"*", b"37", b"$WIMWV,282,R,0.1,M,A", b"$WIMWV*3", b"$A*G0"])
def test_a_line_without_a_checksum_where_one_should_be_is_refused(line):
    with pytest.raises(FrameError):
        Seal(NMEA).open(line)


def test_hex_digits_may_be_small():
    assert Seal(NMEA).open(b"$IIMWV,271.0,R,000.2,N,A*3b") == b"$IIMWV,271.0,R,000.2,N,A"


@pytest.mark.parametrize(
    ("ask", "sealed"),
    [
        ("{address}r1{checksum}\r\n", b"0r1Goe\r\n"),
        ("{address}r2{checksum}\r\n", b"0r2Gje\r\n"),
        ("{address}r3{checksum}\r\n", b"0r3Kid\r\n"),
        ("{address}r5{checksum}\r\n", b"0r5Kcd\r\n"),
        ("{address}r{checksum}\r\n", b"0rBVT\r\n"),
        ("{address}r0{checksum}\r\n", b"0r0Kld\r\n"),
        ("{address}R1\r\n", b"0R1\r\n"),
    ],
)
def test_a_question_gets_its_address_and_checksum(ask, sealed):
    assert Seal(VAISALA).fill(ask, "0") == sealed


def test_a_question_in_the_manner_of_nmea_is_sealed_like_a_sentence():
    assert Seal(NMEA).fill("$WI{address}Q,MWV*{checksum}\r\n", "X") == b"$WIXQ,MWV*77\r\n"


def test_a_checksum_that_is_not_known_is_a_configuration_error():
    with pytest.raises(ConfigError, match="crc32"):
        Seal(Line(checksum="crc32"))


@given(
    line=st.sampled_from([NMEA, VAISALA, GILL, SR50A]),
    text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    place=st.integers(0, 400),
    bit=st.integers(0, 6),
)
def test_whatever_is_sealed_is_opened_and_no_single_wrong_bit_passes(line, text, place, bit):
    seal = Seal(line)
    sealed = seal.fill(f"{line.opening}{text}{line.mark}{{checksum}}".replace("{address}", ""), "")
    assert seal.open(sealed).decode() == f"{line.opening}{text}".replace("{address}", "")

    place %= len(sealed)
    spoiled = sealed[:place] + bytes([sealed[place] ^ 1 << bit]) + sealed[place + 1 :]
    if spoiled.lower() != sealed.lower():
        with pytest.raises(FrameError):
            seal.open(spoiled)


@given(line=st.sampled_from([NMEA, VAISALA, GILL, SR50A]), data=st.binary(max_size=80))
def test_garbage_raises_nothing_but_frame_error(line, data):
    try:
        assert data.startswith(Seal(line).open(data))
    except FrameError:
        assert data is not None
