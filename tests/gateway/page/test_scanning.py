"""The scan on the page: of ptys with something that answers, free and held by a bus."""

import time
from threading import Event

import pytest

from gateway.buses.serial_port import PortSettings, SerialPort
from gateway.config import load
from gateway.page.scanning import Phase, Reach, Scanning
from gateway.scan import Extent
from tests.gateway.page.conftest import HASTY, teros
from wire.errors import ConfigError


@pytest.fixture
def scanning_of(place):
    """Scan for a gateway whose bus 'sdi' is on a port; `extra` ports are free."""
    made = []

    def make(held="/dev/null", extra=(), extent=HASTY, mono_s=time.monotonic):
        text = place.settings.read_text().replace('port = "/dev/null"', f'port = "{held}"')
        place.settings.write_text(text)
        # A pty is no port that the system lists.
        reach = Reach(extent, lambda: list(extra))
        one = Scanning(load(place.settings), place.settings, {"sdi": place.bus}, mono_s, reach)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def ended(scanning, until):
    until(lambda: scanning.phase is not Phase.RUNNING)
    return scanning.progress("dune-1")


def test_before_any_scan_there_are_only_ports(scanning_of):
    told = scanning_of().progress("")

    assert told.phase is Phase.NONE
    assert [(one.port, one.bus, one.sensors) for one in told.ports][-1] == ("/dev/null", "sdi", 1)


def test_what_is_on_a_free_port_is_told_and_added_once_it_is_confirmed(
    scanning_of, device, until, place
):
    port = device().port
    scanning = scanning_of(extra=[port])
    written = place.settings.read_text()
    scanning.start(port, pause=False)
    told = ended(scanning, until)

    assert (told.phase, told.fault) == (Phase.ENDED, "")
    assert [(one.address, one.models, one.spared) for one in told.seen] == [
        ("2", ("METER TEROS 12",), False)
    ]
    assert place.bus.lent_for == []
    assert f'port = "{port}"' in told.toml
    assert place.settings.read_text() == written  # nobody has confirmed anything yet

    said = scanning.add("dune-1", told.toml)
    assert "restart" in said
    assert told.toml in place.settings.read_text()
    assert [bus.id for bus in load(place.settings).bus] == ["sdi", "sdi12"]
    assert scanning.progress("dune-1").added == told.toml


def test_a_bus_does_without_its_port_while_it_is_scanned(scanning_of, device, until, place):
    line = device()
    scanning = scanning_of(held=line.port)
    with pytest.raises(ValueError, match="say that it may be interrupted"):
        scanning.start(line.port, pause=False)
    assert line.asked == []
    scanning.start(line.port, pause=True)
    told = ended(scanning, until)

    assert (place.bus.lent_for, place.bus.back) == (["being scanned"], 1)
    assert [(one.address, one.spared) for one in told.seen] == [("2", True)]
    # Only what its bus does not have yet: a sensor table, without a second [[bus]].
    assert "[[bus.sensor]]" in told.toml
    assert "[[bus]]" not in told.toml
    scanning.add("dune-1", told.toml)
    (bus,) = load(place.settings).bus
    assert [one.address for one in bus.sensor] == ["1", "2"]


def test_something_else_than_was_shown_is_not_added(scanning_of, device, until, place):
    port = device().port
    scanning = scanning_of(extra=[port])
    scanning.start(port, pause=False)
    told = ended(scanning, until)
    written = place.settings.read_text()

    for shown in (told.toml.replace("TEROS 12", "TEROS 11"), told.toml + "\n", ""):
        with pytest.raises(ValueError, match="add"):
            scanning.add("dune-1", shown)
    assert place.settings.read_text() == written


def test_a_station_that_is_not_there_is_told(scanning_of, device, until):
    port = device().port
    scanning = scanning_of(extra=[port])
    scanning.start(port, pause=False)
    ended(scanning, until)

    assert "no [[thing]] 'dune-9'" in scanning.progress("dune-9").fault
    with pytest.raises(ConfigError, match="dune-9"):
        scanning.add("dune-9", "x")


def test_one_scan_at_a_time_which_can_be_stopped(scanning_of, device, until):
    asked = Event()

    def answer(request):
        if request == b"9!":
            asked.set()
        return teros(request)

    port = device(answer).port
    scanning = scanning_of(extra=[port], extent=Extent(0.1, "29", 60.0))
    scanning.start(port, pause=False)
    assert asked.wait(15)
    assert scanning.progress("dune-1").doing == f"{port}: SDI-12 address 9"
    assert scanning.progress("dune-1").toml == ""
    with pytest.raises(ValueError, match="is going on"):
        scanning.start(port, pause=False)
    scanning.stop()
    told = ended(scanning, until)

    assert (told.phase, told.fault) == (Phase.STOPPED, "")
    assert [one.address for one in told.seen] == ["2"]
    assert "[[bus.sensor]]" in told.toml


def test_no_scan_begins_while_the_gateway_stops(scanning_of, device):
    """It would keep the port from the gateway that starts then."""
    line = device()
    scanning = scanning_of(extra=[line.port])
    scanning.close()
    with pytest.raises(ValueError, match="stopping"):
        scanning.start(line.port, pause=False)

    assert scanning.phase is Phase.NONE


def test_a_scan_is_bounded_in_time(scanning_of, device, until):
    now_s = [0.0]
    port = device(lambda _: b"").port
    scanning = scanning_of(extra=[port], extent=Extent(60.0), mono_s=lambda: now_s[0])
    scanning.start(port, pause=False)
    now_s[0] = 240.5
    told = ended(scanning, until)

    assert told.phase is Phase.STOPPED
    assert "broken off after 240 s" in told.fault


def test_a_port_that_somebody_else_has_or_that_is_gone_is_told(scanning_of, device, until):
    port = device().port
    scanning = scanning_of(extra=[port])
    other = SerialPort(PortSettings(port, 9600), lambda: False)
    try:
        scanning.start(port, pause=False)
        assert "in use" in ended(scanning, until).fault
    finally:
        other.close()
    with pytest.raises(ValueError, match="no port /dev/ttyUSB99"):
        scanning.start("/dev/ttyUSB99", pause=False)


def test_a_port_on_which_nothing_is_says_what_to_look_at(scanning_of, device, until):
    port = device(lambda _: b"").port
    scanning = scanning_of(extra=[port], extent=Extent(0.05, "", 0.05, [], 0.05, 0.05))
    scanning.start(port, pause=False)

    assert "nothing was found" in ended(scanning, until).fault


def test_what_there_was_no_time_for_is_told(scanning_of, device, until):
    port = device(lambda _: b"").port
    extent = Extent(0.05, "", 0.05, [1], 0.05, modbus_limit_s=0.0, line_s=0.05)
    scanning = scanning_of(extra=[port], extent=extent)
    scanning.start(port, pause=False)
    told = ended(scanning, until).fault

    assert told.startswith("nothing was found")
    assert "not tried, for want of time: Modbus at 9600 baud" in told
