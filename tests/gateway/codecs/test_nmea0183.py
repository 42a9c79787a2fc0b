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


MDA = {
    "MDA.pressure": "hPa",
    "MDA.air_temperature": "Cel",
    "MDA.water_temperature": "Cel",
    "MDA.relative_humidity": "%",
    "MDA.dew_point": "Cel",
    "MDA.direction_true": "deg",
    "MDA.direction_magnetic": "deg",
    "MDA.speed": "m/s",
}
COMPOSITE = b"$WIMDA,30.2269,I,1.0236,B,17.7,C,,,43.3,,5.0,C,131.5,T,128.6,M,0.8,N,0.4,M*54"


def test_the_published_composite_is_read_pressure_by_its_bar_and_wind_by_its_metres():
    found = {one.key: one.value for one in nmea0183.decode(COMPOSITE, MDA)}

    assert found == {
        "MDA.pressure": Decimal("1023.6"),
        "MDA.air_temperature": Decimal("17.7"),
        "MDA.water_temperature": None,
        "MDA.relative_humidity": Decimal("43.3"),
        "MDA.dew_point": Decimal("5.0"),
        "MDA.direction_true": Decimal("131.5"),
        "MDA.direction_magnetic": Decimal("128.6"),
        "MDA.speed": Decimal("0.4"),
    }


def test_a_composite_with_inches_and_knots_alone_is_converted():
    line = starred(b"WIMDA,30.2269,I,,B,,C,,C,,,,C,,T,,M,10.0,N,,M")
    found = {one.key: one for one in nmea0183.decode(line, MDA)}

    assert round(found["MDA.pressure"].value, 2) == Decimal("1023.60")
    assert round(found["MDA.speed"].value, 4) == Decimal("5.1444")
    assert found["MDA.air_temperature"] == Reading("MDA.air_temperature", None, "no value")


def test_a_composite_of_another_length_is_refused():
    with pytest.raises(FrameError, match="20 fields"):
        nmea0183.decode(starred(b"WIMDA,30.2269,I,1.0236,B"), MDA)


def test_wind_is_also_given_by_its_reference():
    """A station that sends both, relative and true, must not be mixed up."""
    units = {"MWV.T.speed": "m/s", "MWV.R.angle": "deg"}

    assert nmea0183.decode(b"$WIMWV,214.8,T,5.4,M,A*28", units) == [
        Reading("MWV.T.speed", Decimal("5.4"))
    ]
    assert nmea0183.decode(b"$WIMWV,282,R,0.1,M,A*37", units) == [
        Reading("MWV.R.angle", Decimal(282))
    ]


@pytest.mark.parametrize(
    ("transducer", "wanted", "expected"),
    [
        ("V,12.34,M,0", "mm", "12.34"),
        ("V,1.00,I,0", "mm", "25.4"),
        ("V,3.0,M,0", "{count}/cm2", "3.0"),
        ("R,2.7,M,0", "mm/h", "2.7"),
        ("R,2.7,M,0", "{count}/(cm2.h)", "2.7"),
        ("Z,30,s,0", "s", "30"),
        ("U,12.0,N,0", "V", "12.0"),
        ("C,77.0,F,0", "Cel", "25"),
        ("P,26.9,I,0", "hPa", "910.94"),
        ("P,683.1,M,0", "hPa", "910.73"),
        ("S,3.6,K,0", "m/s", "1"),
        ("D,2.105,M,0", "m", "2.105"),
        ("G,17,,0", "{count}", "17"),
        ("I,0.25,A,0", "A", "0.25"),
        ("F,50,H,0", "Hz", "50"),
    ],
)
def test_every_transducer_is_read_in_its_units(transducer, wanted, expected):
    key = f"XDR.{transducer[0]}.0"
    (found,) = nmea0183.decode(starred(b"WIXDR," + transducer.encode()), {key: wanted})

    assert round(found.value, 2) == round(Decimal(expected), 2)


@pytest.mark.parametrize(
    "line",
    [
        b"$WIXDR,C,31.4,C,0,H,18.2,P,0,P,895.6,H,0*75",
        b"$WIXDR,C,31.4,C,0,H,18.2,P,0,P,895.6,H,0*61",
    ],
)
def test_the_checksums_that_vaisala_prints_are_refused(line):
    with pytest.raises(ChecksumError):
        nmea0183.decode(line, UNITS)


def test_a_unit_of_another_dimension_is_missing():
    found = nmea0183.decode(starred(b"WIXDR,C,20.0,C,AIR"), {"XDR.C.AIR": "hPa"})

    assert found == [Reading("XDR.C.AIR", None, "unit does not fit")]


@pytest.mark.parametrize(
    "line",
    [
        COMPOSITE,  # nobody asked for its keys
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
    pressure=st.decimals("0.5", "1.1", places=4),
    direction=st.decimals(0, 359, places=1),
    speed=st.decimals(0, 60, places=1),
)
def test_a_composite_is_read_as_pynmea2_reads_it(pressure, direction, speed):
    fields = ("", "I", str(pressure), "B", "", "C", "", "C", "", "", "", "C",
              str(direction), "T", "", "M", "", "N", str(speed), "M")  # fmt: skip
    sentence = pynmea2.MDA("WI", "MDA", fields)
    found = {one.key: one.value for one in nmea0183.decode(str(sentence).encode(), MDA)}
    theirs = pynmea2.parse(str(sentence), check=True)

    assert found["MDA.pressure"] == Decimal(theirs.b_pressure_bar) * 1000 == pressure * 1000
    assert found["MDA.direction_true"] == Decimal(theirs.direction_true)
    assert found["MDA.speed"] == Decimal(theirs.wind_speed_meters)


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
