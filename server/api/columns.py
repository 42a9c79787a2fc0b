"""Observations in columns, on their way from the store to JSON and CSV, a part at a time."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from sqlalchemy import Connection, Engine, select

from server.api.instants import isos
from server.api.schemas import flag_word
from server.db.tables import observation
from server.store.notes import read_reasons
from server.store.port import Floats, Int32s, Int64s, Store
from server.store.reading.bounded import reading

CSV_HEADER = b"time,value,unit,quality,flag,reason\r\n"
# Read at once: half a megabyte of memory, and a fraction of a tenth of a second.
PART_ROWS = 20_000
# A spreadsheet takes a cell that begins so for a formula; a reason comes from a gateway.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Observations in time order; a missing value is NaN, `reasons` by index."""

    time: Int64s
    value: Floats
    quality: Int32s
    reasons: Mapping[int, str]

    def __len__(self) -> int:
        """Count the observations."""
        return len(self.time)


@dataclass(frozen=True, slots=True)
class Window:
    """A range of one datastream: from_ms <= time < to_ms."""

    datastream_id: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The first part of a window, where the rest of it begins, and where the answer ends.

    `rest_ms` is None when the first part is all; `next_ms` when nothing follows the answer.
    """

    first: Columns
    rest_ms: int | None
    next_ms: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where observations are read from, each part in a transaction of its own.

    So no transaction stands open for as long as a client takes to read.
    """

    engine: Engine
    store: Store
    timeout_s: float

    def begin(self, connection: Connection, window: Window, limit: int) -> Found:
        """Read the first part of at most `limit` observations, and find where these end."""
        rows = min(limit, PART_ROWS)
        read = self._read(connection, window, rows + 1)
        if len(read) <= rows:
            return Found(read, None, None)
        first, beyond_ms = _head(read, rows), int(read.time[rows])
        if limit <= PART_ROWS:
            return Found(first, None, beyond_ms)
        return Found(first, beyond_ms, _instant_after(connection, window, limit))

    def parts(self, found: Found, window: Window) -> Iterator[Columns]:
        """Give the first part, and read the others, up to the end of the answer."""
        yield found.first
        from_ms = found.rest_ms
        if found.next_ms is not None:
            window = replace(window, to_ms=found.next_ms)
        while from_ms is not None:
            window = replace(window, from_ms=from_ms)
            with reading(self.engine, self.timeout_s) as connection:
                read = self._read(connection, window, PART_ROWS + 1)
            yield _head(read, PART_ROWS)
            from_ms = int(read.time[PART_ROWS]) if len(read) > PART_ROWS else None

    def _read(self, connection: Connection, window: Window, limit: int) -> Columns:
        id_ = window.datastream_id
        found = self.store.read_range(connection, id_, window.from_ms, window.to_ms, limit)
        reasons = _reasons(connection, id_, found.time_ms)
        return Columns(found.time_ms, found.value, found.quality, reasons)


def _head(columns: Columns, rows: int) -> Columns:
    reasons = {index: reason for index, reason in columns.reasons.items() if index < rows}
    return Columns(columns.time[:rows], columns.value[:rows], columns.quality[:rows], reasons)


def _instant_after(connection: Connection, window: Window, limit: int) -> int | None:
    column = observation.c
    beyond = (
        select(column.time)
        .where(
            column.datastream_id == window.datastream_id,
            column.time >= window.from_ms,
            column.time <= window.to_ms - 1,  # the end may be that of the year 9999
        )
        .order_by(column.time)
        .offset(limit)
        .limit(1)
    )
    found: int | None = connection.execute(beyond).scalar()
    return found


def _reasons(connection: Connection, datastream_id: int, times: Int64s) -> Mapping[int, str]:
    if not len(times):
        return {}
    notes = read_reasons(connection, datastream_id, int(times[0]), int(times[-1]) + 1)
    indices = np.searchsorted(times, sorted(notes))
    return {
        int(index): notes[time_ms]
        for index, time_ms in zip(indices, sorted(notes), strict=True)
        if index < len(times) and times[index] == time_ms
    }


def csv_lines(parts: Iterable[Columns], unit: str) -> Iterator[bytes]:
    """Write parts as CSV (RFC 4180), each as it comes."""
    yield CSV_HEADER
    for columns in parts:
        yield _lines(columns, unit).encode()


def _lines(columns: Columns, unit: str) -> str:
    out = io.StringIO()
    flags = {quality: flag_word(quality) for quality in np.unique(columns.quality).tolist()}
    rows = zip(isos(columns.time), columns.value.tolist(), columns.quality.tolist(), strict=True)
    csv.writer(out).writerows(
        (
            time,
            None if value != value else value,  # noqa: PLR0124 - NaN
            unit,
            quality,
            flags[quality],
            _plain(columns.reasons.get(index, "")),
        )
        for index, (time, value, quality) in enumerate(rows)
    )
    return out.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def json_parts(
    beginning: Mapping[str, object], parts: Iterable[Columns], following: str | None
) -> Iterator[bytes]:
    """Write parts as one JSON object of columns; only numbers are held until all are there."""
    columns = list(parts)
    yield msgspec.json.encode(beginning)[:-1]
    writers: Mapping[str, Callable[[Columns], list[object]]] = {
        "time": lambda part: list(isos(part.time)),
        "value": lambda part: part.value.tolist(),  # NaN is null
        "quality": lambda part: part.quality.tolist(),
    }
    for name, write in writers.items():
        yield f',"{name}":['.encode()
        yield from _joined(msgspec.json.encode(write(part))[1:-1] for part in columns)
        yield b"]"
    yield b',"reason":['
    yield from _joined(_told_reasons(columns))
    yield b'],"next":%b}' % msgspec.json.encode(following)


def _told_reasons(parts: Iterable[Columns]) -> Iterator[bytes]:
    first = 0
    for part in parts:
        told = [{"index": first + index, "reason": part.reasons[index]} for index in part.reasons]
        yield msgspec.json.encode(told)[1:-1]
        first += len(part)


def _joined(lists: Iterable[bytes]) -> Iterator[bytes]:
    """Put lists, written without their brackets, into one."""
    some = False
    for one in filter(None, lists):
        yield b"," + one if some else one
        some = True
