"""A PostgreSQL connection understood: what becomes of batches is told, and not a byte is changed."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos_suite.points.events import Event, Way, What
from benchmarks.chaos_suite.points.postgres import PostgresTalk

PEER = "database"
BATCH = "saxaul/1/chaos-dune/batch/0123456789abcdef/7"
INSERT = b"INSERT INTO journal (gateway, topic) VALUES ($1, $2) RETURNING journal.id"
COPY = b"COPY staged_observation (time) FROM STDIN (FORMAT binary)"

# 53.7 of the PostgreSQL 17 manual.
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
STARTUP = b"\x00\x00\x00\x11\x00\x03\x00\x00user\x00me\x00\x00"
READY = b"Z\x00\x00\x00\x05I"
SYNC = b"S\x00\x00\x00\x04"
COPY_DATA, COPY_END = b"d\x00\x00\x00\x06ab", b"c\x00\x00\x00\x04"
COPY_IN = b"G\x00\x00\x00\x07\x01\x00\x00"
ERROR = b"E\x00\x00\x00\x05\x00"


def message(kind, body):
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def query(sql):
    return message(b"Q", sql + b"\x00")


def done(tag):
    return message(b"C", tag + b"\x00")


def parse(name, sql):
    return message(b"P", name + b"\x00" + sql + b"\x00\x00\x00")


def bind(name, *values):
    sized = b"".join(
        struct.pack(">i", -1 if one is None else len(one)) + (one or b"") for one in values
    )
    body = struct.pack(">hhh", 1, 0, len(values)) + sized + struct.pack(">h", 0)
    return message(b"B", b"\x00" + name + b"\x00" + body)


EXECUTE = message(b"E", b"\x00\x00\x00\x00\x00")


def journal(name=b""):
    return bind(name, b"chaos-dune", None, BATCH.encode()) + EXECUTE + SYNC


@pytest.fixture
def talk():
    opened = PostgresTalk(PEER)
    told(opened, Way.UP, STARTUP)
    return opened


def told(talk, way, data):
    return [event for _, events in talk.hear(way, data) for event in events]


def event(what, way, *topics):
    return Event(PEER, what, way, topics)


def test_a_batch_is_followed_into_the_database(talk):
    assert told(talk, Way.UP, query(b"BEGIN")) == []
    assert told(talk, Way.DOWN, done(b"BEGIN") + READY) == []
    assert told(talk, Way.UP, parse(b"", INSERT) + journal()) == [
        event(What.JOURNAL, Way.UP, BATCH)
    ]
    assert told(talk, Way.DOWN, done(b"INSERT 0 1") + READY) == [
        event(What.JOURNAL_DONE, Way.DOWN, BATCH)
    ]
    assert told(talk, Way.UP, query(COPY)) == [event(What.COPY, Way.UP)]
    assert told(talk, Way.DOWN, COPY_IN) == []
    assert told(talk, Way.UP, COPY_DATA + COPY_END) == []
    assert told(talk, Way.DOWN, done(b"COPY 3") + READY) == [event(What.COPY_DONE, Way.DOWN, BATCH)]
    assert told(talk, Way.UP, query(b"COMMIT")) == [event(What.COMMIT, Way.UP, BATCH)]
    assert told(talk, Way.DOWN, done(b"COMMIT") + READY) == [
        event(What.COMMIT_DONE, Way.DOWN, BATCH)
    ]


def test_batches_copied_into_the_journal_are_followed_too(talk):
    """A row's fields come after their lengths; a row may be cut between two messages."""
    other = BATCH.replace("/1", "/2") if BATCH.endswith("/1") else BATCH[:-1] + "9"
    rows = b"".join(struct.pack(">i", len(one)) + one.encode() for one in (BATCH, other))
    told(talk, Way.UP, parse(b"", b"COPY journal (topic) FROM STDIN (FORMAT binary)") + bind(b""))

    assert told(talk, Way.UP, EXECUTE) == []
    assert told(talk, Way.DOWN, COPY_IN) == []
    assert told(talk, Way.UP, message(b"d", rows[:20]) + message(b"d", rows[20:])) == []
    assert told(talk, Way.UP, message(b"c", b"") + SYNC) == [
        event(What.JOURNAL, Way.UP, BATCH, other)
    ]
    assert told(talk, Way.DOWN, done(b"COPY 2") + READY) == [
        event(What.JOURNAL_DONE, Way.DOWN, BATCH, other)
    ]
    told(talk, Way.UP, query(b"COMMIT"))
    assert told(talk, Way.DOWN, done(b"COMMIT") + READY) == [
        event(What.COMMIT_DONE, Way.DOWN, BATCH, other)
    ]


def test_a_statement_that_was_prepared_is_known_by_its_name(talk):
    told(talk, Way.UP, parse(b"one", INSERT) + SYNC)
    told(talk, Way.DOWN, READY)

    assert told(talk, Way.UP, journal(b"one")) == [event(What.JOURNAL, Way.UP, BATCH)]


