"""How many bytes tables take with their indexes, once what was freed in them is used again."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, text

from server.db.engine import Edition, describe

OBSERVATIONS = ("observation", "observation_note")
ROLLUPS = ("rollup_hour", "rollup_day", "rollup_mark")
JOURNAL = ("journal", "journal_block")

_WHOLE = text("SELECT pg_total_relation_size(CAST(:table AS regclass))")
# Chunks are children; what TimescaleDB has compressed is none, and only this counts it.
_HYPERTABLE = text("SELECT hypertable_size(CAST(:table AS regclass))")
_HYPERTABLES = text("SELECT hypertable_name FROM timescaledb_information.hypertables")
# An index is named after its table, in every way but this.
_PAGES = """
SELECT coalesce(sum(s.pgsize), 0) FROM dbstat s
WHERE s.aggregate = TRUE AND s.name IN (SELECT name FROM sqlite_schema WHERE tbl_name = ?)
"""


def bytes_of(engine: Engine, tables: Sequence[str]) -> int:
    """Count the bytes of tables with all that belongs to them."""
    if engine.dialect.name == "sqlite":
        return _sqlite_bytes(_path(engine), tables)
    with engine.connect() as connection:
        hypertables: set[str] = set()
        if describe(engine).edition is not Edition.PLAIN:
            hypertables = set(connection.execute(_HYPERTABLES).scalars())
        sizes = [
            connection.execute(_HYPERTABLE if one in hypertables else _WHOLE, {"table": one})
            for one in tables
        ]
        return sum(int(size.scalar_one()) for size in sizes)


def tidy(engine: Engine, tables: Sequence[str]) -> None:
    """Leave no room of what was removed: in the long run it is used again."""
    if engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(_path(engine))) as connection:
            connection.execute("VACUUM")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connected:
        for table in tables:
            connected.exec_driver_sql(f"VACUUM FULL {table}")


def _sqlite_bytes(path: Path, tables: Sequence[str]) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return sum(int(connection.execute(_PAGES, (table,)).fetchone()[0]) for table in tables)


def _path(engine: Engine) -> Path:
    return Path(str(engine.url.database))
