"""Hourly and daily statistics of series, equal to those of the observations at any moment.

What a bucket comes to is read from its rollup where that is sure to be right, and computed from
the observations elsewhere: where the range cuts a bucket, where one is marked as out of date, and
in the newest hours, in which marks come and go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from server.rollup.marks import Level, Marked, read_marked
from server.rollup.statistics import HOUR_MS, Bools, summarise, summarise_runs
from server.store.port import Int64s
from server.store.reading.binary import fetch_all
from server.store.reading.buckets import Buckets, joined
from server.store.reading.marked import ask_doubtful, doubtful, read_doubtful
from server.store.reading.raw import Rows, Windows, read_windows
from server.store.reading.rollups import Part, Rollups, ask_rollups, read_sqlite, rollups_of

# Buckets that end later than this before now are computed from observations: that is soon done,
# and to look through the marks that ingest adds to the hour that is under way is not.
RECENT_MS = 2 * HOUR_MS
# Of all series together: about 100 MB of memory and a second of reading.
MOST_ROWS = 2_000_000
_REMEDY = (
    "ask for a shorter range or for fewer datastreams, or wait: hourly and daily values are being "
    "computed (saxaul-server rollup does it at once)."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A series, and at which instants its buckets begin and end: `edges_ms`, ascending.

    They cover the range that is asked for; the first and the last bucket may reach over its ends.
    Without `with_last` of any series in a question, what is told as the last value means nothing.
    """

    datastream_id: int
    is_direction: bool
    edges_ms: Int64s
    with_last: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """The instants from_ms <= time < to_ms."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Now, and before which instant observations have been dropped (0: none)."""

    now_ms: int
    horizon_ms: int = 0


def read_observed(
    connection: Connection, datastream_ids: Sequence[int], span: Span, most: int = MOST_ROWS
) -> Rows:
    """Read the observations of some series; raises TooManyError."""
    ids = np.array(datastream_ids, dtype=np.int32)
    ends = (np.full(len(ids), end, dtype=np.int64) for end in (span.from_ms, span.to_ms))
    return read_windows(connection, Windows(ids, *ends), most)


def each_observed(rows: Rows, datastream_id: int, *, is_direction: bool) -> Buckets:
    """Take each observation of a series for a bucket of its own."""
    own = rows.of(datastream_id)
    each = np.arange(len(own.time_ms), dtype=np.int64)
    summary = summarise_runs(own.value, own.quality, each, is_direction=is_direction)
    return Buckets(own.time_ms, summary)


def read_buckets(
    connection: Connection, level: Level, wanted: Sequence[Wanted], span: Span, limits: Limits
) -> Mapping[int, Buckets]:
    """Read the buckets of each series in a range, cut at its ends; raises TooManyError.

    Where observations have been dropped, a bucket that the range cuts is given whole.
    """
    horizon_ms = limits.horizon_ms
    fresh_ms = min(span.to_ms, limits.now_ms - RECENT_MS)
    marked, rollups = _read_kept(connection, level, wanted, fresh_ms)
    raw = {
        one.datastream_id: _from_raw(one, span, fresh_ms, horizon_ms)
        | (_marks_of(one, marked) & (one.edges_ms[:-1] >= horizon_ms))
        for one in wanted
    }
    windows = _joined_windows([_windows(one, raw[one.datastream_id], span) for one in wanted])
    rows = read_windows(connection, windows, MOST_ROWS, _REMEDY)
    return {
        one.datastream_id: _together(one, raw[one.datastream_id], rollups, rows, horizon_ms)
        for one in wanted
    }


