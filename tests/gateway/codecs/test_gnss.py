"""Sentences that tell the time: byte literals with checksums of their own, whole and damaged."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.gnss import Fix, Stamp, decode
from gateway.errors import FrameError


def sentence(body):
    """Put a checksum to what stands between `$` and `*`."""
    checksum = reduce(lambda a, b: a ^ b, body.encode(), 0)
    return f"${body}*{checksum:02X}".encode()


def ms(*parts):
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        # The two that every receiver's manual prints; 1994 is for the caller to judge.
        (
            b"$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68",
            Stamp(ms(2094, 11, 19, 22, 54, 46), is_valid=True),
        ),
        (b"$GPZDA,201530.00,04,07,2002,00,00*60", Stamp(ms(2002, 7, 4, 20, 15, 30), None)),
        (
            b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47",
            Fix(is_valid=True),
        ),
    ],
)
def test_published_sentences(line, told):
    assert decode(line) == told
    assert decode(b"\xff\x00garbage" + line) == told


@pytest.mark.parametrize(
    ("body", "is_valid"),
    [
        ("GNRMC,060000.50,A,,,,,,,201126,,,A", True),
        ("GNRMC,060000.50,A,,,,,,,201126,,,D,V", True),
        ("GNRMC,060000.50,V,,,,,,,201126,,,N", False),
        ("GNRMC,060000.50,A,,,,,,,201126,,,E", False),  # estimated
        ("GNRMC,060000.50,A,,,,,,,201126,,,S", False),  # a simulator
        ("GNRMC,060000.50,A,,,,,,,201126,,,M", False),  # entered by hand
    ],
)
def test_a_date_is_valid_by_its_status_and_mode(body, is_valid):
    assert decode(sentence(body)) == Stamp(ms(2026, 11, 20, 6, 0, 0, 500_000), is_valid)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("GPRMC,,V,,,,,,,,,,N", Fix(is_valid=False)),  # just switched on
        ("GPRMC,235960.00,A,,,,,,,311226,,,A", Fix(is_valid=True)),  # a leap second
        ("GPRMC,250000,A,,,,,,,201126,,", Fix(is_valid=True)),
        ("GPRMC,060000,A,,,,,,,310226,,", Fix(is_valid=True)),  # 31 February
        ("GPZDA,,,,,,", None),
        ("GPZDA,235960,31,12,2026,00,00", None),
        ("GPGGA,060000,,,,,0,00,99.9,,M,,M,,", Fix(is_valid=False)),
        ("GPGGA,060000,,,,,8,04,1.0,,M,,M,,", Fix(is_valid=False)),
        ("GPGSV,1,1,00", None),
        ("WIMWV,120.0,R,5.0,M,A", None),
    ],
)
def test_what_tells_no_time(body, told):
    assert decode(sentence(body)) == told


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"$GPRMC,060000,A,,,,,,,201126,,*00",
        sentence("GPRMC,060000,A"),
        sentence("GPZDA,060000"),
        b"$GPRMC,060000,A,,,,,,,201126,,",
    ],
)
def test_a_damaged_line_is_told(line):
    with pytest.raises(FrameError):
        decode(line)


@given(st.binary(max_size=120))
def test_garbage_is_told_or_passed_over(garbage):
    with suppress(FrameError):
        assert decode(garbage) is None


fields = st.lists(st.text("0123456789.AVNE,", max_size=12), max_size=14)


@given(kind=st.sampled_from(["RMC", "ZDA", "GGA"]), rest=fields)
def test_whatever_stands_in_the_fields_there_is_no_other_error(kind, rest):
    with suppress(FrameError):
        decode(sentence(f"GP{kind},{','.join(rest)}"))
