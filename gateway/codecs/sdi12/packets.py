"""High-volume binary packets of SDI-12 v1.4 (5.2): values as bytes, eight data bits, no parity.

A port set to 7E1, and any adapter that works by lines, cannot receive them, so no driver asks for
them: this is what a capture of them is read with.
"""

import struct
from decimal import Decimal

from gateway.codecs.checksums import ChecksumError, crc16
from gateway.codecs.numbers import float32, float64
from gateway.errors import FrameError

MAX_PAYLOAD_BYTES = 1000
_HEAD = struct.Struct("<cHB")  # address, payload bytes, data type
_CRC_BYTES = 2
# Table 16: bytes of a value by data type.
_SIGNED = {1: 1, 3: 2, 5: 4, 7: 8}
_UNSIGNED = {2: 1, 4: 2, 6: 4, 8: 8}
_FLOAT32, _FLOAT64 = 9, 10
_WIDTHS = {**_SIGNED, **_UNSIGNED, _FLOAT32: 4, _FLOAT64: 8}


def packet_length(buffer: bytes, address: str) -> int:
    """Tell how many bytes end with the first whole packet of `address`; 0 while there is none."""
    for start in range(len(buffer)):
        if buffer[start : start + 1] == address.encode("ascii"):
            frame = _frame_at(buffer, start)
            if frame and _is_sealed(frame):
                return start + len(frame)
    return 0


def parse_packet(packet: bytes, address: str) -> list[Decimal]:
    """Read the values of a `aDBn!` packet; an empty list says that there is no such page.

    Raises FrameError, ChecksumError, and NotANumberError for a NaN.
    """
    frame = _frame_at(packet, 0)
    if not frame or frame[:1] != address.encode("ascii"):
        raise FrameError(f"no packet of sensor '{address}' in {packet[:16].hex(' ')}")
    if not _is_sealed(frame):
        raise ChecksumError("the CRC does not belong to the packet")
    _, size, kind = _HEAD.unpack_from(frame)
    payload = frame[_HEAD.size : -_CRC_BYTES]
    if size == 0:
        return []
    width = _WIDTHS.get(kind, 0)
    if not width or size % width:
        raise FrameError(f"data type {kind} does not fit {size} bytes")
    return [_value(payload[at : at + width], kind) for at in range(0, size, width)]


def _value(data: bytes, kind: int) -> Decimal:
    if kind == _FLOAT32:
        return float32(data[::-1])
    if kind == _FLOAT64:
        return float64(data[::-1])
    return Decimal(int.from_bytes(data, "little", signed=kind in _SIGNED))


def _frame_at(buffer: bytes, start: int) -> bytes:
    """Cut the packet whose head stands at `start`; empty when not all of it is there."""
    if len(buffer) - start < _HEAD.size:
        return b""
    _, size, _ = _HEAD.unpack_from(buffer, start)
    end = start + _HEAD.size + size + _CRC_BYTES
    return buffer[start:end] if size <= MAX_PAYLOAD_BYTES and end <= len(buffer) else b""


def _is_sealed(frame: bytes) -> bool:
    return crc16(frame[:-_CRC_BYTES], 0) == int.from_bytes(frame[-_CRC_BYTES:], "little")
