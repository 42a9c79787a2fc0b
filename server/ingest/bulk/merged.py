"""The steps from decoded batches to columns, for many batches in one set of arrays. Pure.

It gives what `server.ingest.arrays.judge` gives batch by batch; that one stays the specification.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from server.catalog.resolve import DerivedRef, SeriesRef
from server.derive.series import derive
from server.derive.transforms import Transform
from server.ingest.arrays import edge_quality
from server.quality.flags import merge
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.store.port import Columns, Floats, Int32s, Int64s
from wire.batch import MAX_EXPONENT, MIN_EXPONENT, Batch, Series
from wire.messages import ClockSource
from wire.quality import FLAG_MASK, Flag, Test

_T = TypeVar("_T", bound=np.generic)

# By exponent, from MIN_EXPONENT on: what a mantissa is divided by, then multiplied by. One of the
# two is 1, so that the result is rounded once (see server.ingest.arrays).
_EXPONENTS = range(MIN_EXPONENT, MAX_EXPONENT + 1)
_DIVISORS = np.array([10 ** max(0, -exponent) for exponent in _EXPONENTS], dtype=np.float64)
_FACTORS = np.array([10 ** max(0, exponent) for exponent in _EXPONENTS], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A batch whose names are resolved, and when it came (ms)."""

    batch: Batch
    refs: Sequence[SeriesRef]
    received_at: int


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """Measured observations of all batches, then those derived from them.

    `received_at` is by row; `ends` says where each batch's measured rows end.
    """

    columns: Columns
    received_at: Int64s
    ends: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """All series of all batches, in order: how many rows each has, and of which batch it is."""

    series: Sequence[Series]
    refs: Sequence[SeriesRef]
    owners: Sequence[int]
    counts: Int64s
    starts: Int64s

    def by_row(self, values: NDArray[_T]) -> NDArray[_T]:
        """Spread what is known by series over the rows."""
        return np.repeat(values, self.counts)

    def rows(self, indices: Sequence[int]) -> Int64s:
        """List the rows of some series."""
        spans = [np.arange(self.starts[i], self.starts[i] + self.counts[i]) for i in indices]
        return np.concatenate(spans)


def judge_all(batches: Sequence[Decoded]) -> Merged:
    """Read, check and derive: the same as `judge` for each of the batches, in arrays over all."""
    layout = _lay_out(batches)
    received_at = np.array([one.received_at for one in batches], dtype=np.int64)
    received = received_at[layout.by_row(np.array(layout.owners, dtype=np.int64))]
    time_ms = np.array([t for one in layout.series for t in one.times_ms], dtype=np.int64)
    value, quality, reasons = _without_sentinels(layout, _values(layout), _edge_quality(layout))
    quality = _gross_range(layout, value, quality)
    quality = merge(
        quality, time_ms > received + FUTURE_TOLERANCE_MS, Flag.SUSPECT, Test.FUTURE_TIME
    )
    unknown = np.array([one.batch.clock is ClockSource.UNKNOWN for one in batches])
    if unknown.any():
        where = unknown[layout.by_row(np.array(layout.owners, dtype=np.int64))]
        quality = merge(quality, where, Flag.SUSPECT, Test.CLOCK_UNKNOWN)
    ids = layout.by_row(np.array([ref.datastream_id for ref in layout.refs], dtype=np.int32))
    measured = Columns(ids, time_ms, value, quality, {**_reasons(layout), **reasons})
    made = [_derived(layout, measured, received, *one) for one in _transforms(layout)]
    columns, received = _joined([(measured, received), *made])
    sizes = [sum(len(one.mantissas) for one in batch.batch.series) for batch in batches]
    return Merged(columns, received, list(accumulate(sizes)))


def _lay_out(batches: Sequence[Decoded]) -> _Layout:
    series = [one for batch in batches for one in batch.batch.series]
    counts = np.array([len(one.mantissas) for one in series], dtype=np.int64)
    return _Layout(
        series=series,
        refs=[ref for batch in batches for ref in batch.refs],
        owners=[at for at, batch in enumerate(batches) for _ in batch.refs],
        counts=counts,
        starts=np.cumsum(counts) - counts,
    )


