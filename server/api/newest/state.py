"""Reads the catalog and the newest observations as they are at one moment."""

from sqlalchemy import Engine

from server.api.newest.catalog import VERSION, CatalogKeeper, WrittenCatalog
from server.store.reading.bounded import reading, reading_first
from server.store.reading.newest import ASK, Newest, newest_of, read_newest


def read_state(
    engine: Engine, seconds: float, keeper: CatalogKeeper
) -> tuple[WrittenCatalog, Newest]:
    """Read them in one transaction, within so long; on PostgreSQL one message asks for all."""
    if engine.dialect.name == "sqlite":
        with reading(engine, seconds) as connection:
            return keeper.read(connection, None), read_newest(connection)
    with reading_first(engine, seconds, (VERSION, ASK)) as (connection, (version, newest)):
        return keeper.read(connection, version), newest_of(connection, newest)
