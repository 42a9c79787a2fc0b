"""Looking for sensors on serial ports: listen first, then ask, and only for what changes nothing.

What is found comes as a [[bus]] table to paste into gateway.toml. One thing a scan does change: an
SDI-12 rain gauge that is asked for a value hands over the rain that it had collected.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from gateway.buses.port_errors import serial_ports
from gateway.buses.serial_port import PortSettings, SerialPort
from gateway.codecs import modbus_rtu, sdi12
from gateway.codecs.lines import LineSplitter
from gateway.drivers.conversation import Ask, PolledDriver, Step, Talker, hold
from gateway.drivers.modbus import QUIET_S, ModbusDriver, plan
from gateway.drivers.sdi12 import Sdi12Driver
from gateway.drivers.talkers import LineTalker, NmeaTalker
from gateway.errors import BusError, FrameError, SensorError
from gateway.readings import Reading
from wire.catalogue import Field, Protocol, SensorModel, bundled

LISTEN_S = 2.5
TALKER_BAUDS = (4800, 9600, 19200)
SDI12_BAUD = 9600
SDI12_ADDRESSES = "0123456789"
SDI12_TIMEOUT_S = 0.5  # on a port where nothing says that there is an SDI-12 bus
SDI12_ANSWER_S = 1.2  # an identification takes 0.4 s at 1200 baud, and the adapter adds its own
MODBUS_BAUDS = (9600, 4800)
MODBUS_ADDRESSES = range(1, 11)
MODBUS_TIMEOUT_S = 0.3

Progress = Callable[[str], None]

_BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True)
class FoundSensor:
    """A sensor that answered. `model` is empty when the catalogue does not know it."""

    address: str
    model: str
    says: str
    live: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A port on which something answered."""

    port: str
    protocol: Protocol
    baud: int
    sensors: tuple[FoundSensor, ...]

    def toml(self) -> str:
        """Write the [[bus]] table to paste into gateway.toml."""
        lines = [
            "[[bus]]",
            f"id = {json.dumps(self.protocol.value)}",
            f"port = {json.dumps(_lasting(self.port))}",
            f"protocol = {json.dumps(self.protocol.value)}",
            f"baud = {self.baud}",
        ]
        for sensor in self.sensors:
            lines += _sensor_lines(sensor)
        return "\n".join(lines) + "\n"


def _sensor_lines(sensor: FoundSensor) -> list[str]:
    heard = f"  # {sensor.says}{': ' if sensor.live else ''}{sensor.live}"
    if not sensor.model:
        return ["", f"{heard} (address {sensor.address}, not in the catalogue)"]
    name = re.sub(r"[^a-z0-9]+", "-", f"{sensor.model} {sensor.address}".lower()).strip("-")
    lines = [
        "",
        heard,
        "  [[bus.sensor]]",
        f"  id = {json.dumps(name)}",
        '  thing = "station-1"',
        f"  model = {json.dumps(sensor.model)}",
    ]
    return [*lines, f"  address = {json.dumps(sensor.address)}"] if sensor.address else lines


def scan(ports: Sequence[str], progress: Progress) -> Iterator[Found]:
    """Look at ports, or at all there are; a port that cannot be used is told to `progress`."""
    for port in ports or serial_ports():
        try:
            found = _scan_port(port, progress)
        except BusError as error:
            progress(str(error))
            continue
        if found is None:
            progress(f"{port}: nothing found")
        else:
            yield found


def _scan_port(port: str, progress: Progress) -> Found | None:
    for look in (_listen, _ask_sdi12, _ask_modbus):
        if found := look(port, progress):
            return found
    return None


