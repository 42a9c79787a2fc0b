"""SDI-12 v1.4 behind a line-oriented adapter: commands out, reply lines in.

A reply is a line that starts with the sensor's address and ends with CR LF. An echo of the command
and unprintable noise before the address are passed over; anything else is a FrameError.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from gateway.codecs.checksums import ChecksumError, crc16
from gateway.errors import FrameError

ADDRESSES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ANY = "?"

_END = b"\r\n"
_PRINTABLE = bytes(range(32, 127))
_NOISE = bytes(set(range(256)) - set(_PRINTABLE))
_ECHO = re.compile(rb"^[0-9A-Za-z?][0-9A-Z_]{0,8}!")
_CRC_CHARS = 3

# v1.4, 4.4.9: a sign, one to seven digits, a point where it is wanted.
_VALUE = re.compile(r"[+-](?:\d{1,7}(?:\.\d*)?|\.\d{1,7})")
_VALUES = re.compile(f"(?:{_VALUE.pattern})*")
_MAX_DIGITS = 7
# v1.4, 4.4.9 allows 75; the 18 values of an ATMOS 41 were seen in one reply of 82.
_MAX_VALUES_CHARS = 150
_IDENTITY = re.compile(r"(\d\d)(.{8})(.{6})(.{3})(.{0,13})")


class Announcement(NamedTuple):
    """What `aM!` or `aC!` promised: so many values in at most `wait_s` seconds."""

    wait_s: int
    values: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers at an address, by `aI!`: SDI-12 version, vendor, model, firmware, serial."""

    version: str
    vendor: str
    model: str
    firmware: str
    serial: str

    def is_a(self, identify: str) -> bool:
        """Compare with how vendor (8) and model (6 characters) begin in the catalogue."""
        return f"{self.vendor:8}{self.model:6}".startswith(identify)


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


def parse_address(reply: bytes) -> str:
    """Read the answer to `?!`: the address of the only sensor on the line."""
    body = _body(reply, ANY)
    if body:
        raise FrameError(f"more than an address came back: {body!r}")
    return _reply_line(reply, ANY).decode("ascii")


def parse_announcement(reply: bytes, address: str, *, concurrent: bool = False) -> Announcement:
    """Read `atttn` (M, V), or `atttnn` (C)."""
    body = _text(_body(reply, address))
    if not re.fullmatch(r"[0-9]{5}" if concurrent else r"[0-9]{4}", body):
        raise FrameError(f"not a time and a number of values: {body!r}")
    return Announcement(int(body[:3]), int(body[3:]))


def parse_values(reply: bytes, address: str, *, crc: bool = False) -> list[Decimal]:
    """Read the values of a D or R reply; an empty list says that there is no measurement."""
    body = _body(reply, address)
    if crc:
        body = _without_crc(body, address)
    text = _text(body)
    if len(text) > _MAX_VALUES_CHARS or not _VALUES.fullmatch(text):
        raise FrameError(f"not a list of values: {text!r}")
    words: list[str] = _VALUE.findall(text)
    if any(sum(map(str.isdigit, word)) > _MAX_DIGITS for word in words):
        raise FrameError(f"a value has over {_MAX_DIGITS} digits: {text!r}")
    return [Decimal(word) for word in words]


def is_without_crc(reply: bytes, address: str) -> bool:
    """Tell whether a D reply is whole and carries no CRC: three changed bytes would look so."""
    try:
        return bool(parse_values(reply, address))
    except FrameError:
        return False


def parse_identity(reply: bytes, address: str) -> Identity:
    """Read an `aI!` reply, `allccccccccmmmmmmvvvxxx` (v1.4, 4.4.2)."""
    text = _text(_body(reply, address))
    found = _IDENTITY.fullmatch(text)
    if not found:
        raise FrameError(f"not an identification: {text!r}")
    return Identity(*(part.rstrip() for part in found.groups()))


def _clean(line: bytes) -> bytes:
    """Drop the unprintable bytes of a waking line and an echoed command."""
    return _ECHO.sub(b"", line.lstrip(_NOISE), count=1).lstrip(_NOISE)


def _is_from(line: bytes, address: str) -> bool:
    if address == ANY:
        return line[:1].decode("latin-1") in ADDRESSES if line else False
    return line.startswith(address.encode("ascii"))


def _reply_line(reply: bytes, address: str) -> bytes:
    for line in map(_clean, reply.split(_END)[:-1]):
        if _is_from(line, address):
            return line
    raise FrameError(f"no reply of sensor '{address}' in {reply[:80]!r}")


def _body(reply: bytes, address: str) -> bytes:
    return _reply_line(reply, address)[1:]


def _without_crc(body: bytes, address: str) -> bytes:
    values, crc = body[:-_CRC_CHARS], body[-_CRC_CHARS:]
    if len(crc) < _CRC_CHARS:
        raise FrameError(f"too short for a CRC: {body!r}")
    if crc_text(address.encode("ascii") + values) != crc:
        raise ChecksumError(f"CRC {crc!r} does not belong to {values!r}")
    return values


def _text(body: bytes) -> str:
    if body.strip(_PRINTABLE):
        raise FrameError(f"unprintable bytes in a reply: {body[:80]!r}")
    return body.decode("ascii")
