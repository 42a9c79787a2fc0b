"""The witness sees each batch once, by the file or by what is published, and whether it changes."""

import sqlite3

import pytest

from benchmarks.chaos_suite.mqtt_frames import Publish
from benchmarks.chaos_suite.watch.witness import Witness

NAME, EPOCH = "chaos-dune", "abcdef0123456789"


@pytest.fixture
def witness():
    return Witness()


@pytest.fixture
def outbox(tmp_path):
    path = tmp_path / "outbox.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        db.execute("CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB)")
        db.execute("INSERT INTO meta VALUES ('epoch', ?)", (EPOCH,))
        db.execute("INSERT INTO payload VALUES (1, X'6f6e65'), (2, X'74776f')")
    db.close()
    return path


def change(path, statement):
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()


def published(seq, payload, name=NAME):
    return Publish(f"saxaul/1/{name}/batch/{EPOCH}/{seq}", 1, 1, payload)


def test_a_batch_that_is_removed_has_been_seen(witness, outbox):
    witness.look(NAME, outbox)
    change(outbox, "DELETE FROM payload WHERE seq = 1")
    change(outbox, "INSERT INTO payload VALUES (3, X'7468726565')")
    witness.look(NAME, outbox)

    assert witness.batches(NAME) == {EPOCH: {1: b"one", 2: b"two", 3: b"three"}}
    assert witness.complaints == []


def test_a_batch_that_is_removed_between_two_looks_was_seen_on_its_way(witness, outbox):
    witness.look(NAME, outbox)
    witness.note(NAME, published(3, b"three"))

    assert witness.batches(NAME)[EPOCH][3] == b"three"


def test_only_batches_of_the_gateway_itself_count(witness):
    witness.note(NAME, published(1, b"one", "stranger"))
    witness.note(NAME, Publish(f"saxaul/1/{NAME}/status", 1, 1, b"{}"))
    witness.note(NAME, Publish("elsewhere", 1, 1, b""))

    assert witness.batches(NAME) == {}
    assert witness.heard[NAME] == 3


def test_a_batch_that_changes_is_complained_of(witness, outbox):
    witness.look(NAME, outbox)
    witness.note(NAME, published(2, b"another"))

    (complaint,) = witness.complaints
    assert complaint == f"{NAME} changed batch 2 of {EPOCH} after it was sealed"


def test_a_file_that_is_not_there_yet_is_left_for_later(witness, tmp_path):
    witness.look(NAME, tmp_path / "nothing.db")

    assert witness.batches(NAME) == {}
