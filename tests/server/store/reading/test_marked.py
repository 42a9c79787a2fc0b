"""Marked buckets are found however many marks there are, and whoever they are of."""

import numpy as np
import pytest

from server.db.engine import writing
from server.rollup.marks import Level, mark
from server.store.reading import marked
from server.store.reading.marked import read_doubtful

HOUR = 3_600_000
START = 491_000 * HOUR


def doubtful(engine, ids, hours):
    with engine.connect() as connection:
        found = read_doubtful(connection, Level.HOUR, ids, START, START + hours * HOUR)
    return set(zip(found.datastream_id.tolist(), found.start_ms.tolist(), strict=True))


@pytest.fixture
def marks(engine):
    """Of series 1 in every hour of five, twice; of series 2 in the first."""
    with writing(engine) as connection:
        for _ in range(2):
            starts = START + np.arange(5, dtype=np.int64) * HOUR
            mark(connection, Level.HOUR, np.ones(5, dtype=np.int32), starts)
        mark(connection, Level.HOUR, np.array([2], dtype=np.int32), starts[:1])
    return engine


@pytest.mark.parametrize("few", [2, 100])
def test_every_marked_bucket_in_the_range_is_told(marks, monkeypatch, few):
    monkeypatch.setattr(marked, "FEW_BUCKETS", few)

    found = doubtful(marks, [1, 2], 4)

    assert found >= {(1, START + hour * HOUR) for hour in range(4)} | {(2, START)}
    assert max(start for _, start in found) < START + 4 * HOUR


def test_of_many_marked_buckets_only_those_of_the_series_are_told(marks, monkeypatch):
    """Else a past that is being imported for one series would make all others slow."""
    monkeypatch.setattr(marked, "FEW_BUCKETS", 2)

    assert doubtful(marks, [2], 5) == {(2, START)}


def test_without_marks_nothing_is_doubtful(engine):
    assert doubtful(engine, [1], 5) == set()
