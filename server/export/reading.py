"""Reads the rows of a part, a block at a time, all of them as they were at one moment."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from sqlalchemy import Column, Connection, Engine, Table, select

from server.db.tables import observation, rollup_day, rollup_hour
from server.export.blocks import Block, DaySums, Digest, columns_of, observations
from server.export.bucket_times import bucket_edges, bucket_start
from server.export.metadata import Series
from server.export.periods import Period
from server.export.plan import Extent
from server.export.query import Query, Resolution
from server.hypertable import horizon
from server.rollup.marks import Level
from server.rollup.statistics import HOUR_MS
from server.store.notes import read_reasons
from server.store.port import Int64s, Store
from server.store.reading.raw import TooManyError
from server.store.reading.series import Limits, Span, Wanted
from server.store.reading.series import read_buckets as series_buckets
from wire.properties import Aggregate

# About 2 MB as arrays, a few times as much while a driver holds them as rows.
BLOCK_ROWS = 65_536

_ROLLUPS = {Resolution.HOUR: rollup_hour, Resolution.DAY: rollup_day}
_LEVELS = {Resolution.HOUR: Level.HOUR, Resolution.DAY: Level.DAY}
_LONGEST_BUCKET_MS = 25 * HOUR_MS
# Statistics are read over so many observations at once, should none be computed yet.
_OBSERVATIONS_AT_ONCE = 1_000_000
_SHORTEST_MS = 7 * 24 * HOUR_MS


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Read only, and everything as it was when the first statement ran.

    On SQLite a transaction that has begun to read sees no later one anyway (WAL).
    """
    options = (
        {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        if engine.dialect.name == "postgresql"
        else {}
    )
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def read_extent(connection: Connection, series: Series, query: Query) -> Extent | None:
    """Read when a series' first and last row of a span is; None when it has none.

    A bucket is not always in its table yet, and outlives the observations it was computed from.
    """
    found = [_ends(connection, observation, observation.c.time, series, query)]
    if query.resolution is not Resolution.RAW:
        table = _ROLLUPS[query.resolution]
        found.append(_ends(connection, table, table.c.start, series, query))
    ends = [one for one in found if one is not None]
    if not ends:
        return None
    first, last = min(one.first_ms for one in ends), max(one.last_ms for one in ends)
    return Extent(bucket_start(first, query), bucket_start(last, query))


def _ends(
    connection: Connection, table: Table, column: Column[int], series: Series, query: Query
) -> Extent | None:
    reach = 0 if query.resolution is Resolution.RAW else _LONGEST_BUCKET_MS
    within = select(column).where(
        table.c.datastream_id == series.id, column >= query.from_ms, column < query.to_ms + reach
    )
    first = connection.execute(within.order_by(column).limit(1)).scalar_one_or_none()
    if first is None:
        return None
    last = connection.execute(within.order_by(column.desc()).limit(1)).scalar_one()
    return Extent(first, last)


def read_horizon(connection: Connection, resolution: Resolution) -> int:
    """Tell before which instant (ms) the database has dropped rows; 0 when it keeps all."""
    return horizon.read(connection).get(horizon.Level(resolution.value), 0)


class Rows:
    """The rows of a part, counted and digested as they are given.

    `told` is called now and then with the rows given so far and the series that are done.
    """

    def __init__(
        self,
        read: Callable[[Series], Iterator[Block]],
        told: Callable[[int, int], None],
        period: Period,
    ) -> None:
        self._read = read
        self._told = told
        self._done = 0
        self.count = 0
        self.digest = Digest()
        self.days = DaySums(period.from_ms, period.to_ms)

    def blocks(self, series: Series) -> Iterator[Block]:
        """Give the rows of a series in order of time; to be called once for each series."""
        for block in self._read(series):
            self.count += len(block)
            self.digest.add(block)
            self.days.add(block)
            self._told(self.count, self._done)
            yield block
        self._done += 1
        self._told(self.count, self._done)

    def times(self, series: Sequence[Series]) -> Int64s:
        """Give every instant at which one of these series has a row, in order, each once."""
        every = np.empty(0, dtype=np.int64)
        for one in series:
            for block in self._read(one):
                every = np.union1d(every, block.time_ms)
        return every


def read_observations(
    connection: Connection, store: Store, series: Series, period: Period
) -> Iterator[Block]:
    """Read the single observations of a series in a period, a block at a time."""
    start = period.from_ms
    while True:
        found = store.read_range(connection, series.id, start, period.to_ms, BLOCK_ROWS)
        if not len(found.time_ms):
            return
        end = int(found.time_ms[-1]) + 1
        notes = read_reasons(connection, series.id, start, end)
        where = np.searchsorted(found.time_ms, sorted(notes))
        reasons = {
            int(index): notes[time_ms]
            for index, time_ms in zip(where, sorted(notes), strict=True)
            if found.time_ms[index] == time_ms
        }
        yield observations(series, found.time_ms, found.value, found.quality, reasons)
        if len(found.time_ms) < BLOCK_ROWS:
            return
        start = end


def read_buckets(
    connection: Connection, query: Query, series: Series, period: Period, now_ms: int
) -> Iterator[Block]:
    """Read the statistics of a series over hours or days that begin in a period, each whole."""
    edges = bucket_edges(period, query)
    limits = Limits(now_ms, read_horizon(connection, Resolution.RAW))
    length_ms = max(_SHORTEST_MS, int(_OBSERVATIONS_AT_ONCE * series.interval_s * 1000))
    start = 0
    while start < len(edges) - 1:
        end = max(start + 1, int(np.searchsorted(edges, edges[start] + length_ms)))
        end = min(end, len(edges) - 1)
        try:
            found = _buckets(connection, query, series, edges[start : end + 1], limits)
        except TooManyError:  # observations are denser than the interval says
            if end - start == 1:
                raise
            length_ms = int(edges[end] - edges[start]) // 2
            continue
        if found is not None:
            yield found
        start = end


def _buckets(
    connection: Connection, query: Query, series: Series, edges: Int64s, limits: Limits
) -> Block | None:
    wanted = Wanted(series.id, series.aggregate == Aggregate.VECTOR_MEAN, edges)
    span = Span(int(edges[0]), int(edges[-1]))
    level = _LEVELS[query.resolution]
    found = series_buckets(connection, level, [wanted], span, limits)[series.id]
    if not len(found):
        return None
    names = [column.name for column in columns_of(query.resolution)]
    columns = {name: getattr(found.summary, name) for name in names}
    return Block(series, found.start_ms, columns)
