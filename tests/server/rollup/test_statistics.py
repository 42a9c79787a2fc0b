"""What a bucket comes to: small cases by hand, and any case against plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.rollup.statistics import summarise
from tests.server.rollup.brute import FIELDS, is_same, statistics

EDGES = np.array([0, 10, 20, 30])


def summary(rows, *, is_direction=False, edges=EDGES):
    """By start, from rows (time, value or None, quality)."""
    rows = sorted(rows)
    times, values, qualities = zip(*rows, strict=True) if rows else ((), (), ())
    starts, found = summarise(
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.array(qualities, dtype=np.int32),
        edges,
        is_direction=is_direction,
    )
    return {
        start: {
            name: None if math.isnan(getattr(found, name)[n]) else getattr(found, name)[n].item()
            for name in FIELDS
        }
        for n, start in enumerate(starts.tolist())
    }


def test_failed_and_missing_values_do_not_count():
    rows = [(0, 4.0, 1), (1, 100.0, 4 | 16), (2, None, 9), (3, 2.0, 3), (4, 6.0, 2)]

    assert summary(rows)[0] == {
        "n": 4,
        "n_good": 3,
        "mean": 4.0,
        "min": 2.0,
        "max": 6.0,
        "sum": 12.0,
        "last": 6.0,
        "x": None,
        "y": None,
    }


def test_a_bucket_in_which_all_failed_has_counts_and_no_numbers():
    nothing = dict.fromkeys(FIELDS)

    assert summary([(0, 4.0, 4), (1, None, 9)])[0] == nothing | {"n": 1, "n_good": 0}
    assert summary([(0, None, 9)])[0] == nothing | {"n": 0, "n_good": 0}


def test_a_bucket_without_observations_is_none():
    assert list(summary([(25, 1.0, 1)])) == [20]
    assert summary([]) == {}
    assert summary([(30, 1.0, 1), (-1, 1.0, 1)]) == {}


@pytest.mark.parametrize(
    ("directions", "mean"),
    [
        ([350.0, 10.0], 0.0),
        ([80.0, 100.0], 90.0),
        ([270.0], 270.0),
        ([360.0], 0.0),
        ([0.0, 180.0], None),
        ([0.0, 120.0, 240.0], None),
        ([720.0 + 45.0], 45.0),
    ],
)
def test_directions_are_averaged_as_vectors(directions, mean):
    rows = [(n, one, 1) for n, one in enumerate(directions)]
    found = summary(rows, is_direction=True)[0]

    assert (found["min"], found["max"], found["sum"]) == (None, None, None)
    if mean is None:
        assert found["mean"] is None
    else:
        assert min(abs(found["mean"] - mean), 360 - abs(found["mean"] - mean)) < 1e-9
        assert 0 <= found["mean"] < 360
    assert found["last"] == directions[-1]


def test_a_sum_that_fits_no_double_is_none():
    found = summary([(0, 1.7e308, 1), (1, 1.7e308, 1)])[0]

    assert (found["sum"], found["mean"], found["max"], found["n_good"]) == (None, None, 1.7e308, 2)


rows = st.lists(
    st.tuples(
        st.integers(-5, 35),
        st.one_of(st.none(), st.integers(-48, 48).map(lambda n: n * 7.5)),
        st.sampled_from([1, 2, 3, 4, 9, 3 | 64, 4 | 16]),
    ),
    unique_by=lambda row: row[0],
)


@settings(max_examples=60)
@given(rows=rows, is_direction=st.booleans())
def test_any_buckets_come_to_what_plain_python_says(rows, is_direction):
    found = summary(rows, is_direction=is_direction)

    for start in (0, 10, 20):
        own = [row for row in rows if start <= row[0] < start + 10]
        assert is_same(found.get(start), statistics(own, is_direction) if own else None)
    assert found.keys() <= {0, 10, 20}