def _part(level: Level, wanted: Sequence[Wanted]) -> Part:
    return Part(
        level,
        [one.datastream_id for one in wanted],
        frozenset(one.datastream_id for one in wanted if one.is_direction),
        min(int(one.edges_ms[0]) for one in wanted),
        max(int(one.edges_ms[-1]) for one in wanted),
        any(one.with_last for one in wanted),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Marks:
    """Instants, by series, whose buckets are out of date."""

    at_ms: Mapping[int, Int64s]


def _read_kept(
    connection: Connection, level: Level, wanted: Sequence[Wanted], fresh_ms: int
) -> tuple[_Marks, Rollups]:
    """Read the marks of the buckets before `fresh_ms`, and what is kept.

    The marks are read first, or both in one snapshot (`server.rollup.marks`).
    """
    part = _part(level, wanted)
    ids, first = part.datastream_ids, part.from_ms - HOUR_MS
    if connection.dialect.name == "sqlite":
        hours = _read_hours(connection, level, ids, first, fresh_ms)
        found = read_sqlite(connection, part)
    else:
        asks = (ask_doubtful(Level.HOUR, first, fresh_ms), ask_rollups(part))
        few, found = fetch_all(connection, asks)
        whole_day = level is Level.DAY and len(few["start"])
        known = None if whole_day else doubtful(ids, few["start"])
        hours = _read_hours(connection, level, ids, first, fresh_ms) if known is None else known
    marks = [hours]
    if level is Level.DAY:
        marks += _read_days(connection, ids, hours, Span(part.from_ms, fresh_ms))
    by_id = {
        id_: np.concatenate([one.start_ms[one.datastream_id == id_] for one in marks])
        for id_ in ids
    }
    return _Marks(by_id), rollups_of(part, found)


def _read_hours(
    connection: Connection, level: Level, ids: Sequence[int], from_ms: int, to_ms: int
) -> Marked:
    """Read which hours are marked.

    Of days only those of the series themselves are told: each takes a whole day's observations.
    """
    read = read_marked if level is Level.DAY else read_doubtful
    return read(connection, Level.HOUR, ids, from_ms, to_ms)


def _read_days(
    connection: Connection, ids: Sequence[int], hours: Marked, span: Span
) -> Sequence[Marked]:
    """Tell which days are marked, and in which an hour ends that is: midnight may lie within."""
    ends = Marked(hours.datastream_id, hours.start_ms + HOUR_MS - 1)
    return [ends, read_marked(connection, Level.DAY, ids, span.from_ms, span.to_ms)]


def _marks_of(wanted: Wanted, marks: _Marks) -> Bools:
    """Tell which buckets are out of date."""
    instants = marks.at_ms[wanted.datastream_id]
    index = np.searchsorted(wanted.edges_ms, instants, side="right") - 1
    found = np.zeros(len(wanted.edges_ms) - 1, dtype=bool)
    found[index[(index >= 0) & (index < len(found))]] = True
    return found


def _from_raw(wanted: Wanted, span: Span, fresh_ms: int, horizon_ms: int) -> Bools:
    """Tell which buckets are computed from observations, marked or not."""
    start, end = wanted.edges_ms[:-1], wanted.edges_ms[1:]
    cut = (start < span.from_ms) | (end > span.to_ms)
    found: Bools = (cut | (end > fresh_ms)) & (start >= horizon_ms)
    return found


def _windows(wanted: Wanted, raw: Bools, span: Span) -> Windows:
    """Give the stretches that are computed from observations, cut at the range's ends."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], raw, [False]]).astype(np.int8)))
    from_ms = np.maximum(wanted.edges_ms[changes[::2]], span.from_ms)
    to_ms = np.minimum(wanted.edges_ms[changes[1::2]], span.to_ms)
    ids = np.full(len(from_ms), wanted.datastream_id, dtype=np.int32)
    return Windows(ids, from_ms, to_ms)


def _joined_windows(parts: Sequence[Windows]) -> Windows:
    return Windows(
        np.concatenate([one.datastream_id for one in parts]),
        np.concatenate([one.from_ms for one in parts]),
        np.concatenate([one.to_ms for one in parts]),
    )


def _together(wanted: Wanted, raw: Bools, rollups: Rollups, rows: Rows, horizon_ms: int) -> Buckets:
    kept = rollups.of(wanted.datastream_id, is_direction=wanted.is_direction)
    own = rows.of(wanted.datastream_id)
    starts, summary = summarise(
        own.time_ms, own.value, own.quality, wanted.edges_ms, is_direction=wanted.is_direction
    )
    # What begins at no edge was computed for another time zone: it is about to be deleted, but for
    # what begins before the horizon, which is all there is and keeps its days (decision 0017).
    index = np.searchsorted(wanted.edges_ms[:-1], kept.start_ms)
    found = np.minimum(index, len(raw) - 1)
    inside = (kept.start_ms >= wanted.edges_ms[0]) & (kept.start_ms < wanted.edges_ms[-1])
    sure = (wanted.edges_ms[found] == kept.start_ms) & ~raw[found]
    sure |= inside & (kept.start_ms < horizon_ms)
    return joined([kept.chosen(sure), Buckets(starts, summary)])
