"""What a gateway must make of the lines that a talker sent: statistics over windows.

Written apart from the gateway's own sampling, from the same rules, so that each checks the other.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from wire.catalogue import Field, Statistic

# Below this share of the lines that one a second would give, a window has no value.
MIN_SHARE = Decimal("0.66")
GUST_MS = 3000
_HALF_MS = 500  # a line a little late is not one of three seconds ago


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a talker sent, complete at `at_ms`; values by field key."""

    at_ms: int
    values: Mapping[str, Decimal]


def statistic_of(field: Field, lines: Sequence[Line], interval_s: float) -> Decimal | None:
    """Compute the observation of one field over a window; None where it must be missing."""
    if field.statistic is Statistic.VECTOR_MEAN:
        return _vector_mean(field, lines, interval_s)
    key = field.key or ""
    told = [line for line in lines if key in line.values]
    values = [line.values[key] for line in told]
    if not _enough(len(values), interval_s):
        return None
    if field.statistic is Statistic.GUST:
        return _gust(field, told)
    if field.statistic is Statistic.MEAN:
        mean = sum(values, Decimal(0)) / len(values)
        return mean.quantize(field.resolution, ROUND_HALF_EVEN)
    return _EXACT[field.statistic](values)


_EXACT: Mapping[Statistic, Callable[[Sequence[Decimal]], Decimal]] = {
    Statistic.SUM: lambda values: sum(values, Decimal(0)),
    Statistic.MAX: max,
    Statistic.LAST: lambda values: values[-1],
    Statistic.NONZERO_SECONDS: lambda values: Decimal(sum(value > 0 for value in values)),
}


def _gust(field: Field, lines: Sequence[Line]) -> Decimal | None:
    """Find the highest mean of 3 s, of which two seconds must be there (WMO-No. 8, chapter 5)."""
    key = field.key or ""
    means = []
    for newest in lines:
        spell = [
            one.values[key] for one in lines if 0 <= newest.at_ms - one.at_ms < GUST_MS - _HALF_MS
        ]
        if len(spell) >= 2:
            means.append(sum(spell, Decimal(0)) / len(spell))
    return max(means).quantize(field.resolution, ROUND_HALF_EVEN) if means else None


def _enough(count: int, interval_s: float) -> bool:
    return count > 0 and Decimal(count) >= MIN_SHARE * Decimal(str(interval_s))


def _vector_mean(field: Field, lines: Iterable[Line], interval_s: float) -> Decimal | None:
    """Mean direction the wind comes from, weighted by speed (WMO-No. 8, part I, chapter 5)."""
    key = field.key or ""
    speed_key = f"{key.rpartition('.')[0]}.speed"
    pairs = [
        (float(line.values[key]), float(line.values[speed_key]))
        for line in lines
        if key in line.values and speed_key in line.values
    ]
    if not _enough(len(pairs), interval_s):
        return None
    east = sum(-speed * math.sin(math.radians(angle)) for angle, speed in pairs)
    north = sum(-speed * math.cos(math.radians(angle)) for angle, speed in pairs)
    if math.hypot(east, north) < 1e-9 * len(pairs):
        return None  # calm: no direction
    direction = math.degrees(math.atan2(-east, -north)) % 360
    rounded = Decimal(direction).quantize(field.resolution, ROUND_HALF_EVEN)
    return Decimal(0) if rounded == 360 else rounded


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a talker: full at `ends_ms`, each `interval_ms` long.

    A line within `slack_ms` of a boundary may have arrived on either side of it. Of the first
    window any number of leading lines may have gone unheard: the gateway had just opened its port.
    """

    ends_ms: Sequence[int]
    interval_ms: int
    slack_ms: int


def explain(
    lines: Sequence[Line], windows: Windows, fits: Callable[[int, Sequence[Line]], bool]
) -> list[bool]:
    """Tell for each window whether some admissible choice of lines explains what was stored.

    Every line belongs to exactly one window, so neighbours share their choice. `fits(end_ms,
    lines)` compares one window. After a window that nothing explains the next one starts afresh.
    """
    times = [line.at_ms for line in lines]
    slack = windows.slack_ms
    out: list[bool] = []
    starts: Sequence[int] = ()
    for end_ms in windows.ends_ms:
        stops = _splits(times, end_ms - slack, end_ms + slack)
        if not out:
            starts = _splits(times, end_ms - windows.interval_ms - slack, end_ms + slack)
        reached = [
            stop
            for stop in stops
            if any(start <= stop and fits(end_ms, lines[start:stop]) for start in starts)
        ]
        out.append(bool(reached))
        starts = reached or stops
    return out


def nominal(lines: Sequence[Line], end_ms: int, interval_ms: int) -> Sequence[Line]:
    """Lines of a window when their times are taken at their word."""
    times = [line.at_ms for line in lines]
    return lines[bisect_left(times, end_ms - interval_ms) : bisect_left(times, end_ms)]


def _splits(times: Sequence[int], from_ms: int, to_ms: int) -> range:
    """All indexes at which the lines may be split between two instants."""
    return range(bisect_left(times, from_ms), bisect_left(times, to_ms) + 1)
