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


def sum8(data: bytes) -> int:
    """Low byte of the sum of all bytes."""
    return sum(data) & 0xFF


def twos_complement(data: bytes) -> int:
    """Give the byte that makes the low byte of the sum nought."""
    return -sum(data) & 0xFF


_CCITT_POLYNOMIAL = 0x1021  # x^16 + x^12 + x^5 + 1, high bit first


def _ccitt_entry(byte: int) -> int:
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ (_CCITT_POLYNOMIAL if crc & 0x8000 else 0)) & 0xFFFF
    return crc


_CCITT_TABLE = tuple(_ccitt_entry(byte) for byte in range(256))


def crc16_ccitt(data: bytes) -> int:
    """CRC-16 with the polynomial 0x1021, high bit first, from 0 (XMODEM), as Davis consoles use it.

    Over data and their CRC, high byte first, it is 0.
    """
    return reduce(lambda crc, byte: crc << 8 & 0xFF00 ^ _CCITT_TABLE[crc >> 8 ^ byte], data, 0)
