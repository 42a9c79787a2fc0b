"""What counts as evidence, and in which order."""

import numpy as np
import pytest

from server.alerts.samples import Samples, is_good
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
