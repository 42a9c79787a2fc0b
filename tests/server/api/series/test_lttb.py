"""Largest triangle three buckets, against the algorithm written out, and gaps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.api.series.lttb import thin, thin_stretches


def slowly(times, values, points):
    """Steinarsson 2013, section 4.2, value by value."""
    edges = [int(one) for one in np.linspace(1, len(times) - 1, points - 1)]
    chosen = [0]
    for bucket in range(points - 2):
        if bucket + 2 < len(edges):
            following = range(edges[bucket + 1], edges[bucket + 2])
            x = sum(times[i] for i in following) / len(following)
            y = sum(values[i] for i in following) / len(following)
        else:
            x, y = times[-1], values[-1]
        a, best, at = chosen[-1], -1.0, None
        for i in range(edges[bucket], edges[bucket + 1]):
            area = abs(
                (times[a] - x) * (values[i] - values[a]) - (times[a] - times[i]) * (y - values[a])
            )
            if area > best:
                best, at = area, i
        chosen.append(at)
    return [*chosen, len(times) - 1]


@given(st.lists(st.integers(-1000, 1000), min_size=4, max_size=120), st.integers(3, 30))
def test_the_same_points_as_the_algorithm_written_out(values, points):
    times = [index * index + 7 * index for index in range(len(values))]
    found = thin(np.array(times, dtype=np.int64), np.array(values, dtype=np.float64), points)
    if len(values) <= points:
        assert found.tolist() == list(range(len(values)))
        return
    wanted = slowly(times, [float(one) for one in values], points)

    assert len(found) == points
    # Two triangles may be of one size: then either is right.
    assert found.tolist() == wanted or len(set(values)) < len(values)


def test_a_peak_is_kept():
    values = np.zeros(10_000)
    values[4321] = 50.0

    assert 4321 in thin(np.arange(10_000, dtype=np.int64), values, 100).tolist()


def test_each_stretch_keeps_its_ends_and_its_share_of_the_points():
    stretch = np.repeat([0, 1], [900, 100])
    time = np.arange(1000, dtype=np.int64)
    found = thin_stretches(time, np.sin(time / 5), stretch, 100).tolist()

    assert {0, 899, 900, 999} <= set(found)
    assert len(found) == 100
    assert sum(one < 900 for one in found) == 90


def test_nothing_is_thinned_to_nothing():
    none = np.empty(0)

    assert thin_stretches(none.astype(np.int64), none, none.astype(np.int64), 10).tolist() == []
