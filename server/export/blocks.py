"""Rows of one series on their way from the database to a file, and the columns they have. Pure.

Of a single observation: `value`, `flag` (QARTOD) and `tests` (a bit for each test that did not
pass), which together are the packed quality, and the reason of a missing value. Of a bucket: what
`server.rollup.statistics` says.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.export.metadata import Series
from server.export.query import Resolution
from server.store.port import Floats, Int32s, Int64s
from wire.quality import FLAG_MASK, Flag, Test

Array = NDArray[Any]

DAY_MS = 86_400_000


class Kind(StrEnum):
    """What a column holds; a float may be missing (NaN), an integer never is."""

    FLOAT = "float"
    FLAG = "flag"
    INT = "int"


@dataclass(frozen=True, slots=True)
class Column:
    """A column beside the time. Whether its numbers have the unit of the series."""

    name: str
    kind: Kind
    meaning: str
    has_unit: bool = False


_FLAGS = ", ".join(f"{flag.value} {flag.name.lower()}" for flag in Flag)
_TESTS = ", ".join(f"{test.value} {str(test.name).lower()}" for test in Test)

VALUE = Column("value", Kind.FLOAT, "what was measured; none where it is missing", has_unit=True)
FLAG = Column("flag", Kind.FLAG, f"QARTOD flag: {_FLAGS}")
TESTS = Column("tests", Kind.INT, f"sum of the tests that did not pass: {_TESTS}")
MEAN = Column(
    "mean", Kind.FLOAT, "mean of the good values; of directions, vectorial", has_unit=True
)
_BUCKET = (
    Column("n", Kind.INT, "observations with a value"),
    Column("n_good", Kind.INT, "those of them whose flag is not fail; the statistics are of these"),
    MEAN,
    Column("min", Kind.FLOAT, "least good value; none of directions", has_unit=True),
    Column("max", Kind.FLOAT, "greatest good value; none of directions", has_unit=True),
    Column("sum", Kind.FLOAT, "sum of the good values; none of directions", has_unit=True),
    Column("last", Kind.FLOAT, "last good value", has_unit=True),
)
TIME_MEANS = {
    Resolution.RAW: "instant of the observation; of a mean, a sum or the like, the end of the span",
    Resolution.HOUR: "start of the hour (UTC)",
    Resolution.DAY: "start of the day in the site's time zone",
}
REASON_MEANS = "why the value is missing"


def columns_of(resolution: Resolution) -> tuple[Column, ...]:
    """Give the columns that rows of a resolution have, beside time and reason."""
    return (VALUE, FLAG, TESTS) if resolution is Resolution.RAW else _BUCKET


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows of one series in order of time; `reasons` by row, of missing values only."""

    series: Series
    time_ms: Int64s
    columns: Mapping[str, Array]
    reasons: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.time_ms)


def observations(
    series: Series, time_ms: Int64s, value: Floats, quality: Int32s, reasons: Mapping[int, str]
) -> Block:
    """Make a block of single observations; `quality` is packed as in `wire.quality`."""
    flag = (quality & FLAG_MASK).astype(np.int8)
    tests = (quality & ~np.int32(FLAG_MASK)).astype(np.int32)
    return Block(series, time_ms, {"value": value, "flag": flag, "tests": tests}, reasons)


def flag_word(flag: int) -> str:
    """Name a QARTOD flag, such as suspect; a number that is none stays a number."""
    try:
        return Flag(flag).name.lower()
    except ValueError:
        return str(flag)


def words_of_tests(tests: int) -> str:
    """Name the tests that did not pass, such as gross_range edge; an unknown bit stays a number."""
    known = [test for test in Test if tests & test]
    unknown = tests & ~sum(known)
    words = [str(test.name).lower() for test in known]
    return " ".join([*words, *([str(unknown)] if unknown else [])])


class DaySums:
    """A number for each day (UTC) of a period, of all its rows in whatever order.

    Where two differ, other rows are behind them. Reasons do not count.
    """

    def __init__(self, from_ms: int, to_ms: int) -> None:
        self._first_day = from_ms // DAY_MS
        self._sums = np.zeros((to_ms - 1) // DAY_MS - self._first_day + 1, dtype=np.uint64)

    def add(self, block: Block) -> None:
        """Take a block in, the rows of which lie in the period."""
        mixed = _mixed(np.full(len(block), block.series.id, dtype=np.uint64), block.time_ms)
        for array in block.columns.values():
            mixed = _mixed(mixed, array)
        np.add.at(self._sums, block.time_ms // DAY_MS - self._first_day, mixed)

    def each(self) -> tuple[int, ...]:
        """Give 32 bits of each sum; 0 for a day without rows."""
        return tuple(int(one) >> 32 for one in self._sums)


def _mixed(hashed: NDArray[np.uint64], array: Array) -> NDArray[np.uint64]:
    """Mix numbers into a hash of each row, by the finaliser of MurmurHash3 (fmix64)."""
    wide = np.float64 if array.dtype.kind == "f" else np.int64
    hashed = hashed * np.uint64(0x9E3779B97F4A7C15) + array.astype(wide).view(np.uint64)
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xFF51AFD7ED558CCD)
    hashed ^= hashed >> np.uint64(33)
    return hashed


class Digest:
    """SHA-256 over numbers and reasons, whatever the format and the libraries that write it.

    Blocks may be cut anywhere: only series, rows and their order count.
    """

    def __init__(self) -> None:
        self._columns: dict[tuple[int, str], Any] = {}

    def add(self, block: Block) -> None:
        """Take a block in."""
        self._hash(block, "time").update(block.time_ms.astype("<i8").tobytes())
        for name, array in block.columns.items():
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            self._hash(block, name).update(little.tobytes())
        for index, reason in block.reasons.items():
            line = json.dumps([int(block.time_ms[index]), reason])
            self._hash(block, "reason").update(line.encode())

    def hex(self) -> str:
        """Give the digest of all that was taken in."""
        whole = hashlib.sha256()
        for (series_id, name), one in sorted(self._columns.items(), key=lambda item: item[0]):
            whole.update(f"{series_id} {name} {one.hexdigest()}\n".encode())
        return whole.hexdigest()

    def _hash(self, block: Block, name: str) -> Any:
        return self._columns.setdefault((block.series.id, name), hashlib.sha256())
