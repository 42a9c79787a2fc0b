"""The steps between decoding and storing, on arrays: values, checks, derived series. Pure.

A batch stays in columns from here to the database: one `Piece` a series, joined at the end.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from server.catalog.resolve import SeriesRef
from server.derive.series import align, derive, pick
from server.quality.flags import Bools, merge
from server.quality.gross_range import gross_range
from server.quality.sentinels import without
from server.quality.timing import future_time, unknown_clock
from server.store.port import Columns, Floats, Int32s
from wire.batch import Batch, Series
from wire.errors import ContractError
from wire.messages import ClockSource
from wire.quality import Flag, Test

_T = TypeVar("_T", bound=np.generic)
MAX_MONTHS = 1200  # a century, twice what lies between 1970 and today

MONTH_MS = 30 * 86_400_000  # the chunk of the first migration
_EDGE_FLAGS = (Flag.SUSPECT, Flag.FAIL)


class UnannouncedError(Exception):
    """A batch names a datastream that no inventory has announced yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One series of a batch as arrays; a missing value is NaN, `reasons` says why by index."""

    ref: SeriesRef
    datastream_id: int
    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int32]
    reasons: Mapping[int, str]


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What of a batch can be stored, and how its clock was known.

    `left_out` says what cannot, and why, "" for nothing; `span_ms` is when all of it was measured.
    """

    pieces: Sequence[Piece]
    clock: ClockSource
    left_out: str = ""
    span_ms: tuple[int, int] | None = None


def name(batch: Batch, refs: Mapping[str, SeriesRef]) -> Named:
    """Read what of a batch can be stored; raises as `resolve` does."""
    pieces = resolve(batch, refs)
    without = left_out(batch.names, refs)
    if not without:
        return Named(pieces, batch.clock)
    instants = [instant for times in batch.times_ms for instant in times]
    return Named(pieces, batch.clock, without, (min(instants), max(instants)))


def resolve(batch: Batch, refs: Mapping[str, SeriesRef]) -> list[Piece]:
    """Find the datastream of each series and read its columns; without those that are left out.

    A series is cut where its instrument was exchanged. Raises UnannouncedError for a name that is
    not known yet, ContractError for one that the server derives itself, or when none is left.
    """
    used = usable([series.name for series in batch.series], refs)
    return [
        piece
        for series in batch.series
        if series.name in used
        for piece in by_era(_read(series, refs[series.name]))
    ]


def usable(names: Collection[str], refs: Mapping[str, SeriesRef]) -> Collection[str]:
    """Say which of the names can be stored.

    Raises UnannouncedError for a name that is not known yet, ContractError for one that is not a
    peer's, or when all are left out.
    """
    unknown = sorted(set(names) - refs.keys())
    if unknown:
        raise UnannouncedError(f"no inventory has announced '{unknown[0]}' yet")
    used = dict.fromkeys(name for name in names if not refs[name].left_out)
    if names and not used:
        raise ContractError(left_out(names, refs))
    for name in used:
        if refs[name].is_derived:
            raise ContractError(f"'{name}' is derived by the server and cannot be sent")
    return used


def left_out(names: Collection[str], refs: Mapping[str, SeriesRef]) -> str:
    """Say which series of a batch are not stored, and why; "" when all are."""
    reasons = {name: refs[name].left_out for name in names}
    return "; ".join(f"'{name}' is left out: {why}" for name, why in reasons.items() if why)


def by_era(piece: Piece) -> Iterator[Piece]:
    """Cut a series where its instrument was exchanged."""
    ref = piece.ref
    if ref.before is None or not len(piece.time_ms) or piece.time_ms.min() >= ref.since_ms:
        yield piece
        return
    is_before = piece.time_ms < ref.since_ms
    yield from by_era(_some(replace(piece, ref=ref.before), is_before))
    if not is_before.all():
        yield _some(piece, ~is_before)


def _some(piece: Piece, which: Bools) -> Piece:
    """Give some rows of a series, by mask."""
    rows = np.flatnonzero(which).tolist()
    reasons = {at: piece.reasons[row] for at, row in enumerate(rows) if row in piece.reasons}
    return replace(
        piece,
        time_ms=piece.time_ms[which],
        value=piece.value[which],
        quality=piece.quality[which],
        reasons=reasons,
    )


def check(pieces: Sequence[Piece], clock: ClockSource, received_at: int) -> list[Piece]:
    """Set the quality of every observation; what stands for "no value" becomes missing."""
    return [_checked(piece, clock, received_at) for piece in pieces]


def with_derived(pieces: Sequence[Piece]) -> list[Piece]:
    """Add the series that are computed from those of the batch."""
    own: dict[int, Piece] = {}
    for piece in pieces:
        before = own.get(piece.datastream_id)
        own[piece.datastream_id] = piece if before is None else _after(before, piece)
    return [*pieces, *(made for piece in pieces for made in _derived(piece, own))]


