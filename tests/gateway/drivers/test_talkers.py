from decimal import Decimal

import msgspec
import pytest

from gateway.codecs.checksums import ChecksumError, xor_checksum
from gateway.drivers.talkers import LineTalker, NmeaTalker
from gateway.errors import FrameError
from gateway.readings import Reading
from wire.catalogue import Line, Sentinel, bundled
from wire.errors import ConfigError

STATION = bundled()["NMEA 0183 weather station"]
COUNTER = bundled()["Saltation counter, ASCII"]


def starred(body):
    return b"$" + body + b"*%02X" % xor_checksum(body)


def test_a_weather_station_gives_its_keys_in_the_catalogues_units():
    found = NmeaTalker(STATION).read(starred(b"WIXDR,C,31.4,C,AIR,H,18.2,P,RH,P,0.8956,B,BARO"))

    assert found == [
        Reading("XDR.C.AIR", Decimal("31.4")),
        Reading("XDR.H.RH", Decimal("18.2")),
        Reading("XDR.P.BARO", Decimal("895.6")),
    ]


def test_a_sentinel_of_a_talker_is_missing():
    model = msgspec.structs.replace(
        STATION, sentinel=[Sentinel(value=Decimal("999.9"), reason="sensor fault")]
    )

    found = NmeaTalker(model).read(starred(b"WIMWV,90,R,999.9,M,A"))

    assert Reading("MWV.speed", None, "sensor fault") in found


def test_a_sentinel_of_one_property_of_a_talker_is_missing():
    """The catalogue names properties, the line has keys."""
    sentinel = Sentinel(
        value=Decimal("99.99"), reason="sensor fault", properties=["wind_speed_max"]
    )
    model = msgspec.structs.replace(STATION, sentinel=[sentinel])

    found = NmeaTalker(model).read(starred(b"WIMWV,90,R,99.99,M,A"))

    assert found == [
        Reading("MWV.angle", Decimal(90)),
        Reading("MWV.speed", None, "sensor fault"),
    ]


def test_a_damaged_sentence_is_refused():
    with pytest.raises(ChecksumError):
        NmeaTalker(STATION).read(b"$WIMWV,283,R,0.1,M,A*37")


def test_a_counter_line_gives_each_key_once():
    """Two fields count from the same number; it is one reading."""
    found = LineTalker(COUNTER, "").read(starred(b"SALT,1,42,17,36.4"))

    assert found == [Reading("count", Decimal(17)), Reading("energy", Decimal("36.4"))]


@pytest.mark.parametrize(
    ("address", "heard"), [("7", True), ("007", True), ("", True), ("8", False), ("0", False)]
)
def test_a_line_belongs_to_the_unit_it_names(address, heard):
    found = LineTalker(COUNTER, address).read(starred(b"SALT,007,42,17,36.4"))

    assert bool(found) is heard


def test_a_line_without_a_unit_belongs_to_every_sensor():
    model = msgspec.structs.replace(
        COUNTER,
        line=Line(pattern=r"(?P<count>\d+) (?P<energy>\d+)", checksum="none"),
    )

    assert LineTalker(model, "3").read(b"1 2") == [
        Reading("count", Decimal(1)),
        Reading("energy", Decimal(2)),
    ]


def test_a_group_that_matched_nothing_is_missing():
    model = msgspec.structs.replace(
        COUNTER, line=Line(pattern=r"(?P<count>\d*) (?P<energy>\d+)?", checksum="none")
    )

    assert LineTalker(model, "").read(b" 2")[0] == Reading("count", None, "no value")


def test_a_group_that_is_no_number_refuses_the_line():
    model = msgspec.structs.replace(
        COUNTER, line=Line(pattern=r"(?P<count>\w*) (?P<energy>\d+)", checksum="none")
    )

    with pytest.raises(FrameError):
        LineTalker(model, "").read(b"many 2")


def test_a_pattern_that_lacks_a_key_is_a_configuration_error():
    model = msgspec.structs.replace(COUNTER, line=Line(pattern=r"(?P<count>\d+)"))

    with pytest.raises(ConfigError, match="energy"):
        LineTalker(model, "")


def test_a_model_of_another_protocol_is_a_configuration_error():
    with pytest.raises(ConfigError):
        LineTalker(STATION, "")
