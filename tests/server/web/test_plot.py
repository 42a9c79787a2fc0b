"""What is drawn: gaps stay gaps, peaks survive thinning, nothing is invented."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.store.port import Range
from server.web.plot import prepare

TEN_MINUTES = 600_000


def series(times, values, quality=None):
    flags = [9 if value is None else 1 for value in values] if quality is None else quality
    return Range(
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.array(flags, dtype=np.int32),
    )


def steady(count, step=TEN_MINUTES, start=0):
    return [start + step * index for index in range(count)]


def drawn(plot):
    """The values drawn, None where the line breaks."""
    return [None if np.isnan(value) else value for value in plot.value.tolist()]


def test_a_short_series_is_drawn_as_it_is():
    plot = prepare(series(steady(4), [1, 2, 3, 4]), 600, buckets=100)

    assert plot.time_ms.tolist() == steady(4)
    assert drawn(plot) == [1, 2, 3, 4]
    assert (plot.readings, plot.gaps, plot.missing) == (4, 0, 0)


def test_nothing_is_drawn_of_nothing():
    plot = prepare(series([], []), 600, buckets=100)

    assert (plot.time_ms.tolist(), plot.readings, plot.gaps) == ([], 0, 0)


def test_a_missing_value_breaks_the_line():
    plot = prepare(series(steady(4), [1, 2, None, 4]), 600, buckets=100)

    assert drawn(plot) == [1, 2, None, 4]
    assert (plot.readings, plot.missing) == (3, 1)


def test_more_than_three_intervals_are_a_gap_and_three_are_not():
    kept = prepare(series([0, 3 * TEN_MINUTES], [1, 2]), 600, buckets=100)
    broken = prepare(series([0, 3 * TEN_MINUTES + 1], [1, 2]), 600, buckets=100)

    assert (drawn(kept), kept.gaps) == ([1, 2], 0)
    assert (drawn(broken), broken.gaps) == ([1, None, 2], 1)


def test_the_break_lies_within_the_gap():
    plot = prepare(series([0, 10 * TEN_MINUTES], [1, 2]), 600, buckets=100)

    assert plot.time_ms.tolist() == [0, 5 * TEN_MINUTES, 10 * TEN_MINUTES]


def test_history_at_a_longer_interval_is_not_a_row_of_gaps():
    """Backfilled every ten minutes, then read every ten seconds: only the true hole is a gap."""
    history = steady(50)
    live = steady(200, step=10_000, start=history[-1] + 10_000)
    hole = live[-1] + 3_600_000
    times = [*history, *live, *steady(20, step=10_000, start=hole)]

    assert prepare(series(times, range(len(times))), 10, buckets=1000).gaps == 1


def test_a_hole_in_the_longer_history_is_still_a_gap():
    times = [
        *steady(20),
        *steady(20, start=30 * TEN_MINUTES),
        *steady(50, 10_000, 60 * TEN_MINUTES),
    ]

    assert prepare(series(times, range(len(times))), 10, buckets=1000).gaps == 2


def test_suspect_and_failed_values_are_marked_and_missing_ones_are_not():
    plot = prepare(series(steady(4), [1, 2, 3, None], [1, 3 | 16, 4, 9]), 600, buckets=100)

    assert [None if np.isnan(one) else one for one in plot.flagged.tolist()] == [None, 2, 3]
    assert plot.doubtful == 2


def test_a_peak_of_one_reading_in_sixty_days_is_drawn():
    values = np.zeros(60 * 8640)
    values[123_456] = 7.0
    plot = prepare(series(steady(len(values), 10_000), values), 10, buckets=500)

    assert max(drawn(plot)) == 7.0
    assert len(plot.time_ms) <= 4 * 501


observed = st.lists(
    st.tuples(
        st.integers(1, 5_000_000), st.none() | st.floats(-50, 50), st.sampled_from([1, 2, 3])
    ),
    max_size=80,
)


@given(observed, st.integers(1, 12))
def test_every_point_drawn_is_an_observation_and_extremes_survive(rows, buckets):
    times = np.cumsum([step for step, _, _ in rows], dtype=np.int64).tolist()
    values = [value for _, value, _ in rows]
    quality = [9 if value is None else flag for _, value, flag in rows]
    plot = prepare(series(times, values, quality), 600, buckets)
    present = {t: v for t, v in zip(times, values, strict=True) if v is not None}
    points = {
        t: v for t, v in zip(plot.time_ms.tolist(), drawn(plot), strict=True) if v is not None
    }

    assert plot.time_ms.tolist() == sorted(plot.time_ms.tolist())
    assert points.items() <= present.items()
    if present:
        assert min(points.values()) == min(present.values())
        assert max(points.values()) == max(present.values())
        assert {min(points), max(points)} == {min(present), max(present)}


@given(observed, st.integers(1, 12))
def test_no_line_crosses_a_missing_value(rows, buckets):
    times = np.cumsum([step for step, _, _ in rows], dtype=np.int64).tolist()
    values = [value for _, value, _ in rows]
    plot = prepare(series(times, values), 600, buckets)
    missing = [t for t, v in zip(times, values, strict=True) if v is None]
    points = list(zip(plot.time_ms.tolist(), drawn(plot), strict=True))

    for (t0, v0), (t1, v1) in pairwise(points):
        if v0 is not None and v1 is not None:
            assert not any(t0 < gap < t1 for gap in missing)
