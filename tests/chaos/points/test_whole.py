"""Readings of which an outbox kept a half."""

from decimal import Decimal

from benchmarks.chaos_suite.evidence import Kept
from benchmarks.chaos_suite.points.whole import find_torn

WET, WARM = "dune-1/soil-10cm/vwc_raw", "dune-1/soil-10cm/soil_temperature"
WIND = "dune-1/mast/wind_speed"


def kept(name, time_ms, value="1.0"):
    return Kept(name, time_ms, None if value is None else Decimal(value), "batch 1, stored")


def test_whole_readings_are_well_also_when_a_value_is_missing():
    whole = [kept(WET, 1000), kept(WARM, 1000), kept(WET, 2000), kept(WARM, 2000, None)]

    assert find_torn([*whole, kept(WIND, 1000)]) == []


def test_half_a_reading_is_told():
    assert find_torn([kept(WET, 1000), kept(WARM, 1000), kept(WET, 2000)]) == [
        "half a reading in the outbox: dune-1/soil-10cm at 2000 has 1 of 2"
    ]
