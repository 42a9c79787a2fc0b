"""What was found, as a part of gateway.toml."""

import msgspec

from gateway.config import Config
from gateway.drivers.sdi12 import AdapterKind
from gateway.scan import Finding, FoundSensor
from wire.catalogue import Protocol
from wire.toml_text import parse

STATION = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
[[thing]]
id = "station-1"
name = "Station 1"
"""


def pasted(finding):
    """Read a snippet as a part of gateway.toml."""
    return parse(STATION + finding.toml(), Config, "gateway.toml").bus[0]


def test_what_is_found_can_be_pasted_into_the_configuration():
    found = Finding("/dev/ttyUSB0", Protocol.SDI12, 9600, adapter=AdapterKind.LINE_CR)
    found.sensors += [
        FoundSensor("1", ("METER TEROS 12",), "METER TER12 400 X", "vwc_raw 2493.4 {raw}"),
        FoundSensor("2", (), "ACME XY1 100"),
        FoundSensor("3", ("METER TEROS 12",), "METER TER12 400 Y", "", "two sensors"),
    ]
    bus = pasted(found)

    assert (bus.port, bus.protocol, bus.baud) == ("/dev/ttyUSB0", Protocol.SDI12, 9600)
    assert bus.adapter is AdapterKind.LINE_CR
    assert [msgspec.structs.asdict(one)["model"] for one in bus.sensor] == ["METER TEROS 12"]
    assert bus.sensor[0].id == "meter-teros-12-1"
    assert "# ACME XY1 100 (address 2, not in the catalogue)" in found.toml()
    assert "(address 3: two sensors)" in found.toml()
    assert "vwc_raw 2493.4" in found.toml()


def test_names_are_not_given_twice():
    found = Finding("/dev/ttyUSB0", Protocol.MODBUS, 4800, "8E1")
    found.sensors += [FoundSensor(one, ("Renke RS-FSXCS",), "says") for one in ("1", "2")]
    taken = {"renke-rs-fsxcs-2"}
    text = found.toml("dune-1", "mast", taken)

    assert 'id = "renke-rs-fsxcs-1"' in text
    assert 'id = "renke-rs-fsxcs-2-2"' in text
    assert 'frame = "8E1"' in text


def test_what_a_device_says_cannot_end_its_remark():
    found = Finding("/dev/ttyUSB0", Protocol.LINE, 9600)
    found.sensors.append(FoundSensor("", (), 'x\n[gateway]\nid = "mine"'))

    assert all(line.strip().startswith("#") for line in found.toml().splitlines() if line)
