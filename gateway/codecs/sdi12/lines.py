"""SDI-12 as lines: commands out, reply lines in, and the CRC of their data.

A reply is a line that starts with the sensor's address and ends with CR LF. Passed over before it:
unprintable noise, an echo of the command, and the string that METER sensors send at power-up.
"""

import re

from gateway.codecs.checksums import ChecksumError, crc16
from gateway.errors import FrameError

ADDRESSES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ANY = "?"

_END = b"\r\n"
_PRINTABLE = bytes(range(32, 127))
_NOISE = bytes(set(range(256)) - set(_PRINTABLE))
_ECHO = re.compile(rb"^[0-9A-Za-z?][0-9A-Z_]{0,9}!\r?\n?")
# METER integrator guide, DDI serial: TAB, values, CR, sensor type, checksum, CRC; no line end.
_POWER_UP = re.compile(rb"^[^\t]*\t[0-9 .+-]*\r[a-z][ -~]{2}")
_CRC_CHARS = 3


def command(address: str, body: str = "") -> bytes:
    """Write a command, `aM!` for ("a", "M")."""
    return f"{address}{body}!".encode("ascii")


def crc_text(data: bytes) -> bytes:
    """Write the CRC of address and values as three printable characters (v1.4, 4.4.12.2)."""
    crc = crc16(data, 0)
    return bytes((0x40 | crc >> 12, 0x40 | crc >> 6 & 0x3F, 0x40 | crc & 0x3F))


def reply_length(buffer: bytes, address: str) -> int:
    """Tell how many bytes end with the first complete reply of `address`; 0 while there is none."""
    end = 0
    for line in buffer.split(_END)[:-1]:
        end += len(line) + len(_END)
        if _is_from(_clean(line), address):
            return end
    return 0


def service_request_length(buffer: bytes, address: str) -> int:
    """Tell how many bytes end with a service request, `a<CR><LF>`; 0 while there is none."""
    end = 0
    for line in buffer.split(_END)[:-1]:
        end += len(line) + len(_END)
        if _clean(line) == address.encode("ascii"):
            return end
    return 0


def spoke(reply: bytes, address: str) -> bool:
    """Tell whether a reply, damaged as it may be, starts as the sensor's own."""
    return any(_is_from(_clean(line), address) for line in reply.split(_END))


def reply_line(reply: bytes, address: str) -> bytes:
    """Cut the reply of a sensor out of what arrived, from its address on; raises FrameError."""
    for line in map(_clean, reply.split(_END)[:-1]):
        if _is_from(line, address):
            return line
    raise FrameError(f"no reply of sensor '{address}' in {reply[:80]!r}")


def body_text(reply: bytes, address: str, *, crc: bool = False) -> str:
    """Give what a reply says after its address, without its CRC, which is checked if asked for.

    Raises FrameError, ChecksumError where the CRC does not fit.
    """
    body = reply_line(reply, address)[1:]
    if crc:
        body = _without_crc(body, address)
    if body.strip(_PRINTABLE):
        raise FrameError(f"unprintable bytes in a reply: {body[:80]!r}")
    return body.decode("ascii")


def _clean(line: bytes) -> bytes:
    """Drop the unprintable bytes of a waking line, a power-up string and an echoed command."""
    line = _POWER_UP.sub(b"", line, count=1).lstrip(_NOISE)
    return _ECHO.sub(b"", line, count=1).lstrip(_NOISE)


def _is_from(line: bytes, address: str) -> bool:
    if address == ANY:
        return line[:1].decode("latin-1") in ADDRESSES if line else False
    return line.startswith(address.encode("ascii"))


def _without_crc(body: bytes, address: str) -> bytes:
    values, crc = body[:-_CRC_CHARS], body[-_CRC_CHARS:]
    if len(crc) < _CRC_CHARS:
        raise FrameError(f"too short for a CRC: {body!r}")
    if crc_text(address.encode("ascii") + values) != crc:
        raise ChecksumError(f"CRC {crc!r} does not belong to {values!r}")
    return values
