"""The chunk interval of the observations: read, set, and chosen anew from what is measured."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from server.db.engine import has_timescale, writing
from server.hypertable.chunks import Measured, choose

_READ = text("""
SELECT CAST(extract(epoch FROM time_interval) * 1000 AS bigint)
FROM timescaledb_information.dimensions
WHERE hypertable_schema = current_schema() AND hypertable_name = 'observation'
""")
_WRITE = text("SELECT set_chunk_time_interval('observation', make_interval(secs => :seconds))")

_MEMORY = text("""
SELECT pg_size_bytes(current_setting('shared_buffers')),
       pg_size_bytes(current_setting('effective_cache_size'))
""")
# By convention PostgreSQL is given a quarter of the memory; the other setting stands at 4 GB even
# where nobody has thought of it.
_SHARED_PART = 4

_RECENT_CHUNKS = text("""
SELECT format('%I.%I', chunk_schema, chunk_name) AS name
FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema() AND hypertable_name = 'observation'
  AND range_end > to_timestamp(:from_s) AND range_start <= to_timestamp(:to_s)
""")
_SIZES = text("""
SELECT pg_relation_size(CAST(:chunk AS regclass)) / current_setting('block_size')::int AS pages,
       pg_total_relation_size(CAST(:chunk AS regclass)) AS bytes
""")
_SAMPLE = """
SELECT count(*) AS rows,
       count(*) FILTER (WHERE {recent}) AS recent,
       extract(epoch FROM min(time) FILTER (WHERE {recent})) AS first_s
FROM {chunk} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0)
"""
_RECENT = "time > to_timestamp(:from_s) AND time <= to_timestamp(:to_s)"
# 16 MB of a chunk are read; a larger sample would tell no more.
_SAMPLE_PAGES = 2000

_WINDOW_S = 3 * 86_400
# What a few hours bring may be a backlog.
_LEAST_S = 86_400
# Of fewer rows half-empty pages are counted; 84 bytes is what a reading takes in the long run.
_MANY_ROWS = 10_000
_USUAL_BYTES = 84.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chunk interval by now, and the one before (both ms)."""

    interval_ms: int
    before_ms: int


@dataclass(frozen=True, slots=True)
class _Sampled:
    """Estimates for one chunk; `first_s` is its first recent row (s since 1970), if it has any."""

    rows: float
    recent: float
    first_s: float | None
    bytes: int


def read_interval(connection: Connection) -> int | None:
    """Read the chunk interval (ms); None where observations lie in no hypertable."""
    if not has_timescale(connection):
        return None
    found = connection.execute(_READ).scalar()
    return None if found is None else int(found)


def write_interval(connection: Connection, interval_ms: int) -> None:
    """Set the interval of the chunks that are made from now on."""
    connection.execute(_WRITE, {"seconds": interval_ms / 1000})


def choose_anew(engine: Engine, now_ms: int) -> Chosen | None:
    """Measure, and set the interval that fits; None where observations lie in no hypertable."""
    with engine.connect() as connection:
        before_ms = read_interval(connection)
        if before_ms is None:
            return None
        measured = measure(connection, now_ms)
    interval_ms = choose(measured, before_ms) if measured is not None else before_ms
    if interval_ms != before_ms:
        with writing(engine) as connection:
            write_interval(connection, interval_ms)
    return Chosen(interval_ms, before_ms)


def measure(connection: Connection, now_ms: int) -> Measured | None:
    """See how much was measured in the last days; None while that is less than a day.

    It is the time of measurement that counts, for it is what chunks are cut by: a backlog that
    comes in today fills those of its own time.
    """
    span = {"from_s": now_ms / 1000 - _WINDOW_S, "to_s": now_ms / 1000}
    chunks = connection.execute(_RECENT_CHUNKS, span).scalars().all()
    sampled = [_sample(connection, chunk, span) for chunk in chunks]
    firsts = [one.first_s for one in sampled if one.first_s is not None]
    if not firsts or span["to_s"] - min(firsts) < _LEAST_S:
        return None
    rows = sum(one.rows for one in sampled)
    row_bytes = sum(one.bytes for one in sampled) / rows if rows >= _MANY_ROWS else _USUAL_BYTES
    recent = sum(one.recent for one in sampled)
    return Measured(recent / (span["to_s"] - min(firsts)), row_bytes, read_memory(connection))


def read_memory(connection: Connection) -> int:
    """Tell how much memory the database may count on, in bytes."""
    shared, cache = connection.execute(_MEMORY).one()
    return min(_SHARED_PART * int(shared), int(cache))


def _sample(connection: Connection, chunk: str, span: dict[str, float]) -> _Sampled:
    """Look at some pages of a chunk, named as the database quotes it."""
    sizes = connection.execute(_SIZES, {"chunk": chunk}).one()
    percent = min(100.0, 100.0 * _SAMPLE_PAGES / max(1, sizes.pages))
    statement = _SAMPLE.format(chunk=chunk, percent=percent, recent=_RECENT)
    found = connection.execute(text(statement), span).one()
    scale = 100.0 / percent
    first_s = None if found.first_s is None else float(found.first_s)
    return _Sampled(found.rows * scale, found.recent * scale, first_s, int(sizes.bytes))
