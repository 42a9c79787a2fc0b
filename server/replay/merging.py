"""What several entries come to together, and how that differs from what is stored. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.replay.decoding import Made
from server.replay.selection import Span
from server.store.port import Columns, Int32s, Int64s, Range, take

# So many observations are written in one transaction: well under a second on either database.
SLICE_VALUES = 10_000

_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """Observations in order of time, each key once, and when the batch of each was received."""

    columns: Columns
    received_at: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """What must be written over or added (indices into the merged columns), and taken out."""

    changed: Int64s
    added: Int64s
    removed_id: Int32s
    removed_ms: Int64s

    def __bool__(self) -> bool:
        """Tell whether anything differs."""
        return len(self.changed) + len(self.added) + len(self.removed_id) > 0


_NOTHING = Merged(
    Columns(
        np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int32)
    ),
    np.empty(0, np.int64),
)


def merge(made: Sequence[Made], span: Span) -> Merged:
    """Put together what entries hold within a span; of one key, what came first.

    A value that came first as missing keeps the first reason that anybody gave for it.
    """
    first_come = sorted(made, key=lambda one: one.place)
    parts = [_within(one, span) for one in first_come]
    if not parts:
        return _NOTHING
    ids, times, values, quality, received = (
        np.concatenate([part[column] for part, _ in parts]) for column in _FIELDS
    )
    order = np.lexsort((np.arange(len(ids)), ids, times))
    again = (ids[order][1:] == ids[order][:-1]) & (times[order][1:] == times[order][:-1])
    order = order[np.concatenate((np.ones(min(1, len(order)), np.bool_), ~again))]
    merged = Columns(ids[order], times[order], values[order], quality[order])
    reasons = _reasons(merged, [said for _, said in parts])
    return Merged(
        Columns(merged.datastream_id, merged.time_ms, merged.value, merged.quality, reasons),
        received[order],
    )


def slices(merged: Merged, span: Span, limit: int = SLICE_VALUES) -> Iterator[tuple[Merged, Span]]:
    """Cut what was merged into pieces of time with about `limit` observations each."""
    times = merged.columns.time_ms
    begin, start_ms = 0, span.from_ms
    while begin < len(times):
        end = min(begin + limit, len(times))
        end = int(np.searchsorted(times, times[end - 1], side="right"))
        end_ms = int(times[end]) if end < len(times) else span.to_ms
        yield _part(merged, begin, end), Span(start_ms, end_ms)
        begin, start_ms = end, end_ms


def compare(
    merged: Columns,
    stored: Mapping[int, tuple[Range, Mapping[int, str]]],
    derived_from: Mapping[int, Sequence[int]],
) -> Difference:
    """Compare with what is stored, by datastream, of all in the span.

    A stored observation of which the entries say nothing is left alone, unless it was derived from
    one they hold: then it is to be taken out.
    """
    changed = np.zeros(len(merged), np.bool_)
    added = np.ones(len(merged), np.bool_)
    removed: list[tuple[int, Int64s]] = []
    instants = _by_series(merged)
    for datastream_id, (there, notes) in stored.items():
        indices = instants.get(datastream_id, np.empty(0, np.int64))
        known, differs = _compare_series(merged, indices, there, notes)
        added[indices[known]] = False
        changed[indices[known & differs]] = True
    for source, own in instants.items():
        for derived in derived_from.get(source, ()):
            if derived in stored:
                kept = merged.time_ms[instants.get(derived, np.empty(0, np.int64))]
                gone = np.setdiff1d(merged.time_ms[own], kept)
                removed.append((derived, np.intersect1d(stored[derived][0].time_ms, gone)))
    return Difference(
        changed=np.flatnonzero(changed),
        added=np.flatnonzero(added),
        removed_id=np.concatenate(
            [np.full(len(times), one, np.int32) for one, times in removed]
            or [np.empty(0, np.int32)]
        ),
        removed_ms=np.concatenate([times for _, times in removed] or [np.empty(0, np.int64)]),
    )


_FIELDS = ("id", "time", "value", "quality", "received")
_Said = dict[tuple[int, int], str]


def _within(made: Made, span: Span) -> tuple[dict[str, NDArray[np.generic]], _Said]:
    """Cut an entry's columns to a span; with the reasons given, by key."""
    columns = made.columns
    here = (columns.time_ms >= span.from_ms) & (columns.time_ms < span.to_ms)
    part: dict[str, NDArray[np.generic]] = {
        "id": columns.datastream_id[here],
        "time": columns.time_ms[here],
        "value": columns.value[here],
        "quality": columns.quality[here],
        "received": np.full(int(here.sum()), made.received_at, np.int64),
    }
    said: _Said = {}
    for index, reason in columns.reasons.items():
        key = int(columns.datastream_id[index]), int(columns.time_ms[index])
        if here[index]:
            said.setdefault(key, reason)
    return part, said


def _reasons(merged: Columns, said: Sequence[_Said]) -> dict[int, str]:
    """Find the reason of each missing value by its index."""
    first: _Said = {}
    for one in reversed(said):
        first.update(one)
    if not first:
        return {}
    missing = np.flatnonzero(np.isnan(merged.value)).tolist()
    keys = (
        (index, (int(merged.datastream_id[index]), int(merged.time_ms[index]))) for index in missing
    )
    return {index: first[key] for index, key in keys if key in first}


def _part(merged: Merged, begin: int, end: int) -> Merged:
    indices = np.arange(begin, end)
    return Merged(take(merged.columns, indices), merged.received_at[indices])


def _by_series(columns: Columns) -> dict[int, Int64s]:
    """Map each datastream to the indices of its observations, in order of time."""
    order = np.argsort(columns.datastream_id, kind="stable")
    ids, starts = np.unique(columns.datastream_id[order], return_index=True)
    return dict(zip(ids.tolist(), np.split(order, starts[1:]), strict=True)) if len(ids) else {}


def _compare_series(
    merged: Columns, indices: Int64s, there: Range, notes: Mapping[int, str]
) -> tuple[_Bools, _Bools]:
    """Tell of one datastream's observations which are stored, and which of those differ."""
    if not len(indices) or not len(there.time_ms):
        return np.zeros(len(indices), np.bool_), np.zeros(len(indices), np.bool_)
    times = merged.time_ms[indices]
    at = np.minimum(np.searchsorted(there.time_ms, times), len(there.time_ms) - 1)
    known = there.time_ms[at] == times
    value, old = merged.value[indices], there.value[at]
    same = (value == old) | (np.isnan(value) & np.isnan(old))
    same &= merged.quality[indices] == there.quality[at]
    same &= np.array(
        [
            merged.reasons.get(index, "") == notes.get(instant, "")
            for index, instant in zip(indices.tolist(), times.tolist(), strict=True)
        ]
    )
    return known, ~same
