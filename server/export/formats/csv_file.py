"""A series as CSV (RFC 4180), such that a spreadsheet opens it without harm.

A value is the shortest decimal that reads back as the same double.
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import TextIO

import numpy as np

from server.db.instant import to_datetime
from server.export.blocks import (
    TESTS,
    Array,
    Block,
    Column,
    Kind,
    columns_of,
    flag_word,
    words_of_tests,
)
from server.export.formats.parts import Export, Rows
from server.export.plan import Part
from server.store.port import Int64s

# A spreadsheet takes a cell that begins so for a formula; a reason comes from a gateway.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Offsets change at a quarter of an hour: every zone's do since 1972.
_QUARTER_MS = 15 * 60 * 1000
_ROWS_AT_ONCE = 8192


class CsvWriter:
    """Writes a part that has one series; see `server.export.formats.parts.PartWriter`."""

    def __init__(self, export: Export) -> None:
        self._zone = export.query.zone
        self._gzip = export.query.gzip
        self._columns = columns_of(export.query.resolution)

    def write(self, path: Path, part: Part, rows: Rows) -> None:
        """Write the header and a line for each row."""
        (series,) = part.series
        with _open(path, compressed=self._gzip) as stream:
            writer = csv.writer(stream)
            writer.writerow(header(self._columns))
            for block in rows.blocks(series):
                for lines in self._lines(block):
                    writer.writerows(lines)

    def _lines(self, block: Block) -> Iterator[Iterable[Sequence[object]]]:
        for start in range(0, len(block), _ROWS_AT_ONCE):
            chosen = slice(start, start + _ROWS_AT_ONCE)
            time_ms = block.time_ms[chosen]
            reasons = [""] * len(time_ms)
            for index, reason in block.reasons.items():
                if start <= index < start + len(reasons):
                    reasons[index - start] = plain(reason)
            yield zip(
                utc_texts(time_ms),
                local_texts(time_ms, self._zone),
                *(_texts(column, block.columns[column.name][chosen]) for column in self._columns),
                [block.series.unit] * len(time_ms),
                reasons,
                strict=True,
            )


def header(columns: tuple[Column, ...]) -> list[str]:
    """Name the columns of a file."""
    return ["time", "local_time", *(column.name for column in columns), "unit", "reason"]


def plain(text: str) -> str:
    """Keep a text from being taken for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def utc_texts(time_ms: Int64s) -> list[str]:
    """Write instants as ISO 8601 UTC with milliseconds, such as 2026-11-20T06:00:00.000Z."""
    texts: list[str] = np.datetime_as_string(time_ms.astype("datetime64[ms]"), "ms", "UTC").tolist()
    return texts


def local_texts(time_ms: Int64s, zone: tzinfo) -> list[str]:
    """Write instants as ISO 8601 with the offset of a zone: 2026-11-20T14:00:00.000+08:00."""
    quarters, which = np.unique(time_ms // _QUARTER_MS, return_inverse=True)
    offsets = [_offset(int(quarter) * _QUARTER_MS, zone) for quarter in quarters]
    shifts = np.array([ms for ms, _ in offsets], dtype=np.int64)[which]
    names = np.array([text for _, text in offsets])[which]
    texts = np.datetime_as_string((time_ms + shifts).astype("datetime64[ms]"), "ms")
    joined: list[str] = np.char.add(texts, names).tolist()
    return joined


def _offset(time_ms: int, zone: tzinfo) -> tuple[int, str]:
    local = to_datetime(time_ms).astimezone(zone)
    shift = local.utcoffset() or timedelta()
    return shift // timedelta(milliseconds=1), local.isoformat()[19:]


def _texts(column: Column, array: Array) -> list[object]:
    values = array.tolist()
    if column.kind is Kind.FLOAT:
        return [None if value != value else value for value in values]  # noqa: PLR0124 - NaN
    if column.kind is Kind.FLAG:
        return _words(values, flag_word)
    return _words(values, words_of_tests) if column is TESTS else values


def _words(values: list[int], word: Callable[[int], str]) -> list[object]:
    known = {value: word(value) for value in set(values)}
    return [known[value] for value in values]


@contextmanager
def _open(path: Path, *, compressed: bool) -> Iterator[TextIO]:
    """Open a text file; of a compressed one the header names no file and no time of writing."""
    if not compressed:
        with path.open("x", encoding="utf-8", newline="") as stream:
            yield stream
        return
    with (
        path.open("xb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream,
    ):
        yield stream
