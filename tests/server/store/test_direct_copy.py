"""New rows go straight into the table; what is there already sends them through staging."""

import numpy as np
import pytest
from sqlalchemy import text

from server.db.engine import writing
from server.store import timescale
from server.store.port import Columns
from server.store.timescale import TimescaleStore

NOW_MS = 1_767_225_600_000


def columns(minutes, values, reasons=None):
    count = len(minutes)
    return Columns(
        np.full(count, 7, dtype=np.int32),
        NOW_MS + 60_000 * np.array(minutes, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.ones(count, dtype=np.int32),
        reasons or {},
    )


@pytest.fixture
def append(timescale_engine):
    """A store that appends, each time in a transaction of its own."""
    store = TimescaleStore()

    def run(*given):
        with writing(timescale_engine) as connection:
            return store.append(connection, columns(*given))

    return run


@pytest.fixture
def staged(monkeypatch):
    """Counts what went through the staging table."""
    found = []
    stage = timescale._stage
    monkeypatch.setattr(timescale, "_stage", lambda *given: found.append(1) or stage(*given))
    return found


def rows(engine):
    with engine.connect() as connection:
        found = connection.execute(text("SELECT value FROM observation ORDER BY time"))
        return list(found.scalars())


def test_new_rows_are_not_staged(append, staged, timescale_engine):
    assert append([0, 1, 2], [1.5, np.nan, 2.5], {1: "timeout"}) == 3

    assert rows(timescale_engine) == [1.5, None, 2.5]
    assert not staged
    with timescale_engine.connect() as connection:
        assert connection.execute(text("SELECT reason FROM observation_note")).scalars().all() == [
            "timeout"
        ]


def test_an_observation_that_is_there_keeps_its_value_and_the_others_are_added(
    append, staged, timescale_engine
):
    append([1], [1.0])

    assert append([0, 1, 2], [10.0, 11.0, np.nan]) == 2

    assert rows(timescale_engine) == [10.0, 1.0, None]
    assert len(staged) == 1


def test_of_two_at_one_instant_the_first_is_kept(append, timescale_engine):
    assert append([0, 0], [1.0, 2.0]) == 1

    assert rows(timescale_engine) == [1.0]


def test_after_a_conflict_rows_are_staged_for_a_while(append, staged):
    append([0], [1.0])
    append([0], [1.0])
    for minute in range(1, timescale._FIRST_WARY):
        append([minute], [1.0])
    during = len(staged)

    append([100], [1.0])

    assert during == timescale._FIRST_WARY
    assert len(staged) == during


def test_what_is_undone_leaves_the_rest_of_the_transaction(append, timescale_engine):
    """Statements before and after the conflict hold."""
    store = TimescaleStore()
    with writing(timescale_engine) as connection:
        store.append(connection, columns([0], [1.0]))
        store.append(connection, columns([0, 1], [2.0, 3.0]))

    assert rows(timescale_engine) == [1.0, 3.0]
