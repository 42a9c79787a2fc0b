"""From a question to the series that answer it: read, widened to so many points, aligned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus

import numpy as np
from sqlalchemy import Connection

from server.api.problems import ProblemError
from server.api.series.alignment import Aligned, align
from server.api.series.choice import (
    HOUR_MS,
    SECOND_MS,
    Level,
    choose,
    days_a_bucket,
    hour_width_ms,
    raw_width_ms,
)
from server.api.series.days import day_edges
from server.api.series.gaps import breaks
from server.api.series.known import Known, Opened
from server.api.series.lttb import thin_stretches
from server.rollup.marks import Level as Kept
from server.rollup.statistics import summarise_runs
from server.store.port import Int64s
from server.store.reading.buckets import Buckets, widened
from server.store.reading.raw import Rows
from server.store.reading.rollups import Horizons
from server.store.reading.series import (
    Limits,
    Span,
    Wanted,
    each_observed,
    read_buckets,
    read_observed,
)

# Of all series together: about 100 bytes of memory each, and a few times that while they are read.
MOST_HOURS = 1_000_000
# An answer by lttb may have so many times the points: gaps keep their ends. Beyond: an envelope.
_MOST_TIMES = 2


class Downsample(StrEnum):
    """How more values than points are told."""

    ENVELOPE = "envelope"
    LTTB = "lttb"


@dataclass(frozen=True, slots=True)
class Question:
    """Which range, at how many points at most; `level` None: whatever fits."""

    span: Span
    points: int
    level: Level | None = None
    downsample: Downsample = Downsample.ENVELOPE


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """One series on the axis, with the count of its gaps.

    `observed` counts its observations with a value, `expected` those there should be until now.
    """

    known: Known
    columns: Aligned
    gaps: int
    observed: int
    expected: int

    @property
    def completeness(self) -> float | None:
        """Share of the expected observations that have a value; None where none is expected."""
        return min(1.0, self.observed / self.expected) if self.expected else None


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """The answer: `step_ms` is 0 where each observation is told."""

    question: Question
    level: Level
    step_ms: int
    time_ms: Int64s
    series: Sequence[Told]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Buckets by series, all of one width (ms); 0: observations. `edges_ms`: of days, by zone."""

    buckets: Mapping[int, Buckets]
    step_ms: int
    edges_ms: Mapping[str, Int64s] = field(default_factory=dict)

    def breaks(self, series: Known) -> Int64s:
        """Give the instants at which the line of a series breaks."""
        own = self.buckets[series.id]
        edges_ms = self.edges_ms.get(series.time_zone)
        return breaks(own.start_ms, own.summary.n, self.step_ms, series.interval_s, edges_ms)


def assemble(opened: Opened, question: Question, now_ms: int) -> Assembled:
    """Answer; raises TooManyError when it takes more observations than may be read.

    An envelope answers where lttb, because of very many gaps, would not keep to the points.
    """
    span, series, horizons = question.span, opened.known, opened.horizons
    level = question.level or level_for(series, question, horizons)
    read = {Level.RAW: _of_raw, Level.HOUR: _of_hours, Level.DAY: _of_days}[level]
    found = read(opened.connection, series, question, Limits(now_ms, horizons.raw_ms))
    told = [found.buckets[one.id] for one in series]
    broken = [found.breaks(one) for one in series]
    if question.downsample is Downsample.LTTB:
        told = [_thinned(one, at, question.points) for one, at in zip(told, broken, strict=True)]
    axis, columns = align(told, broken)
    if question.downsample is Downsample.LTTB and len(axis) > _MOST_TIMES * question.points:
        enveloped = replace(question, downsample=Downsample.ENVELOPE)
        return assemble(opened, enveloped, now_ms)
    expected_ms = min(span.to_ms, now_ms) - span.from_ms
    return Assembled(
        question,
        level,
        found.step_ms,
        axis,
        [
            Told(
                one,
                column,
                len(gaps),
                int(found.buckets[one.id].summary.n.sum()),
                _expected(expected_ms, one.interval_s),
            )
            for one, column, gaps in zip(series, columns, broken, strict=True)
        ],
    )


def level_for(series: Sequence[Known], question: Question, horizons: Horizons) -> Level:
    """Pick the finest level that is cheap to read and reaches back to the range's beginning."""
    span = question.span
    intervals_s = [one.interval_s for one in series]
    level = choose(span.to_ms - span.from_ms, question.points, intervals_s)
    if level is Level.RAW and span.from_ms < horizons.raw_ms:
        level = Level.HOUR
    too_many = _hours(span) * len(series) > MOST_HOURS
    by_days = level is Level.HOUR and (too_many or span.from_ms < horizons.hour_ms)
    return Level.DAY if by_days else level


