"""Where buckets end, those of another time zone among them."""

from types import SimpleNamespace

import numpy as np
import pytest

from server.export.bucket_times import bucket_ends
from server.export.query import Resolution
from server.rollup.days import day_starts

HOUR, DAY = 3_600_000, 86_400_000
START = 20_000 * DAY


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_day_ends_where_the_next_one_begins_whatever_zone_it_was_kept_of(zone):
    """Before the horizon days stay those of the zone that a site had (decision 0017)."""
    edges = day_starts("UTC", START, START + 3 * DAY)
    starts = day_starts(zone, START, START + 3 * DAY)[:-1]
    query = SimpleNamespace(resolution=Resolution.DAY, time_zone="UTC")

    ends = bucket_ends(starts, query)

    assert set(ends.tolist()) <= set(edges.tolist())
    assert all(0 < length <= DAY for length in np.subtract(ends, starts).tolist())
