"""Which parts an export consists of: what each holds and the file it becomes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from server.export.metadata import Series, Thing
from server.export.periods import Length, Period, periods
from server.export.query import Format, Query, Resolution

DATA = "data"
# A worksheet shows so many rows of a file and drops the others (Excel specifications and limits).
_SHEET_ROWS = 1_048_575
_YEAR_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Extent:
    """The instants (ms) of a series' first and last observation within the span asked for."""

    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Part:
    """One file: the observations of some series in a period. `path` is relative to the folder."""

    path: str
    period: Period
    series: tuple[Series, ...]


def plan(query: Query, series: Sequence[Series], extents: Mapping[int, Extent]) -> list[Part]:
    """List the parts in the order in which they are written.

    `series` are by gateway and name; one without an extent has nothing in the span.
    """
    present = [one for one in series if one.id in extents]
    match query.format:
        case Format.CSV:
            return [part for one in present for part in _sheets(query, one, extents)]
        case Format.PARQUET:
            return list(_tables(query, present, extents))
        case Format.NETCDF:
            stations = groupby(present, lambda one: one.thing)
            return [
                part
                for thing, group in stations
                for part in _stations(query, thing, tuple(group), extents)
            ]


def _sheets(query: Query, one: Series, extents: Mapping[int, Extent]) -> Iterator[Part]:
    """List a file a series and year; a month, where a year has more rows than a worksheet."""
    fast = query.resolution is Resolution.RAW and one.interval_s * _SHEET_ROWS < _YEAR_S
    sensor, measured = one.name.split("/")[1:]
    folder = f"{DATA}/{one.thing.gateway}/{one.thing.key}"
    suffix = "csv.gz" if query.gzip else "csv"
    for period in _periods(query, Length.MONTH if fast else Length.YEAR, [one], extents):
        yield Part(f"{folder}/{sensor}.{measured}.{period.label}.{suffix}", period, (one,))


def _tables(query: Query, present: Sequence[Series], extents: Mapping[int, Extent]) -> list[Part]:
    """List a file a month or year, in a folder named as Hive names a partition."""
    length = _length(query)
    return [
        Part(f"{DATA}/{length.value}={period.label}/observations.parquet", period, within)
        for period in _periods(query, length, present, extents)
        if (within := _within(present, period, extents))
    ]


def _stations(
    query: Query, thing: Thing, group: tuple[Series, ...], extents: Mapping[int, Extent]
) -> Iterator[Part]:
    """List a file a thing and month or year."""
    folder = f"{DATA}/{thing.gateway}/{thing.key}"
    for period in _periods(query, _length(query), group, extents):
        within = _within(group, period, extents)
        if within:
            yield Part(f"{folder}/{thing.key}.{period.label}.nc", period, within)


def _length(query: Query) -> Length:
    return Length.MONTH if query.resolution is Resolution.RAW else Length.YEAR


def _periods(
    query: Query, length: Length, series: Sequence[Series], extents: Mapping[int, Extent]
) -> Iterable[Period]:
    """Cut the span asked for and leave out what lies before and behind all observations."""
    if not series:
        return
    first = min(extents[one.id].first_ms for one in series)
    last = max(extents[one.id].last_ms for one in series)
    for period in periods(query.from_ms, query.to_ms, length, query.zone):
        if period.from_ms > last:
            return
        if period.to_ms > first:
            yield period


def _within(
    series: Sequence[Series], period: Period, extents: Mapping[int, Extent]
) -> tuple[Series, ...]:
    return tuple(
        one
        for one in series
        if extents[one.id].first_ms < period.to_ms and extents[one.id].last_ms >= period.from_ms
    )
