"""The outbox file: its tables, and how it is opened, checked and made."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import StoreError

FILE_NAME = "outbox.db"

_APPLICATION_ID = 0x53415855  # "SAXU", so that `file outbox.db` tells what it is
_VERSION = 1
_BUSY_MS = 5000

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


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite complains about into a StoreError that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{path}: {error}; check the disk's free space (df) and the file's owner"
        ) from error
    except sqlite3.ProgrammingError as error:
        raise StoreError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, detail: str) -> StoreError:
    """Say that the file cannot be read and what to do so that nothing in it is thrown away."""
    one_line = " ".join(detail.split())
    return StoreError(
        f"{path}: the outbox is damaged ({one_line}); move it aside with its -wal file, keep both "
        "for recovery, and start again: a new outbox begins"
    )


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
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            _check_version(db, path)
        except BaseException:
            db.close()
            raise
        return db


def _prepare(db: sqlite3.Connection, path: Path, new_epoch: Callable[[], str]) -> None:
    db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    db.execute("PRAGMA journal_mode = WAL")
    # FULL: a commit is on the disk when it returns, so that a power cut loses nothing after it.
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, found)
    if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        _create(db, new_epoch())
    _check_version(db, path)


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
    if application != _APPLICATION_ID:
        raise StoreError(f"{path}: this is no outbox; move it away or correct gateway.data_dir")
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
