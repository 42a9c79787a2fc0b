"""The steps from decoded batches to columns, for many batches in one set of arrays. Pure.

It gives what `server.ingest.arrays.judge` gives batch by batch; that one stays the specification.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from server.catalog.resolve import DerivedRef, SeriesRef
from server.derive.series import align, derive, pick
from server.ingest.arrays import edge_quality
from server.ingest.bulk.names import Resolved
from server.quality.flags import Bools, merge
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.store.port import Columns, Floats, Int32s, Int64s
from wire.batch import MAX_EXPONENT, MIN_EXPONENT, Batch
from wire.derive.transforms import Transform
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
    names: Resolved
    received_at: int


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """Measured observations of all batches, then those derived from them.

    `received_at` is by row.
    """

    columns: Columns
    received_at: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """All series of all batches, in order: how many rows each has, and of which batch it is."""

    batches: Sequence[Decoded]
    refs: Sequence[SeriesRef]
    counts: Int64s
    starts: Int64s
    sizes: Int64s

    def by_row(self, values: NDArray[_T]) -> NDArray[_T]:
        """Spread what is known by series over the rows."""
        return values if len(values) == self.sizes.sum() else np.repeat(values, self.counts)

    def of_batches(self, values: NDArray[_T]) -> NDArray[_T]:
        """Spread what is known by batch over the rows."""
        return np.repeat(values, self.sizes)

    def rows(self, indices: Sequence[int]) -> Int64s:
        """List the rows of some series."""
        counts = self.counts[indices]
        into = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(self.starts[indices], counts) + into


def judge_all(batches: Sequence[Decoded]) -> Merged:
    """Read, check and derive: the same as `judge` for each of the batches, in arrays over all."""
    layout = _lay_out(batches)
    received = layout.of_batches(np.array([one.received_at for one in batches], dtype=np.int64))
    time_ms = _instants(layout)
    value, quality, reasons = _without_sentinels(layout, _values(layout), _edge_quality(layout))
    quality = _gross_range(layout, value, quality)
    ahead = time_ms > received + FUTURE_TOLERANCE_MS
    quality = _merge(quality, ahead, Flag.SUSPECT, Test.FUTURE_TIME)
    unknown = np.array([one.batch.clock is ClockSource.UNKNOWN for one in batches])
    if unknown.any():
        quality = merge(quality, layout.of_batches(unknown), Flag.SUSPECT, Test.CLOCK_UNKNOWN)
    ids = layout.by_row(np.concatenate([one.names.ids for one in batches]))
    measured = Columns(ids, time_ms, value, quality, {**_reasons(layout), **reasons})
    transforms = _transforms(layout)
    beside = any(wanted[0][1].also for wanted in transforms)
    places = _places(layout) if beside else _Places([], {})
    made = [_derived(layout, measured, received, places, one) for one in transforms]
    columns, received = _joined([(measured, received), *made])
    return Merged(columns, received)


def _lay_out(batches: Sequence[Decoded]) -> _Layout:
    counts = np.array(
        list(chain.from_iterable([one.batch.counts for one in batches])), dtype=np.int64
    )
    return _Layout(
        batches=batches,
        refs=list(chain.from_iterable([one.names.refs for one in batches])),
        counts=counts,
        starts=np.cumsum(counts) - counts,
        sizes=np.array([len(one.batch) for one in batches], dtype=np.int64),
    )


def _instants(layout: _Layout) -> Int64s:
    """Give the instants of all rows; series that share theirs have them read once."""
    told: list[int] = []
    places: list[int] = []
    for one in layout.batches:
        first, begin = one.batch.times_ms[0], len(told)
        told += first
        for times in one.batch.times_ms:
            if times is first:
                places.append(begin)
            else:
                places.append(len(told))
                told += times
    # Of each row: where its series' instants begin, and how far into its series it is.
    into = np.arange(int(layout.sizes.sum())) - layout.by_row(layout.starts)
    at = layout.by_row(np.array(places, dtype=np.int64)) + into
    instants = np.array(told, dtype=np.int64)
    return instants[at]


def _values(layout: _Layout) -> Floats:
    given = chain.from_iterable([one.batch.mantissas for one in layout.batches])
    mantissas = np.array(list(given), dtype=np.float64)  # None becomes NaN
    told = chain.from_iterable([one.batch.exponents for one in layout.batches])
    exponents = np.array(list(told), dtype=np.int64) - MIN_EXPONENT
    return mantissas / layout.by_row(_DIVISORS[exponents]) * layout.by_row(_FACTORS[exponents])


def _edge_quality(layout: _Layout) -> Int32s:
    quality = np.full(int(layout.sizes.sum()), int(Flag.PASS), dtype=np.int32)
    end = 0
    for one in layout.batches:
        start, end = end, end + len(one.batch)
        if one.batch.flags is not None:
            quality[start:end] = edge_quality(one.batch)
    return quality


def _reasons(layout: _Layout) -> dict[int, str]:
    reasons: dict[int, str] = {}
    start = 0
    for one in layout.batches:
        for index, reason in one.batch.reasons.items():
            if reason:
                reasons[start + index] = reason.replace("\0", "")  # PostgreSQL holds no NUL in text
        start += len(one.batch)
    return reasons


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
    """Find them, of the series that have any: what is none to one, such as 0, others measure."""
    numbers = frozenset().union(*(one.names.no_values for one in layout.batches))
    if not numbers:
        return
    has_any = layout.by_row(np.array([bool(one.no_values) for one in layout.refs]))
    rows = np.flatnonzero(has_any & np.isin(value, list(numbers)))
    owners = np.searchsorted(layout.starts, rows, side="right") - 1
    for row, owner in zip(rows.tolist(), owners.tolist(), strict=True):
        told = [one for one in layout.refs[owner].no_values if one.value == value[row]]
        yield from ((row, one.reason) for one in told[-1:])


def _gross_range(layout: _Layout, value: Floats, quality: Int32s) -> Int32s:
    limits = np.concatenate([one.names.limits for one in layout.batches])
    low, high = layout.by_row(limits[:, 0]), layout.by_row(limits[:, 1])
    return _merge(quality, (value < low) | (value > high), Flag.FAIL, Test.GROSS_RANGE)


def _merge(quality: Int32s, where: Bools, flag: Flag, test: Test) -> Int32s:
    """Let a test speak, which nearly always has nothing to say."""
    return merge(quality, where, flag, test) if where.any() else quality


class _Places(NamedTuple):
    """Of each series its batch; of each batch and datastream the series, maybe in pieces."""

    batches: Sequence[int]
    series: Mapping[tuple[int, int], Sequence[int]]


def _places(layout: _Layout) -> _Places:
    counts = [len(one.names.refs) for one in layout.batches]
    batches = np.repeat(np.arange(len(counts)), counts).tolist()
    series: dict[tuple[int, int], list[int]] = {}
    for index, (batch, ref) in enumerate(zip(batches, layout.refs, strict=True)):
        series.setdefault((batch, ref.datastream_id), []).append(index)
    return _Places(batches, series)


def _transforms(layout: _Layout) -> list[list[tuple[int, DerivedRef]]]:
    """Group what is derived by how: a transform takes each number by itself.

    Whatever its parameters are: each soil, and each sensor over sand, has its own.
    """
    found: dict[tuple[object, ...], list[tuple[int, DerivedRef]]] = {}
    first = 0
    for batch in layout.batches:
        for index, one in batch.names.derived:
            found.setdefault(one.transform.kind, []).append((first + index, one))
        first += len(batch.names.refs)
    return list(found.values())


def _derived(
    layout: _Layout,
    measured: Columns,
    received: Int64s,
    places: _Places,
    wanted: Sequence[tuple[int, DerivedRef]],
) -> tuple[Columns, Int64s]:
    indices = [index for index, _ in wanted]
    rows = layout.rows(indices)
    others = [
        _beside(layout, measured, places, [(index, ref.also[nth]) for index, ref in wanted])
        for nth in range(len(wanted[0][1].also))
    ]
    transform = _with_given([ref.transform for _, ref in wanted], layout.counts[indices])
    made = derive(transform, measured.value[rows], measured.quality[rows], *others)
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


def _with_given(transforms: Sequence[Transform], counts: Int64s) -> Callable[..., Floats]:
    """Give what computes all series of one kind, each row with its series' own parameters."""
    given = np.array([one.all_given for one in transforms], dtype=np.float64)
    by_row = [np.repeat(column, counts) for column in given.T]
    return partial(transforms[0].computed, given=by_row)


def _beside(
    layout: _Layout, measured: Columns, places: _Places, wanted: Sequence[tuple[int, int]]
) -> tuple[Floats, Int32s]:
    """Give a further source of each series, of its batch and at its instants.

    `wanted` names each series and the datastream that its further source is.
    """
    found: list[Int64s] = []
    for index, source in wanted:
        own = layout.rows([index])
        rows = layout.rows(places.series.get((places.batches[index], source), []))
        at = align(measured.time_ms[own], measured.time_ms[rows])
        found.append(np.append(rows, -1)[at])
    return pick(measured.value, measured.quality, np.concatenate(found))


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
