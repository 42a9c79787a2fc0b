"""What is read from an outbox as the gateway left it."""

import sqlite3
from decimal import Decimal

from benchmarks.chaos_suite.evidence import Kept, open_outbox, read_outbox, read_stored_batches
from wire import batch
from wire.batch import Sample
from wire.messages import ClockSource

NAME = "dune-1/soil-10cm/vwc_raw"


def outbox(path, states):
    """Write an outbox of one batch for each state, and one observation that is in none."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        db.execute("CREATE TABLE pending (datastream TEXT, wall_ms INTEGER, value TEXT)")
        db.execute("CREATE TABLE batch (seq INTEGER PRIMARY KEY, state TEXT)")
        db.execute("CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB)")
        db.execute("INSERT INTO meta VALUES ('epoch', 'abcdef0123456789')")
        db.execute("INSERT INTO pending VALUES (?, 9000, NULL)", (NAME,))
        for seq, state in enumerate(states, start=1):
            body = batch.encode(ClockSource.NTP, {NAME: [Sample(seq * 1000, Decimal("1.5"))]})
            db.execute("INSERT INTO batch VALUES (?, ?)", (seq, state))
            db.execute("INSERT INTO payload VALUES (?, ?)", (seq, body))
    db.close()
    return path


def test_batches_of_every_state_and_what_is_in_none_are_read(tmp_path):
    path = outbox(tmp_path / "outbox.db", ["stored", "refused", "unconfirmed"])

    assert read_outbox(path) == [
        Kept(NAME, 1000, Decimal("1.5"), "batch 1, stored"),
        Kept(NAME, 2000, Decimal("1.5"), "batch 2, refused"),
        Kept(NAME, 3000, Decimal("1.5"), "batch 3, unconfirmed"),
        Kept(NAME, 9000, None, "not yet in a batch"),
    ]


def test_what_an_outbox_says_it_gave_up_is_read(tmp_path):
    path = outbox(tmp_path / "outbox.db", ["stored"])
    assert open_outbox(path).lost == 0
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO meta VALUES ('lost', '{\"batches\":2,\"observations\":70}')")
    db.close()

    assert open_outbox(path).lost == 70


def test_batches_are_stored_when_the_journal_says_so(tmp_path):
    with sqlite3.connect(tmp_path / "saxaul.db") as db:
        db.execute("CREATE TABLE journal (gateway TEXT, epoch TEXT, seq INTEGER, status TEXT)")
        for seq, status in enumerate(("stored", "refused", "waiting"), start=1):
            db.execute("INSERT INTO journal VALUES ('chaos-dune', 'abc', ?, ?)", (seq, status))
        db.execute("INSERT INTO journal VALUES ('node', NULL, NULL, 'stored')")
    db.close()

    url = f"sqlite:///{tmp_path / 'saxaul.db'}"
    assert read_stored_batches(url) == {("chaos-dune", "abc", 1)}
    assert read_stored_batches(f"sqlite:///{tmp_path / 'nothing.db'}") is None
