"""A made-up past: in the outbox as the gateway would have left it, each reading once."""

import sqlite3
from collections import Counter

import pytest

from benchmarks.chaos_suite.recovery.past import Past, live_through, past_until
from benchmarks.chaos_suite.recovery.site import LATE
from wire import batch

END_MS = 1_767_225_600_000


@pytest.fixture(scope="module")
def past():
    return past_until(END_MS, days=12 / 24, seed=3, pending=90)


@pytest.fixture(scope="module")
def db(past, tmp_path_factory):
    folder = tmp_path_factory.mktemp("past") / "data"
    live_through(past, folder)
    connection = sqlite3.connect(folder / "outbox.db")
    yield connection
    connection.close()


def test_twenty_sensors_have_sixty_series_and_a_reading_a_minute(past):
    assert (past.minutes, past.readings) == (720, 60 * 720)
    assert past.end_ms == END_MS


def test_what_cannot_be_sent_is_sealed_by_thirty_thousand_and_the_last_is_pending(db):
    counts = [count for (count,) in db.execute("SELECT count FROM batch ORDER BY seq")]
    ((pending,),) = db.execute("SELECT count(*) FROM pending")

    assert sum(counts) + pending == 60 * 720
    assert counts == [30_000]
    assert pending >= 60 * 90


def test_each_reading_is_there_once_with_its_value(past, db):
    found = Counter()
    for (body,) in db.execute("SELECT body FROM payload"):
        for series in batch.decode(body).series:
            found.update((series.name, one.time_ms, float(one.value)) for one in series.samples())
    rows = db.execute("SELECT datastream, wall_ms, value FROM pending")
    found.update((name, time_ms, float(value)) for name, time_ms, value in rows)

    times = past.times_ms.tolist()
    assert found == Counter(
        (course.name, time_ms, value)
        for course in past.series()
        for time_ms, value in zip(times, course.doubles().tolist(), strict=True)
    )


def test_a_seed_gives_the_same_values_each_time_and_another_seed_others():
    def first(seed):
        course = next(Past(LATE, END_MS, 5, seed).series())
        return course.decimals()

    assert first(1) == first(1)
    assert first(1) != first(2)
