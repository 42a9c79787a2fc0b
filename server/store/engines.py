"""Chooses the store that fits an engine."""

from sqlalchemy import Engine

from server.store.port import Store
from server.store.sqlite import SqliteStore
from server.store.timescale import TimescaleStore


def store_for(engine: Engine) -> Store:
    """Give the store for SQLite or for PostgreSQL with or without TimescaleDB."""
    return SqliteStore() if engine.dialect.name == "sqlite" else TimescaleStore()
