"""Modbus RTU servers: the probes' side of an RS-485 line, register maps from the catalogue.

Sources: MODBUS Application Protocol v1.1b3 (section numbers below) and MODBUS over Serial Line
v1.02. Shares nothing with the gateway's codec.
"""

import struct
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from firmware_sim.devices.base import Answer, Send, Setup, collided, through_faults
from firmware_sim.devices.quantities import sense
from firmware_sim.faults import IDLE_S, FaultKind
from wire.catalogue import Field, Modbus, RegisterType, WordOrder

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_BUSY = 1, 2, 3, 6
ADDRESS_REGISTER = 0x07D0  # Renke, ComWinTop and alike
BAUD_REGISTER = 0x07D1
_MOST_READ, _MOST_WRITTEN = 125, 123  # 6.3, 6.12: what fits a PDU of 253 bytes
_HIGHEST_ADDRESS = 247  # serial line 2.2; 0 is for all and never answered
_LONGEST_FRAME = 256  # serial line 2.5.1
_RESPONSE_S = 0.025  # cheap probes take 10 to 200 ms
# A frame ends after 3.5 characters of silence (serial line 2.5.1.1): 2 to 8 ms. On a pty bytes come
# when the other process runs, so a longer pause is allowed before a frame counts as torn.
_SILENCE_S = 0.04

_LIMITS = {
    RegisterType.UINT16: (0, 0xFFFE),
    RegisterType.INT16: (-0x8000, 0x7FFE),
    RegisterType.UINT32: (0, 0xFFFF_FFFE),
    RegisterType.INT32: (-0x8000_0000, 0x7FFF_FFFE),
}
_BYTES = {
    RegisterType.UINT16: 2,
    RegisterType.INT16: 2,
    RegisterType.UINT32: 4,
    RegisterType.INT32: 4,
    RegisterType.FLOAT32: 4,
    RegisterType.FLOAT64: 8,
}
_FLOATS = {RegisterType.FLOAT32: ">f", RegisterType.FLOAT64: ">d"}
_SIGNED = (RegisterType.INT16, RegisterType.INT32)
_NAN = float("nan")


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def crc16(data: bytes) -> bytes:
    """Compute the CRC of a frame in the order it is sent, low byte first (serial line 6.2.2)."""
    table, crc = _crc_table(), 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


