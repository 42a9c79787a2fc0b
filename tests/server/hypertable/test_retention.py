"""What has been kept long enough goes, and nothing else; rollups never come to lie by it."""

import threading

import numpy as np
import pytest
from sqlalchemy import text

from server.db.engine import writing
from server.db.tables import rollup_hour
from server.hypertable import horizon
from server.hypertable.horizon import Level
from server.hypertable.retention import Policy, Retention, Wait, cuts
from server.rollup.turns import take_turn
from server.store.port import Columns

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_767_225_600_000 + 5 * HOUR_MS  # 2026-01-01T05:00Z
MONTH = Policy(raw_days=30)


def days_ago(days, hours=0):
    return NOW_MS - int(days * DAY_MS) - hours * HOUR_MS


def work_off(field, policy, now_ms=NOW_MS):
    """Every step there is to do; gives why it stopped, if for anything but the end."""
    work = Retention(field.engine, policy)
    for _ in range(100):
        done = work.step(now_ms)
        if not done.more:
            return done.wait
    raise AssertionError("it does not come to an end")


def add_rollup(field, table, start_ms):
    with writing(field.engine) as connection:
        row = {"datastream_id": 1, "start": start_ms, "n": 1, "n_good": 1}
        connection.execute(table.insert(), [row])


def horizons(field):
    with field.engine.connect() as connection:
        return horizon.read(connection)


def test_what_is_too_old_goes_and_the_rest_stays(field):
    """On TimescaleDB in whole chunks: a chunk of 30 days is gone only when all of it is old."""
    field.store(1, [days_ago(100), days_ago(99), days_ago(5)])
    field.store(2, [days_ago(100), days_ago(1)], missing=True)
    field.roll_up()

    assert work_off(field, MONTH) is None

    assert field.times(1) == [days_ago(5)]
    assert field.times(2) == [days_ago(1)]
    assert field.count("observation_note") == 1


def test_nothing_younger_than_asked_for_ever_goes(field):
    times = [days_ago(day, hour) for day in range(20, 80) for hour in range(0, 24, 5)]
    field.store(1, times)
    field.roll_up()

    work_off(field, MONTH)

    kept = set(field.times(1))
    assert {one for one in times if one >= NOW_MS - 30 * DAY_MS} <= kept
    before_ms = horizons(field)[Level.RAW]
    assert before_ms <= NOW_MS - 30 * DAY_MS
    assert kept == {one for one in times if one >= before_ms}


def test_zero_days_keep_for_ever(field):
    field.store(1, [0, days_ago(5)])
    field.roll_up()

    work_off(field, Policy())

    assert field.times(1) == [0, days_ago(5)]
    assert horizons(field) == {}


def test_readings_stay_until_their_rollups_are_computed(field):
    field.store(1, [days_ago(100), days_ago(5)])

    assert work_off(field, MONTH) is Wait.ROLLUPS
    assert field.times(1) == [days_ago(100), days_ago(5)]
    assert Level.RAW not in horizons(field)

    field.roll_up()
    assert work_off(field, MONTH) is None
    assert field.times(1) == [days_ago(5)]


def test_marks_of_younger_readings_hold_nothing_up(field):
    field.store(1, [days_ago(100)])
    field.roll_up()
    field.store(1, [days_ago(5)])

    assert work_off(field, MONTH) is None
    assert field.times(1) == [days_ago(5)]


def test_an_hour_of_a_day_that_begins_before_the_horizon_is_computed_first(on_sqlite):
    """Worked off later, it would find its local day behind the horizon: wrong for ever."""
    on_sqlite.store(1, [days_ago(100)])
    on_sqlite.roll_up()
    midnight_ms = days_ago(30) - 5 * HOUR_MS
    on_sqlite.store(1, [midnight_ms + 3 * HOUR_MS])

    assert work_off(on_sqlite, MONTH) is Wait.ROLLUPS
    assert Level.RAW not in horizons(on_sqlite)

    on_sqlite.roll_up()
    assert work_off(on_sqlite, MONTH) is None
    assert horizons(on_sqlite)[Level.RAW] == midnight_ms


def test_what_comes_after_the_door_is_left_out_and_counted(field):
    """Its hour can no longer be computed: to store it would make of it the whole hour."""
    field.store(1, [days_ago(100), days_ago(5)])
    field.roll_up()
    work_off(field, MONTH)

    added = field.store(1, [days_ago(100), days_ago(99), days_ago(4)], missing=True)

    assert added == 1
    assert field.times(1) == [days_ago(5), days_ago(4)]
    with field.engine.connect() as connection:
        assert horizon.read_late(connection) == 2
        assert connection.execute(text("SELECT count(*) FROM observation_note")).scalar_one() == 1
        marks = connection.execute(text("SELECT count(*) FROM rollup_mark")).scalar_one()
    assert marks == 1, "an hour that is never computed anew is not marked"


def test_the_door_is_a_day_of_25_hours_before_the_horizon(field):
    """No day, in any time zone, begins before the horizon and can still change."""
    field.store(1, [days_ago(100)])
    field.roll_up()
    work_off(field, MONTH)
    before_ms = horizons(field)[Level.RAW]

    field.store(1, [before_ms + 25 * HOUR_MS, before_ms + 26 * HOUR_MS])

    assert field.times(1) == [before_ms + 26 * HOUR_MS]


def test_a_horizon_never_goes_back(field):
    field.store(1, [days_ago(100)])
    field.roll_up()
    work_off(field, MONTH)
    reached = horizons(field)

    work_off(field, Policy(raw_days=300))
    with writing(field.engine) as connection:
        horizon.advance(connection, Level.RAW, 5)

    assert horizons(field) == reached


