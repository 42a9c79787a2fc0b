"""Working off: what is left alone, what is given up, how much at once, and what stands in the way."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sqlalchemy import func, select, text, update

from deploy.ports import wait_until
from server.db.engine import writing
from server.db.tables import rollup_day, rollup_hour, rollup_mark
from server.hypertable import horizon
from server.rollup.marks import Level, mark, mark_grid
from server.rollup.plan import Unit
from server.rollup.turns import take_turn, try_buckets
from server.rollup.work import MANY_MARKS, read_waiting, work_off
from server.rollup.worker import Workshop, anything
from server.rollup.zones import set_zone
from server.store.engines import store_for
from server.store.port import Columns
from tests.server.rollup.conftest import DIRECTION, SCALAR, furnish

HOUR = 3_600_000
START = 493_000 * HOUR


def append(engine, *rows):
    ids, times, values = zip(*rows, strict=True)
    columns = Columns(
        np.array(ids, dtype=np.int32),
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.ones(len(ids), dtype=np.int32),
    )
    with writing(engine) as connection:
        store_for(engine).append(connection, columns)


def work_all(engine):
    workshop = Workshop(engine, lambda: 0, is_due=anything)
    done = []
    while (one := workshop.step()) is not None:
        done.append(one)
    return done


def marks(engine):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(rollup_mark)).scalar_one()


def starts(engine, table=rollup_hour):
    with engine.connect() as connection:
        return connection.execute(select(table.c.start).order_by(table.c.start)).scalars().all()


def test_a_sum_that_fits_no_double_stops_nothing(world, engine):
    append(
        engine, (SCALAR, START, 1.7e308), (SCALAR, START + 1, 1.7e308), (SCALAR, START + HOUR, 2.0)
    )
    work_all(engine)

    with engine.connect() as connection:
        rows = connection.execute(
            select(rollup_hour.c.sum, rollup_hour.c.max, rollup_hour.c.n).order_by(
                rollup_hour.c.start
            )
        ).all()
    assert [tuple(row) for row in rows] == [(None, 1.7e308, 2), (2.0, 2.0, 1)]


def test_buckets_of_which_observations_are_gone_stay_as_they_are(world, engine):
    append(engine, (SCALAR, START, 1.0), (SCALAR, START + HOUR, 2.0))
    work_all(engine)
    with writing(engine) as connection:
        horizon.advance(connection, horizon.Level.RAW, START + HOUR)
        store_for(engine).remove(connection, np.array([SCALAR]), np.array([START]))

    done = work_all(engine)

    assert starts(engine) == [START, START + HOUR]
    assert sum(one.given_up for one in done) == 1
    assert marks(engine) == 0


def test_a_mark_of_many_series_is_worked_off_in_pieces_and_keeps_its_age(world, engine):
    with writing(engine) as connection:
        mark_grid(connection, Level.HOUR, list(range(1, 101)), np.array([START]))
        connection.execute(update(rollup_mark).values(marked_at=5000))

    done = work_off(engine, Unit(Level.HOUR, [START]), 10)

    assert done.buckets == 10
    with engine.connect() as connection:
        (left,) = [one for one in read_waiting(connection) if one.level is Level.HOUR]
    assert (left.start_ms, left.since_ms) == (START, 5000)
    assert sum(one.buckets for one in work_all(engine)) == 90 + 100  # and their days


def test_marks_that_say_the_same_are_worked_off_together(world, engine):
    for n in range(20):
        append(engine, (SCALAR, START + n, 1.0))

    done = work_off(engine, Unit(Level.HOUR, [START]), 1)

    assert (done.buckets, done.marks) == (1, 20)


def test_many_marks_of_the_running_hour_are_put_together(world, engine):
    for n in range(MANY_MARKS):
        append(engine, (SCALAR if n % 2 else DIRECTION, START + n, 1.0))
    with writing(engine) as connection:
        connection.execute(
            update(rollup_mark).where(rollup_mark.c.start == START).values(marked_at=5000)
        )

    workshop = Workshop(engine, lambda: 0)  # long ago: nothing is to be computed yet
    assert workshop.step() is None
    workshop.tidy()

    assert world.marked() == {("hour", SCALAR, START), ("hour", DIRECTION, START)}
    with engine.connect() as connection:
        (left,) = read_waiting(connection)
    assert (left.marks, left.since_ms) == (1, 5000)


def test_the_day_of_another_zone_is_left_out(world, engine):
    with writing(engine) as connection:
        mark(connection, Level.DAY, np.array([SCALAR]), np.array([START // HOUR * HOUR]))

    work_all(engine)

    assert starts(engine, rollup_day) == []
    assert marks(engine) == 0


def test_what_another_worker_is_at_is_left_to_it(timescale_engine):
    furnish(timescale_engine, ("UTC", "UTC"))
    append(timescale_engine, (SCALAR, START, 1.0), (SCALAR, START - HOUR, 1.0))
    with writing(timescale_engine) as other:
        assert try_buckets(other, Level.HOUR, [START]) == [START]

        assert work_off(timescale_engine, Unit(Level.HOUR, [START]), 10) is None
        done = Workshop(timescale_engine, lambda: 0, is_due=anything).step()

    assert done.buckets == 1
    assert starts(timescale_engine) == [START - HOUR]
    work_all(timescale_engine)
    assert starts(timescale_engine) == [START - HOUR, START]


def test_what_is_stored_while_it_computes_stays_marked(timescale_engine):
    world = furnish(timescale_engine, ("UTC", "UTC"))
    append(timescale_engine, (SCALAR, START, 1.0))
    with writing(timescale_engine) as storing:
        columns = Columns(
            np.array([SCALAR], dtype=np.int32),
            np.array([START + 1]),
            np.array([5.0]),
            np.array([1], dtype=np.int32),
        )
        store_for(timescale_engine).append(storing, columns)
        assert sum(one.buckets for one in work_all(timescale_engine)) == 2

    assert world.marked() == {("hour", SCALAR, START)}
    assert world.wrong(only_unmarked=True) == []
    work_all(timescale_engine)
    assert world.wrong() == []


def test_plain_postgresql_comes_to_the_same(plain_engine):
    """It has no last(); and there is a bucket whose newest value is missing."""
    world = furnish(plain_engine, ("Asia/Kolkata", "Europe/Berlin"))
    for series in (SCALAR, DIRECTION):
        append(plain_engine, *((series, START + n * 900_000, n * 15.0) for n in range(20)))
        append(plain_engine, (series, START + 3_000_000, float("nan")))

    work_all(plain_engine)

    assert world.wrong() == []
    assert len(starts(plain_engine)) == 10
    with writing(plain_engine) as connection:
        gone = START + np.arange(4) * 900_000
        store_for(plain_engine).remove(connection, np.full(4, SCALAR), gone)
    work_all(plain_engine)
    assert world.wrong() == []


def test_a_zone_is_set_only_while_nobody_computes(timescale_engine):
    furnish(timescale_engine, ("UTC", "UTC"))
    waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")

    def set_it():
        with writing(timescale_engine) as connection:
            set_zone(connection, 1, "Asia/Kolkata")

    with ThreadPoolExecutor(1) as pool:
        with writing(timescale_engine) as computing:
            take_turn(computing)
            setting = pool.submit(set_it)
            assert wait_until(lambda: computing.execute(waits).scalar() == 1, timeout_s=20)
            assert not setting.done()
        setting.result(20)
