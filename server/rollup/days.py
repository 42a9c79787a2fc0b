"""Where the days of a time zone begin. Pure, but for the zone data that Python finds.

A day begins at the instant of local midnight: the first of two where clocks went back over it, and
the end of the gap where they went forward over it. So days may last 23, 23.5, 24.5 or 25 hours.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from server.rollup.statistics import Ints
from wire.errors import ConfigError

DEFAULT_ZONE = "UTC"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_YEARS_KEPT = 1024
_DAY_MS = 86_400_000
# The calendar of Python ends with this year: in it and after it days are UTC's, 366 a year.
_LAST_YEAR = 9999
_LAST_YEAR_MS = 253_370_764_800_000
_LONG_YEAR = 366


def day_starts(zone: str, from_ms: int, to_ms: int) -> Ints:
    """Give the edges of the days that overlap from_ms <= time < to_ms, the last one's end included.

    Raises ConfigError for a zone that is not known here.
    """
    first = _year_of(from_ms - 1)
    last = _year_of(max(from_ms, to_ms))
    edges = np.unique(np.concatenate([_starts(zone, year) for year in range(first, last + 2)]))
    begin = int(np.searchsorted(edges, from_ms, side="right")) - 1
    end = int(np.searchsorted(edges, max(to_ms, from_ms + 1)))
    return edges[begin : end + 1]


def floors(zone: str, time_ms: Ints) -> Ints:
    """Give the start of the day each instant falls into."""
    if not len(time_ms):
        return time_ms
    edges = day_starts(zone, int(time_ms.min()), int(time_ms.max()) + 1)
    return edges[np.searchsorted(edges, time_ms, side="right") - 1]


def require_zone(name: str) -> tzinfo:
    """Find a time zone; raises ConfigError, with names that are like it."""
    if name == DEFAULT_ZONE:  # needs no data
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"time zone '{name}'", _remedy(name)) from None


def _remedy(name: str) -> str:
    known = available_timezones()
    if not known:
        return "this machine knows no time zones: install the package tzdata"
    like: Sequence[str] = get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(like)}?" if like else ""
    return f"no such zone; write an IANA name such as Asia/Shanghai{hint}"


def _year_of(time_ms: int) -> int:
    """Give the year in which the local day of an instant begins, or the one before."""
    early_ms = time_ms - 2 * _DAY_MS
    if early_ms >= _LAST_YEAR_MS:
        return _LAST_YEAR + (early_ms - _LAST_YEAR_MS) // (_LONG_YEAR * _DAY_MS)
    return (_EPOCH + early_ms * _MILLISECOND).year


@lru_cache(maxsize=_YEARS_KEPT)
def _starts(zone: str, year: int) -> Ints:
    found = require_zone(zone)
    if year >= _LAST_YEAR:
        days = np.arange(_LONG_YEAR, dtype=np.int64) + _LONG_YEAR * (year - _LAST_YEAR)
        return _LAST_YEAR_MS + _DAY_MS * days
    midnight = datetime(year, 1, 1, tzinfo=found)
    starts = []
    while midnight.year == year:
        starts.append((midnight.astimezone(UTC) - _EPOCH) // _MILLISECOND)
        midnight += timedelta(days=1)  # of the calendar: local midnight again
    return np.array(starts, dtype=np.int64)
