"""What counts as evidence, and in which order."""

import numpy as np
import pytest

from server.alerts.condition import HOUR_MS, Season
from server.alerts.samples import Samples, is_frozen, is_good
from wire.quality import Flag, Test, pack


@pytest.mark.parametrize(
    ("value", "quality", "good"),
    [
        (1.0, pack(Flag.PASS), True),
        (1.0, pack(Flag.NOT_EVALUATED), True),
        (1.0, pack(Flag.SUSPECT), False),
        (1.0, pack(Flag.FAIL), False),
        (np.nan, pack(Flag.MISSING), False),
        (np.nan, pack(Flag.PASS), False),
        (np.inf, pack(Flag.PASS), False),
        (1.0, pack(Flag.PASS, Test.CLOCK_UNKNOWN), False),
        (1.0, pack(Flag.PASS, Test.FUTURE_TIME), False),
        (1.0, pack(Flag.PASS, Test.EDGE), True),
    ],
)
def test_good_samples(value, quality, good):
    assert is_good(np.array([value]), np.array([quality], np.int32)).tolist() == [good]


def test_samples_are_put_in_order_and_the_first_of_an_instant_stays():
    samples = Samples.of(
        np.array([30, 10, 30, 20]), np.array([3.0, 1.0, 9.0, 2.0]), np.ones(4, np.bool_)
    )

    assert list(samples.after(None)) == [(10, 1.0), (20, 2.0), (30, 3.0)]
    assert list(samples.after(10)) == [(20, 2.0), (30, 3.0)]
    assert len(samples) == 3


def test_the_newest_good_one():
    samples = Samples.of(
        np.array([10, 20, 30]), np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    )

    assert samples.newest_good() == (20, 2.0)
    assert Samples.of(np.array([10]), np.array([1.0]), np.array([False])).newest_good() is None


def frozen(hours, readings, season=None):
    """Tell of instants by the hour whether they are frozen; readings: hour and degrees, or None."""
    thermometer = Samples.of(
        np.array([hour * HOUR_MS for hour, _ in readings], dtype=np.int64),
        np.array([0.0 if one is None else one for _, one in readings]),
        np.array([one is not None for _, one in readings], dtype=np.bool_),
    )
    at = np.array([hour * HOUR_MS for hour in hours], dtype=np.int64)
    return is_frozen(at, thermometer, 1.0, season).tolist()


def test_soil_is_frozen_while_the_thermometer_says_so_and_for_six_hours_after():
    told = [(0, -3.0), (1, 1.0), (2, 1.1), (10, -0.5), (11, None)]

    assert frozen(range(4), told) == [False, True, True, False]
    assert frozen(range(10, 18), told) == [False, True, True, True, True, True, True, False]
    assert frozen(range(3), []) == [False, False, False]


def test_out_of_season_nobody_asks_whether_soil_is_frozen():
    """So that an episode ends with its season: January ends at 16:00 of the 31st, by UTC."""
    season = Season(frozenset({1}), "Asia/Shanghai")
    edge = 31 * 24 - 8

    told = [(hour, -5.0) for hour in range(edge - 5, edge + 3)]
    assert frozen(range(edge - 2, edge + 3), told, season) == [True, True, False, False, False]
