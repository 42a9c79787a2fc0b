"""Takes old rows out of a table: whole chunks where there are any, else thousands at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, TextClause, bindparam, text
from sqlalchemy.exc import OperationalError

from server.db.engine import has_timescale, writing
from server.db.instant import Instant
from server.errors import StoreError
from server.hypertable.horizon import Level

# What one transaction removes: a tenth of a second or two, on SQLite with everybody waiting.
_MANY_ROWS = 20_000
_MANY_SERIES = 200
# Whoever reads the chunk now goes on; whoever comes meanwhile waits no longer than that.
_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '2s'")

_CHUNKS = """
SELECT format('%I.%I', chunk_schema, chunk_name) AS name, range_end AS ends
FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema() AND hypertable_name = '{table}'
  AND range_end <= :before
ORDER BY range_end
"""
_IS_HYPERTABLE = text("""
SELECT count(*) FROM timescaledb_information.hypertables
WHERE hypertable_schema = current_schema() AND hypertable_name = :table
""")
_DROP = "SELECT drop_chunks('{table}', older_than => CAST(:ends AS timestamptz))"
_OLD_SERIES = """
SELECT s.id FROM datastream s
WHERE EXISTS (SELECT 1 FROM {table} r WHERE r.datastream_id = s.id AND r.{time} < :before)
ORDER BY s.id LIMIT :many
"""
_BOUND = """
SELECT {time} FROM {table} WHERE datastream_id = :id AND {time} < :before
ORDER BY {time} LIMIT 1 OFFSET :many
"""
_DELETE = "DELETE FROM {table} WHERE datastream_id = :id AND {time} < :before"
_COUNT = "SELECT count(*) FROM {table} WHERE datastream_id = :id AND {time} < :before"
_ABOUT = text("SELECT reltuples FROM pg_class WHERE oid = CAST(:chunk AS regclass)")
_COUNT_CHUNK = "SELECT count(*) FROM {name}"
_SERIES = text("SELECT id FROM datastream ORDER BY id")


# PostgreSQL 17 manual, appendix A: lock_not_available.
_LOCK_NOT_AVAILABLE = "55P03"


class InUseError(StoreError):
    """What is to be removed is being read: try again later."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that is old as a whole: its name as the database quotes it, and its end (ms)."""

    name: str
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A part of a table that has been counted: which of how many parts, and its rows."""

    part: int
    parts: int
    rows: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """A table of series, `time` being the column by which it ages."""

    table: str
    time: str

    def reach(self, connection: Connection, before_ms: int) -> int | None:
        """Tell up to when rows can go if none from `before_ms` on may (ms); None when none can."""
        if self.is_chunked(connection):
            chunks = self.chunks(connection, before_ms)
            return chunks[-1].ends_ms if chunks else None
        return before_ms if self._old_series(connection, before_ms, 1) else None

    def remove_some(self, engine: Engine, before_ms: int) -> int:
        """Remove one portion of what is older; gives how many rows that were, 0 when none is left.

        Of a chunk it is what the database reckons, and at least one. Raises InUseError.
        """
        with engine.connect() as connection:
            chunked = self.is_chunked(connection)
            chunks = self.chunks(connection, before_ms) if chunked else []
        if chunked:
            return self._drop(engine, chunks[0]) if chunks else 0
        with engine.connect() as connection:
            series = self._old_series(connection, before_ms, _MANY_SERIES)
        if not series:
            return 0
        with writing(engine) as connection:
            return sum(self._delete(connection, series, before_ms))

    def count(self, connection: Connection, before_ms: int) -> Iterator[Counted]:
        """Count what is older, part by part."""
        if self.is_chunked(connection):
            chunks = self.chunks(connection, before_ms)
            for part, chunk in enumerate(chunks, start=1):
                statement = text(_COUNT_CHUNK.format(name=chunk.name))
                yield Counted(part, len(chunks), connection.execute(statement).scalar_one())
            return
        series = connection.execute(_SERIES).scalars().all()
        for part, one in enumerate(series, start=1):
            yield Counted(part, len(series), self._run(connection, _COUNT, one, before_ms) or 0)

    def is_chunked(self, connection: Connection) -> bool:
        """Tell whether it is a hypertable."""
        if not has_timescale(connection):
            return False
        return bool(connection.execute(_IS_HYPERTABLE, {"table": self.table}).scalar_one())

    def chunks(self, connection: Connection, before_ms: int) -> list[Chunk]:
        """List the chunks that end by an instant, the oldest first."""
        statement = _typed(_CHUNKS.format(table=self.table)).columns(ends=Instant)
        rows = connection.execute(statement, {"before": before_ms})
        return [Chunk(row.name, row.ends) for row in rows]

    def _drop(self, engine: Engine, chunk: Chunk) -> int:
        with writing(engine) as connection:
            connection.execute(_LOCK_TIMEOUT)
            rows = connection.execute(_ABOUT, {"chunk": chunk.name}).scalar_one()
            drop = text(_DROP.format(table=self.table)).bindparams(bindparam("ends", type_=Instant))
            try:
                connection.execute(drop, {"ends": chunk.ends_ms})
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                    raise InUseError from error
                raise
        return max(int(rows), 1)

    def _old_series(self, connection: Connection, before_ms: int, many: int) -> list[int]:
        statement = _typed(self._named(_OLD_SERIES))
        found = connection.execute(statement, {"before": before_ms, "many": many})
        return list(found.scalars())

    def _delete(self, connection: Connection, series: list[int], before_ms: int) -> Iterator[int]:
        """Remove of one series after the other until the portion is full."""
        room = _MANY_ROWS
        for one in series:
            bound = _typed(self._named(_BOUND)).columns(**{self.time: Instant})
            asked = {"id": one, "before": before_ms, "many": room}
            bound_ms = connection.execute(bound, asked).scalar()
            statement = _typed(self._named(_DELETE))
            until_ms = before_ms if bound_ms is None else bound_ms
            rows = connection.execute(statement, {"id": one, "before": until_ms}).rowcount
            yield rows
            room -= rows
            if room <= 0:
                return

    def _run(self, connection: Connection, statement: str, one: int, before_ms: int) -> int | None:
        asked = {"id": one, "before": before_ms}
        return connection.execute(_typed(self._named(statement)), asked).scalar()

    def _named(self, statement: str) -> str:
        return statement.format(table=self.table, time=self.time)


def _typed(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("before", type_=Instant))


OBSERVATIONS = Shelf("observation", "time")
NOTES = Shelf("observation_note", "time")
ROLLUPS = {Level.HOUR: Shelf("rollup_hour", "start"), Level.DAY: Shelf("rollup_day", "start")}
