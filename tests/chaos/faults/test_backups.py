"""A database put back to what it was: the copy holds what was there, and nothing later."""

import sqlite3
from contextlib import closing

import pytest

from benchmarks.chaos_suite.faults.backups import SqliteBackup


@pytest.fixture
def backup(tmp_path):
    return SqliteBackup(tmp_path / "saxaul.db", tmp_path / "backup.db")


def write(path, value):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE IF NOT EXISTS told (value INTEGER)")
        db.execute("INSERT INTO told VALUES (?)", (value,))


def read(path):
    with closing(sqlite3.connect(path)) as db:
        return [value for (value,) in db.execute("SELECT value FROM told ORDER BY value")]


def test_restored_it_is_as_it_was(backup):
    write(backup.path, 1)
    assert backup.take()
    write(backup.path, 2)
    assert read(backup.path) == [1, 2]
    backup.restore()

    assert read(backup.path) == [1]


def test_a_log_of_what_came_later_does_not_survive(backup):
    write(backup.path, 1)
    backup.take()
    with closing(sqlite3.connect(backup.path)) as open_still:
        open_still.execute("INSERT INTO told VALUES (2)")
        open_still.commit()
        backup.restore()

    assert read(backup.path) == [1]


def test_what_is_only_in_the_log_is_copied_too(backup):
    write(backup.path, 1)
    with closing(sqlite3.connect(backup.path)) as open_still:
        open_still.execute("INSERT INTO told VALUES (2)")
        open_still.commit()
        backup.take()

        assert read(backup.copy) == [1, 2]
