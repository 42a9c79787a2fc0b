"""Whatever is stored, rolled up, removed and comes late, in any order: no rollup comes to lie."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from server.db.engine import has_timescale, writing
from server.db.tables import metadata, observation, rollup_day, rollup_hour
from server.hypertable.intervals import write_interval
from server.hypertable.retention import Policy, Retention
from server.rollup.worker import Workshop, anything

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_767_225_600_000 + 5 * HOUR_MS
KEPT = ("gateway", "site", "thing", "observed_property", "datastream")

hours = st.integers(-24 * 45, 0)
actions = st.one_of(
    st.tuples(st.just("store"), st.lists(hours, min_size=1, max_size=6)),
    st.tuples(st.just("roll up"), st.integers(1, 4)),
    st.tuples(st.just("retain"), st.integers(0, 12)),
)


def clear(field):
    with writing(field.engine) as connection:
        if field.engine.dialect.name == "postgresql":
            connection.execute(text("TRUNCATE observation"))  # its chunks go with it
        if has_timescale(connection):
            write_interval(connection, DAY_MS)
        for table in reversed(metadata.sorted_tables):
            if table.name not in KEPT:
                connection.execute(delete(table))


def roll_up(field, steps):
    workshop = Workshop(field.engine, lambda: NOW_MS, is_due=anything)
    for _ in range(steps):
        if workshop.step() is None:
            return


def counts(field, table):
    with field.engine.connect() as connection:
        rows = connection.execute(select(table.c.datastream_id, table.c.start, table.c.n))
        return {(row.datastream_id, row.start): row.n for row in rows}


def by(accepted, length_ms):
    return Counter((one, time_ms - time_ms % length_ms) for one, time_ms in accepted)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(todo=st.lists(actions, min_size=3, max_size=14))
def test_rollups_tell_of_every_reading_that_was_ever_taken_in(field, todo):
    """Of what is still there as of what has gone; the days go by while it happens."""
    clear(field)
    accepted, now_ms = set(), NOW_MS
    for number, (what, how) in enumerate(todo):
        if what == "store":
            times = [NOW_MS + hour * HOUR_MS + number for hour in how]
            before = set(field.times(1))
            field.store(1, sorted(set(times)))
            accepted |= {(1, time_ms) for time_ms in set(field.times(1)) - before}
        elif what == "roll up":
            roll_up(field, how)
        else:
            now_ms += how * DAY_MS
            work = Retention(field.engine, Policy(raw_days=20))
            for _ in range(6):
                work.step(now_ms)
    roll_up(field, 1000)

    assert field.count("rollup_mark") == 0
    assert counts(field, rollup_hour) == by(accepted, HOUR_MS)
    assert counts(field, rollup_day) == by(accepted, DAY_MS)
    with field.engine.connect() as connection:
        left = set(connection.execute(select(observation.c.datastream_id, observation.c.time)))
    assert {tuple(one) for one in left} <= accepted
