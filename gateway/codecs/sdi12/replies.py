"""What SDI-12 replies say: announcements, values, identities. Anything else is a FrameError."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from gateway.codecs.sdi12.lines import ANY, body_text, reply_line
from gateway.errors import FrameError

# v1.4, 4.4.8: a sign, one to seven digits, a point where it is wanted.
_VALUE = re.compile(r"[+-](?:\d{1,7}(?:\.\d*)?|\.\d{1,7})", re.ASCII)
_VALUES = re.compile(f"(?:{_VALUE.pattern})*", re.ASCII)
_MAX_DIGITS = 7
# v1.4, 4.4.8 allows 75; the 18 values of an ATMOS 41 were seen in one reply of 82.
_MAX_VALUES_CHARS = 150
_IDENTITY = re.compile(r"(\d\d)(.{8})(.{6})(.{3})(.{0,13})")


class Announcement(NamedTuple):
    """What `aM!`, `aC!` or `aHA!` promised: so many values in at most `wait_s` seconds."""

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


def parse_acknowledge(reply: bytes, address: str) -> None:
    """Read the answer to `a!`, the address alone."""
    if body := body_text(reply, address):
        raise FrameError(f"more than an address came back: {body!r}")


def parse_address(reply: bytes) -> str:
    """Read the answer to `?!` or `aAb!`: the address that the only sensor asked has now."""
    parse_acknowledge(reply, ANY)
    return reply_line(reply, ANY).decode("ascii")


def parse_announcement(reply: bytes, address: str, *, digits: int = 1) -> Announcement:
    """Read `atttn` (M, V), `atttnn` (C) or `atttnnn` (HA, HB): the count has `digits` digits."""
    body = body_text(reply, address)
    if not re.fullmatch(rf"[0-9]{{{3 + digits}}}", body):
        raise FrameError(f"not a time and a number of values: {body!r}")
    return Announcement(int(body[:3]), int(body[3:]))


def parse_values(reply: bytes, address: str, *, crc: bool = False) -> list[Decimal]:
    """Read the values of a D or R reply; an empty list says that there is no measurement."""
    text = body_text(reply, address, crc=crc)
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
    text = body_text(reply, address)
    found = _IDENTITY.fullmatch(text)
    if not found:
        raise FrameError(f"not an identification: {text!r}")
    return Identity(*(part.rstrip() for part in found.groups()))
