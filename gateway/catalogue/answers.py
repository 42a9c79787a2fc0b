"""What a model makes of answers that a technician captured: its own driver reads them.

The driver asks, as it would on a bus; a stand-in for the instrument gives it the captured answers.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.catalogue.captured import hex_bytes, text_bytes
from gateway.codecs import davis, modbus_rtu
from gateway.codecs.checksums import crc16, crc16_ccitt
from gateway.codecs.lines import LineSplitter
from gateway.drivers.conversation import Ask, Step, hold
from gateway.drivers.davis import DavisDriver
from gateway.drivers.lines import LineAsker, ends_of, is_asked
from gateway.drivers.modbus import ModbusDriver, plan
from gateway.drivers.sdi12 import Sdi12Driver
from gateway.drivers.talkers import LineTalker, NmeaTalker
from gateway.errors import FrameError, SensorError
from gateway.readings import Reading
from wire.catalogue import Field, Protocol, SensorModel
from wire.errors import ConfigError

NOT_IN_IT = "not in this answer"
_REQUEST_BYTES = 8


class Decoded(NamedTuple):
    """A field of a model, and what was read of it."""

    field: Field
    reading: Reading


def decode(model: SensorModel, answers: Sequence[str]) -> list[Decoded]:
    """Read captured answers by a model; raises SensorError or FrameError, saying what to give."""
    match model.protocol:
        case Protocol.SDI12:
            found = _sdi12(model, answers)
        case Protocol.MODBUS:
            found = _modbus(model, answers)
        case Protocol.LINE if is_asked(model):
            found = _asked_lines(model, answers)
        case Protocol.DAVIS:
            found = _davis(model, answers)
        case _:
            found = _lines(model, answers)
    return [Decoded(field, found[field.property]) for field in model.field]


def unusable(model: SensorModel) -> str:
    """Tell why no driver can be made for a model, or ""."""
    try:
        match model.protocol:
            case Protocol.SDI12:
                Sdi12Driver(model, "0")
            case Protocol.MODBUS:
                ModbusDriver(model, "1")
            case Protocol.DAVIS:
                DavisDriver(model, "1")
            case Protocol.LINE if is_asked(model):
                LineAsker(model, _any_address(model))
            case Protocol.LINE:
                LineTalker(model, "")
            case Protocol.NMEA0183:
                NmeaTalker(model)
    except ConfigError as error:
        return str(error).removeprefix(f"{error.source}: ")
    return ""


def _by_property(readings: Sequence[Reading]) -> dict[str, Reading]:
    return {one.key: one for one in readings}


# ---------------------------------------------------------------- SDI-12

_COMMANDED = re.compile(r"(?P<command>[MCVRH][AC]?[0-9]?)!?[:\s]\s*(?P<answer>\S.*)", re.DOTALL)
_VALUES = re.compile(r"[+-]")
_ASKED = re.compile(r"(?P<kind>HA|[MCVRDI])(?P<crc>C?)(?P<number>\d*)")
_COUNTS = {"M": 1, "V": 1, "C": 2, "HA": 3}  # digits of the announced number (v1.4, 4.4)


def _sdi12(model: SensorModel, answers: Sequence[str]) -> Mapping[str, Reading]:
    stand_in = _Sdi12StandIn(model, answers)
    driver = Sdi12Driver(model, stand_in.address)
    return _by_property(hold(driver.poll(), stand_in.step))


class _Sdi12StandIn:
    """Gives the captured pages of each measurement in turn, and says that it is the model."""

    def __init__(self, model: SensorModel, answers: Sequence[str]) -> None:
        self._pages: dict[str, list[bytes]] = {}
        self._current: list[bytes] = []
        self._identity = b""
        table = model.sdi12
        first = table.measurements[0] if table else ""
        for answer in answers:
            self._keep(first, answer)
        if not self._pages:
            raise SensorError(f"no values in {answers[0]!r}: give the answer to D0, as 0+1.5-2.3")
        self.address = next(iter(self._pages.values()))[0][:1].decode()
        if not self._identity and table:
            firmware = table.layout[0].firmware if table.layout else ""
            who = f"{self.address}14{table.identify:<14.14}{firmware:0<3.3}"
            self._identity = who.encode()

    def _keep(self, first: str, answer: str) -> None:
        found = _COMMANDED.fullmatch(answer)
        command, text = (found["command"], found["answer"]) if found else (first, answer)
        page = text_bytes(text).strip(b"\r\n")
        if _VALUES.match(page[:1].decode()):
            page = b"0" + page
        if _VALUES.match(page[1:2].decode()):
            self._pages.setdefault(_without_crc(command), []).append(page)
        else:
            self._identity = page

    def step(self, step: Step) -> bytes:
        """Answer one request."""
        if not isinstance(step, Ask) or not step.request:
            return b""
        found = _ASKED.match(step.request.decode(), 1)
        return self._reply(found) + b"\r\n" if found else b""

    def _reply(self, found: re.Match[str]) -> bytes:
        kind, own = found["kind"], self.address.encode()
        if kind == "I":
            return self._identity
        if kind == "D":
            number = int(found["number"])
            return self._current[number] if number < len(self._current) else own
        pages = self._pages.get(f"{kind}{found['number']}", [])
        if kind == "R":
            return pages[0] if pages else own
        self._current = pages
        return own + b"000" + str(min(len(pages), 1)).zfill(_COUNTS[kind]).encode()


def _without_crc(command: str) -> str:
    found = _ASKED.fullmatch(command)
    return f"{found['kind']}{found['number']}" if found else command


# ---------------------------------------------------------------- Modbus RTU


class _Registers(NamedTuple):
    """Neighbouring registers of a captured reply."""

    function: int
    start: int
    values: Sequence[int]


def _modbus(model: SensorModel, answers: Sequence[str]) -> Mapping[str, Reading]:
    frames = [hex_bytes(one) for one in answers]
    known = {
        (one.function, one.start + at): value
        for one in (_registers(model, frame) for frame in frames)
        for at, value in enumerate(one.values)
    }

    def step(step: Step) -> bytes:
        return _reply(step.request, known) if isinstance(step, Ask) and step.request else b""

    found = _by_property(hold(ModbusDriver(model, str(frames[0][0])).poll(), step))
    default = model.modbus.function if model.modbus else 0
    for field in model.field:
        first, function = field.register or 0, field.function or default
        own = range(first, first + modbus_rtu.width(field.type))
        if not all((function, register) in known for register in own):
            found[field.property] = Reading(field.property, None, NOT_IN_IT)
    return found


def _registers(model: SensorModel, frame: bytes) -> _Registers:
    """Find which registers a reply holds: by the request before it, or by what we would ask."""
    request, reply = frame[:_REQUEST_BYTES], frame[_REQUEST_BYTES:]
    if len(frame) > _REQUEST_BYTES and _is_sealed(request):
        function, start = struct.unpack_from(">xBH", request)
        return _Registers(function, start, modbus_rtu.parse_registers(reply, request))
    if not _is_sealed(frame):
        raise FrameError("the answer's CRC does not fit: give the whole reply, address to CRC")
    for block in plan(model):
        request = modbus_rtu.read_registers(frame[0], block.function, block.start, block.count)
        if frame[1] & 0x7F == block.function and len(frame) in (
            modbus_rtu.expected_length(request),
            _EXCEPTION_BYTES,
        ):
            values = modbus_rtu.parse_registers(frame, request)
            return _Registers(block.function, block.start, values)
    wanted = " and ".join(f"{one.count} from 0x{one.start:04X}" for one in plan(model))
    raise SensorError(
        f"the reply does not say which registers it holds, and this model asks for {wanted}: give "
        "the request before the reply, as 01 03 00 12 00 02 64 0E 01 03 04 ..."
    )


_EXCEPTION_BYTES = 5


def _is_sealed(frame: bytes) -> bool:
    return (
        len(frame) >= _EXCEPTION_BYTES
        and struct.pack("<H", crc16(frame[:-2], 0xFFFF)) == (frame[-2:])
    )


def _reply(request: bytes, known: Mapping[tuple[int, int], int]) -> bytes:
    """Answer a request from the captured registers; what was not captured is 0 for the moment."""
    server, function, start, count = struct.unpack_from(">BBHH", request)
    values = [known.get((function, start + at), 0) for at in range(count)]
    head = struct.pack(f">BBB{count}H", server, function, 2 * count, *values)
    return head + struct.pack("<H", crc16(head, 0xFFFF))


# ---------------------------------------------------------------- text lines


def _asked_lines(model: SensorModel, answers: Sequence[str]) -> Mapping[str, Reading]:
    heard = b"".join(text_bytes(one) + b"\r\n" for one in answers)

    def step(step: Step) -> bytes:
        return heard if isinstance(step, Ask) else b""

    return _by_property(hold(LineAsker(model, _any_address(model)).poll(), step))


def _any_address(model: SensorModel) -> str:
    """Answers of any unit will do."""
    return "" if model.line is None else model.line.address


def _lines(model: SensorModel, answers: Sequence[str]) -> Mapping[str, Reading]:
    """Read lines of a talker; of several values of one field the last counts."""
    nmea = model.protocol is Protocol.NMEA0183
    talker = NmeaTalker(model) if nmea else LineTalker(model, "")
    splitter = LineSplitter(ends=ends_of([model]))
    said = [
        reading
        for answer in answers
        for line in splitter.feed(text_bytes(answer) + b"\r\n")
        for reading in talker.read(line)
    ]
    if not said:
        raise SensorError(f"none of this model's values is in {answers[0][:60]!r}")
    heard = _by_property(said)
    return {
        field.property: heard[field.key or ""]._replace(key=field.property)
        if (field.key or "") in heard
        else Reading(field.property, None, NOT_IN_IT)
        for field in model.field
    }


# ---------------------------------------------------------------- Davis consoles

_COLLECTOR = b"\x10"  # of a console whose rain collector tips at 0.2 mm


def _davis(model: SensorModel, answers: Sequence[str]) -> Mapping[str, Reading]:
    """Read a LOOP packet; rain is shown as if the collector tipped at 0.2 mm."""
    seal = crc16_ccitt(_COLLECTOR).to_bytes(2, "big")
    said = {
        davis.WAKE: b"\n\r",
        davis.COLLECTOR: davis.ACK + _COLLECTOR + seal,
        davis.LOOP: davis.ACK + hex_bytes(answers[0]),
    }

    def step(step: Step) -> bytes:
        return said.get(step.request, b"") if isinstance(step, Ask) else b""

    return _by_property(hold(DavisDriver(model, "1").poll(), step))
