"""Reads the gaps of every series that a gateway measures over a span of time.

The work is bounded: of many series, or of quick ones, only the newest part of the span is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from server.db.tables import datastream, gateway, observation, observation_note
from server.hypertable import horizon
from server.ledger.gaps import Cause, Evidence, Gap, Window, absent, explain, longest, missing
from server.ledger.tally import percent
from server.store.port import Int64s, Store

# Observations read for one report: some seconds of work, and 50 MB.
MAX_ROWS = 2_000_000
MIN_ROWS_A_SERIES = 1_000
MAX_GAPS = 100
# How far back one looks unless told, and at most.
DEFAULT_DAYS, MAX_DAYS = 30, 366


@dataclass(frozen=True, slots=True)
class Span:
    """A range of time, from_ms <= time < to_ms, seen at `now_ms`."""

    from_ms: int
    to_ms: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class SeriesGaps:
    """How complete one series is from `from_ms` on; `more_gaps` counts those left out."""

    datastream_id: int
    name: str
    interval_s: float
    from_ms: int
    expected: int
    values: int
    gaps: Sequence[Gap]
    more_gaps: int

    @property
    def completeness(self) -> float:
        """Share of the expected values that is there, in percent, rounded down to hundredths."""
        return percent(min(self.values, self.expected), self.expected)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """One series as it was read, between the edges at which something is expected."""

    datastream_id: int
    name: str
    interval_ms: int
    from_ms: int
    times: Int64s
    is_missing: NDArray[np.bool_]
    edges: tuple[int, int]


def read_series(
    connection: Connection, store: Store, gateway_id: str, span: Span, windows: Sequence[Window]
) -> list[SeriesGaps]:
    """Read the gaps of all series a gateway measures, by name; what is derived follows them."""
    streams = connection.execute(
        select(datastream.c.id, datastream.c.name, datastream.c.interval_s)
        .where(datastream.c.gateway_id == gateway_id, datastream.c.source_id.is_(None))
        .order_by(datastream.c.name)
    ).all()
    if not streams:
        return []
    known = connection.execute(
        select(gateway.c.first_seen_at, gateway.c.status_at).where(gateway.c.id == gateway_id)
    ).one()
    # What retention has removed is no gap.
    kept_ms = horizon.read(connection).get(horizon.Level.RAW, span.from_ms)
    span = replace(span, from_ms=min(max(span.from_ms, kept_ms), span.to_ms))
    budget = max(MIN_ROWS_A_SERIES, MAX_ROWS // len(streams))
    spans = [_affordable(span, row.interval_s, budget) for row in streams]
    reads = [
        _read(connection, store, _Stream(*row), one, known.first_seen_at, budget)
        for row, one in zip(streams, spans, strict=True)
    ]
    present = np.unique(np.concatenate([one.times for one in reads]))
    evidence = Evidence(present, windows, known.status_at)
    return [_judged(connection, one, evidence, span.now_ms) for one in reads]


@dataclass(frozen=True, slots=True)
class _Stream:
    id: int
    name: str
    interval_s: float

    @property
    def interval_ms(self) -> int:
        return max(1, round(self.interval_s * 1000))


def _affordable(span: Span, interval_s: float, budget: int) -> Span:
    earliest = span.to_ms - int(budget * max(1.0, interval_s * 1000))
    return replace(span, from_ms=max(span.from_ms, earliest))


def _read(
    connection: Connection, store: Store, stream: _Stream, span: Span, first_seen: int, budget: int
) -> _Read:
    found = store.read_range(connection, stream.id, span.from_ms, span.to_ms, budget + 1)
    end = span.to_ms if len(found.time_ms) <= budget else int(found.time_ms[-1])
    times = found.time_ms[:budget]
    start = _expected_since(connection, stream, span, times, first_seen)
    return _Read(
        stream.id,
        stream.name,
        stream.interval_ms,
        start + stream.interval_ms,
        times,
        np.isnan(found.value[:budget]),
        (start, end),
    )


def _expected_since(
    connection: Connection, stream: _Stream, span: Span, times: Int64s, first_seen: int
) -> int:
    """Give the last instant, before what was read, at which all was well.

    Of a series that began within the span nothing is expected before its first observation.
    """
    before = connection.execute(
        select(func.max(observation.c.time)).where(
            observation.c.datastream_id == stream.id, observation.c.time < span.from_ms
        )
    ).scalar()
    step = stream.interval_ms
    if before is not None:
        return int(before) + (span.from_ms - 1 - int(before)) // step * step
    if len(times):
        return int(times[0]) - step
    return max(span.from_ms, first_seen) - step


def _judged(connection: Connection, one: _Read, evidence: Evidence, now_ms: int) -> SeriesGaps:
    start, end = one.edges
    framed = np.concatenate(([start], one.times, [max(start, end)])).astype(np.int64)
    empty = absent(framed, one.interval_ms)
    failed = missing(one.times, one.is_missing, one.interval_ms)
    shown = longest([*empty, *failed], MAX_GAPS)
    reasons = _reasons(connection, one.datastream_id, shown)
    values = int(np.count_nonzero(~one.is_missing))
    return SeriesGaps(
        datastream_id=one.datastream_id,
        name=one.name,
        interval_s=one.interval_ms / 1000,
        from_ms=one.from_ms,
        expected=len(one.times) + sum(gap.count for gap in empty),
        values=values,
        gaps=[
            replace(gap, reason=reasons.get(gap.from_ms, ""))
            if gap.cause is Cause.SENSOR_MISSING
            else explain(gap, one.interval_ms, evidence, now_ms)
            for gap in shown
        ],
        more_gaps=len(empty) + len(failed) - len(shown),
    )


def _reasons(connection: Connection, datastream_id: int, gaps: Sequence[Gap]) -> dict[int, str]:
    """Map the beginnings of runs of missing values to the reason given there."""
    begins = [gap.from_ms for gap in gaps if gap.cause is Cause.SENSOR_MISSING]
    if not begins:
        return {}
    rows = connection.execute(
        select(observation_note.c.time, observation_note.c.reason).where(
            observation_note.c.datastream_id == datastream_id,
            observation_note.c.time.in_(begins),
        )
    )
    return {row.time: row.reason for row in rows}
