"""A Davis console: woken, asked for its collector and firmware once, then for a packet a poll."""

from decimal import Decimal

import pytest

from gateway.codecs.checksums import crc16_ccitt
from gateway.drivers.davis import DavisDriver
from wire.catalogue import bundled
from wire.errors import ConfigError

STATION = bundled()["Davis Vantage Pro2"]
SOIL = bundled()["Davis soil moisture station"]

AWAKE = (b"\n", b"\n\r")
COLLECTOR = (b"EEBRD 2B 01\n", b"\x06\x10" + crc16_ccitt(b"\x10").to_bytes(2, "big"))
VERSION = (b"NVER\n", b"\n\rOK\n\r3.15\n\r")
LOOP = b"LOOP 1\n"


def packet():
    body = bytearray(97)
    body[0:3] = b"LOO"
    body[7:9] = b"\xe1\x74"  # 29.921 inHg
    body[12:14] = b"\xac\x02"  # 68.4 degF
    body[14:18] = b"\x0c\x0a\xd6\x00"  # 12 and 10 mph from 214
    body[26], body[63] = 154, 35  # 64 degF and 35 cb in channel 2
    body[33] = 55
    body[54:56] = b"\xbb\x00"
    body[87:89] = b"\x33\x03"
    body[95:97] = b"\n\r"
    return b"\x06" + bytes(body) + crc16_ccitt(bytes(body)).to_bytes(2, "big")


def test_a_first_poll_learns_the_collector_and_the_firmware_later_ones_only_ask(script):
    driver = DavisDriver(STATION, "")
    found = script(AWAKE, COLLECTOR, VERSION, (LOOP, packet())).run(driver.poll())

    values = {one.key: one.value for one in found}
    assert values["air_temperature"] == Decimal("20.22")
    assert values["wind_speed"] == Decimal("5.36")
    assert values["sea_level_pressure"] == Decimal("1013.24")
    assert values["rain_total"] == values["rain"] == Decimal("37.4")
    assert (driver.identity.vendor, driver.identity.firmware) == ("Davis", "3.15")
    assert len(script(AWAKE, (LOOP, packet())).run(driver.poll())) == len(STATION.field)


def test_centibar_of_a_soil_channel_become_a_negative_potential(script):
    driver = DavisDriver(SOIL, "2")
    found = script(AWAKE, COLLECTOR, VERSION, (LOOP, packet())).run(driver.poll())

    assert [(one.key, one.value) for one in found] == [
        ("soil_matric_potential", Decimal(-35)),
        ("soil_temperature", Decimal("17.78")),
    ]


def test_a_console_that_sleeps_deeply_is_woken_again(script):
    play = script((b"\n", b""), (b"\n", b""), AWAKE, COLLECTOR, VERSION, (LOOP, packet()))

    assert play.run(DavisDriver(STATION, "").poll())[0].value is not None


def test_a_console_that_never_wakes_is_a_timeout(script):
    found = script(*[(b"\n", b"")] * 3).run(DavisDriver(STATION, "").poll())

    assert {one.reason for one in found} == {"timeout"}


def test_without_the_collector_rain_is_missing_and_asked_for_again(script):
    driver = DavisDriver(STATION, "")
    play = script(AWAKE, (COLLECTOR[0], b"\x21"), (VERSION[0], b""), (LOOP, packet()))
    found = {one.key: one for one in play.run(driver.poll())}

    assert found["rain_total"].reason == "rain collector not known"
    assert found["air_temperature"].value is not None
    assert driver.identity is None
    again = script(AWAKE, COLLECTOR, (LOOP, packet())).run(driver.poll())
    assert {one.key: one.value for one in again}["rain_total"] == Decimal("37.4")


def test_a_damaged_packet_is_asked_for_again(script):
    spoiled = packet()[:40] + b"\x01" + packet()[41:]
    play = script(AWAKE, COLLECTOR, VERSION, (LOOP, spoiled), AWAKE, (LOOP, packet()))

    assert play.run(DavisDriver(STATION, "").poll())[0].value is not None


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(b"", "timeout"), (b"\x21", "refused by the console"), (b"\x06", "bad frame")],
)
def test_what_stays_wrong_is_told_in_stable_words(script, reply, reason):
    tries = [step for _ in range(2) for step in (AWAKE, (LOOP, reply))]
    play = script(AWAKE, COLLECTOR, VERSION, (LOOP, reply), *tries)

    assert {one.reason for one in play.run(DavisDriver(STATION, "").poll())} == {reason}


def test_a_soil_station_needs_its_channel():
    with pytest.raises(ConfigError, match="soil_temperature_"):
        DavisDriver(SOIL, "")
