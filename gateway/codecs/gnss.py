"""NMEA 0183 sentences of satellite receivers that tell the time (RMC, ZDA) or of a fix (GGA)."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from gateway.codecs.lines import checked_text, from_dollar
from gateway.errors import FrameError

_SENTENCE = re.compile(r"\$[A-Z0-9]{2}(RMC|ZDA|GGA),(.*)")
_TIME = re.compile(r"(\d\d)(\d\d)(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_DATE = re.compile(r"(\d\d)(\d\d)(\d\d)", re.ASCII)
_CENTURY = 2000  # RMC writes a year in two digits
_LEAP_SECOND = 60

_RMC_FIELDS = 9  # up to the date; magnetic variation, mode and status follow, or not
_RMC_MODE = 11  # NMEA 0183 v2.3 and later
_ZDA_FIELDS = 4
_GGA_QUALITY = 5
# Modes and qualities of a position that was measured: not estimated, entered, simulated or none.
_MEASURED_MODES = frozenset("ADPRF")
_MEASURED_QUALITIES = frozenset("12345")


class Fix(NamedTuple):
    """Whether the receiver has a fix."""

    is_valid: bool


class Stamp(NamedTuple):
    """The instant that a sentence tells, in ms since the Unix epoch; `is_valid` None: not said."""

    utc_ms: int
    is_valid: bool | None


def decode(line: bytes) -> Stamp | Fix | None:
    """Read one line; None for another sentence, and for one that tells no time.

    Raises FrameError for a damaged line.
    """
    text = checked_text(from_dollar(line))
    found = _SENTENCE.fullmatch(text)
    if not found:
        return None
    fields = found[2].split(",")
    match found[1]:
        case "RMC":
            return _rmc(fields)
        case "ZDA":
            return _zda(fields)
        case _:
            return Fix(len(fields) > _GGA_QUALITY and fields[_GGA_QUALITY] in _MEASURED_QUALITIES)


def _rmc(fields: list[str]) -> Stamp | Fix:
    """Read time, status (A valid, V not), position, course, date, and the mode if there is one."""
    if len(fields) < _RMC_FIELDS:
        raise FrameError(f"RMC has {_RMC_FIELDS} fields and more, not {len(fields)}")
    mode = fields[_RMC_MODE] if len(fields) > _RMC_MODE else "A"
    is_valid = fields[1] == "A" and mode in _MEASURED_MODES
    date = _DATE.fullmatch(fields[8])
    utc_ms = None
    if date:
        day, month, year = (int(digits) for digits in date.groups())
        utc_ms = _instant(fields[0], _CENTURY + year, month, day)
    return Fix(is_valid) if utc_ms is None else Stamp(utc_ms, is_valid)


def _zda(fields: list[str]) -> Stamp | None:
    """Read time, day, month and year; whether they are of satellites it does not say."""
    if len(fields) < _ZDA_FIELDS:
        raise FrameError(f"ZDA has {_ZDA_FIELDS} fields and more, not {len(fields)}")
    if not all(one.isascii() and one.isdecimal() for one in fields[1:4]):
        return None
    day, month, year = (int(one) for one in fields[1:4])
    utc_ms = _instant(fields[0], year, month, day)
    return None if utc_ms is None else Stamp(utc_ms, None)


def _instant(time: str, year: int, month: int, day: int) -> int | None:
    """Put time and date together; None where there is none.

    A leap second is none either: the next sentence tells an instant that exists.
    """
    found = _TIME.fullmatch(time)
    if not found or int(found[3]) == _LEAP_SECOND:
        return None
    hour, minute, second = (int(digits) for digits in found.groups()[:3])
    micros = int((found[4] or "").ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC)
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)
