"""When an outbox counts as drained, though its gateway goes on reading."""

import sqlite3

import pytest

from benchmarks.chaos_suite.watch.backlog import FRESH, Backlog


@pytest.fixture
def db(tmp_path):
    connection = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE pending (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE batch (seq INTEGER PRIMARY KEY, state TEXT)")
    connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
    connection.execute("INSERT INTO meta VALUES ('epoch', 'abc')")
    yield connection
    connection.close()


@pytest.fixture
def backlog(db, tmp_path):
    return Backlog(tmp_path / "outbox.db")


def seal(db, seq, state="unconfirmed"):
    db.execute("INSERT INTO batch VALUES (?, ?)", (seq, state))
    db.execute("DELETE FROM pending")


def confirm(db, seq):
    db.execute("UPDATE batch SET state = 'stored' WHERE seq = ?", (seq,))


def test_an_empty_outbox_is_drained(backlog):
    assert backlog.is_confirmed()


def test_what_waits_must_be_sealed_and_confirmed(db, backlog):
    db.execute("INSERT INTO pending VALUES (1)")
    assert not backlog.is_confirmed()
    seal(db, 1)
    assert not backlog.is_confirmed()
    confirm(db, 1)

    assert backlog.is_confirmed()


def test_what_came_since_the_first_look_may_be_under_way(db, backlog):
    assert backlog.is_confirmed()
    seal(db, 1)

    assert backlog.is_confirmed()


def test_what_came_since_and_grew_old_is_waited_for(db, backlog):
    assert backlog.is_confirmed()
    for seq in range(1, FRESH + 2):
        seal(db, seq)
    assert not backlog.is_confirmed()
    confirm(db, 1)

    assert backlog.is_confirmed()


def test_it_is_live_once_something_new_is_confirmed(db, backlog):
    seal(db, 1, state="stored")
    assert backlog.is_confirmed()
    seal(db, 2)
    assert not backlog.is_live()
    confirm(db, 2)

    assert backlog.is_live()


def test_it_names_what_the_server_is_believed_to_have(db, backlog):
    seal(db, 1, state="stored")
    seal(db, 2)

    assert backlog.confirmed() == [("abc", 1)]


def test_an_outbox_that_is_not_there_yet_is_neither_drained_nor_live(tmp_path):
    nothing = Backlog(tmp_path / "nothing.db")

    assert not nothing.is_confirmed()
    assert not nothing.is_live()
