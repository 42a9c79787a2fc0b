"""Marks: set wherever observations change, in the same transaction, and read by series and time."""

import numpy as np
import pytest
from alembic import command
from sqlalchemy import func, select
from sqlalchemy.event import listen

from server.db import migrate
from server.db.engine import open_engine, writing
from server.db.migrate import upgrade
from server.db.tables import observation, rollup_mark
from server.rollup.marks import Level, mark, read_marked
from server.store.engines import store_for
from server.store.port import Columns

HOUR = 3_600_000
START = 491_000 * HOUR


def columns(*keys):
    """Columns from (datastream, time)."""
    ids, times = zip(*keys, strict=True) if keys else ((), ())
    ones = np.ones(len(ids))
    return Columns(
        np.array(ids, dtype=np.int32),
        np.array(times, dtype=np.int64),
        ones,
        ones.astype(np.int32),
    )


def marked(engine, ids=(1, 2, 3), level=Level.HOUR, span=(0, START * 2)):
    with engine.connect() as connection:
        found = read_marked(connection, level, ids, *span)
    return list(zip(found.datastream_id.tolist(), found.start_ms.tolist(), strict=True))


def count(engine):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(rollup_mark)).scalar_one()


def test_what_is_appended_is_marked_by_hour_with_a_row_for_each(engine):
    given = columns((1, START), (2, START + HOUR - 1), (1, START + 5), (1, START + HOUR))
    with writing(engine) as connection:
        store_for(engine).append(connection, given)

    assert marked(engine) == [(1, START), (1, START + HOUR), (2, START)]
    assert count(engine) == 2


def test_a_batch_that_adds_nothing_marks_nothing(engine):
    for _ in range(2):
        with writing(engine) as connection:
            store_for(engine).append(connection, columns((1, START)))

    assert count(engine) == 1


@pytest.mark.parametrize("change", ["replace", "remove"])
def test_what_is_changed_or_removed_is_marked(engine, change):
    given = columns((1, START), (2, START + HOUR))
    with writing(engine) as connection:
        if change == "replace":
            store_for(engine).replace(connection, given)
        else:
            store_for(engine).remove(connection, given.datastream_id, given.time_ms)

    assert marked(engine) == [(1, START), (2, START + HOUR)]


def test_a_transaction_that_fails_marks_nothing(engine):
    def fail():
        with writing(engine) as connection:
            store_for(engine).append(connection, columns((1, START)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert count(engine) == 0


def test_a_mark_of_a_whole_fleet_is_more_than_one(engine):
    ids = np.arange(1, 120_001, dtype=np.int32)
    with writing(engine) as connection:
        mark(connection, Level.HOUR, ids, np.full(len(ids), START))

    assert count(engine) == 3
    assert marked(engine, ids=(1, 50_000, 50_001, 120_000)) == [
        (one, START) for one in (1, 50_000, 50_001, 120_000)
    ]
    assert len(marked(engine, ids=ids.tolist())) == 120_000


def test_marks_are_read_by_level_series_and_start(engine):
    for level, keys in (
        (Level.HOUR, [(1, START), (2, START), (1, START + HOUR)]),
        (Level.HOUR, [(1, START)]),
        (Level.DAY, [(3, START)]),
    ):
        ids, starts = zip(*keys, strict=True)
        with writing(engine) as connection:
            mark(connection, level, np.array(ids), np.array(starts))

    assert marked(engine, ids=(1,)) == [(1, START), (1, START + HOUR)]
    assert marked(engine, ids=(1, 2), span=(START, START + HOUR)) == [(1, START), (2, START)]
    assert marked(engine, ids=(2,), span=(START + 1, START * 2)) == []
    assert marked(engine, level=Level.DAY) == [(3, START)]
    assert marked(engine, ids=()) == []


def test_what_was_stored_before_there_were_rollups_is_marked(database_url):
    engine = open_engine(database_url)
    many = [(one, START) for one in (50_001, 100_001)]
    with writing(engine) as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        keys = [(1, START), (1, START + 1), (2, START + HOUR - 1), (1, START + HOUR), *many]
        rows = [{"datastream_id": one, "time": at, "value": 1.0, "quality": 1} for one, at in keys]
        connection.execute(observation.insert(), rows)

    done = []
    listen(engine, "before_cursor_execute", lambda *given: done.append(given[2].split()[:3]))

    upgrade(engine)

    assert done.index(["ALTER", "TABLE", "site"]) > done.index(["INSERT", "INTO", "rollup_mark"])
    assert marked(engine) == [(1, START), (1, START + HOUR), (2, START)]
    assert marked(engine, ids=(50_001, 100_001)) == many
    assert count(engine) == 4, "no mark grows with the fleet"
    engine.dispose()