class RefusedError(Exception):
    """The server answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Measured(NamedTuple):
    """One field as it lies in the registers, and the value that a gateway makes of it."""

    words: tuple[int, ...]
    value: Decimal


class ModbusDevice:
    """A probe whose registers are those of its catalogue entry, and two for its settings.

    A kind with registers beyond the catalogue overrides `more_words`.
    """

    def __init__(self, setup: Setup) -> None:
        """Power it up at the address the scenario gives."""
        self.setup = setup
        self.address = int(setup.address)
        self._baud_code = 1
        self._heard_at = -IDLE_S
        self._table = setup.model.modbus or Modbus()
        own = self._table.address_register
        self._address_register = ADDRESS_REGISTER if own is None else own
        # Most probes answer 03 and 04 alike; those that do not have fields of either.
        self._is_split = any(one.function for one in setup.model.field)
        self._blocks = {
            function: range(
                min(map(_register, fields)), max(_register(f) + _width(f) for f in fields)
            )
            for function in (READ_HOLDING, READ_INPUT)
            if (fields := self._fields(function))
        }

    def is_there(self, now: float) -> bool:
        """Tell whether it is on the line."""
        return not self.setup.faults.struck(FaultKind.ABSENT, now)

    def hears(self, now: float) -> bool:
        """Tell whether it takes notice of a request to it."""
        idle_s, self._heard_at = now - self._heard_at, now
        deaf = self.setup.faults.struck(FaultKind.DEAF_WHEN_IDLE, now)
        return not (deaf and idle_s > IDLE_S)

    def observe(self, now: float) -> Answer:
        """Measure everything."""
        return self._answer(self.measure(now), self.setup.model.field)

    def measure(self, now: float) -> dict[str, Measured]:
        """Sense all fields and round them into registers, by property."""
        return {field.property: self._sense(field, now) for field in self.setup.model.field}

    def more_words(self, measured: dict[str, Measured]) -> dict[int, int]:
        """Give registers that the catalogue does not use."""
        del measured
        return {}

    def serve(self, pdu: bytes, now: float) -> tuple[bytes, Answer | None]:
        """Answer a request PDU; raises RefusedError with the exception code."""
        function = pdu[0]
        if fault := self.setup.faults.struck(FaultKind.EXCEPTION, now):
            raise RefusedError(fault.code)
        if self.setup.faults.struck(FaultKind.BUSY, now):
            raise RefusedError(DEVICE_BUSY)
        if function in (READ_HOLDING, READ_INPUT, WRITE_ONE) and len(pdu) != 5:
            raise RefusedError(ILLEGAL_VALUE)
        if function in (READ_HOLDING, READ_INPUT):
            return self._read(pdu, now)
        if function == WRITE_ONE:
            self._write(_word(pdu, 1), [_word(pdu, 3)])
            return pdu, None
        if function == WRITE_MANY:
            return self._write_many(pdu), None
        raise RefusedError(ILLEGAL_FUNCTION)

    def _read(self, pdu: bytes, now: float) -> tuple[bytes, Answer | None]:
        start, count = _word(pdu, 1), _word(pdu, 3)
        if not 1 <= count <= _MOST_READ:
            raise RefusedError(ILLEGAL_VALUE)
        if self.setup.faults.struck(FaultKind.FEWER_VALUES, now):
            count = max(1, count - 1)
        words, answer = self._words(pdu[0], range(start, start + count), now)
        body = b"".join(word.to_bytes(2, "big") for word in words)
        return bytes([pdu[0], len(body)]) + body, answer

    def _words(self, function: int, asked: range, now: float) -> tuple[list[int], Answer | None]:
        settings = {self._address_register: self.address, BAUD_REGISTER: self._baud_code}
        if all(register in settings for register in asked):
            return [settings[register] for register in asked], None
        block = self._blocks.get(function)
        if block is None or asked.start < block.start or asked.stop > block.stop:
            raise RefusedError(ILLEGAL_ADDRESS)
        measured = self.measure(now)
        words = self.more_words(measured)
        fields = self._fields(function)
        for field in fields:
            words |= dict(enumerate(measured[field.property].words, _register(field)))
        whole = [one for one in fields if set(_registers(one)) <= set(asked)]
        # Registers of modules that are not fitted read as zero, not as an exception.
        return [words.get(register, 0) for register in asked], self._answer(measured, whole)

    def _fields(self, function: int) -> list[Field]:
        """Give the fields that a read function gives."""
        usual = self._table.function if self._is_split else function
        return [one for one in self.setup.model.field if (one.function or usual) == function]

    def _write_many(self, pdu: bytes) -> bytes:
        start, count = _word(pdu, 1), _word(pdu, 3)
        if not 1 <= count <= _MOST_WRITTEN or len(pdu) != 6 + 2 * count or pdu[5] != 2 * count:
            raise RefusedError(ILLEGAL_VALUE)
        self._write(start, [_word(pdu, 6 + 2 * index) for index in range(count)])
        return pdu[:5]

    def _write(self, start: int, words: list[int]) -> None:
        new = dict(enumerate(words, start))
        if not set(new) <= {self._address_register, BAUD_REGISTER}:
            raise RefusedError(ILLEGAL_ADDRESS)
        address = new.get(self._address_register, self.address)
        if not 1 <= address <= _HIGHEST_ADDRESS:
            raise RefusedError(ILLEGAL_VALUE)
        self.address = address
        self._baud_code = new.get(BAUD_REGISTER, self._baud_code)

    def _sense(self, field: Field, now: float) -> Measured:
        sensed = sense(self.setup, field, now)
        if field.type in _FLOATS:
            return self._real(field, sensed)
        failed = _LIMITS[field.type][1] + 1  # what probes put where a module fails
        raw = failed if sensed is None else self._rounded(field, sensed)
        return self.laid(field, raw)

    def laid(self, field: Field, raw: int) -> Measured:
        """Lay a whole number into the registers of a field."""
        data = raw.to_bytes(_BYTES[field.type], "big", signed=field.type in _SIGNED)
        return Measured(self._arranged(field, data), raw * field.scale + field.offset)

    def _real(self, field: Field, sensed: float | None) -> Measured:
        """Give a number to its resolution, which a float of 32 bits can tell as well; or NaN."""
        if sensed is None:
            data = struct.pack(_FLOATS[field.type], _NAN)
            return Measured(self._arranged(field, data), Decimal("NaN"))
        step = field.resolution / field.scale
        raw = round((self._bounded(field, sensed) - float(field.offset)) / float(field.resolution))
        data = struct.pack(_FLOATS[field.type], float(raw * step))
        return Measured(self._arranged(field, data), raw * step * field.scale + field.offset)

    def _arranged(self, field: Field, data: bytes) -> tuple[int, ...]:
        """Lay bytes, high one first, into registers in the order of this model."""
        order = field.word_order or self._table.word_order
        words = [data[at : at + 2] for at in range(0, len(data), 2)]
        if order in (WordOrder.CDAB, WordOrder.DCBA):
            words.reverse()
        if order in (WordOrder.BADC, WordOrder.DCBA):
            words = [word[::-1] for word in words]
        return tuple(_word(word, 0) for word in words)

    def _rounded(self, field: Field, sensed: float) -> int:
        """Round to a whole register value within what instrument and register can hold."""
        low, high = _LIMITS[field.type]
        bare = self._bounded(field, sensed) - float(field.offset)
        return max(low, min(high, round(bare / float(field.scale))))

    def _bounded(self, field: Field, sensed: float) -> float:
        if field.unit == "deg":
            sensed %= 360.0
        if field.span is not None:
            sensed = max(float(field.span[0]), min(float(field.span[1]), sensed))
        return sensed

    def _answer(self, measured: dict[str, Measured], fields: Sequence[Field]) -> Answer:
        """Tell what these fields say."""
        values: dict[str, Decimal] = {}
        reasons: dict[str, str] = {}
        for field in fields:
            value = measured[field.property].value
            reason = "not a number" if value.is_nan() else None
            reason = reason or self.setup.model.missing_reason(field.property, value)
            if reason is None:
                values[field.property] = value
            else:
                reasons[field.property] = reason
        return Answer(self.setup.name, "answer", values, reasons)


def _register(field: Field) -> int:
    return field.register or 0  # parse_model saw to it that Modbus fields have one


def _width(field: Field) -> int:
    return _BYTES[field.type] // 2


def _registers(field: Field) -> range:
    return range(_register(field), _register(field) + _width(field))


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _wanted(frame: bytes) -> int | None:
    """Tell how long a request will be by its function; None when only silence can end it."""
    if len(frame) < 2 or frame[1] in (READ_HOLDING, READ_INPUT, WRITE_ONE):
        return 8
    if frame[1] == WRITE_MANY:
        return 9 + frame[6] if len(frame) > 6 else 9
    return None


class ModbusBus:
    """Servers on one RS-485 line."""

    def __init__(self, devices: Sequence[ModbusDevice]) -> None:
        """Put the devices on the line."""
        self._devices = devices
        self._buffer = b""
        self._heard_at = 0.0

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Take bytes; a frame is complete by its length, or when the line falls silent."""
        if now - self._heard_at > _SILENCE_S:
            self._buffer = b""
        self._buffer = (self._buffer + data)[-_LONGEST_FRAME:]
        self._heard_at = now
        wanted = _wanted(self._buffer)
        if wanted is None or len(self._buffer) != wanted:
            return []
        return self._frame(now)

    def wake_at(self, now: float) -> float | None:
        """Tell when a frame of unknown length will have been followed by silence."""
        del now
        return self._heard_at + _SILENCE_S if self._buffer else None

    def wake(self, now: float) -> list[Send]:
        """End a frame by silence."""
        return self._frame(now) if now - self._heard_at >= _SILENCE_S else []

    def _frame(self, now: float) -> list[Send]:
        frame, self._buffer = self._buffer, b""
        if len(frame) < 4 or crc16(frame[:-2]) != frame[-2:]:
            return []
        to_all = frame[0] == 0
        asked = [
            one
            for one in self._devices
            if (to_all or frame[0] == one.address) and one.is_there(now) and one.hears(now)
        ]
        sends = [_serve(device, frame, now) for device in asked]
        return [] if to_all else collided(sends)


def _serve(device: ModbusDevice, frame: bytes, now: float) -> Send:
    try:
        pdu, answer = device.serve(frame[1:-2], now)
    except RefusedError as refusal:
        pdu, answer = bytes([frame[1] | 0x80, refusal.code]), None
    reply = frame[:1] + pdu
    if device.setup.faults.struck(FaultKind.WRONG_ADDRESS, now):
        reply, answer = bytes([frame[0] % _HIGHEST_ADDRESS + 1]) + pdu, None
    return through_faults(device.setup, Send(_RESPONSE_S, reply + crc16(reply), answer), now)
