"""The outbox file: its tables, and how it is opened, checked and made."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from gateway.errors import StoreError

FILE_NAME = "outbox.db"
WAL_SUFFIX, SHM_SUFFIX = "-wal", "-shm"
JOURNAL_SUFFIX = "-journal"  # there only while a file is being made

# In `meta`: "1" after a clean stop, "0" from opening on, so that only a file that was not closed
# has to be read through.
CLEAN = "clean"

_APPLICATION_ID = 0x53415855  # "SAXU", so that `file outbox.db` tells what it is
_VERSION = 1
# No release will ever get there: a number like this in the header is damage.
_ABSURD_VERSION = 1_000
_BUSY_MS = 5000
# A write-ahead log that has grown beyond this is cut back when it begins anew.
_WAL_BYTES = 16_000_000
# By itself SQLite keeps up to 2 MB of the file in memory, and takes days to get there.
_CACHE_KIB = 512

# https://www.sqlite.org/rescode.html: what says that the content cannot be read ...
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
UNREADABLE = frozenset(
    {
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)
# ... and what says that the disk takes nothing: full, over a quota, or made read-only.
NO_ROOM = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    }
)

# `pending`: observations not yet in a batch, as known when they were appended; rows that came with
# wall time only have boot ''. `batch` and `payload` are apart so that a receipt rewrites a short
# row and not the payload, which saves the SD card half of its writes.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pending (
    id INTEGER PRIMARY KEY,
    boot TEXT NOT NULL,
    mono_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    clock TEXT NOT NULL,
    datastream TEXT NOT NULL,
    value TEXT,
    flag INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE TABLE batch (
    seq INTEGER PRIMARY KEY,
    clock TEXT NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'unconfirmed'
        CHECK (state IN ('unconfirmed', 'stored', 'refused')),
    reason TEXT NOT NULL DEFAULT '',
    sealed_at_ms INTEGER NOT NULL,
    settled_at_ms INTEGER
);
CREATE INDEX batch_unconfirmed ON batch (last_ms, seq) WHERE state = 'unconfirmed';
CREATE INDEX batch_refused ON batch (seq) WHERE state = 'refused';
CREATE TABLE payload (seq INTEGER PRIMARY KEY REFERENCES batch, body BLOB NOT NULL);
"""


class DamagedError(StoreError):
    """The outbox file cannot be read as one: it is set aside at the next start, and salvaged."""

    def __init__(self, path: Path, detail: str) -> None:
        """Say what SQLite found, in one line, and what saves what is readable."""
        self.detail = " ".join(detail.split())
        super().__init__(
            f"{path}: the outbox is damaged ({self.detail}); restart the gateway "
            "(systemctl restart saxaul-gateway): it sets the file aside and carries over what is "
            "readable"
        )


class NoRoomError(StoreError):
    """The disk takes nothing at the moment: what is written again later may get in."""


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite complains about into a StoreError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, error) from error
    except UnicodeDecodeError as error:  # SQLite's message quotes what it found in the schema
        raise DamagedError(path, str(error)) from error


def error_code(error: sqlite3.Error) -> int:
    """Tell SQLite's extended result code; 0 for an error of Python's own."""
    return getattr(error, "sqlite_errorcode", 0)


def _translated(path: Path, error: sqlite3.Error) -> StoreError:
    code = error_code(error)
    no_text = code == 0 and isinstance(error, sqlite3.OperationalError)  # not in UTF-8
    if no_text or code in UNREADABLE or code & 0xFF in _DAMAGE:
        return DamagedError(path, str(error))
    told = f"{path}: {error}; check the disk's free space (df) and the file's owner"
    if code & 0xFF in NO_ROOM:
        return NoRoomError(told)
    return StoreError(told if isinstance(error, sqlite3.OperationalError) else f"{path}: {error}")


def open_writable(path: Path, new_epoch: Callable[[], str]) -> sqlite3.Connection:
    """Open the outbox, making it when it is not there; raises StoreError."""
    with store_errors(path):
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path, new_epoch)
        except BaseException:
            db.close()
            raise
        return db


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open the outbox for looking, also while a gateway writes it; raises StoreError."""
    if not path.exists():
        raise StoreError(
            f"{path}: no outbox is there yet; start the gateway once (saxaul-gateway run), "
            "or correct gateway.data_dir in gateway.toml"
        )
    with store_errors(path):
        db = open_unchecked(path)
        try:
            _check_version(db, path)
        except BaseException:
            db.close()
            raise
        return db


def open_unchecked(path: Path) -> sqlite3.Connection:
    """Open for reading whatever the file holds, leaving it and its log as they are."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    return db


def roll_back(path: Path) -> None:
    """Undo a making of the file that a power cut broke off: what only reads it could not.

    Raises StoreError.
    """
    with store_errors(path), closing(sqlite3.connect(path)) as db:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()


def check(path: Path) -> None:
    """Read the file through, unless it was closed cleanly.

    Raises DamagedError, NoRoomError when the disk hinders even looking, and StoreError for a file
    that is none of ours. Nothing is written.
    """
    if path.stat().st_size == 0:
        return  # an opening that was interrupted; as good as none
    with store_errors(path), closing(open_unchecked(path)) as db:
        try:
            _check(db, path)
        except sqlite3.OperationalError as error:
            if error_code(error) == sqlite3.SQLITE_ERROR:  # such as an unsupported file format
                raise DamagedError(path, str(error)) from error
            raise


def _check(db: sqlite3.Connection, path: Path) -> None:
    if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    _check_version(db, path)
    if _statements(db) != _expected_statements():
        raise DamagedError(path, "its tables are not as they were made")
    if _read_meta(db, CLEAN) == "1":
        return
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise DamagedError(path, found)
    if not _read_meta(db, "epoch") or not (_read_meta(db, "sealed") or "").isdecimal():
        raise DamagedError(path, "its name or its count of batches is gone")


def _statements(db: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return set(db.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


@cache
def _expected_statements() -> set[tuple[str, str, str]]:
    """Give what a new outbox holds: quick_check does not see a column that damage renamed."""
    with closing(sqlite3.connect(":memory:")) as db:
        for statement in _TABLES.split(";\n"):
            db.execute(statement)
        return _statements(db)


def _read_meta(db: sqlite3.Connection, key: str) -> str | None:
    found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return found[0] if found else None


def _prepare(db: sqlite3.Connection, path: Path, new_epoch: Callable[[], str]) -> None:
    db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    # Takes effect in a new file only; an older one stays as large as it once was.
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    # FULL: a commit is on the disk when it returns, so that a power cut loses nothing after it.
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        _create(db, new_epoch())
    _check_version(db, path)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, '0')", (CLEAN,))


def _create(db: sqlite3.Connection, epoch: str) -> None:
    with transaction(db):
        for statement in _TABLES.split(";\n"):
            db.execute(statement)
        db.executemany("INSERT INTO meta VALUES (?, ?)", [("epoch", epoch), ("sealed", "0")])
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    ours = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'batch_unconfirmed'")
    if application != _APPLICATION_ID:
        if ours.fetchone()[0]:
            raise DamagedError(path, "its header does not name it")
        raise StoreError(f"{path}: this is no outbox; move it away or correct gateway.data_dir")
    if not 0 < version < _ABSURD_VERSION:
        raise DamagedError(path, f"its header says format {version}")
    if version != _VERSION:
        raise StoreError(
            f"{path}: written in format {version}, this program reads {_VERSION}: "
            "install the saxaul that wrote it, or a newer one"
        )


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Do all of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
