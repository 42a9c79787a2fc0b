"""The checksums of the serial protocols we read."""

from functools import reduce
from operator import xor

from gateway.errors import FrameError


class ChecksumError(FrameError):
    """A frame arrived whole, but its checksum says that bytes changed on the way."""


_POLYNOMIAL = 0xA001  # x^16 + x^15 + x^2 + 1, reflected


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(_table_entry(byte) for byte in range(256))


def crc16(data: bytes, initial: int) -> int:
    """CRC-16 with the reflected polynomial 0xA001, without final xor.

    SDI-12 starts it at 0 (v1.4, 4.4.12), Modbus RTU at 0xFFFF (serial line v1.02, 6.2.2).
    """
    return reduce(lambda crc, byte: crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF], data, initial)


def xor_checksum(data: bytes) -> int:
    """XOR of all bytes, as in NMEA 0183."""
    return reduce(xor, data, 0)
