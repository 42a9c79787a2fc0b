"""Fills a database as ingest does, has its rollups computed, and lets the database do it bare."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine, text

from benchmarks.ingest_suite.databases import now_ms, settle
from benchmarks.rollup_suite.figures import Filled, Rolled
from deploy.errors import SetupError
from server.db.engine import Edition, describe, open_engine, writing
from server.db.migrate import upgrade
from server.rollup.marks import Level, mark_hours
from server.rollup.plan import Waiting
from server.rollup.worker import Workshop
from server.store.engines import store_for
from server.store.port import Columns
from wire.quality import Flag

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
_HOUR = 60
# A transaction of ingest: hour batches of 17 stations with 20 series.
_GROUP = 340
_TABLES = ("rollup_hour", "rollup_day")
_BARE = """
INSERT INTO {table} (start, mean, min, max, sum, last, datastream_id, n, n_good)
SELECT date_trunc('{level}', time, 'UTC'), avg(value) FILTER ({good}), min(value) FILTER ({good}),
    max(value) FILTER ({good}), sum(value) FILTER ({good}), {last} FILTER ({good}),
    datastream_id, count(value), count(value) FILTER ({good})
FROM observation GROUP BY datastream_id, date_trunc('{level}', time, 'UTC')
"""
_GOOD = "WHERE quality & 15 IN (1, 2, 3)"
_LAST = "last(value, time)"
_LAST_PLAIN = "max(value)"  # which is less than what we do there


@dataclass(frozen=True, slots=True)
class Scale:
    """So many series, with a value a minute for so many hours."""

    series: int
    hours: int

    @property
    def readings(self) -> int:
        """Count the readings."""
        return self.series * self.hours * _HOUR


def on_timescale(url: str, scale: Scale) -> tuple[Filled, Rolled, float]:
    """Measure on PostgreSQL; the last is the seconds of the bare statements."""
    engine = _opened(url)
    try:
        filled = _fill(engine, scale)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE observation"))
        settle(url)
        before_s = _bare(engine)
        rolled = _roll_up(engine, scale)
        return filled, rolled, (before_s + _bare(engine)) / 2
    finally:
        engine.dispose()


def on_sqlite(url: str, scale: Scale) -> tuple[Filled, Rolled]:
    """Measure on SQLite."""
    engine = _opened(url)
    try:
        return _fill(engine, scale), _roll_up(engine, scale)
    finally:
        engine.dispose()


def _opened(url: str) -> Engine:
    engine = open_engine(url)
    upgrade(engine)
    return engine


def _fill(engine: Engine, scale: Scale) -> Filled:
    """Store everything, an hour of all series after the other."""
    store = store_for(engine)
    stored_s = marked_s = 0.0
    for columns in _batches(scale):
        began_s = time.monotonic()
        with writing(engine) as connection:
            store.append(connection, columns)
        stored_s += time.monotonic() - began_s
        marked_s += _mark_alone(engine, columns)
    return Filled(stored_s, marked_s)


def _mark_alone(engine: Engine, columns: Columns) -> float:
    """Tell what the marks alone take, leaving none behind."""
    with engine.connect().execution_options(saxaul_writing=True) as connection:
        transaction = connection.begin()
        began_s = time.monotonic()
        mark_hours(connection, columns.datastream_id, columns.time_ms)
        took_s = time.monotonic() - began_s
        transaction.rollback()
    return took_s


def _batches(scale: Scale) -> Iterator[Columns]:
    end_ms = now_ms() // HOUR_MS * HOUR_MS
    minutes = np.arange(_HOUR, dtype=np.int64) * MINUTE_MS
    for hour in range(-scale.hours, 0):
        times = end_ms + hour * HOUR_MS + minutes
        for first in range(1, scale.series + 1, _GROUP):
            ids = np.arange(first, min(first + _GROUP, scale.series + 1), dtype=np.int32)
            size = len(ids) * _HOUR
            yield Columns(
                np.repeat(ids, _HOUR),
                np.tile(times, len(ids)),
                np.sin(np.arange(size) / 7.0),
                np.full(size, int(Flag.PASS), dtype=np.int32),
            )


def _roll_up(engine: Engine, scale: Scale) -> Rolled:
    """Work all marks off, hours and days, without a rest; raises SetupError if some are wrong."""
    with engine.begin() as connection:
        for table in _TABLES:
            connection.execute(text(f"DELETE FROM {table}"))
    began_s = time.monotonic()
    for level in Level:  # the server waits for a day's hours too

        def is_due(one: Waiting, _now_ms: int, level: Level = level) -> bool:
            return one.level is level

        workshop = Workshop(engine, now_ms, is_due=is_due)
        while workshop.step() is not None:
            continue
    took_s = time.monotonic() - began_s
    for table in _TABLES:
        with engine.connect() as connection:
            found = connection.execute(text(f"SELECT sum(n) FROM {table}")).scalar()
        if found != scale.readings:
            raise SetupError(f"{table} holds {found} of {scale.readings} readings")
    return Rolled(scale.readings, took_s)


def _bare(engine: Engine) -> float:
    """Let the database compute hours and days with one statement each."""
    last = _LAST_PLAIN if describe(engine).edition is Edition.PLAIN else _LAST
    took_s = 0.0
    for table in _TABLES:
        level = table.removeprefix("rollup_")
        statement = text(_BARE.format(table=table, level=level, good=_GOOD, last=last))
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {table}"))
        began_s = time.monotonic()
        with engine.begin() as connection:
            connection.execute(statement)
        took_s += time.monotonic() - began_s
    return took_s