def test_it_may_be_stopped_anywhere_and_goes_on(field, monkeypatch):
    """Each step is a transaction; who comes next finds what is left."""
    monkeypatch.setattr("server.hypertable.removal._MANY_ROWS", 7)
    for one in (1, 2):
        field.store(one, [days_ago(100, hour) for hour in range(30)] + [days_ago(3)])
    field.roll_up()

    for _ in range(100):  # a new program each time
        done = Retention(field.engine, MONTH).step(NOW_MS)
        if not done.more and done.wait is None:
            break

    assert field.times(1) == field.times(2) == [days_ago(3)]


def test_one_step_removes_no_more_than_a_portion(sqlite_engine, monkeypatch, request):
    monkeypatch.setattr("server.hypertable.removal._MANY_ROWS", 7)
    field = request.getfixturevalue("on_sqlite")
    for one in (1, 2):
        field.store(one, [days_ago(100, hour) for hour in range(5)])
    field.roll_up()
    work = Retention(field.engine, MONTH)
    assert work.step(NOW_MS).rows == 0  # the horizon

    assert work.step(NOW_MS).rows == 7
    assert work.step(NOW_MS).rows == 3


# ---------------------------------------------------------------- rollups


def test_rollups_outlive_their_readings_for_as_long_as_they_are_kept(field):
    policy = Policy(raw_days=30, hour_days=400, day_days=0)
    for days in (900, 300, 10):
        field.store(1, [days_ago(days)])
        for table in ("rollup_hour", "rollup_day"):
            add_rollup(field, rollup_table(table), days_ago(days))
    field.roll_up()

    assert work_off(field, policy) is None

    assert field.times(1) == [days_ago(10)]
    assert field.count("rollup_hour") == 2
    assert field.count("rollup_day") == 3


def rollup_table(name):
    return rollup_hour.metadata.tables[name]


def test_hourly_values_never_go_before_their_readings(field):
    """Else a query by the hour would find nothing where there are readings."""
    field.store(1, [days_ago(100)])
    add_rollup(field, rollup_hour, days_ago(100))

    assert work_off(field, Policy(raw_days=30, hour_days=30)) is Wait.ROLLUPS

    assert field.count("rollup_hour") == 1


def test_a_cut_of_what_is_coarser_is_never_after_that_of_what_is_finer(field):
    field.store(1, [days_ago(100), days_ago(41)])
    for name in ("rollup_hour", "rollup_day"):
        add_rollup(field, rollup_table(name), days_ago(3000))

    with field.engine.connect() as connection:
        found = cuts(connection, Policy(30, 30, 30), NOW_MS)

    assert [one.level for one in found][:1] == [Level.RAW]
    assert [one.before_ms for one in found] == sorted(
        (one.before_ms for one in found), reverse=True
    )
    assert found[0].before_ms <= days_ago(30)


# ---------------------------------------------------------------- beside ingest


@pytest.mark.parametrize("kind", ["plain", "chunked"])
def test_who_was_storing_when_the_door_closed_is_waited_for(kind, request):
    """What such a transaction stores and marks is not seen before it ends."""
    field = request.getfixturevalue(f"on_{kind}")
    field.store(1, [days_ago(100)])
    field.roll_up()
    work = Retention(field.engine, MONTH)
    with writing(field.engine) as connection:
        horizon.without_late(connection, horizon_columns(days_ago(99)))
        assert work.step(NOW_MS).wait is Wait.TRANSACTIONS
        connection.execute(
            text(
                "INSERT INTO rollup_mark (level, start, datastream_ids) "
                "VALUES ('hour', to_timestamp(0), '{1}')"
            )
        )

    assert work.step(NOW_MS).wait is Wait.ROLLUPS
    field.roll_up()
    assert work.step(NOW_MS).more


def horizon_columns(time_ms):
    return Columns(
        np.array([1], np.int32), np.array([time_ms]), np.array([1.0]), np.array([1], np.int32)
    )


def test_removal_gives_way_to_who_reads_a_chunk(on_chunked, monkeypatch):
    """A long export is not cut off, and does not make ingest queue up behind the removal."""
    on_chunked.store(1, [days_ago(100), days_ago(1)])
    on_chunked.roll_up()
    work = Retention(on_chunked.engine, MONTH)
    assert work.step(NOW_MS).more
    monkeypatch.setattr(
        "server.hypertable.removal._LOCK_TIMEOUT", text("SET LOCAL lock_timeout = 100")
    )

    with on_chunked.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM observation"))
        assert work.step(NOW_MS).wait is Wait.READERS

    assert work_off(on_chunked, MONTH) is None
    assert on_chunked.times(1) == [days_ago(1)]


@pytest.mark.parametrize("kind", ["plain", "chunked"])
def test_no_horizon_moves_while_somebody_computes_rollups(kind, request):
    """Who read it before would still compute a bucket whose readings are then removed."""
    field = request.getfixturevalue(f"on_{kind}")
    field.store(1, [days_ago(100)])
    work = Retention(field.engine, MONTH)
    assert work.step(NOW_MS).wait is Wait.ROLLUPS  # the door is closed
    field.roll_up()
    mover = threading.Thread(target=work.step, args=[NOW_MS])

    with writing(field.engine) as connection:
        take_turn(connection)
        mover.start()
        mover.join(0.3)
        assert Level.RAW not in horizons(field)
    mover.join(60)

    assert Level.RAW in horizons(field)
