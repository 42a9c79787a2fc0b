"""The store's promises, the same on SQLite and on TimescaleDB."""

import sqlite3

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text

from server.db.engine import writing
from server.db.tables import observation, observation_note
from server.store.engines import store_for
from server.store.notes import read_reasons
from server.store.port import Columns
from wire.batch import MAX_TIME_MS

ALWAYS = (0, MAX_TIME_MS + 1, 10**6)


def columns(rows, reasons=None):
    """Columns from (datastream, time, value or None, quality)."""
    ids, times, values, qualities = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Columns(
        np.array(ids, dtype=np.int32),
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.array(qualities, dtype=np.int32),
        reasons or {},
    )


def read(engine, datastream_id=1, window=ALWAYS):
    with engine.connect() as connection:
        found = store_for(engine).read_range(connection, datastream_id, *window)
    values = [None if np.isnan(value) else value for value in found.value.tolist()]
    return list(zip(found.time_ms.tolist(), values, found.quality.tolist(), strict=True))


def append(engine, rows, reasons=None):
    with writing(engine) as connection:
        return store_for(engine).append(connection, columns(rows, reasons))


@pytest.mark.parametrize(
    "value", [0.0, 0.1, -40.25, 2493.4, 5e-324, 1.7976931348623157e308, 9007199254740993.0]
)
def test_a_value_comes_back_as_the_same_double(engine, value):
    append(engine, [(1, 1000, value, 1)])

    assert read(engine) == [(1000, value, 1)]


@pytest.mark.parametrize("time_ms", [0, 1, 1_767_225_600_123, MAX_TIME_MS])
def test_an_instant_comes_back_to_the_millisecond(engine, time_ms):
    append(engine, [(1, time_ms, 1.0, 1)])

    assert read(engine) == [(time_ms, 1.0, 1)]


def test_a_missing_value_is_null_with_its_reason_beside_it(engine):
    append(engine, [(1, 1000, None, 9), (1, 2000, 0.0, 1)], {0: "timeout"})

    assert read(engine) == [(1000, None, 9), (2000, 0.0, 1)]
    with engine.connect() as connection:
        missing = connection.execute(
            select(func.count()).where(observation.c.value.is_(None))
        ).scalar_one()
        assert missing == 1
        assert read_reasons(connection, 1, 0, 5000) == {1000: "timeout"}
        assert read_reasons(connection, 1, 1001, 5000) == {}
        assert read_reasons(connection, 2, 0, 5000) == {}


def test_only_new_observations_are_added_and_counted(engine):
    """A conflict in the middle stops nothing behind it: timescale/timescaledb#7672."""
    first = append(engine, [(1, time, 1.0, 1) for time in (2000, 5000)])
    second = append(engine, [(1, time, 2.0, 1) for time in range(1000, 9000, 1000)])

    assert (first, second) == (2, 6)
    assert [value for _, value, _ in read(engine)] == [2.0, 1.0, 2.0, 2.0, 1.0, 2.0, 2.0, 2.0]


def test_of_two_observations_of_one_instant_the_first_stays(engine):
    assert append(engine, [(1, 1000, 1.0, 1), (1, 1000, 2.0, 1)]) == 1
    assert read(engine) == [(1000, 1.0, 1)]


def test_a_value_that_is_there_gets_no_note(engine):
    append(engine, [(1, 1000, 1.0, 1)])
    append(engine, [(1, 1000, None, 9)], {0: "timeout"})

    with engine.connect() as connection:
        assert connection.execute(select(observation_note)).all() == []


def test_nothing_is_added_for_nothing(engine):
    assert append(engine, []) == 0


def test_a_range_begins_with_its_first_instant_and_ends_before_its_last(engine):
    append(engine, [(1, time, float(time), 1) for time in (1000, 2000, 3000, 4000)])

    assert [time for time, _, _ in read(engine, window=(2000, 4000, 10))] == [2000, 3000]
    assert [time for time, _, _ in read(engine, window=(0, 9000, 3))] == [1000, 2000, 3000]
    assert read(engine, window=(4001, 9000, 10)) == []


def test_series_do_not_mix(engine):
    append(engine, [(1, 1000, 1.0, 1), (2, 1000, 2.0, 3)])

    assert (read(engine, 1), read(engine, 2)) == ([(1000, 1.0, 1)], [(1000, 2.0, 3)])


def test_what_is_rolled_back_to_a_savepoint_is_not_stored(engine):
    store = store_for(engine)
    with writing(engine) as connection:
        store.append(connection, columns([(1, 1000, 1.0, 1)]))
        with connection.begin_nested() as savepoint:
            store.append(connection, columns([(1, 2000, 2.0, 1)]))
            savepoint.rollback()
        store.append(connection, columns([(1, 3000, 3.0, 1)]))

    assert [time for time, _, _ in read(engine)] == [1000, 3000]


def test_many_rows_at_once(engine):
    rows = [(1, 1000 * index, index / 10, 1) for index in range(20_000)]

    assert append(engine, rows) == 20_000
    assert append(engine, rows[5_000:15_000]) == 0
    assert len(read(engine)) == 20_000


