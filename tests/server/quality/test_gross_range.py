"""Gross range: the manual's example, units, and what it leaves alone."""

import numpy as np
import pytest

from server.quality.gross_range import gross_range, span_for
from wire.catalogue import bundled
from wire.errors import ContractError
from wire.quality import Flag, Test, pack

FAILED = pack(Flag.FAIL, Test.GROSS_RANGE)


def judged(values, span, flags=None):
    quality = np.array(flags or [1] * len(values), dtype=np.int32)
    return gross_range(np.array(values, dtype=np.float64), quality, span).tolist()


def test_the_limits_themselves_pass():
    """ioos_qc: [1,2,3,4,8] with the fail span (0, 5) fails the last only."""
    assert judged([1, 2, 3, 4, 8], (0, 5)) == [1, 1, 1, 1, FAILED]
    assert judged([0, 5, -0.01, 5.01], (0, 5)) == [1, 1, FAILED, FAILED]


def test_a_missing_value_stays_missing():
    assert judged([np.nan], (0, 5), [9]) == [9]


def test_failing_is_worse_than_suspect_and_keeps_the_earlier_test():
    suspect = pack(Flag.SUSPECT, Test.EDGE)

    assert judged([9.0, 1.0], (0, 5), [suspect, suspect]) == [
        pack(Flag.FAIL, Test.EDGE | Test.GROSS_RANGE),
        suspect,
    ]


@pytest.mark.parametrize(
    ("model", "key", "unit", "span"),
    [
        ("METER TEROS 12", "vwc_raw", "{raw}", (1500.0, 5000.0)),
        ("METER ATMOS 41", "air_pressure", "kPa", (1.0, 120.0)),
        ("METER ATMOS 41", "air_pressure", "hPa", (10.0, 1200.0)),
        ("METER ATMOS 41", "relative_humidity", "%", (0.0, 100.0)),
        ("METER ATMOS 41", "air_temperature", "K", (223.15, 333.15)),
        ("METER TEROS 12", "rain", "mm", None),
    ],
)
def test_the_span_is_given_in_the_unit_of_the_series(model, key, unit, span):
    assert span_for(bundled()[model], key, unit) == span


def test_a_unit_of_another_dimension_is_refused():
    with pytest.raises(ContractError, match="cannot convert"):
        span_for(bundled()["METER ATMOS 41"], "air_pressure", "mm")
