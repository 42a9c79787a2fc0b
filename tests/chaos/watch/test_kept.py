"""What a gateway has kept: what its files hold, what was seen of them, what was brought in."""

import sqlite3
from decimal import Decimal

import pytest

from benchmarks.chaos_suite.watch.kept import account
from wire import batch
from wire.batch import Sample
from wire.messages import ClockSource

NAME = "dune-1/soil-10cm/vwc_raw"


def body(time_ms):
    return batch.encode(ClockSource.NTP, {NAME: [Sample(time_ms, Decimal("1.5"))]})


@pytest.fixture
def make(tmp_path):
    def outbox(epoch, seqs, lost=0):
        path = tmp_path / f"{epoch}.db"
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
            db.execute("CREATE TABLE pending (datastream TEXT, wall_ms INTEGER, value TEXT)")
            db.execute("CREATE TABLE batch (seq INTEGER PRIMARY KEY, state TEXT)")
            db.execute("CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB)")
            db.execute("INSERT INTO meta VALUES ('epoch', ?)", (epoch,))
            db.execute("INSERT INTO meta VALUES ('lost', ?)", (f'{{"observations":{lost}}}',))
            db.execute("INSERT INTO pending VALUES (?, 9000, '2.5')", (NAME,))
            for seq in seqs:
                db.execute("INSERT INTO batch VALUES (?, 'stored')", (seq,))
                db.execute("INSERT INTO payload VALUES (?, ?)", (seq, body(seq * 1000)))
        db.close()
        return path

    return outbox


def test_what_was_seen_and_is_gone_was_kept_all_the_same(make):
    found = account([make("abc", [2])], {"abc": {1: body(1000), 2: body(2000)}})

    assert [(one.time_ms, one.where) for one in found.kept] == [
        (2000, "batch 2, stored"),
        (1000, "batch 1, removed since"),
        (9000, "not yet in a batch"),
    ]


def test_all_files_of_a_gateway_count_and_so_do_their_losses(make):
    found = account([make("abc", [1], lost=3), make("def", [1, 2], lost=4)], {})

    assert len(found.kept) == 5
    assert found.lost == 7


def test_what_was_brought_in_and_never_seen_was_kept_too(make, tmp_path):
    history = tmp_path / "history.csv"
    history.write_text(
        f"time_ms,datastream,value,reason\n1000,{NAME},1.5,\n5000,{NAME},7.25,\n", "utf-8"
    )
    found = account([make("abc", [1])], {}, history)

    assert [(one.time_ms, one.value) for one in found.kept if one.where == "brought in"] == [
        (5000, Decimal("7.25"))
    ]
