"""A past compared with a database: what is lost, changed or invented is seen."""

import sqlite3
from contextlib import closing

import pytest

from benchmarks.chaos_suite.recovery.comparison import compare_past
from benchmarks.chaos_suite.recovery.past import MINUTE_MS, Past
from benchmarks.chaos_suite.recovery.site import LATE
from benchmarks.chaos_suite.recovery.witness import Witness
from deploy.demo.check import Verdict

START_MS = 1_767_225_600_000
PAST = Past(LATE, START_MS, 3, seed=1)
_TABLES = """
CREATE TABLE datastream (id INTEGER PRIMARY KEY, gateway_id TEXT, name TEXT, source_id INTEGER);
CREATE TABLE observation (datastream_id INTEGER, time INTEGER, value DOUBLE);
CREATE TABLE journal (gateway TEXT, epoch TEXT, seq INTEGER, status TEXT, observations INTEGER,
    first_time INTEGER);
"""


@pytest.fixture
def db(tmp_path):
    """Hold all of the past as it was."""
    connection = sqlite3.connect(tmp_path / "saxaul.db", isolation_level=None)
    connection.executescript(_TABLES)
    connection.execute("BEGIN")
    for number, course in enumerate(PAST.series(), start=1):
        name = (number, LATE.gateway, course.name)
        connection.execute("INSERT INTO datastream VALUES (?, ?, ?, NULL)", name)
        rows = zip(PAST.times_ms.tolist(), course.doubles().tolist(), strict=True)
        connection.executemany(f"INSERT INTO observation VALUES ({number}, ?, ?)", rows)
    connection.execute("COMMIT")
    yield connection
    connection.close()


def tally(tmp_path):
    verdict = Verdict()
    with closing(Witness(f"sqlite:///{tmp_path / 'saxaul.db'}")) as witness:
        compare_past(PAST, witness, verdict)
    return (verdict.sent, verdict.stored, verdict.lost, verdict.wrong)


def test_all_that_is_there_as_it_was_is_stored(db, tmp_path):
    assert tally(tmp_path) == (180, 180, 0, 0)


def test_what_is_not_there_is_lost(db, tmp_path):
    db.execute("DELETE FROM observation WHERE datastream_id = 7 AND time = ?", (START_MS,))

    assert tally(tmp_path) == (180, 179, 1, 0)


def test_a_series_that_nobody_announced_is_lost_as_a_whole(db, tmp_path):
    db.execute("DELETE FROM datastream WHERE id = 60")

    assert tally(tmp_path) == (180, 177, 3, 0)


def test_another_value_is_wrong(db, tmp_path):
    db.execute(
        "UPDATE observation SET value = value + 0.01 WHERE datastream_id = 1 AND time = ?",
        (START_MS,),
    )

    assert tally(tmp_path) == (180, 179, 0, 1)


def test_a_value_gone_missing_is_wrong(db, tmp_path):
    db.execute(
        "UPDATE observation SET value = NULL WHERE datastream_id = 1 AND time = ?", (START_MS,)
    )

    assert tally(tmp_path) == (180, 179, 0, 1)


def test_an_instant_in_between_is_invented(db, tmp_path):
    db.execute("INSERT INTO observation VALUES (1, ?, 5.0)", (START_MS + MINUTE_MS // 2,))

    assert tally(tmp_path) == (180, 180, 0, 1)


def test_a_batch_stored_twice_is_named(db, tmp_path):
    row = (LATE.gateway, "a1b2c3d4", 5, "stored", 60, START_MS)
    db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", [row, row])

    with closing(Witness(f"sqlite:///{tmp_path / 'saxaul.db'}")) as witness:
        assert witness.stored_twice() == ["late-gateway a1b2c3d4 5"]
        assert witness.stored(LATE.gateway, START_MS + 1) == 120
        assert witness.stored(LATE.gateway, START_MS) == 0
