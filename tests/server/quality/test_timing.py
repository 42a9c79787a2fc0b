"""What clocks say about observations."""

import numpy as np

from server.quality.timing import future_time, unknown_clock
from wire.messages import ClockSource
from wire.quality import Flag, Test, pack

NOW = 1_767_225_600_000


def quality(*flags):
    return np.array(flags, dtype=np.int32)


def test_five_minutes_ahead_pass_and_a_millisecond_more_is_suspect():
    times = np.array([NOW - 10**12, NOW, NOW + 300_000, NOW + 300_001], dtype=np.int64)

    judged = future_time(times, quality(1, 1, 1, 1), NOW)

    assert judged.tolist() == [1, 1, 1, pack(Flag.SUSPECT, Test.FUTURE_TIME)]


def test_an_unknown_clock_is_noted_on_all_and_worsens_only_what_passed():
    judged = unknown_clock(quality(1, 2, 3, 4, 9), ClockSource.UNKNOWN)

    assert judged.tolist() == [
        pack(flag, Test.CLOCK_UNKNOWN)
        for flag in (Flag.SUSPECT, Flag.SUSPECT, Flag.SUSPECT, Flag.FAIL, Flag.MISSING)
    ]


def test_every_other_clock_is_believed():
    for clock in set(ClockSource) - {ClockSource.UNKNOWN}:
        assert unknown_clock(quality(1, 9), clock).tolist() == [1, 9]
