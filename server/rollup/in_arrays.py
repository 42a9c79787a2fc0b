"""Computes buckets from observations read as arrays: the way on SQLite.

On PostgreSQL it is taken where SQL refuses: a sum that does not fit a double is an error there.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from sqlalchemy import Connection, Table, bindparam, delete, insert

from server.rollup.statistics import Bools, Floats, Ints, Summary, summarise_runs
from server.rollup.zones import Buckets
from server.store.port import Store

_NO_LIMIT = 2**31 - 1


def roll(connection: Connection, store: Store, table: Table, buckets: Buckets) -> None:
    """Write what buckets come to; one without observations has no row."""
    _clear(connection, table, buckets)
    for is_direction in (False, True):
        own = buckets.where(buckets.is_direction == is_direction)
        if len(own):
            _roll(connection, store, table, own)


def _roll(connection: Connection, store: Store, table: Table, buckets: Buckets) -> None:
    """Compute buckets of one kind, all at once."""
    filled, firsts, found = [], [], []
    size = 0
    for run in _runs(buckets):
        rows = store.read_range(
            connection,
            int(buckets.datastream_id[run.start]),
            int(buckets.from_ms[run.start]),
            int(buckets.to_ms[run.stop - 1]),
            _NO_LIMIT,
        )
        bounds = np.searchsorted(rows.time_ms, buckets.from_ms[run])
        has_rows = np.diff(bounds, append=len(rows.time_ms)) > 0
        filled.append(run.start + np.flatnonzero(has_rows))
        firsts.append(size + bounds[has_rows])
        found.append(rows)
        size += len(rows.time_ms)
    summary = summarise_runs(
        np.concatenate([one.value for one in found]),
        np.concatenate([one.quality for one in found]),
        np.concatenate(firsts),
        is_direction=bool(buckets.is_direction[0]),
    )
    _write(connection, table, buckets, np.concatenate(filled), summary)


def _runs(buckets: Buckets) -> Iterator[slice]:
    """Give buckets of one series that follow on one another: they are read together."""
    follows = (np.diff(buckets.datastream_id) == 0) & (buckets.from_ms[1:] == buckets.to_ms[:-1])
    starts = [0, *(np.flatnonzero(~follows) + 1).tolist(), len(buckets)]
    for first, end in pairwise(starts):
        yield slice(first, end)


def _clear(connection: Connection, table: Table, buckets: Buckets) -> None:
    keys = zip(buckets.datastream_id.tolist(), buckets.from_ms.tolist(), strict=True)
    connection.execute(
        delete(table).where(
            table.c.datastream_id == bindparam("id"), table.c.start == bindparam("from_ms")
        ),
        [{"id": one, "from_ms": start} for one, start in keys],
    )


def _write(
    connection: Connection, table: Table, buckets: Buckets, filled: Ints, summary: Summary
) -> None:
    if not len(filled):
        return
    columns: dict[str, Sequence[object]] = {
        "datastream_id": buckets.datastream_id[filled].tolist(),
        "start": buckets.from_ms[filled].tolist(),
        "n": summary.n.tolist(),
        "n_good": summary.n_good.tolist(),
    }
    for name in ("mean", "min", "max", "sum", "last", "x", "y"):
        columns[name] = _nullable(getattr(summary, name))
    rows = zip(*columns.values(), strict=True)
    connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


def _nullable(values: Floats) -> Sequence[float | None]:
    missing: Bools = np.isnan(values)
    objects = values.astype(object)
    objects[missing] = None
    listed: list[float | None] = objects.tolist()
    return listed
