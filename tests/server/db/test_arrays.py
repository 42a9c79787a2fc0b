"""Numpy arrays arrive in PostgreSQL number by number as they are."""

import numpy as np
import psycopg
import pytest

from server.db.arrays import float8s, int4s, int8s


@pytest.fixture
def ask(timescale_engine):
    url = timescale_engine.url.set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        yield lambda given: connection.execute("SELECT %s", (given,)).fetchone()[0]


@pytest.mark.parametrize(
    ("write", "dtype", "numbers"),
    [
        (int4s, np.int32, [1, -(2**31), 2**31 - 1]),
        (int8s, np.int64, [0, -(2**63), 2**63 - 1]),
        (float8s, np.float64, [0.1, -1e300, float("inf")]),
        (int4s, np.int32, []),
        (int8s, np.int64, []),
        (float8s, np.float64, []),
    ],
)
def test_an_array_arrives(ask, write, dtype, numbers):
    assert ask(write(np.array(numbers, dtype=dtype))) == numbers


def test_no_number_stays_none(ask):
    assert np.isnan(ask(float8s(np.array([1.0, np.nan])))[1])
