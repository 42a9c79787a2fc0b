"""The walk over ports: its order, what it refuses, and what it keeps when it is broken off."""

import threading
import time

import pytest

from gateway.buses.serial_port import PortSettings, SerialPort, StoppedError
from gateway.drivers.sdi12 import AdapterKind
from gateway.scan import Extent, Scanner
from wire.catalogue import Protocol, bundled, parse_model

SENSOR = {b"?!": b"1\r\n", b"1!": b"1\r\n", b"1I!": b"113ACME    XY1   1.0\r\n"}


@pytest.mark.parametrize(
    ("bus", "protocol", "model"),
    [
        ("nmea", Protocol.NMEA0183, "NMEA 0183 weather station"),
        ("salt", Protocol.LINE, "Saltation counter, ASCII"),
    ],
)
def test_talkers_are_recognised_by_their_lines_and_not_talked_over(simulated, bus, protocol, model):
    scanner = simulated[bus]
    (found,) = scanner.findings

    assert found.protocol is protocol
    assert [one.models[0] for one in found.sensors] == [model]
    assert found.sensors[0].live
    assert scanner.tally.asked == 0


@pytest.mark.parametrize(
    ("bus", "protocol", "model"),
    [
        ("polled", Protocol.LINE, "Gill WindSonic, polled"),
        ("davis", Protocol.DAVIS, "Davis Vantage Pro2 Plus"),
    ],
)
def test_instruments_with_questions_of_their_own_are_asked_last(simulated, bus, protocol, model):
    (found,) = simulated[bus].findings

    assert found.protocol is protocol
    assert model in found.sensors[0].models
    assert found.sensors[0].live


def test_one_who_talks_and_is_nobody_we_know_is_told_and_left_alone(device, scanned, hasty):
    there = device(lambda _: b"")
    done = threading.Event()

    def babble():
        while not done.wait(0.02):
            there.say(b"bzzt 17\r\n")

    thread = threading.Thread(target=babble)
    thread.start()
    try:
        scanner = scanned(there.port, hasty(listen_s=0.6))  # 0.1 s was too short on a busy machine
    finally:
        done.set()
        thread.join()

    (sensor,) = scanner.findings[0].sensors
    assert sensor.models == ()
    assert "bzzt 17" in sensor.says
    assert there.asked == []


def test_a_banner_at_the_opening_is_no_talker(device, scanned, hasty):
    """An Arduino that starts when its port is opened."""
    there = device(lambda asked: SENSOR.get(asked, b""))

    def boot(text):
        if "listening" in text:
            there.say(b"SDI-12 adapter v2\r\n")

    scanner = Scanner(bundled(), boot, hasty())
    scanner.run([there.port])
    (found,) = scanner.findings

    assert found.adapter is AdapterKind.LINE_BOOTS
    assert [one.address for one in found.sensors] == ["1"]


def test_a_model_of_ones_own_is_found_too(device, scanned, hasty):
    own = parse_model(
        """
        model = "ACME soil"
        vendor = "ACME"
        protocol = "sdi12"
        reference = "its manual"
        [sdi12]
        identify = "ACME    XY1"
        [[field]]
        property = "soil_temperature"
        unit = "Cel"
        resolution = 0.1
        position = 1
        """,
        "acme.toml",
    )
    replies = SENSOR | {b"1M!": b"10001\r\n", b"1MC!": b"10001\r\n", b"1D0!": b"1+21.5\r\n"}
    there = device(lambda asked: replies.get(asked, b""))
    (found,) = scanned(there.port, hasty(), {**bundled(), own.model: own}).findings

    assert found.sensors[0].models == ("ACME soil",)
    assert found.sensors[0].live == "soil_temperature 21.5 Cel"


def test_a_silent_port_is_told_within_its_time(device, scanned, hasty):
    begun = time.monotonic()
    there = device(lambda _: b"")
    scanner = scanned(there.port, hasty(sdi12_addresses="", sdi12_s=0.05))

    assert scanner.findings == []
    assert scanner.said[-1] == f"{there.port}: nothing found"
    assert time.monotonic() - begun < 60


def test_the_time_outs_of_a_bus_of_ten_stay_under_a_minute():
    """What is absent is what takes the time: counted by the waits that are planned."""
    extent, settle_s = Extent(), 0.1
    sdi12 = (52 + 1) * (extent.sdi12_s + settle_s)
    modbus_first_rate = 10 * 4 * (extent.modbus_s + settle_s)

    assert extent.listen_s + sdi12 + 10 * 2.5 < 60
    assert extent.listen_s + 10 + modbus_first_rate + 10 * 1.5 < 60


def test_a_port_in_use_is_refused_and_its_user_named_and_the_others_are_looked_at(
    device, scanned, hasty
):
    busy = device(lambda _: b"")
    there = device(lambda asked: SENSOR.get(asked, b""))
    user = SerialPort(PortSettings(busy.port, 9600), lambda: False)
    try:
        scanner = scanned(busy.port, hasty(), ports=[there.port])
    finally:
        user.close()

    assert busy.asked == []
    assert "in use, locked by" in scanner.refused[0]
    assert [one.port for one in scanner.findings] == [there.port]


def test_a_port_that_is_not_there_does_not_end_the_scan(device, scanned, hasty, tmp_path):
    there = device(lambda asked: SENSOR.get(asked, b""))
    scanner = scanned(str(tmp_path / "ttyUSB9"), hasty(), ports=[there.port])

    assert "ttyUSB9: not there" in scanner.refused[0]
    assert [one.port for one in scanner.findings] == [there.port]


def test_a_scan_that_is_broken_off_keeps_what_it_found(device, hasty):
    there = device(lambda asked: SENSOR.get(asked, b""))

    def stop(text):
        if text.endswith("address A"):
            raise KeyboardInterrupt

    scanner = Scanner(bundled(), stop, hasty(sdi12_addresses="1A"))
    with pytest.raises(KeyboardInterrupt):
        scanner.run([there.port])

    assert [one.address for one in scanner.findings[0].sensors] == ["1"]
    SerialPort(PortSettings(there.port, 9600), lambda: False).close()  # it was given back


def test_a_scan_that_is_told_to_stop_stops_in_the_middle_of_a_wait(device, hasty):
    there = device(lambda asked: SENSOR.get(asked, b""))
    told = threading.Event()

    def say(text):
        if text.endswith("address 2"):
            told.set()

    extent = hasty(sdi12_addresses="12", sdi12_s=60.0)
    scanner = Scanner(bundled(), say, extent, told.is_set)
    with pytest.raises(StoppedError):
        scanner.run([there.port])

    assert [one.address for one in scanner.findings[0].sensors] == ["1"]
    SerialPort(PortSettings(there.port, 9600), lambda: False).close()  # it was given back
