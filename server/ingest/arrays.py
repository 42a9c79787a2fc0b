"""The steps between decoding and storing, on arrays: values, checks, derived series. Pure.

A batch stays in columns from here to the database: one `Piece` a series, joined at the end.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from server.catalog.resolve import SeriesRef
from server.derive.series import align, derive, pick
from server.quality.flags import merge
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


def resolve(batch: Batch, refs: Mapping[str, SeriesRef]) -> list[Piece]:
    """Find the datastream of each series and read its columns.

    Raises UnannouncedError for a name that is not known yet, ContractError for one that the server
    derives itself.
    """
    refuse_unusable([series.name for series in batch.series], refs)
    return [_read(series, refs[series.name]) for series in batch.series]


def refuse_unusable(names: Collection[str], refs: Mapping[str, SeriesRef]) -> None:
    """Refuse names that are not known yet (UnannouncedError) or not a peer's (ContractError)."""
    unknown = sorted(set(names) - refs.keys())
    if unknown:
        raise UnannouncedError(f"no inventory has announced '{unknown[0]}' yet")
    for name in names:
        if refs[name].is_derived:
            raise ContractError(f"'{name}' is derived by the server and cannot be sent")


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
