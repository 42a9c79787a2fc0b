"""Opens the database named by a URL and says which edition it is. Knows no table."""

import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from sqlite3 import Connection as SqliteConnection

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from server.errors import StoreError
from wire.errors import ConfigError

# Before 2.18.1, INSERT ... ON CONFLICT DO NOTHING into compressed chunks stopped at the first
# conflict and lost the rest of the batch: timescale/timescaledb#7672.
MIN_TIMESCALE = (2, 18, 1)
# The oldest that is tested with, and that PostgreSQL's own project cares for long enough.
MIN_POSTGRESQL = 15

_CONNECT_TIMEOUT_S = 5
# Whoever holds a lock and is lost with its machine lets go after a minute, on either side: the
# system's own two hours would hold up all that wait for it.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_SERVER_KEEPALIVE = " ".join(f"-c tcp_{name}={value}" for name, value in _KEEPALIVE.items())
# A connection that was used so lately is only tried when its server has sent something since, as
# one does that ends: each trial has whoever asks wait for its turn once more.
_TRUSTED_S = 2.0
_USED_S = "saxaul_used_s"
# A writer waits this long for another one (a migration, a backup) before it gives up.
_BUSY_TIMEOUT_MS = 10_000

_EXTENSION_VERSION = text("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
_OFFERED_VERSION = text(
    "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
)


class Edition(StrEnum):
    """What kind of database this is; the TimescaleDB editions differ in what they may compress."""

    SQLITE = "sqlite"
    PLAIN = "none"  # PostgreSQL without TimescaleDB
    APACHE = "apache"
    COMMUNITY = "community"


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """A database's edition, its version for people, and what an operator should be warned of."""

    edition: Edition
    version: str
    warning: str = ""


def open_engine(url: str) -> Engine:
    """Open a database and try it; raises ConfigError for a URL of no use, StoreError otherwise.

    Knows `sqlite:///path` and `postgresql://user:password@host:port/name`.
    """
    parsed = _parse_url(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
    try:
        ping(engine)
        _require_known(engine)
    except StoreError:
        engine.dispose()
        raise
    return engine


def is_postgresql(url: str) -> bool:
    """Tell which kind of database a URL names; raises ConfigError for one of no use."""
    return _parse_url(url).get_backend_name() == "postgresql"


def ping(engine: Engine) -> None:
    """Ask the database for a sign of life; raises StoreError saying what to look at."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        raise StoreError(explain(engine.url, error)) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that means to write: on SQLite it takes the write lock at once.

    A SQLite transaction that first reads and then writes cannot wait for another writer.
    """
    with engine.connect().execution_options(saxaul_writing=True) as connection, connection.begin():
        yield connection


def describe(engine: Engine) -> DatabaseInfo:
    """Find the edition out; raises StoreError for a TimescaleDB that loses rows."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            version = str(connection.execute(text("SELECT sqlite_version()")).scalar_one())
            return DatabaseInfo(Edition.SQLITE, f"SQLite {version}")
        return _describe_postgresql(connection)


def has_timescale(connection: Connection) -> bool:
    """Tell whether the extension is in this database."""
    if connection.dialect.name != "postgresql":
        return False
    return connection.execute(_EXTENSION_VERSION).scalar_one_or_none() is not None


def offers_timescale(connection: Connection) -> bool:
    """Tell whether this server can create the extension; raises StoreError for one too old."""
    offered = connection.execute(_OFFERED_VERSION).scalar_one_or_none()
    if offered is not None and connection.execute(_EXTENSION_VERSION).scalar_one_or_none() is None:
        require_timescale(str(offered))
    return offered is not None


def require_postgresql(version: tuple[int, ...]) -> None:
    """Refuse a PostgreSQL before 15, with the remedy; `version` begins with its major number."""
    if version[0] < MIN_POSTGRESQL:
        found = ".".join(map(str, version))
        raise StoreError(
            f"PostgreSQL {found} is too old: move the database to PostgreSQL {MIN_POSTGRESQL} or "
            "newer with pg_upgrade, or with pg_dump and pg_restore"
        )


def require_timescale(version: str) -> None:
    """Refuse a TimescaleDB before 2.18.1, with the remedy."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < MIN_TIMESCALE:
        wanted = ".".join(map(str, MIN_TIMESCALE))
        raise StoreError(
            f"TimescaleDB {version} can lose rows on insert (timescale/timescaledb#7672): install "
            f"{wanted} or newer and run ALTER EXTENSION timescaledb UPDATE"
        )


def explain(url: URL, error: Exception) -> str:
    """Say in one line which database failed and what to look at, never showing the password."""
    cause = getattr(error, "orig", None) or error
    line = str(cause).strip().partition("\n")[0].rstrip(": ")
    if url.get_backend_name() == "sqlite":
        return (
            f"database file '{url.database}' cannot be used: {line}; "
            "check that its folder exists, may be written and has room"
        )
    if url.password:
        line = line.replace(str(url.password), "***")
    where = f"{url.host or 'the local socket'}:{url.port or 5432}"
    return f"database '{url.database}' on {where} cannot be used: {line}; {_remedy(cause)}"


def _remedy(cause: Exception) -> str:
    """Say what helps; the codes are of the PostgreSQL 17 manual, appendix A."""
    if "must be preloaded" in str(cause):
        return (
            "set shared_preload_libraries = 'timescaledb' in postgresql.conf and restart PostgreSQL"
        )
    code = getattr(cause, "sqlstate", None)
    if code == "42501":  # insufficient_privilege
        return "let the user of the database URL own the database: ALTER DATABASE ... OWNER TO ..."
    if code == "53100":  # disk_full
        return "make room on the disk that holds the database"
    return (
        "check that PostgreSQL runs there and that name, user and password in the database URL "
        "are right"
    )


def _require_known(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        found = engine.dialect.server_version_info or (0,)
        require_postgresql(tuple(int(number) for number in found))


def _parse_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("database URL", _URL_REMEDY) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed.set(drivername="sqlite")
    if parsed.get_backend_name() in ("postgresql", "postgres") and parsed.database:
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError("database URL", _URL_REMEDY)


_URL_REMEDY = (
    "not a database we know: write sqlite:///path/to/file.db or "
    "postgresql://user:password@host:5432/name"
)


def _postgresql(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "application_name": "saxaul",
            **_KEEPALIVE,
            "options": f"-c timezone=UTC {_SERVER_KEEPALIVE}",
        },
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _require_alive)
    return engine


def _note_use(_connection: object, entry: ConnectionPoolEntry) -> None:
    entry.info[_USED_S] = time.monotonic()


def _require_alive(
    connection: "psycopg.Connection[tuple[object, ...]]",
    entry: ConnectionPoolEntry,
    _proxy: object,
) -> None:
    """Have a restarted server met with a new connection, not with an error."""
    used_s = entry.info.get(_USED_S)
    if used_s is None:  # it is new
        return
    try:
        if time.monotonic() - used_s > _TRUSTED_S or _has_news(connection):
            _try(connection)
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def _has_news(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _try(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    before = connection.autocommit
    connection.autocommit = True  # else it would begin a transaction
    connection.execute(b"SELECT 1")
    connection.autocommit = before


def _describe_postgresql(connection: Connection) -> DatabaseInfo:
    server = str(connection.execute(text("SHOW server_version")).scalar_one()).split(" ")[0]
    version = connection.execute(_EXTENSION_VERSION).scalar_one_or_none()
    if version is None:
        return DatabaseInfo(
            Edition.PLAIN,
            f"PostgreSQL {server}",
            "TimescaleDB is not installed here: everything works, but large tables grow slower "
            "to read; install postgresql-17-timescaledb before the first start",
        )
    require_timescale(str(version))
    licence = connection.execute(text("SHOW timescaledb.license")).scalar_one()
    edition = Edition.COMMUNITY if licence == "timescale" else Edition.APACHE
    return DatabaseInfo(edition, f"PostgreSQL {server}, TimescaleDB {version}")


def _sqlite(url: URL) -> Engine:
    folder = Path(str(url.database)).resolve().parent
    if not folder.is_dir():
        raise StoreError(
            f"database file '{url.database}' cannot be used: the folder '{folder}' is not there; "
            "create it or name another file"
        )
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: SqliteConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: it would break SAVEPOINT.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("saxaul_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
