"""Modbus RTU, the client's side: requests out, replies in, registers into decimals.

Sources: MODBUS Application Protocol v1.1b3; MODBUS over Serial Line v1.02. A server's exception
reply raises ExceptionReplyError; anything that is no reply to the request raises FrameError.
"""

import struct
from collections.abc import Sequence
from decimal import Decimal
from enum import IntEnum

from gateway.codecs.checksums import ChecksumError, crc16
from gateway.codecs.numbers import float32, float64
from gateway.errors import FrameError, SensorError
from wire.catalogue import RegisterType, WordOrder

MIN_ADDRESS, MAX_ADDRESS = 1, 247  # serial line v1.02, 2.2; 0 is broadcast
MAX_READ = 125  # v1.1b3, 6.3
MAX_WRITE = 123  # v1.1b3, 6.12

_EXCEPTION = 0x80
_EXCEPTION_BYTES = 5
_WRITE_REPLY_BYTES = 8
_READ_OVERHEAD_BYTES = 5

_CHARACTER_BITS = 11  # serial line v1.02, 2.5.1: start, eight data, parity or second stop, stop
_SILENT_CHARACTERS = 3.5  # serial line v1.02, 2.5.1.1
_FAST_BAUD, _FAST_SILENCE_S = 19_200, 0.00175  # above this rate the silence is fixed

_WIDTHS = {
    RegisterType.UINT16: 1,
    RegisterType.INT16: 1,
    RegisterType.UINT32: 2,
    RegisterType.INT32: 2,
    RegisterType.FLOAT32: 2,
    RegisterType.FLOAT64: 4,
}
_SIGNED = (RegisterType.INT16, RegisterType.INT32)
_WORDS_SWAPPED = (WordOrder.CDAB, WordOrder.DCBA)
_BYTES_SWAPPED = (WordOrder.BADC, WordOrder.DCBA)


class Function(IntEnum):
    """The function codes we use."""

    READ_HOLDING = 3
    READ_INPUT = 4
    WRITE_SINGLE = 6
    WRITE_MULTIPLE = 16


ILLEGAL_ADDRESS, ACKNOWLEDGE, BUSY = 2, 5, 6
# v1.1b3, 7
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}


class ExceptionReplyError(SensorError):
    """The server understood the request and refused it."""

    def __init__(self, code: int) -> None:
        """Name the code in words."""
        super().__init__(f"exception: {_EXCEPTIONS.get(code, f'code {code}')}")
        self.code = code


def _frame(head: bytes) -> bytes:
    return head + struct.pack("<H", crc16(head, 0xFFFF))


def read_registers(server: int, function: int, start: int, count: int) -> bytes:
    """Ask for `count` registers from the 0-based address `start`, by function 03 or 04."""
    if function not in (Function.READ_HOLDING, Function.READ_INPUT):
        raise ValueError(f"function {function} reads no registers")
    if not 1 <= count <= MAX_READ:
        raise ValueError(f"a request reads 1 to {MAX_READ} registers, not {count}")
    return _frame(struct.pack(">BBHH", server, function, start, count))


def write_register(server: int, register: int, value: int) -> bytes:
    """Set one register, by function 06."""
    return _frame(struct.pack(">BBHH", server, Function.WRITE_SINGLE, register, value))


def write_registers(server: int, start: int, values: Sequence[int]) -> bytes:
    """Set neighbouring registers, by function 16."""
    count = len(values)
    if not 1 <= count <= MAX_WRITE:
        raise ValueError(f"a request writes 1 to {MAX_WRITE} registers, not {count}")
    head = struct.pack(">BBHHB", server, Function.WRITE_MULTIPLE, start, count, 2 * count)
    return _frame(head + struct.pack(f">{count}H", *values))


def expected_length(request: bytes) -> int:
    """Tell how many bytes a good reply to a request has."""
    if request[1] in (Function.READ_HOLDING, Function.READ_INPUT):
        return _READ_OVERHEAD_BYTES + 2 * _register_count(request)
    return _WRITE_REPLY_BYTES


def reply_length(buffer: bytes, request: bytes) -> int:
    """Tell how many bytes end with a valid reply to the request; 0 while there is none."""
    for start in range(len(buffer) - _EXCEPTION_BYTES + 1):
        length = _length_at(buffer, start, request)
        if length and _is_sealed(buffer[start : start + length]):
            return start + length
    return 0


def parse_registers(reply: bytes, request: bytes) -> list[int]:
    """Read the registers out of the reply to a 03 or 04 request."""
    frame = _find(reply, request)
    return list(struct.unpack(f">{_register_count(request)}H", frame[3:-2]))


def check_written(reply: bytes, request: bytes) -> None:
    """Make sure that a 06 or 16 request was carried out: its reply repeats address and count."""
    if _find(reply, request)[2:6] != request[2:6]:
        raise FrameError("the reply to a write names other registers")


def frame_gap_s(baud: int) -> float:
    """Tell how long the line is silent between two frames (serial line v1.02, 2.5.1.1)."""
    if baud > _FAST_BAUD:
        return _FAST_SILENCE_S
    return _SILENT_CHARACTERS * _CHARACTER_BITS / baud


def decode(
    registers: Sequence[int], kind: RegisterType, order: WordOrder = WordOrder.ABCD
) -> Decimal:
    """Turn the registers of one value into a decimal, exactly.

    Raises FrameError for a wrong number of registers, NotANumberError for NaN and infinity.
    """
    if len(registers) != width(kind):
        raise FrameError(f"{kind} takes {width(kind)} registers, not {len(registers)}")
    words = registers[::-1] if order in _WORDS_SWAPPED else registers
    data = struct.pack(f"{'<' if order in _BYTES_SWAPPED else '>'}{len(words)}H", *words)
    if kind is RegisterType.FLOAT32:
        return float32(data)
    if kind is RegisterType.FLOAT64:
        return float64(data)
    return Decimal(int.from_bytes(data, "big", signed=kind in _SIGNED))


def width(kind: RegisterType) -> int:
    """Count the registers of a value."""
    return _WIDTHS[kind]


def _register_count(request: bytes) -> int:
    return int.from_bytes(request[4:6], "big")


def _length_at(buffer: bytes, start: int, request: bytes) -> int:
    """Tell how long the reply is whose header stands at `start`; 0 where none or not all of it."""
    server, function = buffer[start], buffer[start + 1]
    if server != request[0]:
        return 0
    if function == request[1] | _EXCEPTION:
        return _EXCEPTION_BYTES
    length = expected_length(request)
    if function != request[1] or len(buffer) - start < length:
        return 0
    if function in (Function.READ_HOLDING, Function.READ_INPUT):
        return length if buffer[start + 2] == 2 * _register_count(request) else 0
    return length


def _is_sealed(frame: bytes) -> bool:
    return struct.pack("<H", crc16(frame[:-2], 0xFFFF)) == frame[-2:]


def _find(reply: bytes, request: bytes) -> bytes:
    """Cut the valid reply out of what arrived; raises what explains its absence best."""
    damaged = False
    for start in range(len(reply) - _EXCEPTION_BYTES + 1):
        frame = reply[start : start + _length_at(reply, start, request)]
        if frame and _is_sealed(frame):
            if frame[1] & _EXCEPTION:
                raise ExceptionReplyError(frame[2])
            return frame
        damaged = damaged or bool(frame)
    if damaged:
        raise ChecksumError("the CRC does not belong to the reply")
    raise FrameError(f"no reply of server {request[0]} in {reply[:16].hex(' ')}")
