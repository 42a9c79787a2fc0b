"""Binary floating point as the decimal that it was meant to be."""

import struct
from decimal import Decimal
from math import isfinite

from gateway.errors import SensorError

_FEWEST_DIGITS, _MOST_DIGITS = 6, 9  # of IEEE 754 binary32: kept always, and enough to tell apart


class NotANumberError(SensorError):
    """The sensor sent NaN or infinity where a number should be."""

    def __init__(self) -> None:
        """Say so in the stable words that a missing reading has."""
        super().__init__("not a number")


def float32(data: bytes) -> Decimal:
    """Read four bytes, high byte first: the shortest decimal that is this number, 3.14 for 3.14f.

    Raises NotANumberError for NaN and infinity.
    """
    (value,) = struct.unpack(">f", data)
    _check(value)
    for digits in range(_FEWEST_DIGITS, _MOST_DIGITS):
        text = f"{value:.{digits}g}"
        if _packed(text) == data:
            return Decimal(text)
    return Decimal(f"{value:.{_MOST_DIGITS}g}")


def float64(data: bytes) -> Decimal:
    """Read eight bytes, high byte first; raises NotANumberError for NaN and infinity."""
    (value,) = struct.unpack(">d", data)
    _check(value)
    return Decimal(repr(value))


def _packed(text: str) -> bytes:
    """Write a number in four bytes; empty when rounding took it out of what they can hold."""
    try:
        return struct.pack(">f", float(text))
    except OverflowError:
        return b""


def _check(value: float) -> None:
    if not isfinite(value):
        raise NotANumberError