def _values(layout: _Layout) -> Floats:
    mantissas = np.array([m for one in layout.series for m in one.mantissas], dtype=np.float64)
    exponents = np.array([one.exponent - MIN_EXPONENT for one in layout.series], dtype=np.int64)
    return mantissas / layout.by_row(_DIVISORS[exponents]) * layout.by_row(_FACTORS[exponents])


def _edge_quality(layout: _Layout) -> Int32s:
    quality = np.full(int(layout.counts.sum()), int(Flag.PASS), dtype=np.int32)
    for one, start, count in zip(layout.series, layout.starts, layout.counts, strict=True):
        if one.flags is not None:
            quality[start : start + count] = edge_quality(one)
    return quality


def _reasons(layout: _Layout) -> dict[int, str]:
    return {
        int(start) + index: reason.replace("\0", "")  # PostgreSQL holds no NUL in text
        for one, start in zip(layout.series, layout.starts, strict=True)
        for index, reason in one.reasons.items()
        if reason
    }


def _without_sentinels(
    layout: _Layout, value: Floats, quality: Int32s
) -> tuple[Floats, Int32s, Mapping[int, str]]:
    """Make missing what its instrument sends for "no value"."""
    reasons = dict(_no_values(layout, value))
    if reasons:
        rows = list(reasons)
        value, quality = value.copy(), quality.copy()
        value[rows] = np.nan
        quality[rows] = (quality[rows] & ~np.int32(FLAG_MASK)) | np.int32(Flag.MISSING)
    return value, quality, reasons


def _no_values(layout: _Layout, value: Floats) -> Iterator[tuple[int, str]]:
    known = {one.value for ref in layout.refs for one in ref.no_values}
    for number in known:
        for row in np.flatnonzero(value == number).tolist():
            owner = int(np.searchsorted(layout.starts, row, side="right")) - 1
            told = [one for one in layout.refs[owner].no_values if one.value == number]
            yield from ((row, one.reason) for one in told[-1:])


def _gross_range(layout: _Layout, value: Floats, quality: Int32s) -> Int32s:
    spans = [ref.span or (-np.inf, np.inf) for ref in layout.refs]
    limits = np.array(spans, dtype=np.float64)
    low, high = layout.by_row(limits[:, 0]), layout.by_row(limits[:, 1])
    return merge(quality, (value < low) | (value > high), Flag.FAIL, Test.GROSS_RANGE)


def _transforms(layout: _Layout) -> list[tuple[Transform, list[tuple[int, DerivedRef]]]]:
    """Group what is derived by how: a transform takes each number by itself."""
    found: dict[Transform, list[tuple[int, DerivedRef]]] = {}
    for index, ref in enumerate(layout.refs):
        for one in ref.derived:
            found.setdefault(one.transform, []).append((index, one))
    return list(found.items())


def _derived(
    layout: _Layout,
    measured: Columns,
    received: Int64s,
    transform: Transform,
    wanted: Sequence[tuple[int, DerivedRef]],
) -> tuple[Columns, Int64s]:
    indices = [index for index, _ in wanted]
    rows = layout.rows(indices)
    made = derive(transform, measured.value[rows], measured.quality[rows])
    ids = np.array([ref.datastream_id for _, ref in wanted], dtype=np.int32)
    return (
        Columns(
            np.repeat(ids, layout.counts[indices]),
            measured.time_ms[rows],
            made.value,
            made.quality,
            made.reasons,
        ),
        received[rows],
    )


def _joined(parts: Sequence[tuple[Columns, Int64s]]) -> tuple[Columns, Int64s]:
    reasons: dict[int, str] = {}
    start = 0
    for columns, _ in parts:
        # In the order of rows: of two reasons for one observation the first is kept.
        for index, reason in sorted(columns.reasons.items()):
            reasons[start + index] = reason
        start += len(columns)
    return Columns(
        np.concatenate([one.datastream_id for one, _ in parts]),
        np.concatenate([one.time_ms for one, _ in parts]),
        np.concatenate([one.value for one, _ in parts]),
        np.concatenate([one.quality for one, _ in parts]),
        reasons,
    ), np.concatenate([received for _, received in parts])