def _after(before: Piece, piece: Piece) -> Piece:
    """Put a series together that comes in pieces, for those that are derived from it."""
    return replace(
        before,
        time_ms=np.concatenate((before.time_ms, piece.time_ms)),
        value=np.concatenate((before.value, piece.value)),
        quality=np.concatenate((before.quality, piece.quality)),
    )


def judge(pieces: Sequence[Piece], clock: ClockSource, received_at: int) -> tuple[Columns, Columns]:
    """Check and derive: give what was measured, and that with what is derived from it.

    Raises ContractError for instants strewn too wide.
    """
    checked = check(pieces, clock, received_at)
    measured = join(checked)
    refuse_scattered(measured)
    return measured, join(with_derived(checked))


def refuse_scattered(columns: Columns) -> None:
    """Refuse instants strewn over more months than any history has; raises ContractError.

    TimescaleDB keeps a chunk for each month: one absurd batch would make a table of thousands.
    """
    months = len(np.unique(columns.time_ms // MONTH_MS))
    if months > MAX_MONTHS:
        raise ContractError(
            f"its instants are strewn over {months} months; {MAX_MONTHS} are allowed"
        )


def join(pieces: Sequence[Piece]) -> Columns:
    """Put all series into one set of columns for the store."""
    reasons: dict[int, str] = {}
    start = 0
    for piece in pieces:
        reasons.update({start + index: reason for index, reason in piece.reasons.items()})
        start += len(piece.time_ms)
    return Columns(
        datastream_id=_joined([_ids(piece) for piece in pieces], np.int32),
        time_ms=_joined([piece.time_ms for piece in pieces], np.int64),
        value=_joined([piece.value for piece in pieces], np.float64),
        quality=_joined([piece.quality for piece in pieces], np.int32),
        reasons=reasons,
    )


def _read(series: Series, ref: SeriesRef) -> Piece:
    return Piece(
        ref=ref,
        datastream_id=ref.datastream_id,
        time_ms=np.array(series.times_ms, dtype=np.int64),
        value=_values(series),
        quality=edge_quality(series),
        # PostgreSQL holds no NUL in text.
        reasons={
            index: reason.replace("\0", "") for index, reason in series.reasons.items() if reason
        },
    )


def _values(series: Series) -> NDArray[np.float64]:
    """Turn mantissas into doubles: each is the double nearest to the decimal that was sent.

    Mantissas and powers of ten up to 10^12 are exact doubles, so one division rounds once.
    """
    mantissas = np.array(series.mantissas, dtype=np.float64)  # None becomes NaN
    if series.exponent < 0:
        return mantissas / np.float64(10**-series.exponent)
    return mantissas * np.float64(10**series.exponent)


def edge_quality(series: Series | Batch) -> NDArray[np.int32]:
    """Pack the gateway's flags. A value that is there but flagged missing cannot be trusted."""
    count = len(series.mantissas)
    if series.flags is None:
        return np.full(count, int(Flag.PASS), dtype=np.int32)
    flags = np.array(series.flags, dtype=np.int32)
    present = np.array([mantissa is not None for mantissa in series.mantissas])
    flags[present & (flags == Flag.MISSING)] = int(Flag.FAIL)
    for flag in _EDGE_FLAGS:
        flags = merge(flags, present & (flags == flag), flag, Test.EDGE)
    return flags


def _checked(piece: Piece, clock: ClockSource, received_at: int) -> Piece:
    value, quality, reasons = without(piece.value, piece.quality, piece.ref.no_values)
    if piece.ref.span is not None:
        quality = gross_range(value, quality, piece.ref.span)
    quality = unknown_clock(future_time(piece.time_ms, quality, received_at), clock)
    return replace(piece, value=value, quality=quality, reasons={**piece.reasons, **reasons})


def _derived(piece: Piece, own: Mapping[int, Piece]) -> list[Piece]:
    made = [
        (
            ref,
            derive(
                ref.transform,
                piece.value,
                piece.quality,
                *(_beside(piece, own.get(one)) for one in ref.also),
            ),
        )
        for ref in piece.ref.derived
    ]
    return [
        replace(
            piece,
            datastream_id=ref.datastream_id,
            value=result.value,
            quality=result.quality,
            reasons=result.reasons,
        )
        for ref, result in made
    ]


def _beside(piece: Piece, other: Piece | None) -> tuple[Floats, Int32s]:
    """Give another source of the batch, at the instants of this one."""
    if other is None:
        count = len(piece.time_ms)
        return np.full(count, np.nan), np.full(count, int(Flag.MISSING), dtype=np.int32)
    return pick(other.value, other.quality, align(piece.time_ms, other.time_ms))


def _ids(piece: Piece) -> NDArray[np.int32]:
    return np.full(len(piece.time_ms), piece.datastream_id, dtype=np.int32)


def _joined(parts: Sequence[NDArray[_T]], dtype: type[_T]) -> NDArray[_T]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)