def test_answers_belong_to_what_was_asked_in_that_order(talk):
    told(talk, Way.UP, parse(b"", b"SELECT 1") + bind(b"") + EXECUTE)
    told(talk, Way.UP, parse(b"", INSERT) + journal())

    assert told(talk, Way.DOWN, done(b"SELECT 1")) == []
    assert told(talk, Way.DOWN, done(b"INSERT 0 1")) == [event(What.JOURNAL_DONE, Way.DOWN, BATCH)]


def test_after_an_error_what_was_sent_with_it_is_not_carried_out(talk):
    told(talk, Way.UP, parse(b"", INSERT) + journal() + query(b"SELECT 1"))

    assert told(talk, Way.DOWN, ERROR + READY) == []
    assert told(talk, Way.DOWN, done(b"SELECT 1") + READY) == []


def in_transaction(talk):
    told(talk, Way.UP, parse(b"", INSERT) + journal())
    told(talk, Way.DOWN, done(b"INSERT 0 1") + READY)


def test_a_commit_that_rolls_back_keeps_nothing(talk):
    in_transaction(talk)
    told(talk, Way.UP, query(b"COMMIT"))

    assert told(talk, Way.DOWN, done(b"ROLLBACK") + READY) == []


def test_what_was_rolled_back_is_not_committed_later(talk):
    in_transaction(talk)
    told(talk, Way.UP, query(b"ROLLBACK"))
    told(talk, Way.DOWN, done(b"ROLLBACK") + READY)

    assert told(talk, Way.UP, query(b"COMMIT")) == []


def test_a_savepoint_that_is_rolled_back_leaves_the_batch_in_the_journal(talk):
    in_transaction(talk)
    told(talk, Way.UP, query(b"ROLLBACK TO SAVEPOINT one"))
    told(talk, Way.DOWN, done(b"ROLLBACK") + READY)

    assert told(talk, Way.UP, query(b"COMMIT")) == [event(What.COMMIT, Way.UP, BATCH)]


def test_a_commit_without_an_answer_is_told_at_the_end(talk):
    in_transaction(talk)
    told(talk, Way.UP, query(b"COMMIT"))

    assert list(talk.end()) == [event(What.COMMIT_UNKNOWN, Way.DOWN, BATCH)]


def test_an_end_without_a_commit_means_nothing(talk):
    in_transaction(talk)

    assert list(talk.end()) == []


def test_encryption_that_is_refused_changes_nothing():
    talk = PostgresTalk(PEER)
    assert list(talk.hear(Way.UP, SSL_REQUEST)) == [(SSL_REQUEST, ())]
    assert list(talk.hear(Way.DOWN, b"N")) == [(b"N", ())]
    told(talk, Way.UP, STARTUP)
    in_transaction(talk)

    assert told(talk, Way.UP, query(b"COMMIT")) == [event(What.COMMIT, Way.UP, BATCH)]


def test_what_is_encrypted_is_carried_as_it_comes():
    talk = PostgresTalk(PEER)
    told(talk, Way.UP, SSL_REQUEST)
    told(talk, Way.DOWN, b"S")

    assert list(talk.hear(Way.UP, b"\x16\x03")) == [(b"\x16\x03", ())]
    assert list(talk.hear(Way.DOWN, b"Q")) == [(b"Q", ())]


REQUESTS = st.sampled_from(
    [query(b"BEGIN"), parse(b"", INSERT), bind(b"", BATCH.encode()), EXECUTE, SYNC, COPY_DATA]
)
ANSWERS = st.sampled_from([done(b"COMMIT"), READY, COPY_IN, ERROR, message(b"D", b"\x00" * 300)])


def in_pieces(talk, way, data, sizes):
    passed, at = [], 0
    for size in [*sizes, len(data)]:
        passed += [message for message, _ in talk.hear(way, data[at : at + size])]
        at += size
    return passed


SIZES = st.lists(st.integers(1, 60))


@given(st.lists(REQUESTS), st.lists(ANSWERS), SIZES, st.binary(max_size=4))
def test_whatever_pieces_the_bytes_come_in_the_same_bytes_pass(requests, answers, sizes, begun):
    talk = PostgresTalk(PEER)
    up = b"".join([SSL_REQUEST, STARTUP, *requests]) + begun
    down = b"".join(answers) + begun

    assert in_pieces(talk, Way.UP, SSL_REQUEST, ()) == [SSL_REQUEST]
    assert in_pieces(talk, Way.DOWN, b"N", ()) == [b"N"]
    assert in_pieces(talk, Way.UP, up[len(SSL_REQUEST) :], sizes) == [STARTUP, *requests]
    assert in_pieces(talk, Way.DOWN, down, sizes) == answers
    assert talk.rest(Way.UP) == talk.rest(Way.DOWN) == begun