def _hours(span: Span) -> int:
    return (span.to_ms - span.from_ms) // HOUR_MS


def _expected(span_ms: int, interval_s: float) -> int:
    return max(0, int(span_ms / (interval_s * SECOND_MS))) if interval_s > 0 else 0


def _of_raw(
    connection: Connection, series: Sequence[Known], question: Question, _limits: Limits
) -> _Found:
    rows = read_observed(connection, [one.id for one in series], question.span)
    each = {one.id: each_observed(rows, one.id, is_direction=one.is_direction) for one in series}
    if question.downsample is Downsample.LTTB or _fit(list(each.values()), question.points):
        return _Found(each, 0)
    longest_s = max(one.interval_s for one in series)
    least_ms = int(longest_s * SECOND_MS) if len(series) > 1 else 0
    span = question.span
    width = raw_width_ms(span.from_ms, span.to_ms, question.points, least_ms)
    return _Found({one.id: _in_cells(rows, one, width) for one in series}, width)


def _fit(each: Sequence[Buckets], points: int) -> bool:
    """Tell whether observations can stand as they are: few, and all series at the same instants."""
    first = each[0].start_ms
    same = all(np.array_equal(one.start_ms, first) for one in each[1:])
    return same and len(first) <= points


def _in_cells(rows: Rows, series: Known, width_ms: int) -> Buckets:
    own = rows.of(series.id)
    cell = own.time_ms - own.time_ms % width_ms
    firsts = np.flatnonzero(np.diff(cell, prepend=-1))
    summary = summarise_runs(own.value, own.quality, firsts, is_direction=series.is_direction)
    return Buckets(cell[firsts], summary)


def _of_hours(
    connection: Connection, series: Sequence[Known], question: Question, limits: Limits
) -> _Found:
    span = question.span
    if _hours(span) * len(series) > MOST_HOURS:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"More than {MOST_HOURS:,} hours must be read for this: ask for resolution=day, "
            "for a shorter range, or for fewer datastreams.",
        )
    edges = (
        np.arange(span.from_ms // HOUR_MS, -(-span.to_ms // HOUR_MS) + 1, dtype=np.int64) * HOUR_MS
    )
    wanted = [Wanted(one.id, one.is_direction, edges, one.is_stepped) for one in series]
    hours = read_buckets(connection, Kept.HOUR, wanted, span, limits)
    if question.downsample is Downsample.LTTB:
        return _Found(hours, HOUR_MS)
    width = hour_width_ms(span.from_ms, span.to_ms, question.points)
    joined = {
        one.id: widened(
            hours[one.id],
            hours[one.id].start_ms - hours[one.id].start_ms % width,
            is_direction=one.is_direction,
        )
        for one in series
    }
    return _Found(joined, width)


def _of_days(
    connection: Connection, series: Sequence[Known], question: Question, limits: Limits
) -> _Found:
    span = question.span
    zones = {one.time_zone for one in series}
    edges = {zone: day_edges(zone, span.from_ms, span.to_ms, 1) for zone in zones}
    wanted = [
        Wanted(one.id, one.is_direction, edges[one.time_zone], one.is_stepped) for one in series
    ]
    days = read_buckets(connection, Kept.DAY, wanted, span, limits)
    together = days_a_bucket(span.from_ms, span.to_ms, question.points)
    if question.downsample is Downsample.LTTB or together == 1:
        return _Found(days, 24 * HOUR_MS, edges)
    cells = {zone: day_edges(zone, span.from_ms, span.to_ms, together) for zone in zones}
    joined = {}
    for one in series:
        starts, cell = days[one.id].start_ms, cells[one.time_zone]
        at = cell[np.searchsorted(cell, starts, side="right") - 1]
        joined[one.id] = widened(days[one.id], at, is_direction=one.is_direction)
    return _Found(joined, together * 24 * HOUR_MS, cells)


def _thinned(series: Buckets, breaks_ms: Int64s, points: int) -> Buckets:
    """Keep the points that draw the line; what is not good breaks it, and stays once a break.

    Of more stretches than points nothing is left out: it would take long and not be few.
    """
    good = ~np.isnan(series.summary.mean)
    stretch = np.searchsorted(breaks_ms, series.start_ms) + np.cumsum(~good)
    if np.count_nonzero(np.diff(stretch[good])) >= points:
        return series
    kept = thin_stretches(series.start_ms[good], series.summary.mean[good], stretch[good], points)
    bad = np.flatnonzero(~good & np.append(True, good[:-1]))
    return series.chosen(np.sort(np.concatenate([np.flatnonzero(good)[kept], bad])))
