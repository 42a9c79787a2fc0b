"""Observations in columns, on their way from the store to JSON and CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from server.api.instants import iso
from server.api.schemas import flag_word
from server.store.notes import read_reasons
from server.store.port import Floats, Int32s, Int64s, Store
from wire.batch import MAX_TIME_MS

CSV_HEADER = "time,value,unit,quality,flag,reason\r\n"
_CSV_ROWS_A_CHUNK = 2000
# A spreadsheet takes a cell that begins so for a formula; a reason comes from a gateway.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Observations in time order; a missing value is NaN, `reasons` by index. `more` follow."""

    time: Int64s
    value: Floats
    quality: Int32s
    reasons: Mapping[int, str]
    more: bool

    def values(self) -> list[float | None]:
        """List the values, None for what is missing."""
        return [None if value != value else value for value in self.value.tolist()]  # noqa: PLR0124 - NaN


@dataclass(frozen=True, slots=True)
class Window:
    """A range of one datastream: from_ms <= time < to_ms (None: no end), `limit` at most."""

    datastream_id: int
    from_ms: int
    to_ms: int | None
    limit: int


def read_columns(connection: Connection, store: Store, window: Window) -> Columns:
    """Read a window and say whether observations follow it within its range."""
    to_ms = MAX_TIME_MS + 1 if window.to_ms is None else window.to_ms
    found = store.read_range(
        connection, window.datastream_id, window.from_ms, to_ms, window.limit + 1
    )
    times = found.time_ms[: window.limit]
    return Columns(
        times,
        found.value[: window.limit],
        found.quality[: window.limit],
        _reasons(connection, window.datastream_id, times),
        more=len(found.time_ms) > window.limit,
    )


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


def csv_lines(columns: Columns, unit: str) -> Iterator[str]:
    """Write the columns as CSV (RFC 4180), a chunk of lines at a time."""
    yield CSV_HEADER
    values = columns.values()
    for start in range(0, len(values), _CSV_ROWS_A_CHUNK):
        out = io.StringIO()
        writer = csv.writer(out)
        for index in range(start, min(start + _CSV_ROWS_A_CHUNK, len(values))):
            quality = int(columns.quality[index])
            reason = _plain(columns.reasons.get(index, ""))
            time = iso(int(columns.time[index]))
            writer.writerow([time, values[index], unit, quality, flag_word(quality), reason])
        yield out.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
