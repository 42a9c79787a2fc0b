"""A transaction that only reads, sees one state of the database, and ends after a set time."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from server.errors import ServerError
from server.store.reading.binary import Arrays, Ask, driver_of, send

# So often, in steps of its virtual machine, SQLite asks whether to go on: about every millisecond.
_STEPS = 20_000
_BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LIMIT = "SET LOCAL statement_timeout = {}"


class TooSlowError(ServerError):
    """Who asks must ask for less: reading would have taken longer than is allowed."""


@contextmanager
def reading(
    engine: Engine, seconds: float, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Connection]:
    """Give a connection for reading; raises TooSlowError once a statement has run so long.

    On SQLite the time is that of all statements together.
    """
    if engine.dialect.name != "sqlite":
        with reading_first(engine, seconds, ()) as (connection, _):
            yield connection
        return
    with _explained(seconds), _on_sqlite(engine, seconds, monotonic) as connection:
        yield connection


@contextmanager
def reading_first(
    engine: Engine, seconds: float, asks: Sequence[Ask]
) -> Iterator[tuple[Connection, Sequence[Arrays]]]:
    """Do so on PostgreSQL, with the answers to some questions at the beginning.

    All of it goes in one message: on a machine that has much to do, whoever waits for the database
    is woken late, and as often as there are answers.
    """
    limit = _LIMIT.format(max(1, int(seconds * 1000))).encode()
    autocommit = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with _explained(seconds), autocommit as connection:
        driver = driver_of(connection)
        try:
            with driver.pipeline():
                for statement in (_BEGIN, limit):
                    driver.execute(statement)
                asked = [send(driver, one) for one in asks]
            yield connection, [one.arrays() for one in asked]
        finally:
            if not driver.closed:
                driver.rollback()


@contextmanager
def _explained(seconds: float) -> Iterator[None]:
    """Turn what the database says of its time limit into TooSlowError."""
    try:
        yield
    except (OperationalError, psycopg.OperationalError, sqlite3.OperationalError) as error:
        if not _is_cut_off(error):
            raise
        raise TooSlowError(
            f"Reading this takes longer than the {seconds:g} s that an answer may take: ask for "
            "a shorter range, for fewer datastreams, or for hourly or daily values "
            "(/api/v1/series with resolution=hour or day)."
        ) from error


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
