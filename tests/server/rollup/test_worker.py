"""The worker's thread: it computes, outlives the database's absence, and stops at once."""

import time

import pytest
from sqlalchemy import text

from deploy.ports import wait_until
from server.courtesy.answers import Answers
from server.db.engine import writing
from server.rollup.worker import Backlog, RollupWorker
from tests.server.rollup.conftest import SCALAR
from tests.server.rollup.test_work import START, append, starts


@pytest.fixture
def worker(engine):
    # By its clock every mark is old.
    made = RollupWorker(engine, 1.0, lambda: 4_000_000_000_000)
    yield made
    made.stop()


def test_it_computes_what_is_marked(world, engine, worker):
    append(engine, (SCALAR, START, 1.0))
    worker.start()

    assert wait_until(lambda: starts(engine) == [START], timeout_s=20)
    assert worker.error == ""


def test_it_stops_at_once_and_says_what_waits(world, engine, worker):
    worker.start()
    append(engine, (SCALAR, START, 1.0))
    assert wait_until(lambda: worker.backlog.hours + len(starts(engine)) > 0, timeout_s=20)

    began_s = time.monotonic()
    worker.stop()

    assert time.monotonic() - began_s < 1.0


def test_it_begins_with_nothing_while_an_answer_is_being_written(world, engine, monkeypatch):
    monkeypatch.setattr("server.rollup.worker._COURTESY_S", 60.0)
    answers = Answers()
    worker = RollupWorker(engine, 1.0, lambda: 4_000_000_000_000, answers)
    append(engine, (SCALAR, START, 1.0))
    answers.begin()
    worker.start()
    assert not wait_until(lambda: starts(engine), timeout_s=0.3)

    answers.end()

    assert wait_until(lambda: starts(engine) == [START], timeout_s=20)
    worker.stop()


def test_it_goes_on_when_the_database_is_back(world, engine, worker):
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE rollup_mark RENAME TO away"))
    worker.start()
    assert wait_until(lambda: worker.error, timeout_s=20)
    assert worker.error.startswith("rollups are not computed: ")

    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE away RENAME TO rollup_mark"))
    append(engine, (SCALAR, START, 1.0))

    assert wait_until(lambda: starts(engine) == [START], timeout_s=20)
    assert wait_until(lambda: worker.error == "", timeout_s=20)


def test_the_backlog_is_told_in_words():
    assert Backlog().sentence(0) == "all hourly and daily values are computed"
    assert Backlog(1, 0, 0).sentence(60_000) == "1 hour waits to be computed, the oldest for 1 min"
    assert (
        Backlog(500, 2, 0).sentence(0)
        == "500+ hours and 2 days wait to be computed, the oldest for 0 min"
    )
