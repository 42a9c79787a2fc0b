"""A year of a thousand series, as it lies in the database after ingest and rollup.

Some series have a value a minute, all others one an hour. Rows go in by the hour, station after
station, as hour batches bring them. Rollups are made by one statement, in order of time, which is
the order in which the worker makes them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psycopg

from benchmarks.ingest_suite.bare import Rows
from deploy.errors import SetupError
from deploy.ports import wait_until
from server.db.engine import open_engine
from server.db.migrate import upgrade

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
SERIES_A_STATION = 20
_INSTRUMENTS = 5
_PROPERTIES = (
    ("soil_temperature", "Soil temperature", "Cel", "soil_temperature"),
    ("soil_ec", "Soil electrical conductivity", "uS/cm", None),
    # No water content: relative water would be computed of it in the background.
    ("permittivity", "Soil permittivity", "1", None),
    ("vwc_raw", "Raw soil water", "{raw}", None),
)

_CATALOG = """
INSERT INTO gateway (id, state, status_at, first_seen_at)
SELECT 'past-' || g, 'online', now(), now() FROM generate_series(1, {stations}) AS g;
INSERT INTO site (key, name) VALUES ('past', 'Past');
INSERT INTO thing (gateway_id, key, site_id, name)
SELECT 'past-' || g, 'dune-1', (SELECT id FROM site WHERE key = 'past'),
    'Dune ' || g || ', straw checkerboard' FROM generate_series(1, {stations}) AS g;
INSERT INTO sensor (gateway_id, model, serial)
SELECT 'past-' || g, 'METER TEROS 12', 'T12-' || g || '-' || s
FROM generate_series(1, {stations}) AS g, generate_series(1, {instruments}) AS s;
INSERT INTO deployment (sensor_id, thing_id, key, depth_m, since)
SELECT s.id, t.id, 'soil-' || split_part(s.serial, '-', 3), 0.1, now()
FROM sensor s JOIN thing t ON t.gateway_id = s.gateway_id;
"""
_DATASTREAMS = """
INSERT INTO datastream (gateway_id, name, thing_id, sensor_key, observed_property_id, unit,
    statistic, interval_s)
SELECT t.gateway_id, 'dune-1/soil-' || s || '/' || p.key, t.id, 'soil-' || s, p.id, p.unit,
    'last', 60
FROM thing t CROSS JOIN generate_series(1, %s) AS s CROSS JOIN observed_property p
WHERE t.gateway_id LIKE 'past-%%' AND p.key = ANY(%s) ORDER BY t.id, s, p.id
"""
# Each gateway's are of another minute and came at another instant: as many instants are told as
# when gateways send, each of which is written once.
_LATEST = """
INSERT INTO latest (datastream_id, time, value, quality, received_at)
SELECT id, now() - interval '10 years' - mod(thing_id, 60) * interval '1 minute',
    round((random() * 40)::numeric, 2), 1, now() - thing_id * interval '7 ms'
FROM datastream ON CONFLICT DO NOTHING
"""
# Tables of which less than nine tenths are marked as seen by all; those that are small change.
_UNSEEN = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relpages > 100 AND relallvisible < 0.9 * relpages
"""
_SETTLED_S = 60.0
_HOURS = """
INSERT INTO rollup_hour (start, mean, min, max, sum, last, datastream_id, n, n_good)
SELECT start, sum / n, min, max, sum, last, datastream_id, n, n FROM (
    SELECT date_trunc('hour', time, 'UTC') AS start, datastream_id, count(*) AS n,
        sum(value) AS sum, min(value) AS min, max(value) AS max, max(value) AS last
    FROM observation GROUP BY 1, 2
) AS hours ORDER BY start, datastream_id
"""
_DAYS = """
INSERT INTO rollup_day (start, mean, min, max, sum, last, datastream_id, n, n_good)
SELECT day, total / all_n, low, high, total, newest, datastream_id, all_n, all_n FROM (
    SELECT date_trunc('day', start, 'UTC') AS day, datastream_id, sum(n) AS all_n,
        sum(sum) AS total, min(min) AS low, max(max) AS high, max(last) AS newest
    FROM rollup_hour GROUP BY 1, 2
) AS days ORDER BY day, datastream_id
"""


