"""Looking for sensors: on the simulator's ports, and on ports with something unknown at them."""

import os
import select
import subprocess
import sys
import threading
import tty

import msgspec
import pytest

from gateway import scan as scanning
from gateway.config import Config
from gateway.scan import Found, FoundSensor, scan
from wire.catalogue import Protocol
from wire.toml_text import parse

SCENARIO = """
seed = 7
origin = "2026-09-01"
[[bus]]
id = "sdi"
protocol = "sdi12"
[[bus.device]]
id = "dune-1/soil-10cm"
model = "METER TEROS 12"
address = "1"
depth_m = 0.1
serial = "T12-00001"
[[bus.device]]
id = "dune-1/sand"
model = "Campbell SR50A"
address = "2"
[[bus]]
id = "modbus"
protocol = "modbus"
[[bus.device]]
id = "dune-1/probe"
model = "RS485 soil probe ECTH (0x0000 family)"
address = "1"
[[bus.device]]
id = "dune-1/mast"
model = "Renke RS-FSXCS"
address = "2"
[[bus]]
id = "nmea"
protocol = "nmea0183"
[[bus.device]]
id = "dune-1/weather"
model = "NMEA 0183 weather station"
[[bus]]
id = "salt"
protocol = "line"
[[bus.device]]
id = "dune-1/saltation"
model = "Saltation counter, ASCII"
"""

STATION = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
[[thing]]
id = "station-1"
name = "Station 1"
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """The simulator as its own process: port paths by bus id."""
    scenario = tmp_path_factory.mktemp("scan") / "scenario.toml"
    scenario.write_text(SCENARIO)
    command = [sys.executable, "-m", "firmware_sim", "run", str(scenario)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        found = {}
        while (line := simulator.stdout.readline().split()) and line != ["ready"]:
            found[line[0]] = line[1]
        yield found
        simulator.terminate()


@pytest.fixture
def device():
    """Make a pty with something at its end that answers."""
    ends = []

    def make(answer):
        master, slave = os.openpty()
        tty.setraw(slave)
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                if select.select([master], [], [], 0.02)[0]:
                    os.write(master, answer(os.read(master, 4096)))

        thread = threading.Thread(target=serve)
        thread.start()
        ends.append((stop, thread, master, slave))
        return os.ttyname(slave)

    yield make
    for stop, thread, *descriptors in ends:
        stop.set()
        thread.join()
        for descriptor in descriptors:
            os.close(descriptor)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Look at fewer addresses and wait less: the ports here are no wires."""
    monkeypatch.setattr(scanning, "LISTEN_S", 0.1)
    monkeypatch.setattr(scanning, "SDI12_ADDRESSES", "012")
    monkeypatch.setattr(scanning, "SDI12_TIMEOUT_S", 0.3)
    monkeypatch.setattr(scanning, "MODBUS_ADDRESSES", range(1, 4))


def looked(port):
    said = []
    return list(scan([port], said.append)), said


def pasted(found):
    """Read a snippet as a part of gateway.toml."""
    return parse(STATION + found.toml(), Config, "gateway.toml").bus[0]


def models(found):
    return [(sensor.address, sensor.model) for sensor in found.sensors]


def test_sdi12_sensors_are_found_named_and_shown_with_a_value(ports):
    (found,), said = looked(ports["sdi"])

    assert (found.protocol, found.baud) == (Protocol.SDI12, 9600)
    assert models(found) == [("1", "METER TEROS 12"), ("2", "Campbell SR50A")]
    assert found.sensors[0].says == "METER TER12 400 T12-00001"
    assert found.sensors[0].live.startswith("vwc_raw ")
    assert any("asking for SDI-12" in line for line in said)


def test_modbus_sensors_are_told_apart_by_their_registers(ports, monkeypatch):
    monkeypatch.setattr(scanning, "MODBUS_ADDRESSES", range(1, 3))
    monkeypatch.setattr(scanning, "MODBUS_TIMEOUT_S", 1.5)
    (found,), _ = looked(ports["modbus"])

    assert found.protocol is Protocol.MODBUS
    assert models(found) == [
        ("1", "RS485 soil probe ECTH (0x0000 family)"),
        ("2", "Renke RS-FSXCS"),
    ]
    assert found.sensors[1].live.endswith(" m/s")


@pytest.mark.parametrize(
    ("bus", "protocol", "model"),
    [
        ("nmea", Protocol.NMEA0183, "NMEA 0183 weather station"),
        ("salt", Protocol.LINE, "Saltation counter, ASCII"),
    ],
)
def test_talkers_are_recognised_by_their_lines(ports, monkeypatch, bus, protocol, model):
    monkeypatch.setattr(scanning, "LISTEN_S", 2.5)
    (found,), _ = looked(ports[bus])

    assert (found.protocol, models(found)) == (protocol, [("", model)])
    assert found.sensors[0].live


def test_what_is_found_can_be_pasted_into_the_configuration():
    found = Found(
        "/dev/ttyUSB0",
        Protocol.SDI12,
        9600,
        (
            FoundSensor("1", "METER TEROS 12", "METER TER12 400 T12-00001", "vwc_raw 2493.4 {raw}"),
            FoundSensor("2", "", "ACME    XY1 100"),
        ),
    )
    bus = pasted(found)

    assert (bus.port, bus.protocol, bus.baud) == ("/dev/ttyUSB0", Protocol.SDI12, 9600)
    assert [msgspec.structs.asdict(one)["model"] for one in bus.sensor] == ["METER TEROS 12"]
    assert bus.sensor[0].id == "meter-teros-12-1"
    assert "# ACME    XY1 100 (address 2, not in the catalogue)" in found.toml()
    assert "vwc_raw 2493.4" in found.toml()


def test_a_sensor_that_the_catalogue_does_not_know_is_shown_by_what_it_says(device):
    replies = {b"?!": b"k\r\n", b"kI!": b"k13ACME    XY1   1.0no 7\r\n"}
    (found,), _ = looked(device(lambda asked: replies.get(asked, b"")))

    assert found.sensors == (FoundSensor("k", "", "ACME XY1 1.0 no 7"),)


def test_a_modbus_server_that_the_catalogue_does_not_know_is_shown_too(device):
    refusal = bytes.fromhex("01 83 02 C0 F1")
    (found,), _ = looked(device(lambda asked: refusal if asked[0] == 1 else b""))

    assert found.sensors == (FoundSensor("1", "", "answers by Modbus"),)


def test_a_silent_port_is_told(device, monkeypatch):
    monkeypatch.setattr(scanning, "MODBUS_TIMEOUT_S", 0.1)
    port = device(lambda _: b"")
    found, said = looked(port)

    assert found == []
    assert said[-1] == f"{port}: nothing found"


def test_a_port_that_is_not_there_does_not_end_the_scan(device, tmp_path):
    replies = {b"?!": b"1\r\n", b"1I!": b"113ACME    XY1   1.0\r\n"}
    port = device(lambda asked: replies.get(asked, b""))
    said = []
    found = list(scan([str(tmp_path / "ttyUSB9"), port], said.append))

    assert [one.port for one in found] == [port]
    assert any("ttyUSB9: not there" in line for line in said)
