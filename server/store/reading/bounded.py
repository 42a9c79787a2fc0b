"""A transaction that only reads, sees one state of the database, and ends after a set time."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from server.errors import ServerError

# So often, in steps of its virtual machine, SQLite asks whether to go on: about every millisecond.
_STEPS = 20_000
# In one message: on a machine that has much to do, each answer of the database is waited for.
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}"


class TooSlowError(ServerError):
    """Who asks must ask for less: reading would have taken longer than is allowed."""


@contextmanager
def reading(
    engine: Engine, seconds: float, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Connection]:
    """Give a connection for reading; raises TooSlowError once a statement has run so long.

    On SQLite the time is that of all statements together.
    """
    within = _on_sqlite if engine.dialect.name == "sqlite" else _on_postgresql
    try:
        with within(engine, seconds, monotonic) as connection:
            yield connection
    except (OperationalError, psycopg.OperationalError, sqlite3.OperationalError) as error:
        if not _is_cut_off(error):
            raise
        raise TooSlowError(
            f"Reading this takes longer than the {seconds:g} s that an answer may take: ask for "
            "a shorter range, for fewer datastreams, or for hourly or daily values "
            "(/api/v1/series with resolution=hour or day)."
        ) from error


@contextmanager
def _on_postgresql(
    engine: Engine, seconds: float, _monotonic: Callable[[], float]
) -> Iterator[Connection]:
    begin = _BEGIN.format(max(1, int(seconds * 1000)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError("this needs a psycopg connection")
        connection.exec_driver_sql(begin)
        try:
            yield connection
        finally:
            if not driver.closed:
                driver.rollback()


@contextmanager
def _on_sqlite(
    engine: Engine, seconds: float, monotonic: Callable[[], float]
) -> Iterator[Connection]:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError("this needs a connection of the sqlite3 module")
        ends = monotonic() + seconds
        driver.set_progress_handler(lambda: monotonic() > ends, _STEPS)
        try:
            yield connection
        finally:
            driver.set_progress_handler(None, _STEPS)


def _is_cut_off(error: Exception) -> bool:
    cause = error.orig if isinstance(error, OperationalError) else error
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
    return isinstance(cause, psycopg.errors.QueryCanceled)