@dataclass(frozen=True, slots=True)
class Past:
    """How much: `dense` of the `series` have a value a minute, for `days` until `end_ms`.

    `stations` have `SERIES_A_STATION` datastreams each; those beyond `series` have a newest value
    only.
    """

    series: int
    dense: int
    days: int
    stations: int
    end_ms: int

    @property
    def start_ms(self) -> int:
        """Its first instant."""
        return self.end_ms - self.days * DAY_MS


def make(url: str, past: Past, say: Callable[[str], None]) -> list[int]:
    """Fill an empty database; gives the ids of the series, the dense ones first."""
    _migrate(url)
    with psycopg.connect(url) as connection:
        _catalog(connection, past)
        connection.commit()
        found = connection.execute("SELECT id FROM datastream ORDER BY id LIMIT %s", [past.series])
        ids = [int(id_) for (id_,) in found]
        count = 0
        for day in range(past.days):
            rows = _day(past, past.start_ms + day * DAY_MS, np.array(ids, dtype=np.int32))
            count += _copy(connection, rows)
            connection.commit()
        say(f"{count:,} observations are there")
        connection.execute(_HOURS)
        connection.execute(_DAYS)
        connection.execute("DELETE FROM rollup_mark")
    settle(url)
    say("their rollups are there")
    return ids


def settle(url: str) -> None:
    """Have the database as it is after a while: all rows known to be seen by all, on the disk.

    Every datastream that has no newest value gets one, older than any that comes. Raises SetupError
    when something else keeps rows from being seen: then no index alone would answer.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_LATEST)

        def is_seen() -> bool:
            connection.execute("VACUUM ANALYZE")
            return connection.execute(_UNSEEN).fetchall() == []

        if not wait_until(is_seen, _SETTLED_S, 1.0):
            raise SetupError("some transaction keeps the database from being vacuumed")
        connection.execute("CHECKPOINT")


def _catalog(connection: psycopg.Connection, past: Past) -> None:
    connection.execute(_CATALOG.format(stations=past.stations, instruments=_INSTRUMENTS).encode())
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO observed_property (key, label, unit, cf_name, aggregate) "
            "VALUES (%s, %s, %s, %s, 'mean')",
            _PROPERTIES,
        )
    connection.execute(_DATASTREAMS, [_INSTRUMENTS, [key for key, *_ in _PROPERTIES]])


def _day(past: Past, start_ms: int, ids: "np.ndarray[tuple[int], np.dtype[np.int32]]") -> Rows:
    """Make the rows of a day: hour after hour the dense series, each by itself, then the others."""
    dense, others = ids[: past.dense], ids[past.dense :]
    minutes = np.arange(60, dtype=np.int64) * MINUTE_MS
    times, owners = [], []
    for hour_ms in range(start_ms, start_ms + DAY_MS, HOUR_MS):
        times += [np.tile(hour_ms + minutes, len(dense)), np.full(len(others), hour_ms)]
        owners += [np.repeat(dense, 60), others]
    time_ms, owner = np.concatenate(times), np.concatenate(owners)
    # A day's course, and a number that is hard to guess, with two decimals.
    noise = (time_ms // MINUTE_MS * 7919 + owner * 104_729) % 997 / 500
    value = np.round(15 + 8 * np.sin(time_ms * (2 * np.pi / DAY_MS) + owner) + noise, 2)
    return Rows(time_ms, value, owner)


def _copy(connection: psycopg.Connection, rows: Rows) -> int:
    columns = "(time, value, datastream_id, quality)"
    statement = f"COPY observation {columns} FROM STDIN (FORMAT binary)".encode()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows.copy_bytes())
    return len(rows)


def _migrate(url: str) -> None:
    engine = open_engine(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
