"""Is all of a past in the database, once and unchanged? Compared series by series, as arrays."""

import numpy as np

from benchmarks.chaos_suite.recovery.past import Course, Past
from benchmarks.chaos_suite.recovery.witness import Witness
from deploy.demo.check import Verdict


def compare_past(past: Past, witness: Witness, verdict: Verdict) -> None:
    """Count every reading of a past into a verdict."""
    for course in past.series():
        _compare_course(past, course, witness, verdict)


def _compare_course(past: Past, course: Course, witness: Witness, verdict: Verdict) -> None:
    times, values = witness.values(past.station.gateway, course.name, past.start_ms, past.end_ms)
    expected = course.doubles()
    if np.array_equal(times, past.times_ms) and np.array_equal(values, expected):
        verdict.sent += past.minutes
        verdict.stored += past.minutes
        return
    found = dict(zip(times.tolist(), values.tolist(), strict=True))
    for time_ms, value in zip(past.times_ms.tolist(), expected.tolist(), strict=True):
        if time_ms not in found:
            verdict.count_lost(course.name, time_ms, value)
        elif found[time_ms] != value:
            verdict.count_wrong(course.name, time_ms, value, found[time_ms])
        else:
            verdict.count_stored()
    for time_ms in found.keys() - set(past.times_ms.tolist()):
        verdict.count_invented(course.name, time_ms, found[time_ms])
