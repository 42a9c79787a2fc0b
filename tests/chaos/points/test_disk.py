"""What strace tells, understood; and a real program killed exactly before or after its commit."""

import os
import signal
import sqlite3
import sys
import time
from contextlib import closing

import pytest

from benchmarks.chaos_suite.points.disk import Call, Death, Follower, Lines, Meaning, traced
from benchmarks.chaos_suite.points.events import Event, Thread, What
from benchmarks.chaos_suite.points.taps import Passage
from benchmarks.chaos_suite.points.trap import Gate, Sight, Trap
from benchmarks.chaos_suite.points.witness import Witness
from benchmarks.chaos_suite.programs import TIES
from deploy.children import Child
from deploy.errors import SetupError

PEER = "chaos-dune"
WAL = "/data/outbox.db-wal"

WRITE = '309   10.500000 pwrite64(5</data/outbox.db-wal>, ""..., 24, 53592'
SYNC = "309   11.500000 fdatasync(5</data/outbox.db-wal>"


def write(tid, size=24, offset=53592, path=WAL, result=None):
    return Call(tid, "pwrite64", path, f', ""..., {size}, {offset}', 10.5, result)


def sync(tid, result=None, path=WAL):
    return Call(tid, "fdatasync", path, "", 11.5, result)


def connect(tid):
    return Call(tid, "connect", "socket:[7]", ", {sa_family=AF_INET, sin_port=htons(1)}", 9.0)


# ------------------------------------------------------------ lines


def test_a_call_is_told_when_it_begins_and_when_it_ends():
    lines = Lines()

    assert lines.feed(SYNC) == [sync(309)]
    assert lines.feed(") = 0 (DELAYED)\n") == [sync(309, "0")]


def test_a_call_that_comes_in_one_piece_is_told_twice():
    (begun, ended) = Lines().feed(WRITE + ") = 24\n")

    assert (begun.result, ended.result) == (None, "24")


def test_a_call_that_was_never_carried_out_says_so():
    lines = Lines()
    lines.feed(WRITE)

    assert [one.result for one in lines.feed(") = ?\n")] == ["?"]


def test_a_call_that_another_thread_interrupts_is_put_together():
    lines = Lines()
    lines.feed(SYNC)
    other = "310   11.600000 fdatasync(6</data/other-wal>) = 0\n"
    begun = lines.feed(" <unfinished ...>\n" + other)
    ended = lines.feed("309   11.700000 <... fdatasync resumed>) = 0 (DELAYED)\n")

    assert [one.tid for one in begun] == [310, 310]
    assert ended == [sync(309, "0")]


def test_who_was_killed_is_told():
    assert Lines().feed("25866 12.25 +++ killed by SIGKILL +++\n") == [Death(25866)]


def test_what_strace_says_besides_is_left_out():
    assert Lines().feed("309   9.0 --- SIGTERM {si_signo=SIGTERM} ---\nstrace: hm\n") == []


# ------------------------------------------------------------ meaning


def events(meaning, *calls):
    return [one.what for call in calls if (one := meaning.of(call)) is not None]


@pytest.fixture
def meaning():
    return Meaning(PEER, threads=False)


def test_a_commit_is_written_synced_and_done(meaning):
    calls = [write(7), write(7, 4096, 53616), write(7, 24, 57712), sync(7), sync(7, "0")]

    assert events(meaning, *calls) == [What.WRITE, What.SYNC, What.SYNCED]


def test_the_sync_of_the_logs_header_is_no_commit(meaning):
    header = [write(7, 32, 0), write(7, 32, 0, result="32"), sync(7), sync(7, "0")]

    assert events(meaning, *header, write(7)) == [What.WRITE]


def test_a_sync_that_failed_is_no_commit(meaning):
    assert events(meaning, write(7), sync(7), sync(7, "-1")) == [What.WRITE, What.SYNC]


def test_other_files_mean_nothing(meaning):
    path = "/data/outbox.db"

    assert events(meaning, write(7, path=path), sync(7, path=path), sync(7, "0", path)) == []


def test_threads_are_told_apart_by_who_connects():
    meaning = Meaning(PEER, threads=True)
    main = meaning.of(write(7))
    meaning.of(connect(8))

    assert main == Event(PEER, What.WRITE, thread=None)
    assert meaning.of(write(8)) == Event(PEER, What.WRITE, thread=Thread.UPLINK)
    assert meaning.of(write(9)) == Event(PEER, What.WRITE, thread=Thread.BUS)


# ------------------------------------------------------------ the real thing

PROGRAM = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = FULL")
db.execute("CREATE TABLE number (one)")
for one in range(100):
    db.execute("INSERT INTO number VALUES (?)", (one,))
    print("committed", one, flush=True)
"""


@pytest.mark.parametrize(
    ("what", "kept", "told"),
    [(What.WRITE, 2, 2), (What.SYNC, 3, 2), (What.SYNCED, 3, 2)],
)
def test_a_program_dies_exactly_there(what, kept, told, tmp_path):
    """The fourth commit (the first made the table) is struck.

    What is written and not synced is there for whoever opens the file: only a power cut takes it.
    """
    gate = Gate(Witness())
    gate.set(Trap([Sight(what, PEER)], 4))
    database, pipe = tmp_path / "test.db", tmp_path / "pipe"

    def kill_at(event, thread):
        return gate.judge(event, lambda: os.kill(thread, signal.SIGKILL)) is Passage.HOLD

    child = Child(
        "program",
        traced([sys.executable, "-c", PROGRAM, str(database)], what, pipe),
        tmp_path / "log",
        ties=TIES,
    )
    follower = Follower(pipe, Meaning(PEER, threads=False), kill_at, time.time).start()
    try:
        child.start()
        assert follower.ended.wait(60), child.tail()
        proof = follower.proof(what)
    finally:
        child.kill()
        follower.close()

    assert proof is not None
    assert child.said().count(b"committed") == told
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM number").fetchone() == (kept,)


def test_a_kill_after_the_hold_is_no_proof(tmp_path):
    clock = [11.9]  # seconds; the call began at 11.5 and was held for 0.2
    pipe = tmp_path / "pipe"
    follower = Follower(pipe, Meaning(PEER, threads=False), lambda *_: True, lambda: clock[0])
    follower.start()
    try:
        pipe.write_text(
            WRITE + ") = 24\n" + SYNC + ") = 0 (DELAYED)\n309 12.0 +++ killed by SIGKILL +++\n"
        )
        assert follower.ended.wait(30)
    finally:
        follower.close()

    assert follower.proof(What.SYNCED) is None


def test_a_missing_strace_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetupError, match="strace is not installed: run bin/prepare test"):
        traced(["true"], What.SYNC, tmp_path / "pipe")
