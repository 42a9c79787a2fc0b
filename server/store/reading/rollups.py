"""Rollups of many series at once, and how far back they are computed anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from server.db.tables import retention_horizon
from server.rollup.marks import Level
from server.rollup.statistics import Summary, direction_of
from server.store.port import Floats, Int32s, Int64s
from server.store.reading.binary import INSTANT, Arrays, Ask, Fields, columns_of
from server.store.reading.buckets import Buckets

_ID: Fields = (("datastream_id", "int"),)
_KEYS: Fields = (("start", "time"), ("n", "int"), ("n_good", "int"))
_SCALARS = ("min", "max", "sum")
_DIRECTIONS = ("x", "y")
_QUERY = """
SELECT {columns} FROM rollup_{level}
WHERE datastream_id = ANY(%s::integer[]) AND start >= {instant} AND start < {instant}
"""
_SQLITE_QUERY = (
    "SELECT {columns} FROM rollup_{level} "
    "WHERE datastream_id = ? AND start >= ? AND start < ? ORDER BY start"
)
_HORIZONS = select(retention_horizon.c.level, retention_horizon.c.before)
ASK_HORIZONS = Ask(
    "SELECT level, before FROM retention_horizon", (), (("level", "text"), ("before", "time"))
)


@dataclass(frozen=True, slots=True)
class Part:
    """Which rollups: of some series, with from_ms <= start < to_ms; `directions` are some of them.

    The mean is not read: it follows from the sums. `last` is only read where it is wanted: each
    column of the hours of a year takes a millisecond.
    """

    level: Level
    datastream_ids: Sequence[int]
    directions: frozenset[int]
    from_ms: int
    to_ms: int
    with_last: bool = True

    @property
    def fields(self) -> Fields:
        """Name the columns that are needed."""
        ids = _ID if len(self.datastream_ids) > 1 else ()
        scalars = () if self.directions.issuperset(self.datastream_ids) else _SCALARS
        directions = _DIRECTIONS if self.directions else ()
        last = ("last",) if self.with_last else ()
        return (*ids, *_KEYS, *((name, "double") for name in (*scalars, *directions, *last)))


@dataclass(frozen=True, slots=True, eq=False)
class Rollups:
    """Rows of a rollup table by series and, within one, by start."""

    datastream_id: Int32s
    start_ms: Int64s
    n: Int32s
    n_good: Int32s
    statistics: Mapping[str, Floats]

    def of(self, datastream_id: int, *, is_direction: bool) -> Buckets:
        """Give those of one series."""
        first, end = np.searchsorted(self.datastream_id, [datastream_id, datastream_id + 1])
        own = slice(int(first), int(end))
        none = np.full(own.stop - own.start, np.nan)
        columns = {name: column[own] for name, column in self.statistics.items()}
        n_good = self.n_good[own]
        low, high, total, last, x, y = (
            columns.get(name, none) for name in ("min", "max", "sum", "last", "x", "y")
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = direction_of(x, y, n_good) if is_direction else total / n_good
        return Buckets(
            self.start_ms[own],
            Summary(self.n[own], n_good, mean, low, high, total, last, x, y),
        )


def ask_rollups(part: Part) -> Ask:
    """Say what to ask PostgreSQL for what is kept, out of date or not."""
    columns = ", ".join(
        f"COALESCE({name}, 'NaN')" if kind == "double" else name for name, kind in part.fields
    )
    query = _QUERY.format(columns=columns, level=part.level.value, instant=INSTANT.format("%s"))
    return Ask(query, [list(part.datastream_ids), part.from_ms, part.to_ms], part.fields)


def read_sqlite(connection: Connection, part: Part) -> Arrays:
    """Read the same from SQLite."""
    names = ", ".join(name for name, _ in part.fields)
    query = _SQLITE_QUERY.format(columns=names, level=part.level.value)
    rows = [
        tuple(row)
        for one in part.datastream_ids
        for row in connection.exec_driver_sql(query, (one, part.from_ms, part.to_ms))
    ]
    return columns_of(rows, part.fields)


def rollups_of(part: Part, found: Arrays) -> Rollups:
    """Put what was found in order."""
    if len(part.datastream_ids) == 1:
        found["datastream_id"] = np.full(len(found["start"]), part.datastream_ids[0], np.int32)
    order = np.lexsort((found["start"], found["datastream_id"]))
    id_, start, n, n_good = (found.pop(name)[order] for name, _ in (*_ID, *_KEYS))
    statistics = {name: column[order] for name, column in found.items()}
    return Rollups(id_, start, n, n_good, statistics)


@dataclass(frozen=True, slots=True)
class Horizons:
    """Before which instants (ms) observations and hours are gone, or going; 0: all are kept."""

    raw_ms: int
    hour_ms: int


def read_horizons(connection: Connection) -> Horizons:
    """Read how far back each level reaches."""
    return _horizons({row.level: row.before for row in connection.execute(_HORIZONS)})


def horizons_of(found: Arrays) -> Horizons:
    """Take them from what PostgreSQL answers to `ASK_HORIZONS`."""
    levels, before_ms = (found[name].tolist() for name in ("level", "before"))
    return _horizons(dict(zip(levels, before_ms, strict=True)))


def _horizons(before_ms: Mapping[str, int]) -> Horizons:
    return Horizons(before_ms.get("raw", 0), before_ms.get("hour", 0))
