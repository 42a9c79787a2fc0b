"""What files say of a batch, while programs use them."""

import sqlite3
from contextlib import closing

import pytest

from benchmarks.chaos_suite.points.kept import confirmed, is_stored

EPOCH = "0123456789abcdef"
BATCH = f"saxaul/1/chaos-dune/batch/{EPOCH}/7"


def make(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
    return path


@pytest.fixture
def database(tmp_path):
    return make(
        tmp_path / "saxaul.db",
        "CREATE TABLE journal (gateway TEXT, epoch TEXT, seq INTEGER)",
        f"INSERT INTO journal VALUES ('chaos-dune', '{EPOCH}', 7)",
    )


def test_a_batch_in_the_journal_is_stored(database):
    assert is_stored(database, BATCH)


@pytest.mark.parametrize("other", [BATCH.replace("/7", "/8"), BATCH.replace("dune", "control")])
def test_another_batch_is_not(database, other):
    assert not is_stored(database, other)


def test_a_file_that_cannot_be_read_accuses_nobody(tmp_path):
    assert is_stored(tmp_path / "none.db", BATCH)
    assert confirmed({"chaos-dune": tmp_path / "none.db"}) == set()


def test_an_outbox_tells_what_it_holds_for_confirmed(tmp_path):
    outbox = make(
        tmp_path / "outbox.db",
        "CREATE TABLE meta (key TEXT, value TEXT)",
        f"INSERT INTO meta VALUES ('epoch', '{EPOCH}')",
        "CREATE TABLE batch (seq INTEGER, state TEXT)",
        "INSERT INTO batch VALUES (7, 'stored'), (8, 'unconfirmed'), (9, 'refused')",
    )

    assert confirmed({"chaos-dune": outbox}) == {BATCH}
