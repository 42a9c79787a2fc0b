"""Serial ports: whether each is there, may be used, is ours alone, and will keep its name."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.buses.port_errors import serial_ports
from gateway.config import BusSection
from gateway.doctor.finding import Finding, failed, fine, look
from gateway.doctor.machine import Machine
from wire.catalogue import Protocol

# Programs that open serial ports by themselves to see what is on them, and their packages.
_GRABBERS = {
    "ModemManager": "sudo systemctl disable --now ModemManager",
    "brltty": "sudo apt remove brltty",
}
_PASSING_NAMES = ("/dev/ttyUSB", "/dev/ttyACM")
# FTDI adapters hold bytes back this long; more than that blurs where a Modbus frame ends.
_LATENCY_MS = 4


def check_ports(buses: Sequence[BusSection], machine: Machine) -> Iterator[Finding]:
    """Look at every configured port, and at what may take it away."""
    for bus in buses:
        yield _port(bus)
        yield from _name(bus)
        yield from _latency(bus, machine)
    yield from _grabbers(machine)


def _port(bus: BusSection) -> Finding:
    about = f"port of bus '{bus.id}'"
    if "://" in bus.port:
        return fine(about, f"{bus.port} is reached over the network")
    try:
        mode = Path(bus.port).stat().st_mode
    except OSError:
        found = ", ".join(serial_ports()) or "none"
        return failed(
            about,
            f"{bus.port} is not there; ports found: {found}",
            "plug the adapter in, or correct bus.port (saxaul-gateway scan finds it)",
        )
    if not stat.S_ISCHR(mode):
        return failed(about, f"{bus.port} is no serial port", "correct bus.port")
    if not os.access(bus.port, os.R_OK | os.W_OK):
        return failed(
            about,
            f"this user may not use {bus.port}",
            "sudo usermod -aG dialout $USER, then log in again",
        )
    return fine(about, f"{bus.port} is there and may be used")


def _name(bus: BusSection) -> Iterator[Finding]:
    """Warn of a numbered name: numbers are given in the order of plugging."""
    if not bus.port.startswith(_PASSING_NAMES):
        return
    lasting = _lasting_names(bus.port)
    remedy = f"write {lasting[0]}" if lasting else "use the name in /dev/serial/by-path"
    yield look(
        f"name of port '{bus.id}'",
        f"{bus.port} may be another adapter after the next start",
        f"{remedy} as bus.port",
    )


def _lasting_names(port: str) -> list[str]:
    found = []
    for folder in ("/dev/serial/by-id", "/dev/serial/by-path"):
        place = Path(folder)
        if place.is_dir():
            found += [str(one) for one in place.iterdir() if one.resolve() == Path(port).resolve()]
    return sorted(found)


def _latency(bus: BusSection, machine: Machine) -> Iterator[Finding]:
    if bus.protocol is not Protocol.MODBUS or "://" in bus.port:
        return
    device = Path(bus.port).resolve().name
    told = machine.text(f"/sys/class/tty/{device}/device/latency_timer")
    if told is not None and told.isdecimal() and int(told) > _LATENCY_MS:
        yield look(
            f"latency of port '{bus.id}'",
            f"the adapter holds bytes back for {told} ms, which blurs Modbus frames",
            f"echo 1 | sudo tee /sys/class/tty/{device}/device/latency_timer (and a udev rule)",
        )


def _grabbers(machine: Machine) -> Iterator[Finding]:
    running = {name for _, name in machine.processes()}
    grabbing = [name for name in _GRABBERS if name in running]
    for name in grabbing:
        yield failed(
            "programs on ports",
            f"{name} is running: it opens serial ports by itself and disturbs their sensors",
            _GRABBERS[name],
        )
    if not grabbing:
        yield fine("programs on ports", "none that opens serial ports by itself")
