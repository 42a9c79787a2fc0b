"""Setting up one sensor against the simulator: addresses, and what a sensor says of itself."""

import time

import pytest

from firmware_sim.host import Host
from firmware_sim.scenario import build, load
from gateway.cli import main
from gateway.drivers import modbus_setup
from gateway.drivers.conversation import hold
from gateway.drivers.outcome import NoReplyError
from gateway.drivers.sdi12 import ADAPTERS, AdapterKind, setup
from gateway.errors import FrameError, SensorError
from wire.catalogue import bundled
from wire.errors import ConfigError

NOW = 1_795_000_000.0
LINE = ADAPTERS[AdapterKind.LINE]
PROBE = "RS485 soil probe ECTH (0x0000 family)"


@pytest.fixture
def simulate(tmp_path):
    """Build a bus of (model, address) pairs."""

    def make(protocol, *devices, adapter="line"):
        text = f'seed = 7\norigin = "2026-09-01"\n[[bus]]\nid = "bus"\nprotocol = "{protocol}"\n'
        text += f'adapter = "{adapter}"\n'
        for number, (model, address) in enumerate(devices):
            text += (
                f'[[bus.device]]\nid = "dune-1/d{number}"\nmodel = "{model}"\n'
                f'address = "{address}"\nserial = "SN-{number}"\n'
            )
        path = tmp_path / "scenario.toml"
        path.write_text(text)
        return build(load(path), path)

    return make


@pytest.fixture
def bus(simulate, virtual_line):
    return lambda *given: virtual_line(simulate(*given).lines["bus"].bus, NOW)


def test_the_only_sensor_tells_its_address(bus):
    line = bus("sdi12", ("METER TEROS 12", "7"))

    assert hold(setup.find_alone(LINE), line.take) == "7"


def test_two_sensors_that_answer_at_once_are_at_no_address(bus):
    """'1' and '2' at once read as '0': nobody is there."""
    line = bus("sdi12", ("METER TEROS 12", "1"), ("METER TEROS 12", "2"))
    found = hold(setup.find_alone(LINE), line.take)

    assert not hold(setup.is_there(found, LINE), line.take)
    with pytest.raises((NoReplyError, FrameError)):
        hold(setup.identify(found, LINE), line.take)


def test_an_sdi12_sensor_gets_another_address(bus):
    line = bus("sdi12", ("METER TEROS 12", "0"), ("METER TEROS 12", "1"))
    found = hold(setup.change_address("0", "3", LINE), line.take)

    assert found.serial == "SN-0"
    assert not hold(setup.is_there("0", LINE), line.take)
    assert hold(setup.identify("3", LINE), line.take) == found


def test_an_address_that_is_taken_is_left_alone(bus):
    line = bus("sdi12", ("METER TEROS 12", "0"), ("METER TEROS 12", "1"))
    with pytest.raises(SensorError, match="'1' already"):
        hold(setup.change_address("0", "1", LINE), line.take)

    assert hold(setup.identify("0", LINE), line.take).serial == "SN-0"


def test_a_sensor_says_what_it_can_measure(bus):
    line = bus("sdi12", ("Stevens HydraProbe, firmware 2", "0"))
    offers = {one.measurement: one for one in hold(setup.offers("0", LINE), line.take)}

    assert set(offers) == {"M2", "M3", "C2", "C3"}
    assert offers["M2"].announced.values == 4
    assert [one.code for one in offers["M2"].parameters] == ["TS", "XX", "vwc", "soil_ec"]
    assert offers["M2"].parameters[0].unit == "Cel"


def test_a_sensor_of_high_volume_says_so(bus):
    line = bus("sdi12", ("METER TEROS 12", "0"))
    offers = {one.measurement: one for one in hold(setup.offers("0", LINE), line.take)}

    assert set(offers) == {"M", "C", "HA"}
    assert [one.code for one in offers["HA"].parameters] == ["vwc_raw", "TS", "soil_ec"]


@pytest.mark.parametrize("model", [PROBE, "JXCT JXBS-3001", "SenseCAP ORCH S4"])
def test_a_modbus_sensor_gets_another_address(bus, model):
    line = bus("modbus", (model, "1"), (PROBE, "2"))
    hold(modbus_setup.change_address(bundled()[model], "1", "5"), line.take)

    with pytest.raises(NoReplyError):
        hold(modbus_setup.change_address(bundled()[model], "1", "6"), line.take)
    with pytest.raises(SensorError, match="2 already"):
        hold(modbus_setup.change_address(bundled()[model], "5", "2"), line.take)


def test_without_a_register_in_the_catalogue_no_address_is_written(bus):
    with pytest.raises(ConfigError, match="address_register"):
        hold(modbus_setup.change_address(bundled()["Renke RS-FSXCS"], "1", "5"), None)


@pytest.fixture
def port(simulate):
    """Put a bus on a pty; gives its path."""
    hosts = []

    def start(*given, **more):
        plans = simulate(*given, **more).ports
        hosts.append(Host(plans, time.time, lambda *_: None, lambda: None))
        return hosts[-1].start()["bus"]

    yield start
    for host in hosts:
        host.stop()


def test_the_command_shows_a_sensor(port, capsys):
    path = port("sdi12", ("METER TEROS 12", "4"), adapter="line-cr")

    assert main(["sensor", "show", "--port", path, "--adapter", "line-cr"]) == 0
    said = capsys.readouterr().out
    assert "address 4: METER TER12, firmware 400, serial SN-0, SDI-12 v1.4" in said
    assert "M: 3 values in 1 s or less" in said
    assert "2 TS, Cel" in said


def test_the_command_says_that_nobody_answers(port, capsys):
    path = port("sdi12", ("METER TEROS 12", "4"))

    assert main(["sensor", "show", "--port", path, "--address", "5"]) == 2
    assert "no answer; look at cable" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "--address", "??"], "no SDI-12 address"),
        (["address", "--model", "Nix", "--from", "1", "--to", "2"], "not in the catalogue"),
        (["address", "--model", PROBE, "--from", "1", "--to", "300"], "no Modbus address"),
    ],
)
def test_the_command_refuses_what_cannot_be(port, capsys, words, said):
    path = port("modbus", (PROBE, "1"))

    assert main(["sensor", *words, "--port", path]) == 2
    assert said in capsys.readouterr().err
