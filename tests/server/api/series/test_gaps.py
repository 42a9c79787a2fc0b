"""Where a line breaks, by observations and by buckets."""

import numpy as np

from server.api.series.gaps import breaks

MINUTE, HOUR = 60_000, 3_600_000


def broken(starts, counts, width, interval_s=60.0, edges=None):
    start, count = np.array(starts, dtype=np.int64), np.array(counts, dtype=np.int32)
    return breaks(start, count, width, interval_s, edges).tolist()


def test_an_empty_bucket_that_holds_many_intervals_is_a_gap():
    starts = [hour * HOUR for hour in (0, 1, 2, 4, 5)]

    assert broken(starts, [60] * 5, HOUR) == [3 * HOUR]


def test_a_bucket_of_one_interval_may_be_empty_as_an_observation_may_be_late():
    starts = [minute * MINUTE for minute in (0, 1, 2, 4, 5, 9)]

    assert broken(starts, [1] * 6, MINUTE) == [6 * MINUTE]


def test_history_at_a_longer_interval_is_not_a_row_of_gaps():
    starts = [minute * 10 * MINUTE for minute in range(30)]

    assert broken(starts, [1] * 30, 5 * MINUTE) == []


def test_of_observations_a_break_lies_between_them():
    assert broken([0, MINUTE, 11 * MINUTE], [1, 1, 1], 0) == [6 * MINUTE]


def test_a_day_of_25_hours_is_no_gap_and_a_missing_one_breaks_at_its_midnight():
    edges = np.array([0, 24, 49, 73, 97], dtype=np.int64) * HOUR

    assert broken([0, 24 * HOUR, 49 * HOUR], [1440] * 3, 24 * HOUR, edges=edges) == []
    assert broken([0, 24 * HOUR, 73 * HOUR], [1440] * 3, 24 * HOUR, edges=edges) == [49 * HOUR]


def test_nothing_and_one_bucket_have_no_gap():
    assert broken([], [], HOUR) == []
    assert broken([0], [1], HOUR) == []
