"""Copies of the server's database, put in its place again later: a restore from an old backup."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from deploy.local_postgres import LocalPostgres
from deploy.ports import wait_until

_ANSWER_TIMEOUT_S = 20.0
_LEAVE_TIMEOUT_S = 10.0


class Backup(Protocol):
    """One database and its copy. The server must not run during either."""

    def take(self) -> bool:
        """Copy the database as it is; tells whether that was possible."""

    def restore(self) -> None:
        """Put the copy in the database's place."""


@dataclass(frozen=True, slots=True)
class SqliteBackup:
    """A SQLite file, copied by SQLite's online backup."""

    path: Path
    copy: Path

    def take(self) -> bool:
        """Copy the file, with what its log holds."""
        self.copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as db, closing(sqlite3.connect(self.copy)) as copy:
            db.backup(copy)
        return True

    def restore(self) -> None:
        """Put the copy in the file's place; the log belongs to what was there before."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self.copy, self.path)


@dataclass(frozen=True, slots=True)
class PostgresBackup:
    """A database beside which its copy lies; renamed when it is restored."""

    postgres: LocalPostgres
    name: str

    @property
    def copy(self) -> str:
        """Name of the copy."""
        return f"{self.name}_copy"

    def take(self) -> bool:
        """Copy the database; False when the database server does not answer."""
        with _maintenance(self.postgres) as admin:
            if admin is None:
                return False
            with _left_alone(admin, self.name):
                admin.execute(f'DROP DATABASE IF EXISTS "{self.copy}" WITH (FORCE)'.encode())
                text = f'CREATE DATABASE "{self.copy}" TEMPLATE "{self.name}" STRATEGY file_copy'
                admin.execute(text.encode())
        return True

    def restore(self) -> None:
        """Drop the database and rename the copy."""
        with _maintenance(self.postgres) as admin:
            if admin is None:
                raise TimeoutError("the database server does not answer: nothing can be restored")
            admin.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)'.encode())
            with _left_alone(admin, self.copy):
                admin.execute(f'ALTER DATABASE "{self.copy}" RENAME TO "{self.name}"'.encode())
                admin.execute(f'ALTER DATABASE "{self.name}" ALLOW_CONNECTIONS true'.encode())


@contextmanager
def _maintenance(postgres: LocalPostgres) -> Iterator[psycopg.Connection | None]:
    """Connect to the server's maintenance database; None when it does not answer for long."""
    found: list[psycopg.Connection] = []

    def answers() -> bool:
        try:
            found.append(psycopg.connect(postgres.url, autocommit=True, connect_timeout=2))
        except psycopg.OperationalError:
            return False
        return True

    wait_until(answers, _ANSWER_TIMEOUT_S, 0.1)
    if not found:
        yield None
        return
    with found[0] as admin:
        yield admin


@contextmanager
def _left_alone(admin: psycopg.Connection, name: str) -> Iterator[None]:
    """Keep everybody out of a database, TimescaleDB's own workers too: else it cannot be copied."""
    admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
    try:
        wait_until(lambda: _is_empty(admin, name), _LEAVE_TIMEOUT_S, 0.05)
        yield
    finally:
        exists = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if exists:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


def _is_empty(admin: psycopg.Connection, name: str) -> bool:
    told = admin.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", (name,)
    ).fetchone()
    return told == (0,)
