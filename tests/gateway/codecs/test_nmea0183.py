from decimal import Decimal

import pynmea2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import nmea0183
from gateway.codecs.checksums import ChecksumError, xor_checksum
from gateway.errors import FrameError
from gateway.readings import Reading

UNITS = {
    "MWV.angle": "deg",
    "MWV.speed": "m/s",
    "XDR.C.AIR": "Cel",
    "XDR.C.0": "Cel",
    "XDR.H.0": "%",
    "XDR.P.0": "hPa",
    "XDR.P.BARO": "hPa",
    "XDR.C.T-N1052": "Cel",
    "XDR.A.N": "deg",
}


def starred(body):
    return b"$" + body + b"*%02X" % xor_checksum(body)


def decode(line):
    return {one.key: one.value for one in nmea0183.decode(line, UNITS)}


@pytest.mark.parametrize(
    ("line", "angle", "speed"),
    [
        (b"$WIMWV,282,R,0.1,M,A*37", "282", "0.1"),
        (b"$WIMWV,214.8,T,5.4,M,A*28", "214.8", "5.4"),
    ],
)
def test_wind_in_metres_a_second_is_read_as_printed(line, angle, speed):
    assert decode(line) == {"MWV.angle": Decimal(angle), "MWV.speed": Decimal(speed)}


@pytest.mark.parametrize(
    ("speed", "letter", "expected"),
    [
        ("10.0", "N", "5.144444"),
        ("36.0", "K", "10.000000"),
        ("10.0", "S", "4.470400"),
        ("10.0", "M", "10.000000"),
    ],
)
def test_every_wind_unit_becomes_metres_a_second(speed, letter, expected):
    line = starred(f"WIMWV,90,R,{speed},{letter},A".encode())

    assert round(decode(line)["MWV.speed"], 6) == Decimal(expected)


def test_knots_of_the_published_example_are_converted():
    assert round(decode(b"$IIMWV,271.0,R,000.2,N,A*3B")["MWV.speed"], 4) == Decimal("0.1029")


def test_status_v_is_missing_with_its_reason():
    assert nmea0183.decode(b"$WIMWV,,R,,M,V*37", UNITS) == [
        Reading("MWV.angle", None, "status V"),
        Reading("MWV.speed", None, "status V"),
    ]


def test_an_empty_field_is_missing_and_its_neighbour_is_not():
    assert nmea0183.decode(starred(b"WIMWV,,R,0.02,M,A"), UNITS) == [
        Reading("MWV.angle", None, "no value"),
        Reading("MWV.speed", Decimal("0.02")),
    ]


def test_transducers_are_read_by_type_and_id():
    assert decode(b"$WIXDR,C,31.4,C,0,H,18.2,P,0,P,895.6,H,0*41") == {
        "XDR.C.0": Decimal("31.4"),
        "XDR.H.0": Decimal("18.2"),
        "XDR.P.0": Decimal("895.6"),
    }


def test_transducers_nobody_asked_for_are_left_out():
    line = b"$YXXDR,A,-64.437,M,N,A,054.454,D,E,C,17.09,C,T-N1052*46"

    assert nmea0183.decode(line, {"XDR.C.T-N1052": "Cel"}) == [
        Reading("XDR.C.T-N1052", Decimal("17.09"))
    ]


def test_a_unit_letter_that_is_not_known_is_missing():
    line = b"$YXXDR,A,-64.437,M,N,A,054.454,D,E,C,17.09,C,T-N1052*46"

    assert Reading("XDR.A.N", None, "unknown unit") in nmea0183.decode(line, UNITS)


@pytest.mark.parametrize(
    ("value", "letter", "expected"),
    [("0.89560", "B", "895.60"), ("89560", "P", "895.6"), ("895.6", "H", "895.6")],
)
def test_pressure_is_converted_exactly(value, letter, expected):
    line = starred(f"WIXDR,P,{value},{letter},BARO".encode())

    assert decode(line) == {"XDR.P.BARO": Decimal(expected)}


def test_kelvin_become_degrees_celsius():
    assert decode(starred(b"WIXDR,C,300.15,K,AIR")) == {"XDR.C.AIR": Decimal("27.00")}


def test_a_unit_of_another_dimension_is_missing():
    found = nmea0183.decode(starred(b"WIXDR,C,20.0,C,AIR"), {"XDR.C.AIR": "hPa"})

    assert found == [Reading("XDR.C.AIR", None, "unit does not fit")]


@pytest.mark.parametrize(
    "line",
    [
        b"$WIMDA,30.2269,I,1.0236,B,17.7,C,,,43.3,,5.0,C,131.5,T,128.6,M,0.8,N,0.4,M*54",
        starred(b"PMTK001,604,3"),
        starred(b"GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"),
    ],
)
def test_a_good_sentence_of_another_kind_says_nothing(line):
    assert nmea0183.decode(line, UNITS) == []


def test_a_changed_byte_is_a_checksum_error():
    with pytest.raises(ChecksumError):
        nmea0183.decode(b"$WIMWV,283,R,0.1,M,A*37", UNITS)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"$",
        b"$WIMWV,282,R,0.1,M,A",
        starred(b"WIMWV,282,R,0.1,M"),
        starred(b"WIMWV,2x2,R,0.1,M,A"),
        starred(b"WIXDR,C,31.4,C"),
        starred(b"wimwv"),
        b"WIMWV,282,R,0.1,M,A*37",
    ],
)
def test_what_is_no_sentence_is_refused(line):
    with pytest.raises(FrameError):
        nmea0183.decode(line, UNITS)


def test_noise_before_the_dollar_is_passed_over():
    assert decode(b"\xfe\x00$WIMWV,28$WIMWV,282,R,0.1,M,A*37")["MWV.speed"] == Decimal("0.1")


@given(
    angle=st.decimals(0, 359, places=1),
    speed=st.decimals(0, 60, places=2),
)
def test_wind_is_read_as_pynmea2_reads_it(angle, speed):
    """A foreign peer: pynmea2 writes the sentence."""
    sentence = pynmea2.MWV("WI", "MWV", (str(angle), "R", str(speed), "M", "A"))

    assert decode(str(sentence).encode()) == {"MWV.angle": angle, "MWV.speed": speed}


@given(temperature=st.decimals(-60, 60, places=2), humidity=st.decimals(0, 100, places=1))
def test_transducers_are_read_as_pynmea2_reads_them(temperature, humidity):
    fields = ("C", str(temperature), "C", "AIR", "H", str(humidity), "P", "0")
    sentence = pynmea2.XDR("WI", "XDR", fields)

    assert decode(str(sentence).encode()) == {"XDR.C.AIR": temperature, "XDR.H.0": humidity}


@given(
    data=st.binary(max_size=100)
    | st.binary(max_size=60).map(starred)
    | st.from_regex(rb"WIMWV,[0-9.\-]{0,9},[RT],[0-9.\-]{0,9},[A-Z],[AV]", fullmatch=True).map(
        starred
    )
    | st.from_regex(rb"WIXDR(,[A-Z0-9.\-]{0,6}){0,9}", fullmatch=True).map(starred)
)
def test_garbage_never_raises_anything_but_frame_error(data):
    try:
        nmea0183.decode(data, UNITS)
    except FrameError:
        assert True