def test_timescaledb_keeps_observations_in_a_hypertable(timescale_database):
    from server.db.engine import open_engine
    from server.db.migrate import upgrade

    engine = open_engine(timescale_database)
    upgrade(engine)
    append(engine, [(1, 0, 1.0, 1), (1, MAX_TIME_MS, 1.0, 1)])
    with engine.connect() as connection:
        names = connection.execute(
            text("SELECT hypertable_name, num_chunks FROM timescaledb_information.hypertables")
        ).all()
    engine.dispose()

    assert ("observation", 2) in [tuple(row) for row in names]


some_rows = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(0, 40).map(lambda n: n * 1000),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.integers(1, 255),
    ),
    max_size=30,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(some_rows, max_size=4))
def test_the_table_is_a_dictionary_in_which_the_first_word_stands(engine, parts):
    with writing(engine) as connection:
        connection.execute(delete(observation))
    model = {}
    for rows in parts:
        before = len(model)
        for datastream_id, time_ms, value, quality in rows:
            model.setdefault((datastream_id, time_ms), (value, quality))
        assert append(engine, rows) == len(model) - before

    for datastream_id in (1, 2, 3):
        wanted = [(key[1], *model[key]) for key in sorted(model) if key[0] == datastream_id]
        assert read(engine, datastream_id) == wanted


# ---------------------------------------------------------------- what a replay does


def notes(engine):
    with engine.connect() as connection:
        return read_reasons(connection, 1, 0, MAX_TIME_MS)


def replace(engine, rows, reasons=None):
    with writing(engine) as connection:
        store_for(engine).replace(connection, columns(rows, reasons))


def test_replacing_writes_over_what_is_there_and_adds_what_is_not(engine):
    append(engine, [(1, 1000, 1.0, 1), (1, 2000, 2.0, 1), (2, 1000, 9.0, 1)])

    replace(engine, [(1, 1000, 1.5, 3), (1, 3000, 3.0, 1)])

    assert read(engine) == [(1000, 1.5, 3), (2000, 2.0, 1), (3000, 3.0, 1)]
    assert read(engine, datastream_id=2) == [(1000, 9.0, 1)]


def test_replacing_takes_reasons_along(engine):
    """One is new, one another, one no longer true."""
    old = [(1, 1000, 1.0, 1), (1, 2000, None, 9), (1, 3000, None, 9), (1, 4000, None, 9)]
    append(engine, old, {1: "timeout", 2: "timeout", 3: "timeout"})

    new = [(1, 1000, None, 9), (1, 2000, None, 9), (1, 3000, 3.0, 1)]
    replace(engine, new, {0: "probe fault", 1: "no answer"})

    assert notes(engine) == {1000: "probe fault", 2000: "no answer", 4000: "timeout"}


def test_removing_takes_out_the_keys_named_and_their_reasons(engine):
    rows = [(1, 1000, None, 9), (1, 2000, None, 9), (2, 1000, 2.0, 1)]
    append(engine, rows, {0: "timeout", 1: "timeout"})

    with writing(engine) as connection:
        gone = columns([(1, 1000, None, 9)])
        store_for(engine).remove(connection, gone.datastream_id, gone.time_ms)

    assert (read(engine), notes(engine)) == ([(2000, None, 9)], {2000: "timeout"})
    assert read(engine, datastream_id=2) == [(1000, 2.0, 1)]


def test_nothing_is_replaced_or_removed_for_nothing(engine):
    append(engine, [(1, 1000, 1.0, 1)])
    nothing = columns([])

    replace(engine, [])
    with writing(engine) as connection:
        store_for(engine).remove(connection, nothing.datastream_id, nothing.time_ms)

    assert read(engine) == [(1000, 1.0, 1)]


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_many_rows_at_once_are_each_added_once(engine, count):
    rows = [(1, 1000 * at, None if at % 7 == 3 else at / 4, 1) for at in range(count)]
    assert append(engine, rows[20:60]) == 40

    assert append(engine, rows) == count - 40
    assert append(engine, rows) == 0
    assert read(engine, window=(0, MAX_TIME_MS, 1000)) == [one[1:] for one in rows]


def test_what_breaks_a_rule_leaves_nothing_once_its_savepoint_is_undone(sqlite_engine):
    """SQLite stops in the middle of a statement: its caller undoes what went before."""
    whole = [(1, 1000 * at, 1.0, 1) for at in range(150)]
    with writing(sqlite_engine) as connection:
        driver = connection.connection.driver_connection
        driver.execute(
            "CREATE TRIGGER no BEFORE INSERT ON observation WHEN new.time = 120000"
            " BEGIN SELECT RAISE(FAIL, 'no'); END"
        )
        with pytest.raises(sqlite3.DatabaseError, match="no"), connection.begin_nested():
            store_for(sqlite_engine).append(connection, columns(whole))

    assert read(sqlite_engine) == []
