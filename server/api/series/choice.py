"""Which statistics answer a range, and how wide the buckets are that fit into so many points. Pure.

A bucket is as wide as divides a day, or whole days: so it begins where a reader expects it, and two
answers about one day have the same buckets.
"""

from collections.abc import Sequence
from enum import StrEnum

SECOND_MS = 1000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
# Not 8 or 12: day and night would take turns, and the line would only go up and down.
_HOURS = (1, 2, 3, 4, 6)
_HOUR_WIDTHS_MS = tuple(hours * HOUR_MS for hours in _HOURS)
_WIDTHS_MS = (
    *(seconds * SECOND_MS for seconds in (1, 2, 5, 10, 15, 20, 30)),
    *(minutes * 60 * SECOND_MS for minutes in _MINUTES),
    *_HOUR_WIDTHS_MS,
)

# So many rows may be read for each point that is answered: what that costs is still not felt.
ROWS_A_POINT = 10
# And so many for the whole answer: about 100 ms of reading.
ROWS_AN_ANSWER = 300_000


class Level(StrEnum):
    """What an answer is computed from."""

    RAW = "raw"
    HOUR = "hour"
    DAY = "day"


def choose(span_ms: int, points: int, intervals_s: Sequence[float]) -> Level:
    """Pick the finest level that does not read far more than is drawn.

    What would be told by more than six hours is told by days, which are the site's.

    `intervals_s` are those of the series that are asked for, together.
    """
    most = min(points * ROWS_A_POINT, ROWS_AN_ANSWER // max(1, len(intervals_s)))
    densest_s = min(intervals_s, default=1.0)
    if span_ms / (SECOND_MS * max(densest_s, 0.001)) <= most:
        return Level.RAW
    by_hours = span_ms / HOUR_MS <= most and span_ms / _HOUR_WIDTHS_MS[-1] < points
    return Level.HOUR if by_hours else Level.DAY


def raw_width_ms(from_ms: int, to_ms: int, points: int, least_ms: int = 0) -> int:
    """Give the width of buckets of raw values: the least that fits, from `least_ms` up."""
    return _fitting(_WIDTHS_MS, from_ms, to_ms, points, least_ms)


def hour_width_ms(from_ms: int, to_ms: int, points: int) -> int:
    """Give the width of buckets that are made of whole hours."""
    return _fitting(_HOUR_WIDTHS_MS, from_ms, to_ms, points, HOUR_MS)


def days_a_bucket(from_ms: int, to_ms: int, points: int) -> int:
    """Give how many local days make a bucket; a zone shifts and stretches by less than two."""
    days = (to_ms - from_ms) // DAY_MS + 3
    return max(1, -(-days // max(1, points - 1)))


def _fitting(widths: Sequence[int], from_ms: int, to_ms: int, points: int, least_ms: int) -> int:
    for width in widths:
        if width >= least_ms and cells(from_ms, to_ms, width) <= points:
            return width
    days = max(1, -(-least_ms // DAY_MS), -(-(to_ms - from_ms) // (DAY_MS * points)))
    while cells(from_ms, to_ms, days * DAY_MS) > points:
        days += 1
    return days * DAY_MS


def cells(from_ms: int, to_ms: int, width_ms: int) -> int:
    """Count the buckets of a width, aligned to 1970, that a range touches."""
    return -(-to_ms // width_ms) - from_ms // width_ms
