"""What is learnt from a gateway's outbox before its name is abused."""

import sqlite3
from decimal import Decimal

import pytest

from benchmarks.chaos_suite.faults.hand import read_victim
from wire import batch
from wire.batch import Sample
from wire.messages import ClockSource

NAME = "dune-1/soil-10cm/vwc_raw"


@pytest.fixture
def outbox(tmp_path):
    """Give an outbox with a confirmed and an unconfirmed batch."""
    path = tmp_path / "outbox.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        db.execute("CREATE TABLE batch (seq INTEGER PRIMARY KEY, state TEXT)")
        db.execute("CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB)")
        db.execute("INSERT INTO meta VALUES ('epoch', 'abcdef0123456789')")
        for seq, state in enumerate(("stored", "unconfirmed"), start=1):
            body = batch.encode(ClockSource.NTP, {NAME: [Sample(seq * 1000, Decimal("1.5"))]})
            db.execute("INSERT INTO batch VALUES (?, ?)", (seq, state))
            db.execute("INSERT INTO payload VALUES (?, ?)", (seq, body))
    db.close()
    return path


def test_only_confirmed_batches_are_given_away_for_abuse(outbox):
    victim = read_victim("chaos-dune", outbox)

    assert victim is not None
    assert (victim.epoch, list(victim.datastreams)) == ("abcdef0123456789", [NAME])
    assert [seq for seq, _ in victim.confirmed] == [1]


def test_an_outbox_that_is_not_there_yet_gives_no_victim(tmp_path):
    assert read_victim("chaos-dune", tmp_path / "outbox.db") is None
