"""Cuts a span of time at the months or years of a time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from server.db.instant import to_datetime, to_ms

_LAST_YEAR = 9999


class Length(StrEnum):
    """How long a part of an export is."""

    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """A month or a year as 2026-03 or 2026, or what of it lies in the span: from <= time < to."""

    label: str
    from_ms: int
    to_ms: int


def periods(from_ms: int, to_ms: int, length: Length, zone: tzinfo) -> Iterator[Period]:
    """Give the months or years of a zone that have something in from_ms <= time < to_ms."""
    first = to_datetime(from_ms).astimezone(zone)
    year, month = first.year, first.month if length is Length.MONTH else 1
    start = from_ms
    while start < to_ms:
        label = f"{year:04}-{month:02}" if length is Length.MONTH else f"{year:04}"
        year, month = _next(year, month, length)
        end = min(to_ms, _start(year, month, zone)) if year <= _LAST_YEAR else to_ms
        yield Period(label, start, end)
        start = end


def midnight(year: int, month: int, day: int, zone: tzinfo) -> int:
    """Give the instant (ms) at which a day begins in a zone."""
    return to_ms(datetime(year, month, day, tzinfo=zone))


def _next(year: int, month: int, length: Length) -> tuple[int, int]:
    if length is Length.YEAR or month == 12:
        return year + 1, 1
    return year, month + 1


def _start(year: int, month: int, zone: tzinfo) -> int:
    return midnight(year, month, 1, zone)
