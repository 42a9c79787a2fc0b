"""Whatever happens to observations, in whatever order: rollups come to what the observations say.

At every moment a bucket without a mark is right already, so that a page may trust it.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select

from server.db.engine import writing
from server.db.tables import metadata, rollup_mark
from server.rollup.plan import units
from server.rollup.work import merge, read_waiting
from server.rollup.worker import Workshop, anything
from server.rollup.zones import set_zone
from server.store.engines import store_for
from server.store.port import Columns
from tests.server.rollup.conftest import DIRECTION, ELSEWHERE, SCALAR, SERIES, furnish

# Summer time begins in Berlin on 2026-03-29 at 01:00 UTC; midnight there is at 23:00, then 22:00
# UTC, and at 18:30 UTC in Kolkata.
BEGIN = 1_774_728_000_000  # 2026-03-28T20:00Z
NOW = BEGIN + 30 * 86_400_000
FURNISHED = {
    *("gateway", "site", "thing", "observed_property", "datastream", "observation"),
    *("observation_note", "rollup_hour", "rollup_day", "rollup_mark"),
}
ZONES = ("Asia/Kolkata", "Europe/Berlin", "UTC", "Pacific/Apia", "America/St_Johns")

HOUR = 3_600_000
# Midnights of the zones, and the first half hour: what lies there changes one bucket or the other.
EDGES = [BEGIN + offset for offset in (3 * HOUR, 4 * HOUR, 26 * HOUR, 22 * HOUR + HOUR // 2)]
# Few of them, so that they meet again.
times = st.one_of(
    st.sampled_from(EDGES).flatmap(lambda edge: st.sampled_from([edge - 1, edge, edge + 60_000])),
    st.integers(0, 60).map(lambda hour: BEGIN + hour * HOUR),
    st.integers(0, 12).map(lambda n: BEGIN + n * 600_000),
)
# Multiples of 15: as directions they cancel each other out exactly or by far not.
values = st.one_of(st.none(), st.integers(-24, 48).map(lambda n: n * 15.0))
qualities = st.sampled_from([1, 1, 2, 3, 3 | 16, 4, 4 | 32])
rows = st.tuples(st.sampled_from(SERIES), times, values, qualities)
batches = st.one_of(st.lists(rows, min_size=1, max_size=2), st.lists(rows, min_size=1, max_size=30))
distinct_rows = st.lists(rows, min_size=1, max_size=12, unique_by=lambda row: row[:2])

deeds = st.one_of(
    st.tuples(st.just("append"), batches),
    st.tuples(st.just("append"), batches),
    st.tuples(st.just("replace"), distinct_rows),
    st.tuples(st.just("remove"), st.lists(st.integers(0, 200), min_size=1, max_size=8)),
    st.tuples(st.just("again"), st.integers(0, 20)),
    st.tuples(st.just("zone"), st.tuples(st.sampled_from([1, 2]), st.sampled_from(ZONES))),
    st.tuples(st.just("work"), st.integers(1, 4)),
    st.tuples(st.just("break"), st.integers(1, 25)),
    st.tuples(st.just("tidy"), st.none()),
    st.tuples(st.just("race"), st.lists(batches, min_size=1, max_size=3)),
)


def columns(given):
    ids, instants, found, qualities = zip(*given, strict=True)
    quality = [9 if value is None else q for value, q in zip(found, qualities, strict=True)]
    return Columns(
        np.array(ids, dtype=np.int32),
        np.array(instants, dtype=np.int64),
        np.array(found, dtype=np.float64),
        np.array(quality, dtype=np.int32),
        {index: "timeout" for index, value in enumerate(found) if value is None},
    )


class StruckError(Exception):
    """Stands for a connection that is lost."""


@contextmanager
def struck(engine, number):
    """Let the statement of this number fail, and with it its transaction."""
    left = [number]

    def strike(*_):
        left[0] -= 1
        if left[0] == 0:
            raise StruckError

    event.listen(engine, "before_cursor_execute", strike)
    try:
        yield
    except StruckError:
        pass
    finally:
        event.remove(engine, "before_cursor_execute", strike)


class Story:
    """A database to which things happen."""

    def __init__(self, engine):
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                if table.name in FURNISHED:
                    connection.execute(table.delete())
        self.engine = engine
        self.world = furnish(engine, ZONES[:2])
        self.store = store_for(engine)
        self.told = []
        self.keys = []

    def workshop(self, budget=3):
        """A worker that takes few buckets at a time, whatever it learns."""
        workshop = Workshop(self.engine, lambda: NOW, is_due=anything)
        workshop._pace.least = workshop._pace.most = budget
        for level in workshop._pace.budget:
            workshop._pace.budget[level] = budget
        return workshop

    def append(self, given):
        self.told.append(given)
        self.keys += [row[:2] for row in given]
        with writing(self.engine) as connection:
            self.store.append(connection, columns(given))

    def replace(self, given):
        self.keys += [row[:2] for row in given]
        with writing(self.engine) as connection:
            self.store.replace(connection, columns(given))

    def remove(self, numbers):
        keys = [self.keys[n % len(self.keys)] for n in numbers] if self.keys else []
        ids, instants = zip(*keys, strict=True) if keys else ((), ())
        with writing(self.engine) as connection:
            self.store.remove(
                connection, np.array(ids, dtype=np.int32), np.array(instants, dtype=np.int64)
            )

    def again(self, number):
        if self.told:
            self.append(self.told[number % len(self.told)])

    def zone(self, given):
        site, zone = given
        with writing(self.engine) as connection:
            set_zone(connection, site, zone)
        for one in (SCALAR, DIRECTION) if site == 1 else (ELSEWHERE,):
            self.world.zones[one] = zone

    def work(self, steps):
        workshop = self.workshop()
        for _ in range(steps):
            workshop.step()

    def tidy(self, _):
        with self.engine.connect() as connection:
            found = list(units(read_waiting(connection)))
        for unit in found:
            merge(self.engine, unit)

    def race(self, batches):
        """Two workers at once, while more comes in."""
        with ThreadPoolExecutor(2) as workers:
            work = [workers.submit(self.work, 4) for _ in range(2)]
            for batch in batches:
                self.append(batch)
        assert [one.result() for one in work] == [None, None]

    def finish(self):
        workshop = self.workshop(budget=50)
        while workshop.step():
            pass


def happen(story, deed):
    what, given = deed
    if what == "break":
        with struck(story.engine, given):
            story.work(3)
    else:
        getattr(story, what)(given)


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=st.lists(deeds, min_size=1, max_size=14))
def test_rollups_equal_what_is_computed_from_the_observations(engine, deeds):
    story = Story(engine)

    for deed in deeds:
        happen(story, deed)
        assert story.world.wrong(only_unmarked=True) == []

    story.finish()
    assert story.world.wrong() == []
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(rollup_mark)).scalar() == 0
