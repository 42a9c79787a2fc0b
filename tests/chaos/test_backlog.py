"""When an outbox counts as drained, though its gateway goes on reading."""

import sqlite3

import pytest

from benchmarks.chaos_suite.backlog import FRESH_MS, Backlog

NOW_MS = 1_767_225_600_000


@pytest.fixture
def db(tmp_path):
    connection = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE pending (id INTEGER PRIMARY KEY)")
    connection.execute(
        "CREATE TABLE batch (seq INTEGER PRIMARY KEY, state TEXT, sealed_at_ms INTEGER)"
    )
    yield connection
    connection.close()


@pytest.fixture
def backlog(db, tmp_path):
    return Backlog(tmp_path / "outbox.db")


def seal(db, seq, state="unconfirmed", age_ms=0):
    db.execute("INSERT INTO batch VALUES (?, ?, ?)", (seq, state, NOW_MS - age_ms))
    db.execute("DELETE FROM pending")


def confirm(db, seq):
    db.execute("UPDATE batch SET state = 'stored' WHERE seq = ?", (seq,))


def test_an_empty_outbox_is_drained(backlog):
    assert backlog.is_confirmed(NOW_MS)


def test_what_waits_must_be_sealed_and_confirmed(db, backlog):
    db.execute("INSERT INTO pending VALUES (1)")
    assert not backlog.is_confirmed(NOW_MS)
    seal(db, 1)
    assert not backlog.is_confirmed(NOW_MS)
    confirm(db, 1)

    assert backlog.is_confirmed(NOW_MS)


def test_what_came_since_the_first_look_may_be_under_way(db, backlog):
    assert backlog.is_confirmed(NOW_MS)
    seal(db, 1)

    assert backlog.is_confirmed(NOW_MS)


def test_what_came_since_and_grew_old_is_waited_for(db, backlog):
    assert backlog.is_confirmed(NOW_MS)
    seal(db, 1, age_ms=FRESH_MS + 1)

    assert not backlog.is_confirmed(NOW_MS)


def test_it_is_live_once_something_new_is_confirmed(db, backlog):
    seal(db, 1, state="stored", age_ms=1000)
    seal(db, 2)
    assert not backlog.is_live(NOW_MS - 500)
    confirm(db, 2)

    assert backlog.is_live(NOW_MS - 500)


def test_an_outbox_that_is_not_there_yet_is_neither_drained_nor_live(tmp_path):
    nothing = Backlog(tmp_path / "nothing.db")

    assert not nothing.is_confirmed(NOW_MS)
    assert not nothing.is_live(0)
