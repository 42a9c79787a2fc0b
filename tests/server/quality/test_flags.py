"""Merging flags of several tests by QARTOD's precedence: 4 > 3 > 1 > 2 > 9."""

import numpy as np
import pytest

from server.quality.flags import merge
from wire.quality import Flag, Test, failed_tests, flag_of


@pytest.mark.parametrize(
    ("own", "other", "merged"),
    [
        (Flag.PASS, Flag.SUSPECT, Flag.SUSPECT),
        (Flag.SUSPECT, Flag.FAIL, Flag.FAIL),
        (Flag.FAIL, Flag.SUSPECT, Flag.FAIL),
        (Flag.NOT_EVALUATED, Flag.PASS, Flag.PASS),
        (Flag.PASS, Flag.NOT_EVALUATED, Flag.PASS),
        (Flag.MISSING, Flag.FAIL, Flag.MISSING),
    ],
)
def test_the_worse_flag_wins_and_a_missing_value_stays_missing(own, other, merged):
    quality = np.array([own], dtype=np.int32)

    result = int(merge(quality, np.array([True]), other, Test.EDGE)[0])

    assert (flag_of(result), failed_tests(result)) == (merged, Test.EDGE)


def test_where_a_test_does_not_speak_nothing_changes():
    quality = np.array([1, 3 | Test.EDGE, 9], dtype=np.int32)

    assert merge(quality, np.zeros(3, dtype=bool), Flag.FAIL, Test.GROSS_RANGE).tolist() == [
        1,
        3 | Test.EDGE,
        9,
    ]
