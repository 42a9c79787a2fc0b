"""What is read from an outbox as the gateway left it."""

import sqlite3
from decimal import Decimal

from benchmarks.chaos_suite.evidence import Kept, read_outbox, read_victim
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


def test_only_confirmed_batches_are_given_away_for_abuse(tmp_path):
    victim = read_victim("chaos-dune", outbox(tmp_path / "outbox.db", ["stored", "unconfirmed"]))

    assert victim is not None
    assert (victim.epoch, list(victim.datastreams)) == ("abcdef0123456789", [NAME])
    assert [seq for seq, _ in victim.confirmed] == [1]


def test_an_outbox_that_is_not_there_yet_gives_no_victim(tmp_path):
    assert read_victim("chaos-dune", tmp_path / "outbox.db") is None