class _Line:
    """A port opened at one rate."""

    def __init__(self, port: str, baud: int) -> None:
        self._port = SerialPort(PortSettings(port, baud), lambda: False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._port.close()

    def step(self, step: Step) -> bytes:
        if isinstance(step, Ask):
            return self._port.exchange(step)
        time.sleep(step.seconds)
        return b""

    def listen(self, seconds: float) -> bytes:
        """Give all that comes within a time."""
        return self._port.exchange(Ask(b"", lambda _: 0, seconds))

    def poll(self, driver: PolledDriver) -> list[Reading]:
        return hold(driver.poll(), self.step)


# ---------------------------------------------------------------- talkers


def _listen(port: str, progress: Progress) -> Found | None:
    for baud in TALKER_BAUDS:
        progress(f"{port}: listening at {baud} baud")
        with _Line(port, baud) as line:
            heard = line.listen(LISTEN_S)
        if not heard:
            return None  # a talker at another rate would still be heard, as noise
        if sensor := _recognise(LineSplitter().feed(heard)):
            protocol = bundled()[sensor.model].protocol
            return Found(port, protocol, baud, (sensor,))
    return None


def _recognise(lines: Sequence[bytes]) -> FoundSensor | None:
    """Find the model that reads the most out of what was heard."""
    best: tuple[SensorModel, list[Reading]] | None = None
    for model in bundled().values():
        if model.protocol not in (Protocol.NMEA0183, Protocol.LINE):
            continue
        readings = _read_lines(_talker(model), lines)
        if readings and (best is None or len(readings) > len(best[1])):
            best = (model, readings)
    if best is None:
        return None
    model, readings = best
    fields = {field.key or "": field for field in reversed(model.field)}
    return FoundSensor("", model.model, model.model, _live(fields, readings))


def _talker(model: SensorModel) -> Talker:
    return NmeaTalker(model) if model.protocol is Protocol.NMEA0183 else LineTalker(model, "")


def _read_lines(talker: Talker, lines: Sequence[bytes]) -> list[Reading]:
    readings: list[Reading] = []
    for line in lines:
        try:
            readings += talker.read(line)
        except FrameError:
            continue
    return readings


# ---------------------------------------------------------------- SDI-12


def _ask_sdi12(port: str, progress: Progress) -> Found | None:
    progress(f"{port}: asking for SDI-12 sensors at {SDI12_BAUD} baud")
    with _Line(port, SDI12_BAUD) as line:
        asked = _Sdi12(line)
        sensors = [found for one in asked.addresses if (found := _identify(asked, one, progress))]
    return Found(port, Protocol.SDI12, SDI12_BAUD, tuple(sensors)) if sensors else None


class _Sdi12:
    """An SDI-12 bus: the usual addresses, a lone sensor's own, and how patiently to ask them."""

    def __init__(self, line: _Line) -> None:
        self.line = line
        self.addresses = SDI12_ADDRESSES
        self._timeout_s = SDI12_TIMEOUT_S
        replies = [self.ask(sdi12.ANY), self.ask(sdi12.ANY)]  # the first one may go unheard
        if any(replies):
            self._timeout_s = SDI12_ANSWER_S
        try:
            alone = sdi12.parse_address(replies[-1])
        except FrameError:
            return
        if alone not in self.addresses:
            self.addresses += alone

    def ask(self, address: str, body: str = "") -> bytes:
        until = partial(sdi12.reply_length, address=address)
        return self.line.step(Ask(sdi12.command(address, body), until, self._timeout_s))


def _identify(bus: _Sdi12, address: str, progress: Progress) -> FoundSensor | None:
    try:
        identity = sdi12.parse_identity(bus.ask(address, "I"), address)
    except FrameError:
        return None
    says = f"{identity.vendor} {identity.model} {identity.firmware} {identity.serial}".strip()
    progress(f"SDI-12 address {address}: {says}")
    for model in bundled().values():
        if model.sdi12 and model.sdi12.identify and identity.is_a(model.sdi12.identify):
            readings = bus.line.poll(Sdi12Driver(model, address))
            return FoundSensor(address, model.model, says, _live(_properties(model), readings))
    return FoundSensor(address, "", says)


# ---------------------------------------------------------------- Modbus RTU


def _ask_modbus(port: str, progress: Progress) -> Found | None:
    for baud in MODBUS_BAUDS:
        progress(f"{port}: asking for Modbus sensors at {baud} baud")
        with _Line(port, baud) as line:
            found = [one for server in MODBUS_ADDRESSES if (one := _probe(line, server, progress))]
        if found:
            return Found(port, Protocol.MODBUS, baud, tuple(found))
    return None


def _probe(line: _Line, server: int, progress: Progress) -> FoundSensor | None:
    """Ask one address for the registers of every model, until one fits.

    Some probes keep silent where others refuse, so silence to one model proves nothing.
    """
    answered = False
    for model in bundled().values():
        if model.modbus is None or not _answers(line, server, model):
            continue
        answered = True
        readings = line.poll(ModbusDriver(model, str(server)))
        if _plausible(model, readings):
            progress(f"Modbus address {server}: reads like {model.model}")
            live = _live(_properties(model), readings)
            return FoundSensor(str(server), model.model, f"reads like {model.model}", live)
    return FoundSensor(str(server), "", "answers by Modbus") if answered else None


def _answers(line: _Line, server: int, model: SensorModel) -> bool:
    """Tell whether anyone is there: a refusal is an answer too."""
    block = plan(model.field)[0]
    function = model.modbus.function if model.modbus else modbus_rtu.Function.READ_HOLDING
    request = modbus_rtu.read_registers(server, function, block.start, block.count)
    until = partial(modbus_rtu.reply_length, request=request)
    reply = line.step(Ask(request, until, MODBUS_TIMEOUT_S, QUIET_S))
    try:
        modbus_rtu.parse_registers(reply, request)
    except SensorError:
        return True
    except FrameError:
        return False
    return True


def _plausible(model: SensorModel, readings: Sequence[Reading]) -> bool:
    """Tell whether all registers are there and hold what this model can measure."""
    fields = _properties(model)
    return all(_within(fields[one.key], one) or _is_sentinel(model, one) for one in readings)


def _within(field: Field, reading: Reading) -> bool:
    if reading.value is None:
        return False
    return field.span is None or field.span[0] <= reading.value <= field.span[1]


def _is_sentinel(model: SensorModel, reading: Reading) -> bool:
    return any(reading.reason == one.reason for one in model.sentinel)


def _properties(model: SensorModel) -> dict[str, Field]:
    return {field.property: field for field in model.field}


def _live(fields: dict[str, Field], readings: Sequence[Reading]) -> str:
    """Show the first value that came, with its unit."""
    for one in readings:
        if one.value is not None and one.key in fields:
            field = fields[one.key]
            return f"{field.property} {one.value} {field.unit}"
    return ""


def _lasting(port: str) -> str:
    """Prefer the name of a USB port that stays the same when it is plugged in again."""
    links = sorted(_BY_ID.glob("*")) if _BY_ID.is_dir() else []
    target = Path(port).resolve()
    return next((str(link) for link in links if link.resolve() == target), port)
