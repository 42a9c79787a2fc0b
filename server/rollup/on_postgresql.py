"""Computes buckets inside PostgreSQL, with one statement for many series and buckets.

It comes to what `server.rollup.statistics` says. TimescaleDB's last() saves a sort; plain
PostgreSQL does without.
"""

from functools import lru_cache

import numpy as np
import psycopg
from sqlalchemy import Connection, Table, TextClause, text
from sqlalchemy.exc import DataError

from server.rollup import in_arrays
from server.rollup.statistics import CALM, GOOD_FLAGS
from server.rollup.zones import Buckets
from server.store.port import Store
from wire.quality import FLAG_MASK

# The plans for a few buckets and for many are the same: an index scan for each. Compiling them, or
# planning for no bucket in particular, costs more than it saves.
_SETTINGS = text("""
SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('plan_cache_mode', 'force_custom_plan', true)
""")
_HAS_LAST = text("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")

_AT = "timestamptz '1970-01-01 00:00Z' + {} * interval '1 millisecond'"
_KEYS = f"""(
    SELECT id, {_AT.format("from_ms")} AS start, {_AT.format("to_ms")} AS stop
    FROM unnest(CAST(:ids AS int[]), CAST(:from_ms AS bigint[]), CAST(:to_ms AS bigint[]))
        AS given (id, from_ms, to_ms)
) AS k"""  # noqa: S608 - constants only
# The outer limits are the same for all buckets: by them chunks are left out when it is planned.
_WITHIN = f"""o.datastream_id = k.id AND o.time >= k.start AND o.time < k.stop
        AND o.time >= {_AT.format("CAST(:first AS bigint)")}
        AND o.time < {_AT.format("CAST(:end AS bigint)")}"""
_GOOD = f"""(o.quality & {FLAG_MASK}) IN ({", ".join(str(int(one)) for one in GOOD_FLAGS)})
        AND o.value BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"""
_LAST = "last(good, time) FILTER (WHERE good IS NOT NULL)"
_LAST_PLAIN = "(array_agg(good ORDER BY time DESC) FILTER (WHERE good IS NOT NULL))[1]"
_SCALAR_VALUES = "s.total / nullif(s.n_good, 0), s.least, s.most, s.total, s.last, NULL, NULL"
_SCALARS = "sum(good) AS total, min(good) AS least, max(good) AS most"
_DIRECTION_VALUES = f"""
    CASE WHEN sqrt(s.x * s.x + s.y * s.y) > {CALM} * s.n_good
        THEN CASE WHEN atan2d(s.x, s.y) >= 0 THEN atan2d(s.x, s.y)
            WHEN atan2d(s.x, s.y) + 360 < 360 THEN atan2d(s.x, s.y) + 360 ELSE 0 END END,
    NULL, NULL, NULL, s.last, s.x, s.y"""
_DIRECTIONS = "sum(sind(good)) AS x, sum(cosd(good)) AS y"
_ROLL = """
INSERT INTO {table} AS old (start, mean, min, max, sum, last, x, y, datastream_id, n, n_good)
SELECT k.start, {values}, k.id, s.n, s.n_good
FROM {keys} CROSS JOIN LATERAL (
    SELECT {sums}, {last} AS last, count(value) AS n, count(good) AS n_good, count(*) AS rows
    FROM (
        SELECT o.time, o.value, CASE WHEN {good} THEN o.value END AS good
        FROM observation o WHERE {within}
        OFFSET 0
    ) AS o
) AS s
WHERE s.rows > 0
ON CONFLICT (datastream_id, start) DO UPDATE SET
    mean = EXCLUDED.mean, min = EXCLUDED.min, max = EXCLUDED.max, sum = EXCLUDED.sum,
    last = EXCLUDED.last, x = EXCLUDED.x, y = EXCLUDED.y,
    n = EXCLUDED.n, n_good = EXCLUDED.n_good
"""
_CLEAR = """
DELETE FROM {table} r USING {keys}
WHERE r.datastream_id = k.id AND r.start = k.start
  AND r.start >= {first} AND r.start < {end}
  AND NOT EXISTS (SELECT FROM observation o WHERE {within})
"""


def roll(connection: Connection, store: Store, table: Table, buckets: Buckets) -> None:
    """Write what buckets come to; one without observations has no row."""
    connection.execute(_SETTINGS)
    has_last = bool(connection.execute(_HAS_LAST).scalar_one())
    for is_direction in (False, True):
        own = buckets.where(buckets.is_direction == is_direction)
        if not len(own):
            continue
        statement = _statement(table.name, is_direction=is_direction, has_last=has_last)
        try:
            with connection.begin_nested():
                written = connection.execute(statement, _parameters(own)).rowcount
        except DataError as error:
            if not isinstance(error.orig, psycopg.errors.NumericValueOutOfRange):
                raise
            in_arrays.roll(connection, store, table, own)
            continue
        if written != len(own):
            connection.execute(_clearing(table.name), _parameters(own))


def _parameters(buckets: Buckets) -> dict[str, object]:
    return {
        "ids": buckets.datastream_id.tolist(),
        "from_ms": buckets.from_ms.tolist(),
        "to_ms": buckets.to_ms.tolist(),
        "first": int(np.min(buckets.from_ms)),
        "end": int(np.max(buckets.to_ms)),
    }


@lru_cache(maxsize=8)
def _statement(table: str, *, is_direction: bool, has_last: bool) -> TextClause:
    return text(
        _ROLL.format(
            table=table,
            keys=_KEYS,
            values=_DIRECTION_VALUES if is_direction else _SCALAR_VALUES,
            sums=_DIRECTIONS if is_direction else _SCALARS,
            last=_LAST if has_last else _LAST_PLAIN,
            good=_GOOD,
            within=_WITHIN,
        )
    )


@lru_cache(maxsize=2)
def _clearing(table: str) -> TextClause:
    first, end = _AT.format("CAST(:first AS bigint)"), _AT.format("CAST(:end AS bigint)")
    return text(_CLEAR.format(table=table, keys=_KEYS, within=_WITHIN, first=first, end=end))
