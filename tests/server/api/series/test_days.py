"""Local days taken several together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.series.days import day_edges
from server.rollup.days import day_starts

DAY = 86_400_000
zones = st.sampled_from(
    ["UTC", "Asia/Shanghai", "Pacific/Auckland", "America/New_York", "Pacific/Kiritimati"]
)
starts = st.integers(0, 4_000_000_000_000)


@given(zones, starts, st.integers(1, 100 * DAY), st.integers(1, 40))
def test_a_range_is_covered_by_whole_buckets_that_begin_at_midnight(zone, start, span, days):
    edges = day_edges(zone, start, start + span, days)

    assert edges[0] <= start < edges[1]
    assert edges[-2] < start + span <= edges[-1]
    assert np.isin(edges, day_starts(zone, int(edges[0]), int(edges[-1]))).all()
    assert np.abs(np.diff(edges) - days * DAY).max() <= DAY // 24


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
def test_the_same_days_are_together_wherever_the_range_begins(zone):
    year = set(day_edges(zone, 1_700_000_000_000, 1_731_000_000_000, 7).tolist())

    assert set(day_edges(zone, 1_715_000_000_000, 1_720_000_000_000, 7).tolist()) <= year
