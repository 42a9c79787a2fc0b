"""Works marks off: reads what waits, computes it, and takes exactly the marks away that it read.

In a transaction the order is: locks, marks, observations, rollups. So whatever is stored after the
marks were read leaves a mark that is not taken away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, Select, delete, func, select

from server.db.engine import writing
from server.db.tables import rollup_day, rollup_hour, rollup_mark
from server.hypertable import horizon
from server.rollup import in_arrays, on_postgresql
from server.rollup.marks import Level, Marked, distinct, mark, of_bytes
from server.rollup.plan import Unit, Waiting
from server.rollup.statistics import Bools, Int32s, Ints
from server.rollup.turns import take_turn, try_buckets
from server.rollup.zones import Buckets, buckets_of, days_over
from server.store.engines import store_for

TABLES = {Level.HOUR: rollup_hour, Level.DAY: rollup_day}

# A page that asks for the running hour reads its marks: beyond so many they are put together.
MANY_MARKS = 64

MOST_STARTS = 500  # looked at of one level
_MOST_MARKS = 2_000
_MOST_IDS = 300_000


@dataclass(frozen=True, slots=True)
class Done:
    """What a unit came to: buckets computed, and those given up because observations are gone."""

    buckets: int
    marks: int
    given_up: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    mark_ids: Sequence[int]
    marked: Marked
    since_ms: int | None  # when the oldest of them was made


def read_waiting(connection: Connection, before_ms: int | None = None) -> list[Waiting]:
    """Read the newest marked buckets of each level, with when they were marked first.

    With `before_ms` only those marked before it. It does not matter how many marks there are: each
    start is looked up in the index.
    """
    return [
        Waiting(level, row.start, row.since, row.marks)
        for level in Level
        for row in connection.execute(_waiting(level, before_ms))
    ]


def work_off(engine: Engine, unit: Unit, budget: int) -> Done | None:
    """Compute buckets of about `budget` series in one transaction; None if others are at all."""
    with writing(engine) as connection:
        take_turn(connection)
        starts = try_buckets(connection, unit.level, unit.starts)
        if not starts:
            return None
        taken = _take(connection, unit.level, starts, budget)
        return _compute(connection, unit.level, taken, budget)


def merge(engine: Engine, unit: Unit) -> None:
    """Put the marks of each start into one, so that they are quickly read."""
    with writing(engine) as connection:
        take_turn(connection)
        for start in try_buckets(connection, unit.level, unit.starts):
            taken = _take(connection, unit.level, [start], _MOST_IDS)
            if len(taken.mark_ids) < 2:
                continue
            marked = taken.marked
            mark(connection, unit.level, marked.datastream_id, marked.start_ms, taken.since_ms)
            _delete(connection, taken.mark_ids)


def _compute(connection: Connection, level: Level, taken: _Taken, budget: int) -> Done:
    raw_ms = horizon.read(connection).get(horizon.Level.RAW)
    marked = taken.marked
    if raw_ms is not None:
        kept = marked.start_ms >= raw_ms
        marked = Marked(marked.datastream_id[kept], marked.start_ms[kept])
    given_up = len(taken.marked) - len(marked)
    marked, later = _split(marked, budget)
    if len(marked):
        _roll(connection, level, buckets_of(connection, level, marked))
    mark(connection, level, later.datastream_id, later.start_ms, taken.since_ms)
    _delete(connection, taken.mark_ids)
    return Done(len(marked), len(taken.mark_ids), given_up)


def _roll(connection: Connection, level: Level, buckets: Buckets) -> None:
    if not len(buckets):
        return
    way = on_postgresql if connection.dialect.name == "postgresql" else in_arrays
    way.roll(connection, store_for(connection.engine), TABLES[level], buckets)
    if level is Level.HOUR:
        days = days_over(connection, buckets)
        mark(connection, Level.DAY, days.datastream_id, days.start_ms)


def _take(connection: Connection, level: Level, starts: Sequence[int], budget: int) -> _Taken:
    """Read marks, newest start first, until they name so many buckets of series."""
    rows = connection.execute(_marks(connection, level, starts)).all()
    if not rows:
        return _Taken((), Marked(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)), None)
    ids = [_read(row.datastream_ids) for row in rows]
    sizes = [len(own) for own in ids]
    series, starts_ms = np.concatenate(ids), np.repeat([row.start for row in rows], sizes)
    chosen = _choose(series, starts_ms, sizes, budget)
    taken = [row for row, wanted in zip(rows, chosen.tolist(), strict=True) if wanted]
    kept = np.repeat(chosen, sizes)
    since = min(row.marked_at for row in taken)
    return _Taken([row.id for row in taken], distinct(series[kept], starts_ms[kept]), since)


def _choose(series: Int32s, starts_ms: Ints, sizes: Sequence[int], budget: int) -> Bools:
    """Choose the first marks, to about so many different buckets, and all that name no others."""
    _, numbered = np.unique(starts_ms, return_inverse=True)
    _, first, same = np.unique(
        (numbered << 32) | series.astype(np.int64), return_index=True, return_inverse=True
    )
    marks = np.repeat(np.arange(len(sizes)), sizes)
    entered = marks[first]  # by which mark each bucket is named first
    last = int(np.sort(entered)[min(budget, len(entered)) - 1])
    begins = np.cumsum([0, *sizes[:-1]])
    chosen: Bools = np.maximum.reduceat(entered[same], begins) <= last
    return chosen


def _split(marked: Marked, budget: int) -> tuple[Marked, Marked]:
    """Give what is computed now, the newest, and what later: one mark may name very many series."""
    if len(marked) <= 2 * budget:
        return marked, Marked(marked.datastream_id[:0], marked.start_ms[:0])
    order = np.lexsort((marked.datastream_id, -marked.start_ms))
    now, later = order[:budget], order[budget:]
    return (
        distinct(marked.datastream_id[now], marked.start_ms[now]),
        distinct(marked.datastream_id[later], marked.start_ms[later]),
    )


def _marks(
    connection: Connection, level: Level, starts: Sequence[int]
) -> "Select[tuple[int, int, int, object]]":
    mark = rollup_mark.c
    on_postgresql = connection.dialect.name == "postgresql"
    measure = func.cardinality if on_postgresql else func.length
    newest = (
        select(rollup_mark, measure(mark.datastream_ids).label("size"))
        .where(mark.level == level.value, mark.start.in_(starts))
        .order_by(mark.start.desc(), mark.id)
        .limit(_MOST_MARKS)
        .subquery()
    )
    order = (newest.c.start.desc(), newest.c.id)
    so_far = func.sum(newest.c.size).over(order_by=order)
    found = select(newest, (so_far - newest.c.size).label("before")).subquery().c
    most = _MOST_IDS if on_postgresql else 4 * _MOST_IDS  # bytes of int32s
    return (
        select(found.id, found.start, found.marked_at, found.datastream_ids)
        .where(found.before < most)
        .order_by(found.start.desc(), found.id)
    )


def _waiting(level: Level, before_ms: int | None) -> "Select[tuple[int, int, int]]":
    """Go down the index from start to start."""
    newest = (
        select(func.max(rollup_mark.c.start).label("start"))
        .where(rollup_mark.c.level == level.value)
        .cte("starts", recursive=True)
    )
    mark = rollup_mark.alias()
    older = (
        select(func.max(mark.c.start))
        .where(mark.c.level == level.value, mark.c.start < newest.c.start)
        .scalar_subquery()
    )
    starts = newest.union_all(select(older).where(newest.c.start.is_not(None)))
    own = (mark.c.level == level.value, mark.c.start == starts.c.start)
    since = select(mark.c.marked_at).where(*own).order_by(mark.c.id).limit(1).scalar_subquery()
    some = select(mark.c.id).where(*own).limit(MANY_MARKS).correlate(starts).subquery()
    marks = select(func.count()).select_from(some).scalar_subquery()
    found = select(starts.c.start, since.label("since"), marks.label("marks"))
    found = found.where(starts.c.start.is_not(None))
    if before_ms is not None:
        found = found.where(since < before_ms)
    return found.limit(MOST_STARTS)


def _delete(connection: Connection, mark_ids: Sequence[int]) -> None:
    connection.execute(delete(rollup_mark).where(rollup_mark.c.id.in_(mark_ids)))


def _read(datastream_ids: Any) -> Int32s:
    """Read ids as the engine keeps them."""
    if isinstance(datastream_ids, bytes):
        return of_bytes(datastream_ids)
    return np.array(datastream_ids, dtype=np.int32)
