"""How a span is cut into parts."""

from dataclasses import replace
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.export.bucket_times import bucket_edges, bucket_ends, bucket_start
from server.export.metadata import Series, Thing
from server.export.periods import Length, Period, periods
from server.export.plan import Extent, plan
from server.export.query import Format, Query, Resolution

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
JANUARY = 1_767_225_600_000  # 2026-01-01T00:00Z
YEAR_MS = 365 * DAY_MS
THING = Thing(1, "gw", "dune-1", "Dune 1", "", ())
SERIES = Series(
    1, "dune-1/soil/vwc", THING, "soil", "vwc", "Soil water", None, "1", "last", "mean", 600.0, None, None, ()
)  # fmt: skip
zones = st.sampled_from(
    ["UTC", "Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu", "America/Asuncion"]
)


def query(fmt=Format.CSV, **more):
    given = {"site": "s", "time_zone": "UTC", "from_ms": JANUARY, "to_ms": JANUARY + 3 * YEAR_MS}
    return Query(**(given | more), format=fmt)


@given(
    st.integers(0, 4 * 10**12), st.integers(1, 2 * YEAR_MS), zones, st.sampled_from(list(Length))
)
def test_periods_cover_a_span_without_gap_or_overlap(start, length, zone, size):
    found = list(periods(start, start + length, size, ZoneInfo(zone)))

    assert (found[0].from_ms, found[-1].to_ms) == (start, start + length)
    assert all(one.to_ms == other.from_ms for one, other in pairwise(found))
    assert all(one.from_ms < one.to_ms for one in found)
    assert len({one.label for one in found}) == len(found)


def test_months_begin_at_local_midnight():
    found = list(periods(JANUARY, JANUARY + 60 * DAY_MS, Length.MONTH, ZoneInfo("Asia/Shanghai")))

    assert [one.label for one in found] == ["2026-01", "2026-02", "2026-03"]
    assert found[1].from_ms == 1_769_904_000_000 - 8 * HOUR_MS


@pytest.mark.parametrize(
    ("interval_s", "first"), [(600.0, "2026"), (31.0, "2026"), (30.0, "2026-01"), (1.0, "2026-01")]
)
def test_a_series_too_fast_for_a_worksheet_goes_by_month(interval_s, first):
    fast = replace(SERIES, interval_s=interval_s)
    parts = plan(query(), [fast], {1: Extent(JANUARY, JANUARY + YEAR_MS)})

    assert parts[0].path == f"data/gw/dune-1/soil.vwc.{first}.csv"


@pytest.mark.parametrize(
    ("fmt", "resolution", "path"),
    [
        (Format.PARQUET, Resolution.RAW, "data/month=2026-01/observations.parquet"),
        (Format.PARQUET, Resolution.DAY, "data/year=2026/observations.parquet"),
        (Format.NETCDF, Resolution.RAW, "data/gw/dune-1/dune-1.2026-01.nc"),
        (Format.NETCDF, Resolution.HOUR, "data/gw/dune-1/dune-1.2026.nc"),
        (Format.CSV, Resolution.HOUR, "data/gw/dune-1/soil.vwc.2026.csv"),
    ],
)
def test_the_file_of_a_part(fmt, resolution, path):
    (part,) = plan(query(fmt, resolution=resolution), [SERIES], {1: Extent(JANUARY, JANUARY)})

    assert part.path == path


def test_no_part_is_planned_before_behind_or_without_observations():
    silent = replace(SERIES, id=2, name="dune-1/soil/soil_ec")
    june = JANUARY + 151 * DAY_MS
    parts = plan(query(Format.PARQUET), [SERIES, silent], {1: Extent(june, june + 31 * DAY_MS)})

    assert [part.period.label for part in parts] == ["2026-06", "2026-07"]
    assert all(part.series == (SERIES,) for part in parts)


@given(
    st.integers(JANUARY, JANUARY + YEAR_MS),
    zones,
    st.sampled_from([Resolution.HOUR, Resolution.DAY]),
)
def test_every_bucket_of_a_span_is_in_one_part_and_whole(start, zone, resolution):
    """Hours are UTC's, and where local months begin at half past one, none is cut in two."""
    asked = query(time_zone=zone, resolution=resolution, from_ms=start, to_ms=start + YEAR_MS)
    edges = [
        bucket_edges(one, asked) for one in periods(start, asked.to_ms, Length.MONTH, asked.zone)
    ]
    starts = np.concatenate([one[:-1] for one in edges])
    ends = np.concatenate([one[1:] for one in edges])

    assert list(starts[1:]) == list(ends[:-1])
    assert list(bucket_ends(starts, asked)) == list(ends)
    assert start <= starts[0] < start + 25 * HOUR_MS
    assert starts[-1] < asked.to_ms <= ends[-1]
    assert bucket_start(int(ends[0]) - 1, asked) == starts[0]


def test_a_day_of_the_change_to_summer_time_has_23_hours():
    berlin = query(time_zone="Europe/Berlin", resolution=Resolution.DAY)
    march = Period("2026-03", 1_772_319_600_000, 1_774_994_400_000)

    lengths = np.diff(bucket_edges(march, berlin)) // HOUR_MS
    assert lengths.tolist() == [24] * 28 + [23, 24, 24]
