"""The NMEA 0183 weather station, read back with pynmea2."""

from decimal import Decimal

import pynmea2
import pytest

from firmware_sim.devices.nmea0183 import WeatherTalker, sentence

SECOND = 1_795_000_000


@pytest.fixture
def talker(set_up):
    return WeatherTalker(set_up("NMEA 0183 weather station", name="dune-1/mast"))


@pytest.mark.parametrize(
    "line",
    [
        "$WIMWV,282,R,0.1,M,A*37\r\n",
        "$WIMWV,214.8,T,5.4,M,A*28\r\n",
        "$WIMWV,,R,,M,V*37\r\n",
        "$YXXDR,A,-64.437,M,N,A,054.454,D,E,C,17.09,C,T-N1052*46\r\n",
    ],
)
def test_checksum_vectors(line):
    assert sentence(line[1 : line.index("*")]) == line.encode()


def test_a_sentence_longer_than_the_standard_allows_is_refused():
    with pytest.raises(ValueError, match="82"):
        sentence("WIMWV," + "1" * 80)


def test_pynmea2_reads_the_wind(talker):
    line = talker.say(SECOND)[0].data.decode()
    parsed = pynmea2.parse(line, check=True)
    assert (parsed.talker, parsed.sentence_type) == ("WI", "MWV")
    assert (parsed.wind_angle, parsed.wind_speed) == (Decimal("214.8"), Decimal("5.40"))
    assert (parsed.reference, parsed.wind_speed_units, parsed.status) == ("R", "M", "A")


def test_pynmea2_reads_the_air(talker):
    parsed = pynmea2.parse(talker.say(SECOND)[1].data.decode(), check=True)
    found = [parsed.get_transducer(index) for index in range(parsed.num_transducers)]
    assert [(one.type, Decimal(one.value), one.units, one.id) for one in found] == [
        ("C", Decimal("25.00"), "C", "AIR"),
        ("H", Decimal("43.2"), "P", "RH"),
        ("P", Decimal("0.89231"), "B", "BARO"),
    ]


def test_answers_hold_what_the_lines_say_in_catalogue_units(talker):
    """The line says bar, the catalogue hectopascal."""
    wind, air = (send.answer for send in talker.say(SECOND))
    assert (wind.device, wind.kind) == ("dune-1/mast", "line")
    assert wind.values == {"MWV.angle": Decimal("214.8"), "MWV.speed": Decimal("5.40")}
    assert air.values == {
        "XDR.C.AIR": Decimal("25.00"),
        "XDR.H.RH": Decimal("43.2"),
        "XDR.P.BARO": Decimal("892.31"),
    }


def test_an_angle_has_three_digits_and_is_never_360(talker, still):
    still.change(wind_direction_deg=359.97, wind_speed_ms=0.0)
    assert talker.say(SECOND)[0].data == b"$WIMWV,000.0,R,0.00,M,A*10\r\n"


def test_cold_air_has_its_sign_and_nought_has_none(talker, still):
    still.change(air_temperature_c=-0.001)
    assert b"$WIXDR,C,0.00,C,AIR," in talker.say(SECOND)[1].data
    still.change(air_temperature_c=-12.345)
    assert b"$WIXDR,C,-12.35,C,AIR," in talker.say(SECOND)[1].data


def test_wind_that_is_unknown_is_marked_invalid(talker, still):
    still.change(wind_direction_deg=None)
    send = talker.say(SECOND)[0]
    assert send.data == b"$WIMWV,,R,,M,V*37\r\n"
    assert send.answer.values == {}
    assert set(send.answer.reasons) == {"MWV.angle", "MWV.speed"}


def test_a_transducer_that_is_unknown_stays_empty(talker, still):
    still.change(pressure_hpa=None)
    send = talker.say(SECOND)[1]
    assert b",P,,B,BARO*" in send.data
    assert set(send.answer.reasons) == {"XDR.P.BARO"}
